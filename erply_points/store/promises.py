"""What must hold in every account: each promise as a query for the rows that break it.

The SQL is such that every store speaks it.
"""

from typing import Final


def _sum(column: str, table: str) -> str:
    """What a column adds up to over the rows of a wallet `w`."""
    return (
        f"(SELECT coalesce(sum({column}), 0) FROM {table} AS r"
        " WHERE (r.customer_id, r.currency_id) = (w.customer_id, w.currency_id))"
    )


def _of_one_wallet(transactions: str) -> str:
    """Whether transaction and lot of a payment `a` belong to the same wallet."""
    return (
        f"SELECT 1 FROM {transactions} AS t JOIN lots AS l"
        " ON (l.customer_id, l.currency_id) = (t.customer_id, t.currency_id)"
        " WHERE t.id = a.transaction_id AND l.id = a.lot_id"
    )


PROMISES: Final[tuple[tuple[str, str], ...]] = (
    (
        "lot {}: earned is not remaining + redeemed + expired + reversed",
        "SELECT id FROM lots WHERE earned <> remaining + redeemed + expired + reversed",
    ),
    (
        "lot {}: redeemed or reversed is not what its allocations and expired reversals add up to",
        "SELECT lots.id FROM lots"
        " LEFT JOIN (SELECT lot_id, sum(points) AS points FROM allocations GROUP BY lot_id) AS paid"
        "  ON paid.lot_id = lots.id"
        " LEFT JOIN (SELECT lot_id, sum(from_expired) AS points FROM reversals GROUP BY lot_id) AS lost"
        "  ON lost.lot_id = lots.id"
        " WHERE lots.redeemed + lots.reversed <> coalesce(paid.points, 0) + coalesce(lost.points, 0)",
    ),
    (
        "redemption {}: its allocations, its unpaid and its returned part do not add up to its points",
        "SELECT id FROM redemptions WHERE points <> unpaid + returned +"
        " (SELECT coalesce(sum(points), 0) FROM allocations WHERE transaction_id = id)",
    ),
    (
        "reversal {}: its allocations, its unpaid, forgiven and expired parts do not add up to its points",
        "SELECT id FROM reversals WHERE points <> unpaid + forgiven + from_expired +"
        " (SELECT coalesce(sum(points), 0) FROM allocations WHERE transaction_id = id)",
    ),
    (
        "lot {}: more was reversed than it earned",
        "SELECT lots.id FROM lots JOIN reversals ON lot_id = lots.id GROUP BY lots.id HAVING sum(points) > earned",
    ),
    (
        "transaction {} is paid by lot {}: one of them is missing, or they belong to different wallets",
        "SELECT a.transaction_id, a.lot_id FROM (SELECT transaction_id, lot_id FROM allocations"
        "  GROUP BY transaction_id, lot_id HAVING sum(points) <> 0) AS a"
        f" WHERE NOT EXISTS ({_of_one_wallet('redemptions')}) AND NOT EXISTS ({_of_one_wallet('reversals')})",
    ),
    (
        "transaction {} takes less than nothing from lot {}",
        "SELECT transaction_id, lot_id FROM allocations GROUP BY transaction_id, lot_id HAVING sum(points) < 0",
    ),
    (
        "customer {}, currency {}: balance is not open lots less shortfall",
        "SELECT customer_id, currency_id FROM wallets w WHERE balance + shortfall <>"
        " (SELECT coalesce(sum(remaining), 0) FROM lots l"
        "  WHERE (l.customer_id, l.currency_id) = (w.customer_id, w.currency_id))",
    ),
    (
        "customer {}, currency {}: shortfall is not what its redemptions and reversals leave unpaid",
        f"SELECT customer_id, currency_id FROM wallets w WHERE shortfall <>"
        f" {_sum('unpaid', 'redemptions')} + {_sum('unpaid', 'reversals')}",
    ),
    (
        "customer {}, currency {}: earned, redeemed, expired or reversed differ from the records",
        f"SELECT customer_id, currency_id FROM wallets w WHERE earned <> {_sum('earned', 'lots')}"
        f" OR expired <> {_sum('expired', 'lots')}"
        f" OR reversed <> {_sum('points - forgiven', 'reversals')}"
        f" OR redeemed <> {_sum('points - returned', 'redemptions')}",
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
        " WINDOW wallet AS (PARTITION BY customer_id, currency_id ORDER BY number)) AS e"
        " WHERE number <> number_before + 1 OR balance <> balance_before + points OR at < at_before",
    ),
    (
        "program {}: it does not exist, and currency {} belongs to it",
        "SELECT program_id, id FROM currencies WHERE program_id NOT IN (SELECT id FROM programs)",
    ),
    (
        "program {}: it has no points",
        "SELECT id FROM programs WHERE id NOT IN (SELECT program_id FROM currencies WHERE is_points = 1)",
    ),
    (
        "customer {}, currency {}: the customer is not in its program {}",
        "SELECT w.customer_id, w.currency_id, c.program_id"
        " FROM wallets AS w JOIN currencies AS c ON c.id = w.currency_id"
        " WHERE c.program_id <> (SELECT program_id FROM currencies WHERE id = 1) AND NOT EXISTS"
        " (SELECT 1 FROM enrolments AS e WHERE (e.customer_id, e.program_id) = (w.customer_id, c.program_id))",
    ),
    (
        "lot {}: promotion {}, which it was given for, is not of its program",
        "SELECT a.lot_id, a.promotion_id FROM awards AS a JOIN lots AS l ON l.id = a.lot_id"
        " JOIN currencies AS c ON c.id = l.currency_id LEFT JOIN promotions AS p ON p.id = a.promotion_id"
        " WHERE a.promotion_id > 0 AND (p.program_id IS NULL OR p.program_id <> c.program_id)",
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
        " UNION ALL SELECT 'transaction', max(id) FROM (SELECT id FROM lots UNION ALL SELECT id FROM redemptions"
        "  UNION ALL SELECT id FROM reversals) AS t"
        " HAVING max(id) > (SELECT coalesce(max(last), 0) FROM sequences WHERE name = 'transactions')",
    ),
)
