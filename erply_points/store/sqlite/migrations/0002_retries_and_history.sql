-- The first answers to requests that carried an idempotency key; forgotten when the keys have lived long enough.
CREATE TABLE kept_answers (
    key         TEXT PRIMARY KEY CHECK (key <> ''),
    fingerprint BLOB NOT NULL,
    answered_at INTEGER NOT NULL,
    same_as     TEXT NOT NULL,
    outcomes    TEXT NOT NULL,
    CHECK ((same_as = '') = (outcomes <> ''))
) STRICT;
CREATE INDEX kept_answers_age ON kept_answers (answered_at);

-- The balance of a moment is that of the wallet's last entry until then.
CREATE INDEX entries_wallet ON entries (customer_id, currency_id, at, number);
