-- When a session was ended before its time; 0 for one that runs, or ran, until it expires.
ALTER TABLE sessions ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;
