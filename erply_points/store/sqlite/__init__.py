"""The SQLite store: one file per account, on aiosqlite."""
