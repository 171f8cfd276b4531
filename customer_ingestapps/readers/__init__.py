"""Readers: one per format, from a file's blocks to columns of text and the rows that cannot be read."""
