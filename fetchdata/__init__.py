"""The customer's command: from a folder on disk to accepted objects, and what became of their rows."""

__version__ = "0.1.0"
