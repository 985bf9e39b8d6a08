-- Programs, currencies, promotions and what else the other dialects of the API need on the same ledger.

CREATE TABLE programs (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
INSERT INTO programs (id, name) VALUES (1, 'points');

-- A program's points are a currency, and it may have others by name. Currency 1 is the points of the default program.
-- The decimals of a program are those of its points.
ALTER TABLE currencies ADD COLUMN program_id INTEGER NOT NULL DEFAULT 1;
ALTER TABLE currencies ADD COLUMN is_points INTEGER NOT NULL DEFAULT 0 CHECK (is_points IN (0, 1));
UPDATE currencies SET is_points = 1 WHERE id = 1;
CREATE UNIQUE INDEX currencies_points ON currencies (program_id) WHERE is_points = 1;

-- Every customer is in the default program; here stand the others that a customer is in.
CREATE TABLE enrolments (
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    program_id  INTEGER NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
    enrolled_at INTEGER NOT NULL,
    PRIMARY KEY (customer_id, program_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE promotions (
    id         INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL,
    program_id INTEGER NOT NULL REFERENCES programs (id)
) STRICT;
CREATE UNIQUE INDEX promotions_identifier ON promotions (identifier) WHERE identifier <> '';

CREATE TABLE reasons (
    code TEXT PRIMARY KEY CHECK (code <> ''),
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- By what a customer is found beside the ID and the card number.
CREATE TABLE identifiers (
    kind        TEXT NOT NULL CHECK (kind IN ('externalId', 'mobile', 'email', 'profileId')),
    value       TEXT NOT NULL CHECK (value <> ''),
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX identifiers_customer ON identifiers (customer_id);

-- Where several customers have a mobile or an email already, it finds the first of them.
INSERT OR IGNORE INTO identifiers (kind, value, customer_id)
    SELECT 'mobile', replace(trim(mobile), ' ', ''), id FROM customers WHERE trim(mobile) <> '' ORDER BY id;
INSERT OR IGNORE INTO identifiers (kind, value, customer_id)
    SELECT 'email', lower(trim(email)), id FROM customers WHERE trim(email) <> '' ORDER BY id;
INSERT INTO identifiers (kind, value, customer_id)
    SELECT 'profileId', lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))), id FROM customers;

-- What an enrolment as a member said beyond what a customer has.
CREATE TABLE members (
    customer_id INTEGER PRIMARY KEY REFERENCES customers (id),
    fields      TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

-- What is known of a lot beyond its points. A lot without a row is REGULAR, Base and of no promotion.
CREATE TABLE awards (
    lot_id           INTEGER PRIMARY KEY REFERENCES lots (id),
    category         TEXT NOT NULL CHECK (category IN ('REGULAR', 'PROMISED', 'EXTERNAL_TRIGGER_BASED')),
    point_type       TEXT NOT NULL CHECK (point_type IN ('Base', 'Bonus', 'Promotional', 'Restricted')),
    promotion_id     INTEGER NOT NULL,
    ref_type         TEXT NOT NULL,
    dialect          TEXT NOT NULL CHECK (dialect IN ('erply', 'fabric')),
    transaction_code TEXT NOT NULL,
    reason           TEXT NOT NULL,
    billing_entity   TEXT NOT NULL,
    client           TEXT NOT NULL
) STRICT;
CREATE INDEX awards_promotion ON awards (promotion_id) WHERE promotion_id > 0;

-- What makes a redemption a deduction of another dialect.
CREATE TABLE adjustments (
    redemption_id    INTEGER PRIMARY KEY REFERENCES redemptions (id),
    dialect          TEXT NOT NULL CHECK (dialect IN ('capillary', 'fabric')),
    category         TEXT NOT NULL,
    point_type       TEXT NOT NULL,
    award_id         INTEGER NOT NULL,
    promotion_id     INTEGER NOT NULL,
    source           TEXT NOT NULL,
    transaction_code TEXT NOT NULL,
    reason           TEXT NOT NULL,
    billing_entity   TEXT NOT NULL,
    client           TEXT NOT NULL
) STRICT;

-- Programs that call the other dialects. A secret is long and random and kept as its SHA-256 only; so are tokens.
CREATE TABLE clients (
    key         TEXT PRIMARY KEY CHECK (key <> ''),
    name        TEXT NOT NULL,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    added_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    client_key TEXT NOT NULL REFERENCES clients (key) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_expiry ON tokens (expires_at);
