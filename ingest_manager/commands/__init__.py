"""The commands of `ingest-manager`, a module each: from options to calls, and answers as text or JSON."""
