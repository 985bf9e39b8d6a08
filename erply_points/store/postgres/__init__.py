"""Accounts in a PostgreSQL database: a schema for each, shared by any number of server processes."""
