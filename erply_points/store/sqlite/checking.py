"""The proof behind `erply-points check`: each promise as a query for the rows that break it."""

import sqlite3
from typing import Final

_PROMISES: Final[tuple[tuple[str, str], ...]] = (
    (
        "lot {}: earned is not remaining + redeemed + expired + reversed",
        "SELECT id FROM lots WHERE earned <> remaining + redeemed + expired + reversed",
    ),
    (
        "lot {}: redeemed is not what its allocations add up to",
        "SELECT id FROM lots LEFT JOIN"
        " (SELECT lot_id, sum(points) AS points FROM allocations GROUP BY lot_id) AS paid ON paid.lot_id = lots.id"
        " WHERE lots.redeemed <> coalesce(paid.points, 0)",
    ),
    (
        "redemption {}: its allocations and its unpaid part do not add up to its points",
        "SELECT id FROM redemptions WHERE points <> unpaid +"
        " (SELECT coalesce(sum(points), 0) FROM allocations WHERE redemption_id = id)",
    ),
    (
        "allocation of redemption {} from lot {}: they belong to different wallets",
        "SELECT r.id, l.id FROM allocations a"
        " JOIN redemptions r ON r.id = a.redemption_id JOIN lots l ON l.id = a.lot_id"
        " WHERE (r.customer_id, r.currency_id) <> (l.customer_id, l.currency_id)",
    ),
    (
        "customer {}, currency {}: balance is not open lots less shortfall",
        "SELECT customer_id, currency_id FROM wallets w WHERE balance + shortfall <>"
        " (SELECT coalesce(sum(remaining), 0) FROM lots l"
        "  WHERE (l.customer_id, l.currency_id) = (w.customer_id, w.currency_id))",
    ),
    (
        "customer {}, currency {}: shortfall is not what its redemptions leave unpaid",
        "SELECT customer_id, currency_id FROM wallets w WHERE shortfall <>"
        " (SELECT coalesce(sum(unpaid), 0) FROM redemptions r"
        "  WHERE (r.customer_id, r.currency_id) = (w.customer_id, w.currency_id))",
    ),
    (
        "customer {}, currency {}: earned, redeemed, expired or reversed differ from the records",
        "SELECT customer_id, currency_id FROM wallets w WHERE (earned, expired, reversed) <>"
        " (SELECT coalesce(sum(earned), 0), coalesce(sum(expired), 0), coalesce(sum(reversed), 0) FROM lots l"
        "  WHERE (l.customer_id, l.currency_id) = (w.customer_id, w.currency_id))"
        " OR redeemed <> (SELECT coalesce(sum(points), 0) FROM redemptions r"
        "  WHERE (r.customer_id, r.currency_id) = (w.customer_id, w.currency_id))",
    ),
    (
        "customer {}, currency {}: the entries do not lead to the balance",
        "SELECT customer_id, currency_id FROM wallets w LEFT JOIN"
        " (SELECT customer_id, currency_id, sum(points) AS points, count(*) AS number, max(at) AS at FROM entries"
        "  GROUP BY customer_id, currency_id) AS e USING (customer_id, currency_id)"
        " WHERE (w.balance, w.entries, w.last_at) <> (coalesce(e.points, 0), coalesce(e.number, 0), coalesce(e.at, 0))",
    ),
    (
        "customer {}, currency {}, entry {}: it does not follow from the entry before",
        "SELECT customer_id, currency_id, number FROM ("
        " SELECT *, lag(number, 1, 0) OVER wallet AS number_before, lag(balance, 1, 0) OVER wallet AS balance_before,"
        " lag(at, 1, 0) OVER wallet AS at_before FROM entries"
        " WINDOW wallet AS (PARTITION BY customer_id, currency_id ORDER BY id))"
        " WHERE number <> number_before + 1 OR balance <> balance_before + points OR at < at_before",
    ),
    (
        "document {}: its totals are not those of its rows",
        "SELECT id FROM documents d WHERE total <> net + vat + rounding OR (net, vat) <>"
        " (SELECT coalesce(sum(net), 0), coalesce(sum(vat), 0) FROM document_rows WHERE document_id = d.id)",
    ),
    (
        "{} {}: a number was used that its sequence has not given out",
        "SELECT 'customer', max(id) FROM customers HAVING max(id) >"
        " (SELECT coalesce(max(last), 0) FROM sequences WHERE name = 'customers')"
        " UNION ALL SELECT 'document', max(id) FROM documents HAVING max(id) >"
        " (SELECT coalesce(max(last), 0) FROM sequences WHERE name = 'documents')"
        " UNION ALL SELECT 'transaction', max(id) FROM (SELECT id FROM lots UNION ALL SELECT id FROM redemptions)"
        " HAVING max(id) > (SELECT coalesce(max(last), 0) FROM sequences WHERE name = 'transactions')",
    ),
)


def check(database: sqlite3.Connection) -> list[str]:
    """Return what is wrong, a sentence each; nothing is changed."""
    problems = [f"database: {text}" for (text,) in database.execute("PRAGMA integrity_check") if text != "ok"]
    problems += [
        f"database: a row of {table} refers to a missing row of {parent}"
        for table, _, parent, _ in database.execute("PRAGMA foreign_key_check")
    ]
    database.execute("BEGIN")  # One view for all promises, while the server may be writing.
    try:
        for sentence, query in _PROMISES:
            problems += [sentence.format(*row) for row in database.execute(query)]
    finally:
        database.execute("ROLLBACK")
    return problems
