"""Accounts: their settings, their users' passwords and sessions, and which of them are open."""
