-- The first schema of an account. IDs are 0 where there is none; moments are Unix seconds; points are thousandths;
-- money is cents; decimals are text. `fields` is JSON that is stored for the caller and given back.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The last number used in each sequence; the row 'settings' counts the changes of the settings.
CREATE TABLE sequences (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL CHECK (last >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    username      TEXT NOT NULL UNIQUE CHECK (username <> ''),
    password_hash TEXT NOT NULL,
    name          TEXT NOT NULL,
    employee_id   INTEGER NOT NULL,
    group_id      INTEGER NOT NULL,
    added_at      INTEGER NOT NULL,
    pin_hash      TEXT NOT NULL,
    rights        TEXT NOT NULL CHECK (json_valid(rights))
) STRICT;
CREATE UNIQUE INDEX users_pin ON users (pin_hash) WHERE pin_hash <> '';

CREATE TABLE sessions (
    key_hash   BLOB PRIMARY KEY CHECK (length(key_hash) = 32),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_failures (
    username      TEXT PRIMARY KEY,
    failures      INTEGER NOT NULL CHECK (failures >= 0),
    blocked_until INTEGER NOT NULL,
    last_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE vat_rates (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    rate         TEXT NOT NULL,
    code         TEXT NOT NULL,
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    is_reverse   INTEGER NOT NULL CHECK (is_reverse IN (0, 1)),
    reverse_rate TEXT NOT NULL,
    added_at     INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    fields       TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

CREATE TABLE customers (
    id                     INTEGER PRIMARY KEY,
    company_name           TEXT NOT NULL,
    first_name             TEXT NOT NULL,
    last_name              TEXT NOT NULL,
    card_number            TEXT NOT NULL,
    code                   TEXT NOT NULL,
    email                  TEXT NOT NULL,
    phone                  TEXT NOT NULL,
    mobile                 TEXT NOT NULL,
    birthday               TEXT NOT NULL,
    reward_points_disabled INTEGER NOT NULL CHECK (reward_points_disabled IN (0, 1)),
    added_at               INTEGER NOT NULL,
    changed_at             INTEGER NOT NULL,
    fields                 TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
CREATE UNIQUE INDEX customers_card_number ON customers (card_number) WHERE card_number <> '';
CREATE INDEX customers_email ON customers (email COLLATE NOCASE) WHERE email <> '';
CREATE INDEX customers_changed ON customers (changed_at);

CREATE TABLE documents (
    id                   INTEGER PRIMARY KEY,
    type                 TEXT NOT NULL,
    number               INTEGER NOT NULL CHECK (number >= 0),
    custom_number        TEXT NOT NULL,
    customer_id          INTEGER NOT NULL,
    warehouse_id         INTEGER NOT NULL,
    point_of_sale_id     INTEGER NOT NULL,
    employee_id          INTEGER NOT NULL,
    date                 TEXT NOT NULL,
    time                 TEXT NOT NULL,
    confirmed            INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
    currency_code        TEXT NOT NULL,
    net                  INTEGER NOT NULL,
    vat                  INTEGER NOT NULL,
    rounding             INTEGER NOT NULL,
    total                INTEGER NOT NULL,
    paid                 INTEGER NOT NULL,
    credited_document_id INTEGER NOT NULL,
    added_at             INTEGER NOT NULL,
    changed_at           INTEGER NOT NULL,
    changed_by           TEXT NOT NULL,
    fields               TEXT NOT NULL CHECK (json_valid(fields)),
    CHECK (total = net + vat + rounding)
) STRICT;
CREATE INDEX documents_customer ON documents (customer_id);
CREATE INDEX documents_number ON documents (number, type) WHERE number > 0;
CREATE INDEX documents_date ON documents (date);
CREATE INDEX documents_changed ON documents (changed_at);
CREATE INDEX documents_credited ON documents (credited_document_id) WHERE credited_document_id > 0;

CREATE TABLE document_rows (
    document_id INTEGER NOT NULL REFERENCES documents (id),
    position    INTEGER NOT NULL CHECK (position > 0),
    id          INTEGER NOT NULL,
    stable_id   INTEGER NOT NULL,
    product_id  INTEGER NOT NULL,
    service_id  INTEGER NOT NULL,
    vat_rate_id INTEGER NOT NULL,
    vat_rate    TEXT NOT NULL,
    amount      TEXT NOT NULL,
    price       TEXT NOT NULL,
    discount    TEXT NOT NULL,
    net         INTEGER NOT NULL,
    vat         INTEGER NOT NULL,
    fields      TEXT NOT NULL CHECK (json_valid(fields)),
    earns       INTEGER NOT NULL CHECK (earns IN (0, 1)),
    PRIMARY KEY (document_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE document_uuids (
    uuid        TEXT PRIMARY KEY CHECK (uuid <> ''),
    document_id INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX document_uuids_age ON document_uuids (seen_at);

CREATE TABLE returns (
    credit_document_id INTEGER PRIMARY KEY REFERENCES documents (id),
    document_id        INTEGER NOT NULL REFERENCES documents (id),
    voids              INTEGER NOT NULL CHECK (voids IN (0, 1)),
    rows               TEXT NOT NULL CHECK (json_valid(rows)),
    given_back         TEXT NOT NULL CHECK (json_valid(given_back))
) STRICT;
CREATE INDEX returns_document ON returns (document_id);

CREATE TABLE payments (
    id          INTEGER PRIMARY KEY,
    document_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    type        TEXT NOT NULL,
    date        TEXT NOT NULL,
    sum         INTEGER NOT NULL,
    added_at    INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    fields      TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
CREATE INDEX payments_document ON payments (document_id) WHERE document_id > 0;
CREATE INDEX payments_customer ON payments (customer_id) WHERE customer_id > 0;
CREATE INDEX payments_changed ON payments (changed_at);

CREATE TABLE gift_cards (
    id                     INTEGER PRIMARY KEY,
    code                   TEXT NOT NULL,
    value                  INTEGER NOT NULL CHECK (value >= 0),
    balance                INTEGER NOT NULL CHECK (balance >= 0),
    purchase_document_id   INTEGER NOT NULL,
    redemption_document_id INTEGER NOT NULL,
    added_at               INTEGER NOT NULL,
    changed_at             INTEGER NOT NULL,
    fields                 TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
CREATE UNIQUE INDEX gift_cards_code ON gift_cards (code) WHERE code <> '';

CREATE TABLE coupons (
    id            INTEGER PRIMARY KEY,
    campaign_id   INTEGER NOT NULL,
    name          TEXT NOT NULL,
    code          TEXT NOT NULL,
    printing_cost INTEGER NOT NULL CHECK (printing_cost >= 0),
    added_at      INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    fields        TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

CREATE TABLE issued_coupons (
    id                   INTEGER PRIMARY KEY,
    coupon_id            INTEGER NOT NULL REFERENCES coupons (id),
    identifier           TEXT NOT NULL UNIQUE CHECK (identifier <> ''),
    customer_id          INTEGER NOT NULL,
    document_id          INTEGER NOT NULL,
    point_of_sale_id     INTEGER NOT NULL,
    issued_at            INTEGER NOT NULL,
    expiry_date          TEXT NOT NULL,
    redeemed_at          INTEGER NOT NULL,
    redeemed_document_id INTEGER NOT NULL,
    redeemed_customer_id INTEGER NOT NULL,
    added_at             INTEGER NOT NULL,
    changed_at           INTEGER NOT NULL,
    fields               TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
CREATE INDEX issued_coupons_coupon ON issued_coupons (coupon_id);
CREATE INDEX issued_coupons_customer ON issued_coupons (customer_id) WHERE customer_id > 0;

CREATE TABLE products (
    id                        INTEGER PRIMARY KEY,
    code                      TEXT NOT NULL,
    code2                     TEXT NOT NULL,
    name                      TEXT NOT NULL,
    price                     TEXT NOT NULL,
    vat_rate_id               INTEGER NOT NULL,
    active                    INTEGER NOT NULL CHECK (active IN (0, 1)),
    reward_points_not_allowed INTEGER NOT NULL CHECK (reward_points_not_allowed IN (0, 1)),
    added_at                  INTEGER NOT NULL,
    changed_at                INTEGER NOT NULL,
    fields                    TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
CREATE UNIQUE INDEX products_code ON products (code) WHERE code <> '';
CREATE UNIQUE INDEX products_code2 ON products (code2) WHERE code2 <> '';
CREATE INDEX products_changed ON products (changed_at);

CREATE TABLE warehouses (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    code       TEXT NOT NULL,
    added_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    fields     TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

CREATE TABLE points_of_sale (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    code       TEXT NOT NULL,
    added_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    fields     TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

CREATE TABLE employees (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    code       TEXT NOT NULL,
    added_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    fields     TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

CREATE TABLE campaigns (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    code       TEXT NOT NULL,
    added_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    fields     TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

-- The ledger. Its conservation is constrained row by row here, and proved across tables by `erply-points check`.

CREATE TABLE currencies (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    decimals INTEGER NOT NULL CHECK (decimals BETWEEN 0 AND 3)
) STRICT;
INSERT INTO currencies (id, name, decimals) VALUES (1, 'points', 0);

CREATE TABLE wallets (
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    currency_id INTEGER NOT NULL REFERENCES currencies (id),
    balance     INTEGER NOT NULL,
    shortfall   INTEGER NOT NULL CHECK (shortfall >= 0),
    earned      INTEGER NOT NULL CHECK (earned >= 0),
    redeemed    INTEGER NOT NULL CHECK (redeemed >= 0),
    expired     INTEGER NOT NULL CHECK (expired >= 0),
    reversed    INTEGER NOT NULL CHECK (reversed >= 0),
    entries     INTEGER NOT NULL CHECK (entries >= 0),
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (customer_id, currency_id),
    CHECK (balance = earned - redeemed - expired - reversed)
) STRICT, WITHOUT ROWID;

CREATE TABLE lots (
    id               INTEGER PRIMARY KEY,
    customer_id      INTEGER NOT NULL,
    currency_id      INTEGER NOT NULL,
    earned           INTEGER NOT NULL CHECK (earned > 0),
    remaining        INTEGER NOT NULL CHECK (remaining >= 0),
    redeemed         INTEGER NOT NULL CHECK (redeemed >= 0),
    expired          INTEGER NOT NULL CHECK (expired >= 0),
    reversed         INTEGER NOT NULL CHECK (reversed >= 0),
    created_at       INTEGER NOT NULL,
    available_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    document_id      INTEGER NOT NULL,
    point_of_sale_id INTEGER NOT NULL,
    employee_id      INTEGER NOT NULL,
    description      TEXT NOT NULL,
    source           TEXT NOT NULL CHECK (source IN ('sale', 'manual')),
    -- A column of its own, so that the index is left alone while a lot stays open.
    is_open          INTEGER NOT NULL CHECK (is_open = (remaining > 0)),
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id),
    CHECK (earned = remaining + redeemed + expired + reversed)
) STRICT;
CREATE INDEX lots_customer ON lots (customer_id);
CREATE INDEX lots_open ON lots (customer_id, currency_id, expires_at, created_at, id) WHERE is_open = 1;
CREATE INDEX lots_document ON lots (document_id) WHERE document_id > 0;

CREATE TABLE redemptions (
    id               INTEGER PRIMARY KEY,
    customer_id      INTEGER NOT NULL,
    currency_id      INTEGER NOT NULL,
    points           INTEGER NOT NULL CHECK (points > 0),
    unpaid           INTEGER NOT NULL CHECK (unpaid BETWEEN 0 AND points),
    created_at       INTEGER NOT NULL,
    document_id      INTEGER NOT NULL,
    campaign_id      INTEGER NOT NULL,
    warehouse_id     INTEGER NOT NULL,
    point_of_sale_id INTEGER NOT NULL,
    employee_id      INTEGER NOT NULL,
    issued_coupon_id INTEGER NOT NULL,
    description      TEXT NOT NULL,
    returned         INTEGER NOT NULL CHECK (returned BETWEEN 0 AND points - unpaid),
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id)
) STRICT;
CREATE INDEX redemptions_customer ON redemptions (customer_id);
CREATE INDEX redemptions_unpaid ON redemptions (customer_id, currency_id, id) WHERE unpaid > 0;
CREATE INDEX redemptions_document ON redemptions (document_id) WHERE document_id > 0;

CREATE TABLE reversals (
    id           INTEGER PRIMARY KEY,
    customer_id  INTEGER NOT NULL,
    currency_id  INTEGER NOT NULL,
    lot_id       INTEGER NOT NULL REFERENCES lots (id),
    points       INTEGER NOT NULL CHECK (points >= 0),
    unpaid       INTEGER NOT NULL CHECK (unpaid >= 0),
    forgiven     INTEGER NOT NULL CHECK (forgiven >= 0),
    from_expired INTEGER NOT NULL CHECK (from_expired >= 0),
    created_at   INTEGER NOT NULL,
    document_id  INTEGER NOT NULL,
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id),
    CHECK (unpaid + forgiven + from_expired <= points)
) STRICT;
CREATE INDEX reversals_unpaid ON reversals (customer_id, currency_id, id) WHERE unpaid > 0;
CREATE INDEX reversals_document ON reversals (document_id) WHERE document_id > 0;
CREATE INDEX reversals_customer ON reversals (customer_id);
CREATE INDEX reversals_lot ON reversals (lot_id);

-- Only added to. The transaction is a redemption or a reversal: they share one sequence of IDs.
CREATE TABLE allocations (
    transaction_id INTEGER NOT NULL,
    lot_id         INTEGER NOT NULL REFERENCES lots (id),
    customer_id    INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    points         INTEGER NOT NULL CHECK (points <> 0),
    PRIMARY KEY (transaction_id, lot_id, customer_id, number)
) STRICT, WITHOUT ROWID;

-- Edits of the histories. Only added to.
CREATE TABLE corrections (
    id             INTEGER PRIMARY KEY,
    transaction_id INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    username       TEXT NOT NULL,
    before         TEXT NOT NULL CHECK (json_valid(before)),
    after          TEXT NOT NULL CHECK (json_valid(after))
) STRICT;
CREATE INDEX corrections_transaction ON corrections (transaction_id);

-- Only added to, and only read by the check: without an index, so that each addition touches the last page only.
CREATE TABLE entries (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    currency_id INTEGER NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    at          INTEGER NOT NULL,
    -- Alternatives one by one: for a longer list SQLite builds a table, anew for each row that is added.
    kind        TEXT NOT NULL CHECK (
        kind = 'earn' OR kind = 'redeem' OR kind = 'expire' OR kind = 'reverse' OR kind = 'return' OR kind = 'correct'),
    points      INTEGER NOT NULL CHECK (points <> 0),
    balance     INTEGER NOT NULL,
    source_id   INTEGER NOT NULL,
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id)
) STRICT;
