"""The yardstick for receipts: what a sale, a redemption on it and a look at the balance write, by a bare loop."""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from benchmarks.bare_loop import CUSTOMER, WALLET, BareLoop, insert
from benchmarks.receipts import CURRENCY, POINTS, VAT_RATE_ID, Receipt
from erply_points.ledger.amounts import Cents, Millipoints
from erply_points.ledger.records import Entry, Lot
from erply_points.store.rows import Document, DocumentRow

SEQUENCES: Final = ("documents", "document_rows", "number:CASHINVOICE", "transactions")
FIRST_NUMBER: Final = 100_001

LASTS: Final = f"SELECT name, last FROM sequences WHERE name IN ({', '.join('?' for _ in SEQUENCES)})"
SET_LAST: Final = (
    "INSERT INTO sequences (name, last) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET last = excluded.last"
)
VAT_RATES: Final = "SELECT id, rate FROM vat_rates"
EARNED: Final = "SELECT balance, earned, entries FROM wallets WHERE customer_id = ? AND currency_id = 1"
EARN: Final = (
    "UPDATE wallets SET balance = ?, earned = ?, entries = ?, last_at = ? WHERE customer_id = ? AND currency_id = 1"
)
ADD_DOCUMENT: Final = insert(
    "documents",
    Document,
    (
        *("id", "number", "customer_id", "point_of_sale_id", "employee_id", "date", "time"),
        *("net", "vat", "total", "added_at", "changed_at"),
    ),
    type="'CASHINVOICE'",
    custom_number="''",
    confirmed="1",
    currency_code=f"'{CURRENCY}'",
    changed_by="'till'",
    fields="""'{"marks":{"pointsPerUnit":"1"}}'""",
)
ADD_ROW: Final = insert(
    "document_rows",
    DocumentRow,
    (
        *("document_id", "position", "id", "stable_id", "product_id", "vat_rate_id", "vat_rate"),
        *("amount", "price", "discount", "net", "vat"),
    ),
    fields="'{}'",
    earns="1",
)
ADD_LOT: Final = insert(
    "lots",
    Lot,
    (
        *("id", "customer_id", "earned", "remaining", "created_at", "available_at"),
        *("document_id", "point_of_sale_id", "employee_id"),
    ),
    currency_id="1",
    expires_at="253402300799",
    source="'sale'",
    is_open="1",
)
ADD_ENTRY: Final = insert(
    "entries",
    Entry,
    ("customer_id", "number", "at", "points", "balance", "source_id"),
    currency_id="1",
    kind="'earn'",
)


class BareShop(BareLoop):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._zone = ZoneInfo("Europe/Tallinn")

    def sell(self, receipts: Iterable[Receipt]) -> list[Millipoints]:
        """In one transaction, for each receipt: sale, redemption, balance. The balances."""
        execute = self.database.execute
        now = int(time.time())
        date, moment = datetime.fromtimestamp(now, self._zone).strftime("%Y-%m-%d %H:%M:%S").split()
        balances = []
        execute("BEGIN IMMEDIATE")
        lasts = dict(execute(LASTS, SEQUENCES))
        document_id, row_id = lasts.get("documents", 0), lasts.get("document_rows", 0)
        number = lasts.get("number:CASHINVOICE", FIRST_NUMBER - 1)
        transaction_id = lasts["transactions"]
        vat_rates = dict(execute(VAT_RATES))
        for receipt in receipts:
            customer_id, point_of_sale_id, employee_id, rows = receipt
            document_id, number, transaction_id = document_id + 1, number + 1, transaction_id + 2
            (_,) = execute(CUSTOMER, (customer_id,)).fetchone()
            vat_rate = vat_rates[VAT_RATE_ID]
            lines = [_line(row.amount, row.price, row.discount, int(vat_rate)) for row in rows]
            net, vat = sum(net for net, _ in lines), sum(vat for _, vat in lines)
            execute(
                ADD_DOCUMENT,
                (
                    *(document_id, number, customer_id, point_of_sale_id, employee_id, date, moment),
                    *(net, vat, net + vat, now, now),
                ),
            )
            for position, (row, (row_net, row_vat)) in enumerate(zip(rows, lines, strict=True), 1):
                row_id += 1
                execute(
                    ADD_ROW,
                    (
                        *(document_id, position, row_id, row_id, row.product_id, VAT_RATE_ID, vat_rate),
                        *(str(row.amount), row.price_text, str(row.discount), row_net, row_vat),
                    ),
                )
            self._earn(transaction_id - 1, receipt, -(-net // 100) * 1_000, now, document_id)
            self.spend(transaction_id, customer_id, POINTS, now, document_id)
            balance, _, _ = execute(WALLET, (customer_id,)).fetchone()
            balances.append(balance)
        for name, last in zip(SEQUENCES, (document_id, row_id, number, transaction_id), strict=True):
            execute(SET_LAST, (name, last))
        execute("COMMIT")
        return balances

    def _earn(self, lot_id: int, receipt: Receipt, points: Millipoints, now: int, document_id: int) -> None:
        execute = self.database.execute
        customer_id, point_of_sale_id, employee_id, _ = receipt
        balance, earned, entries = execute(EARNED, (customer_id,)).fetchone()
        execute(ADD_LOT, (lot_id, customer_id, points, points, now, now, document_id, point_of_sale_id, employee_id))
        execute(ADD_ENTRY, (customer_id, entries + 1, now, points, balance + points, lot_id))
        execute(EARN, (balance + points, earned + points, entries + 1, now, customer_id))


def _line(amount: int, price: Cents, discount: int, vat_rate: int) -> tuple[Cents, Cents]:
    """Net and tax of a row, from its shelf price: as receipts are computed, in whole numbers."""
    gross = _rounded(price * (100 + vat_rate) * (100 - discount), 10_000) * amount
    vat = _rounded(gross * vat_rate, 100 + vat_rate)
    return gross - vat, vat


def _rounded(numerator: int, denominator: int) -> int:
    """Half up."""
    return (2 * numerator + denominator) // (2 * denominator)
