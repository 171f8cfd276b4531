"""How fast a load is, beside what the database takes at best. Run by `make bench`; no test asserts a time."""
