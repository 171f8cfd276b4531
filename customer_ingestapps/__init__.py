"""Ingest apps: from a customer's bytes to typed columns to Cassandra cells, as declared. No connections."""
