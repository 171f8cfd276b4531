"""Customers' code: processes of its own, without rights, within limits."""
