-- The first schema of an account, run with the account's own PostgreSQL schema as search path. IDs are 0 where there is
-- none; moments are Unix seconds; points are thousandths; money is cents; decimals are text. `fields` is JSON that is
-- stored for the caller and given back. References are judged when a transaction commits.

CREATE TABLE settings (
    name  text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

-- The last number used in each sequence; the row 'settings' counts the changes of the settings.
CREATE TABLE sequences (
    name text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL CHECK (last >= 0)
) WITH (fillfactor = 50);
-- Whoever writes locks this row first, so that writers of all processes follow each other.
INSERT INTO sequences (name, last) VALUES ('settings', 0);

-- Who has the account open, in whichever process. `commits` counts what each has committed, so that one who has lost the
-- connection in the middle of a commit can find out what became of it.
CREATE TABLE openings (
    id      uuid PRIMARY KEY,
    commits bigint NOT NULL,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE users (
    id            bigint PRIMARY KEY,
    username      text COLLATE "C" NOT NULL UNIQUE CHECK (username <> ''),
    password_hash text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    employee_id   bigint NOT NULL,
    group_id      bigint NOT NULL,
    added_at      bigint NOT NULL,
    pin_hash      text COLLATE "C" NOT NULL,
    rights        json NOT NULL
);
CREATE UNIQUE INDEX users_pin ON users (pin_hash) WHERE pin_hash <> '';

CREATE TABLE sessions (
    key_hash   bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    user_id    bigint NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL CHECK (expires_at > created_at)
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_failures (
    username      text COLLATE "C" PRIMARY KEY,
    failures      bigint NOT NULL CHECK (failures >= 0),
    blocked_until bigint NOT NULL,
    last_at       bigint NOT NULL
);

CREATE TABLE vat_rates (
    id           bigint PRIMARY KEY,
    name         text COLLATE "C" NOT NULL,
    rate         text COLLATE "C" NOT NULL,
    code         text COLLATE "C" NOT NULL,
    active       smallint NOT NULL CHECK (active IN (0, 1)),
    is_reverse   smallint NOT NULL CHECK (is_reverse IN (0, 1)),
    reverse_rate text COLLATE "C" NOT NULL,
    added_at     bigint NOT NULL,
    changed_at   bigint NOT NULL,
    fields       json NOT NULL
);

CREATE TABLE customers (
    id                     bigint PRIMARY KEY,
    company_name           text COLLATE "C" NOT NULL,
    first_name             text COLLATE "C" NOT NULL,
    last_name              text COLLATE "C" NOT NULL,
    card_number            text COLLATE "C" NOT NULL,
    code                   text COLLATE "C" NOT NULL,
    email                  text COLLATE "C" NOT NULL,
    phone                  text COLLATE "C" NOT NULL,
    mobile                 text COLLATE "C" NOT NULL,
    birthday               text COLLATE "C" NOT NULL,
    reward_points_disabled smallint NOT NULL CHECK (reward_points_disabled IN (0, 1)),
    added_at               bigint NOT NULL,
    changed_at             bigint NOT NULL,
    fields                 json NOT NULL
);
CREATE UNIQUE INDEX customers_card_number ON customers (card_number) WHERE card_number <> '';
CREATE INDEX customers_email ON customers (lower(email)) WHERE email <> '';
CREATE INDEX customers_changed ON customers (changed_at);

CREATE TABLE documents (
    id                   bigint PRIMARY KEY,
    type                 text COLLATE "C" NOT NULL,
    number               bigint NOT NULL CHECK (number >= 0),
    custom_number        text COLLATE "C" NOT NULL,
    customer_id          bigint NOT NULL,
    warehouse_id         bigint NOT NULL,
    point_of_sale_id     bigint NOT NULL,
    employee_id          bigint NOT NULL,
    date                 text COLLATE "C" NOT NULL,
    time                 text COLLATE "C" NOT NULL,
    confirmed            smallint NOT NULL CHECK (confirmed IN (0, 1)),
    currency_code        text COLLATE "C" NOT NULL,
    net                  bigint NOT NULL,
    vat                  bigint NOT NULL,
    rounding             bigint NOT NULL,
    total                bigint NOT NULL,
    paid                 bigint NOT NULL,
    credited_document_id bigint NOT NULL,
    added_at             bigint NOT NULL,
    changed_at           bigint NOT NULL,
    changed_by           text COLLATE "C" NOT NULL,
    fields               json NOT NULL,
    CHECK (total = net + vat + rounding)
);
CREATE INDEX documents_customer ON documents (customer_id);
CREATE INDEX documents_number ON documents (number, type) WHERE number > 0;
CREATE INDEX documents_date ON documents (date);
CREATE INDEX documents_changed ON documents (changed_at);
CREATE INDEX documents_credited ON documents (credited_document_id) WHERE credited_document_id > 0;

CREATE TABLE document_rows (
    document_id bigint NOT NULL REFERENCES documents (id) DEFERRABLE INITIALLY DEFERRED,
    position    bigint NOT NULL CHECK (position > 0),
    id          bigint NOT NULL,
    stable_id   bigint NOT NULL,
    product_id  bigint NOT NULL,
    service_id  bigint NOT NULL,
    vat_rate_id bigint NOT NULL,
    vat_rate    text COLLATE "C" NOT NULL,
    amount      text COLLATE "C" NOT NULL,
    price       text COLLATE "C" NOT NULL,
    discount    text COLLATE "C" NOT NULL,
    net         bigint NOT NULL,
    vat         bigint NOT NULL,
    fields      json NOT NULL,
    earns       smallint NOT NULL CHECK (earns IN (0, 1)),
    PRIMARY KEY (document_id, position)
);

CREATE TABLE document_uuids (
    uuid        text COLLATE "C" PRIMARY KEY CHECK (uuid <> ''),
    document_id bigint NOT NULL,
    seen_at     bigint NOT NULL
);
CREATE INDEX document_uuids_age ON document_uuids (seen_at);

CREATE TABLE returns (
    credit_document_id bigint PRIMARY KEY REFERENCES documents (id) DEFERRABLE INITIALLY DEFERRED,
    document_id        bigint NOT NULL REFERENCES documents (id) DEFERRABLE INITIALLY DEFERRED,
    voids              smallint NOT NULL CHECK (voids IN (0, 1)),
    rows               json NOT NULL,
    given_back         json NOT NULL
);
CREATE INDEX returns_document ON returns (document_id);

CREATE TABLE payments (
    id          bigint PRIMARY KEY,
    document_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    type        text COLLATE "C" NOT NULL,
    date        text COLLATE "C" NOT NULL,
    sum         bigint NOT NULL,
    added_at    bigint NOT NULL,
    changed_at  bigint NOT NULL,
    fields      json NOT NULL
);
CREATE INDEX payments_document ON payments (document_id) WHERE document_id > 0;
CREATE INDEX payments_customer ON payments (customer_id) WHERE customer_id > 0;
CREATE INDEX payments_changed ON payments (changed_at);

CREATE TABLE gift_cards (
    id                     bigint PRIMARY KEY,
    code                   text COLLATE "C" NOT NULL,
    value                  bigint NOT NULL CHECK (value >= 0),
    balance                bigint NOT NULL CHECK (balance >= 0),
    purchase_document_id   bigint NOT NULL,
    redemption_document_id bigint NOT NULL,
    added_at               bigint NOT NULL,
    changed_at             bigint NOT NULL,
    fields                 json NOT NULL
);
CREATE UNIQUE INDEX gift_cards_code ON gift_cards (code) WHERE code <> '';

CREATE TABLE coupons (
    id            bigint PRIMARY KEY,
    campaign_id   bigint NOT NULL,
    name          text COLLATE "C" NOT NULL,
    code          text COLLATE "C" NOT NULL,
    printing_cost bigint NOT NULL CHECK (printing_cost >= 0),
    added_at      bigint NOT NULL,
    changed_at    bigint NOT NULL,
    fields        json NOT NULL
);

CREATE TABLE issued_coupons (
    id                   bigint PRIMARY KEY,
    coupon_id            bigint NOT NULL REFERENCES coupons (id) DEFERRABLE INITIALLY DEFERRED,
    identifier           text COLLATE "C" NOT NULL UNIQUE CHECK (identifier <> ''),
    customer_id          bigint NOT NULL,
    document_id          bigint NOT NULL,
    point_of_sale_id     bigint NOT NULL,
    issued_at            bigint NOT NULL,
    expiry_date          text COLLATE "C" NOT NULL,
    redeemed_at          bigint NOT NULL,
    redeemed_document_id bigint NOT NULL,
    redeemed_customer_id bigint NOT NULL,
    added_at             bigint NOT NULL,
    changed_at           bigint NOT NULL,
    fields               json NOT NULL
);
CREATE INDEX issued_coupons_coupon ON issued_coupons (coupon_id);
CREATE INDEX issued_coupons_customer ON issued_coupons (customer_id) WHERE customer_id > 0;

CREATE TABLE products (
    id                        bigint PRIMARY KEY,
    code                      text COLLATE "C" NOT NULL,
    code2                     text COLLATE "C" NOT NULL,
    name                      text COLLATE "C" NOT NULL,
    price                     text COLLATE "C" NOT NULL,
    vat_rate_id               bigint NOT NULL,
    active                    smallint NOT NULL CHECK (active IN (0, 1)),
    reward_points_not_allowed smallint NOT NULL CHECK (reward_points_not_allowed IN (0, 1)),
    added_at                  bigint NOT NULL,
    changed_at                bigint NOT NULL,
    fields                    json NOT NULL
);
CREATE UNIQUE INDEX products_code ON products (code) WHERE code <> '';
CREATE UNIQUE INDEX products_code2 ON products (code2) WHERE code2 <> '';
CREATE INDEX products_changed ON products (changed_at);

CREATE TABLE warehouses (
    id         bigint PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    added_at   bigint NOT NULL,
    changed_at bigint NOT NULL,
    fields     json NOT NULL
);

CREATE TABLE points_of_sale (
    id         bigint PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    added_at   bigint NOT NULL,
    changed_at bigint NOT NULL,
    fields     json NOT NULL
);

CREATE TABLE employees (
    id         bigint PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    added_at   bigint NOT NULL,
    changed_at bigint NOT NULL,
    fields     json NOT NULL
);

CREATE TABLE campaigns (
    id         bigint PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    added_at   bigint NOT NULL,
    changed_at bigint NOT NULL,
    fields     json NOT NULL
);

-- The ledger. Its conservation is constrained row by row here, and proved across tables by `erply-points check`.

CREATE TABLE programs (
    id   bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL
);
INSERT INTO programs (id, name) VALUES (1, 'points');

-- A program's points are a currency, and it may have others by name. Currency 1 is the points of the default program.
CREATE TABLE currencies (
    id         bigint PRIMARY KEY,
    name       text COLLATE "C" NOT NULL UNIQUE,
    decimals   bigint NOT NULL CHECK (decimals BETWEEN 0 AND 3),
    program_id bigint NOT NULL,
    is_points  smallint NOT NULL CHECK (is_points IN (0, 1))
);
INSERT INTO currencies (id, name, decimals, program_id, is_points) VALUES (1, 'points', 0, 1, 1);
CREATE UNIQUE INDEX currencies_points ON currencies (program_id) WHERE is_points = 1;

CREATE TABLE wallets (
    customer_id bigint NOT NULL REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED,
    currency_id bigint NOT NULL REFERENCES currencies (id) DEFERRABLE INITIALLY DEFERRED,
    balance     bigint NOT NULL,
    shortfall   bigint NOT NULL CHECK (shortfall >= 0),
    earned      bigint NOT NULL CHECK (earned >= 0),
    redeemed    bigint NOT NULL CHECK (redeemed >= 0),
    expired     bigint NOT NULL CHECK (expired >= 0),
    reversed    bigint NOT NULL CHECK (reversed >= 0),
    entries     bigint NOT NULL CHECK (entries >= 0),
    last_at     bigint NOT NULL,
    PRIMARY KEY (customer_id, currency_id),
    CHECK (balance = earned - redeemed - expired - reversed)
) WITH (fillfactor = 70);

CREATE TABLE lots (
    id               bigint PRIMARY KEY,
    customer_id      bigint NOT NULL,
    currency_id      bigint NOT NULL,
    earned           bigint NOT NULL CHECK (earned > 0),
    remaining        bigint NOT NULL CHECK (remaining >= 0),
    redeemed         bigint NOT NULL CHECK (redeemed >= 0),
    expired          bigint NOT NULL CHECK (expired >= 0),
    reversed         bigint NOT NULL CHECK (reversed >= 0),
    created_at       bigint NOT NULL,
    available_at     bigint NOT NULL,
    expires_at       bigint NOT NULL,
    document_id      bigint NOT NULL,
    point_of_sale_id bigint NOT NULL,
    employee_id      bigint NOT NULL,
    description      text COLLATE "C" NOT NULL,
    source           text COLLATE "C" NOT NULL CHECK (source IN ('sale', 'manual')),
    -- A column of its own, so that the index is left alone while a lot stays open.
    is_open          smallint NOT NULL GENERATED ALWAYS AS ((remaining > 0)::int) STORED,
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id) DEFERRABLE INITIALLY DEFERRED,
    CHECK (earned = remaining + redeemed + expired + reversed)
) WITH (fillfactor = 80);
CREATE INDEX lots_customer ON lots (customer_id);
CREATE INDEX lots_open ON lots (customer_id, currency_id, expires_at, created_at, id) WHERE is_open = 1;
CREATE INDEX lots_document ON lots (document_id) WHERE document_id > 0;

CREATE TABLE redemptions (
    id               bigint PRIMARY KEY,
    customer_id      bigint NOT NULL,
    currency_id      bigint NOT NULL,
    points           bigint NOT NULL CHECK (points > 0),
    unpaid           bigint NOT NULL CHECK (unpaid BETWEEN 0 AND points),
    created_at       bigint NOT NULL,
    document_id      bigint NOT NULL,
    campaign_id      bigint NOT NULL,
    warehouse_id     bigint NOT NULL,
    point_of_sale_id bigint NOT NULL,
    employee_id      bigint NOT NULL,
    issued_coupon_id bigint NOT NULL,
    description      text COLLATE "C" NOT NULL,
    returned         bigint NOT NULL CHECK (returned BETWEEN 0 AND points - unpaid),
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX redemptions_customer ON redemptions (customer_id);
CREATE INDEX redemptions_unpaid ON redemptions (customer_id, currency_id, id) WHERE unpaid > 0;
CREATE INDEX redemptions_document ON redemptions (document_id) WHERE document_id > 0;

CREATE TABLE reversals (
    id           bigint PRIMARY KEY,
    customer_id  bigint NOT NULL,
    currency_id  bigint NOT NULL,
    lot_id       bigint NOT NULL REFERENCES lots (id) DEFERRABLE INITIALLY DEFERRED,
    points       bigint NOT NULL CHECK (points >= 0),
    unpaid       bigint NOT NULL CHECK (unpaid >= 0),
    forgiven     bigint NOT NULL CHECK (forgiven >= 0),
    from_expired bigint NOT NULL CHECK (from_expired >= 0),
    created_at   bigint NOT NULL,
    document_id  bigint NOT NULL,
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id) DEFERRABLE INITIALLY DEFERRED,
    CHECK (unpaid + forgiven + from_expired <= points)
);
CREATE INDEX reversals_unpaid ON reversals (customer_id, currency_id, id) WHERE unpaid > 0;
CREATE INDEX reversals_document ON reversals (document_id) WHERE document_id > 0;
CREATE INDEX reversals_customer ON reversals (customer_id);
CREATE INDEX reversals_lot ON reversals (lot_id);

-- Only added to. The transaction is a redemption or a reversal: they share one sequence of IDs.
CREATE TABLE allocations (
    transaction_id bigint NOT NULL,
    lot_id         bigint NOT NULL REFERENCES lots (id) DEFERRABLE INITIALLY DEFERRED,
    customer_id    bigint NOT NULL,
    number         bigint NOT NULL,
    points         bigint NOT NULL CHECK (points <> 0),
    PRIMARY KEY (transaction_id, lot_id, customer_id, number)
);

-- Edits of the histories. Only added to.
CREATE TABLE corrections (
    id             bigint PRIMARY KEY,
    transaction_id bigint NOT NULL,
    at             bigint NOT NULL,
    username       text COLLATE "C" NOT NULL,
    before         json NOT NULL,
    after          json NOT NULL
);
CREATE INDEX corrections_transaction ON corrections (transaction_id);

-- Only added to. The balance of a moment is that of the wallet's last entry until then.
CREATE TABLE entries (
    customer_id bigint NOT NULL,
    currency_id bigint NOT NULL,
    number      bigint NOT NULL CHECK (number > 0),
    at          bigint NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (
        kind IN ('earn', 'redeem', 'expire', 'reverse', 'return', 'correct')),
    points      bigint NOT NULL CHECK (points <> 0),
    balance     bigint NOT NULL,
    source_id   bigint NOT NULL,
    PRIMARY KEY (customer_id, currency_id, at, number),
    FOREIGN KEY (customer_id, currency_id) REFERENCES wallets (customer_id, currency_id) DEFERRABLE INITIALLY DEFERRED
);

-- The first answers to requests that carried an idempotency key; forgotten when the keys have lived long enough.
CREATE TABLE kept_answers (
    key         text COLLATE "C" PRIMARY KEY CHECK (key <> ''),
    fingerprint bytea NOT NULL,
    answered_at bigint NOT NULL,
    same_as     text COLLATE "C" NOT NULL,
    outcomes    text COLLATE "C" NOT NULL,
    CHECK ((same_as = '') = (outcomes <> ''))
);
CREATE INDEX kept_answers_age ON kept_answers (answered_at);


-- Every customer is in the default program; here stand the others that a customer is in.
CREATE TABLE enrolments (
    customer_id bigint NOT NULL REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED,
    program_id  bigint NOT NULL REFERENCES programs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    enrolled_at bigint NOT NULL,
    PRIMARY KEY (customer_id, program_id)
);

CREATE TABLE promotions (
    id         bigint PRIMARY KEY,
    identifier text COLLATE "C" NOT NULL,
    program_id bigint NOT NULL REFERENCES programs (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX promotions_identifier ON promotions (identifier) WHERE identifier <> '';

CREATE TABLE reasons (
    code text COLLATE "C" PRIMARY KEY CHECK (code <> ''),
    name text COLLATE "C" NOT NULL
);

-- By what a customer is found beside the ID and the card number.
CREATE TABLE identifiers (
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('externalId', 'mobile', 'email', 'profileId')),
    value       text COLLATE "C" NOT NULL CHECK (value <> ''),
    customer_id bigint NOT NULL REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (kind, value)
);
CREATE INDEX identifiers_customer ON identifiers (customer_id);

-- What an enrolment as a member said beyond what a customer has.
CREATE TABLE members (
    customer_id bigint PRIMARY KEY REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED,
    fields      json NOT NULL
);

-- What is known of a lot beyond its points. A lot without a row is REGULAR, Base and of no promotion.
CREATE TABLE awards (
    lot_id           bigint PRIMARY KEY REFERENCES lots (id) DEFERRABLE INITIALLY DEFERRED,
    category         text COLLATE "C" NOT NULL CHECK (category IN ('REGULAR', 'PROMISED', 'EXTERNAL_TRIGGER_BASED')),
    point_type       text COLLATE "C" NOT NULL CHECK (point_type IN ('Base', 'Bonus', 'Promotional', 'Restricted')),
    promotion_id     bigint NOT NULL,
    ref_type         text COLLATE "C" NOT NULL,
    dialect          text COLLATE "C" NOT NULL CHECK (dialect IN ('erply', 'fabric')),
    transaction_code text COLLATE "C" NOT NULL,
    reason           text COLLATE "C" NOT NULL,
    billing_entity   text COLLATE "C" NOT NULL,
    client           text COLLATE "C" NOT NULL
);
CREATE INDEX awards_promotion ON awards (promotion_id) WHERE promotion_id > 0;

-- What makes a redemption a deduction of another dialect.
CREATE TABLE adjustments (
    redemption_id    bigint PRIMARY KEY REFERENCES redemptions (id) DEFERRABLE INITIALLY DEFERRED,
    dialect          text COLLATE "C" NOT NULL CHECK (dialect IN ('capillary', 'fabric')),
    category         text COLLATE "C" NOT NULL,
    point_type       text COLLATE "C" NOT NULL,
    award_id         bigint NOT NULL,
    promotion_id     bigint NOT NULL,
    source           text COLLATE "C" NOT NULL,
    transaction_code text COLLATE "C" NOT NULL,
    reason           text COLLATE "C" NOT NULL,
    billing_entity   text COLLATE "C" NOT NULL,
    client           text COLLATE "C" NOT NULL
);

-- Programs that call the other dialects. A secret is long and random and kept as its SHA-256 only; so are tokens.
CREATE TABLE clients (
    key         text COLLATE "C" PRIMARY KEY CHECK (key <> ''),
    name        text COLLATE "C" NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    added_at    bigint NOT NULL
);

CREATE TABLE tokens (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    client_key text COLLATE "C" NOT NULL REFERENCES clients (key) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    expires_at bigint NOT NULL
);
CREATE INDEX tokens_expiry ON tokens (expires_at);
