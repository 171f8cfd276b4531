"""The customers' tables: one session, rows in batches, and what is stored."""
