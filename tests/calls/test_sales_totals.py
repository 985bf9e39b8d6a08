"""The totals of sales documents: examples computed by hand, and properties that hold for all of them."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.shop import Shop, open_shop, place

CENT = Decimal("0.01")


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


async def totals(shop: Shop, **params: Any) -> tuple[float, float, float, float]:
    saved = await shop.record("saveSalesDocument", **params)
    return saved["net"], saved["vat"], saved["rounding"], saved["total"]


@pytest.mark.parametrize(
    ("kind", "rows", "expected"),
    [
        # The example of the protocol: 2 x 10.00 less 10 %, VAT 20 %.
        ("CASHINVOICE", [(2, 10, 10)], (18.0, 3.6, 0.0, 21.6)),
        ("INVWAYBILL", [(2, 10, 10)], (18.0, 3.6, 0.0, 21.6)),
        # A shelf price of 9.99 is 8.325 net: three of them are 29.97 on a receipt, 29.97 by luck on an invoice.
        ("CASHINVOICE", [(3, "8.325", 0)], (24.97, 5.0, 0.0, 29.97)),
        ("INVWAYBILL", [(3, "8.325", 0)], (24.98, 5.0, 0.0, 29.98)),
        # 0.10 on the shelf is 0.0833 net.
        ("CASHINVOICE", [(7, "0.0833", 0)], (0.58, 0.12, 0.0, 0.7)),
        ("INVWAYBILL", [(7, "0.0833", 0)], (0.58, 0.12, 0.0, 0.7)),
        # Half a cent goes away from zero, up and down.
        ("INVWAYBILL", [(1, "0.005", 0)], (0.01, 0.0, 0.0, 0.01)),
        ("CREDITINVOICE", [(-1, "0.005", 0)], (-0.01, 0.0, 0.0, -0.01)),
        ("INVWAYBILL", [(1, "1.005", 0)], (1.01, 0.2, 0.0, 1.21)),
        # Weighed goods, a free row, a full discount.
        ("CASHINVOICE", [("0.455", "12.3", 0), (1, 0, 0), (5, 10, 100)], (5.6, 1.12, 0.0, 6.72)),
        ("CREDITINVOICE", [(-2, 10, 10)], (-18.0, -3.6, 0.0, -21.6)),
        ("ORDER", [(1, 1, 0), (1, 2, 0), (1, 3, 0)], (6.0, 1.2, 0.0, 7.2)),
        ("INVOICE", [], (0.0, 0.0, 0.0, 0.0)),
    ],
)
async def test_examples(
    shop: Shop, kind: str, rows: list[tuple[Any, Any, Any]], expected: tuple[float, float, float, float]
) -> None:
    """Net, tax and total are those of the documented formulas."""
    params: dict[str, Any] = {}
    for number, (amount, price, discount) in enumerate(rows, start=1):
        params |= {f"amount{number}": amount, f"price{number}": price, f"discount{number}": discount}
    assert await totals(shop, type=kind, **params) == expected


@pytest.mark.parametrize(
    ("setting", "total", "rounding"),
    [
        *(("-1", "12.34", 0.0), ("0", "12.32", -0.02), ("0", "12.33", 0.02), ("0", "12.35", 0.0), ("0", "0.02", -0.02)),
        *(("10", "12.34", -0.04), ("10", "12.35", 0.05), ("100", "12.49", -0.49), ("100", "12.50", 0.5)),
        *(("0", "-12.32", 0.02), ("100", "-12.50", -0.5)),
    ],
)
async def test_rounding_of_the_account(shop: Shop, setting: str, total: str, rounding: float) -> None:
    """`invoice_rounding` rounds the total to 0.05, 0.10 or 1.00, half away from zero; -1 leaves it."""
    await shop.set(invoice_rounding=setting)
    await shop.record("saveVatRate", rate=0)
    net, vat, rounded, answered = await totals(shop, amount1=1, price1=total, vatrateID1=2)
    assert (net, vat, rounded, answered) == (
        float(total),
        0.0,
        rounding,
        float(Decimal(total) + Decimal(str(rounding))),
    )


async def test_rounding_of_the_document(shop: Shop) -> None:
    """`rounding` of the document replaces the account's, 0 included."""
    await shop.set(invoice_rounding="100")
    assert await totals(shop, amount1=1, price1=10.35) == (10.35, 2.07, -0.42, 12.0)
    assert await totals(shop, amount1=1, price1=10.35, rounding="0") == (10.35, 2.07, 0.0, 12.42)
    assert await totals(shop, amount1=1, price1=10.35, rounding="-0.02") == (10.35, 2.07, -0.02, 12.4)


async def test_vat_rates_of_rows(shop: Shop) -> None:
    """Each row has its own rate; the document says the sums by rate, and they add up to its totals."""
    for rate in ("9", "0"):
        await shop.record("saveVatRate", rate=rate)
    rows = {"amount1": 1, "price1": 10, "amount2": 1, "price2": 10, "vatrateID2": 2, "amount3": 2, "price3": 1}
    assert await totals(shop, **rows, vatrateID3=3, vatrateID1=0) == (22.0, 2.9, 0.0, 24.9)
    record = await shop.record("getSalesDocuments", id=1)
    assert record["netTotalsByTaxRate"] == [
        {"vatrateID": rate, "total": net} for rate, net in ((1, 10), (2, 10), (3, 2))
    ]
    assert record["vatTotalsByTaxRate"] == [
        {"vatrateID": rate, "total": vat} for rate, vat in ((1, 2), (2, 0.9), (3, 0))
    ]
    assert [row["vatrateID"] for row in record["rows"]] == ["1", "2", "3"]


async def test_the_default_vat_rate_is_a_setting(shop: Shop) -> None:
    """Rows that name no rate have the account's default one, or none at all."""
    await shop.record("saveVatRate", rate="9")
    await shop.set(default_vat_rate="2")
    assert await totals(shop, amount1=1, price1=100) == (100.0, 9.0, 0.0, 109.0)
    await shop.set(default_vat_rate="0")
    assert await totals(shop, amount1=1, price1=100) == (100.0, 0.0, 0.0, 100.0)


async def test_a_saved_document_keeps_its_rate(shop: Shop) -> None:
    """Totals are those of the day: what happens to a rate afterwards changes no document."""
    await shop.record("saveSalesDocument", amount1=1, price1=100)
    await shop.record("saveVatRate", vatRateID=1, active=0, rate=50)
    assert (await shop.record("getSalesDocuments", id=1))["total"] == 120.0


async def test_price_decimals(shop: Shop) -> None:
    """Unit prices after their discount are rounded to the account's `price_decimals`."""
    row = {"amount1": 1_000, "price1": "0.12345", "discount1": 0}
    assert (await totals(shop, **row))[0] == 123.5
    await shop.set(price_decimals="2")
    assert (await totals(shop, **row))[0] == 120.0
    await shop.set(price_decimals="10")
    assert (await totals(shop, **row))[0] == 123.45


@pytest.mark.parametrize(("country", "net"), [("EE", 24.97), ("US", 24.98), ("CA", 24.98)])
async def test_receipts_outside_and_inside_the_us(shop: Shop, country: str, net: float) -> None:
    """Receipts are computed from prices with tax, but not in the US and Canada."""
    await shop.set(country=country)
    assert (await totals(shop, type="CASHINVOICE", amount1=3, price1="8.325"))[0] == net


async def test_credit_invoices_of_receipts(shop: Shop) -> None:
    """A credit invoice with `isCashInvoice` is computed like the receipt it takes back, to the cent."""
    row = {"price1": "8.325"}
    sold = await totals(shop, type="CASHINVOICE", amount1=3, **row)
    credited = await totals(shop, type="CREDITINVOICE", isCashInvoice=1, amount1=-3, **row)
    assert [-value for value in credited] == list(sold)
    assert (await totals(shop, type="CREDITINVOICE", isCashInvoice=0, amount1=-3, **row))[0] == -24.98


async def test_packages(shop: Shop) -> None:
    """A row may give packages in place of an amount."""
    saved = await shop.record("saveSalesDocument", packageID1=3, amountOfPackages1=6, price1=2)
    assert (saved["net"], saved["rows"][0]["amount"]) == (12.0, "6")
    assert await shop.error("saveSalesDocument", amountOfPackages1=6, price1=2) == (1010, "amount1")
    assert await shop.error("saveSalesDocument", packageID1=6, price1=2) == (1010, "amount1")


async def test_the_record_is_the_document(shop: Shop) -> None:
    """The answer to a save and the listing say the same totals and rows."""
    rows = {"productID1": 38, "amount1": 2, "price1": "10.5", "serviceID2": 12, "amount2": "-1.5", "price2": 3}
    saved = await shop.record("saveSalesDocument", **rows)
    record = await shop.record("getSalesDocuments", id=saved["invoiceID"])
    listed = (record["netTotal"], record["vatTotal"], record["rounding"], record["total"])
    assert listed == (saved["net"], saved["vat"], saved["rounding"], saved["total"])
    for row, answered in zip(record["rows"], saved["rows"], strict=True):
        for name in ("rowID", "stableRowID", "productID", "serviceID", "amount"):
            assert str(row[name]) == str(answered[name])
    assert sum(Decimal(str(row["rowNetTotal"])) for row in record["rows"]) == Decimal(str(saved["net"]))
    assert sum(Decimal(str(row["rowVAT"])) for row in record["rows"]) == Decimal(str(saved["vat"]))
    assert [row["finalNetPrice"] for row in record["rows"]] == [10.5, 3.0]


amounts = st.one_of(
    st.integers(1, 50).map(Decimal),
    st.decimals(min_value="0.001", max_value=100, places=3),
    st.integers(-20, -1).map(Decimal),
)
prices = st.decimals(min_value=0, max_value=500, places=4)
rows = st.lists(st.tuples(amounts, prices, st.sampled_from([0, 5, 10, 33, "12.5", 100])), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=rows,
    kind=st.sampled_from(["CASHINVOICE", "INVWAYBILL", "ORDER", "CREDITINVOICE"]),
    step=st.sampled_from(["-1", "0", "10", "100"]),
    rate=st.sampled_from(["20", "9", "0", "5.5"]),
)
async def test_totals_add_up(shop: Shop, rows: list[tuple[Any, Any, Any]], kind: str, step: str, rate: str) -> None:
    """Always net + tax + rounding = total to the cent, rows add up to the document, and rounding is below its step."""
    await shop.set(invoice_rounding=step)
    params: dict[str, Any] = {"type": kind}
    rate_id = (await shop.record("saveVatRate", rate=rate))["vatRateID"]
    for number, (amount, price, discount) in enumerate(rows, start=1):
        params |= {f"amount{number}": str(amount), f"price{number}": str(price), f"discount{number}": discount}
        params[f"vatrateID{number}"] = rate_id
    saved = await shop.record("saveSalesDocument", **params)
    net, vat, rounding, total = (Decimal(str(saved[name])) for name in ("net", "vat", "rounding", "total"))
    assert net + vat + rounding == total
    record = await shop.record("getSalesDocuments", id=saved["invoiceID"])
    assert sum(Decimal(str(row["rowNetTotal"])) for row in record["rows"]) == net
    assert sum(Decimal(str(row["rowVAT"])) for row in record["rows"]) == vat
    smallest = {"-1": Decimal(0), "0": Decimal("0.05"), "10": Decimal("0.1"), "100": Decimal(1)}[step]
    assert abs(rounding) <= smallest / 2
    assert not smallest or total % smallest == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shelf=st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 30)), min_size=1, max_size=8),
    rate=st.sampled_from(["20", "22", "9", "5", "0", "7.5"]),
)
async def test_receipts_match_shelf_prices(shop: Shop, shelf: list[tuple[int, int]], rate: str) -> None:
    """A receipt's total is what a customer adds up from the shelf labels, whatever the net prices had to be."""
    rate_id = (await shop.record("saveVatRate", rate=rate))["vatRateID"]
    params: dict[str, Any] = {"type": "CASHINVOICE"}
    for number, (label, amount) in enumerate(shelf, start=1):
        net = Decimal(label) / (100 + Decimal(rate))
        params |= {f"price{number}": f"{net:.6f}", f"amount{number}": amount, f"vatrateID{number}": rate_id}
    saved = await shop.record("saveSalesDocument", **params)
    assert Decimal(str(saved["total"])) == Decimal(sum(label * amount for label, amount in shelf)) / 100


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=amounts, price=prices, discount=st.sampled_from([0, 10, 33]))
async def test_invoices_follow_the_formula(shop: Shop, amount: Decimal, price: Decimal, discount: int) -> None:
    """An invoice row is round(round(price less discount, 4) x amount, 2), its tax 20 % of that, half away from zero."""
    net, vat, *_ = await totals(shop, amount1=str(amount), price1=str(price), discount1=discount)
    unit = (price * (100 - discount) / 100).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    line = cents(unit * amount)
    assert (Decimal(str(net)), Decimal(str(vat))) == (line, cents(line * 20 / 100))


async def test_the_largest_document(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Totals stay exact up to ten thousand thousand million; beyond that the row or document is 1016."""
    async with open_shop(place(tmp_path_factory.mktemp("data")), default_vat_rate="0") as shop:
        assert await totals(shop, amount1=1, price1="9999999999.99") == (9_999_999_999.99, 0.0, 0.0, 9_999_999_999.99)
        assert await shop.error("saveSalesDocument", amount1=100_000, price1="999999999") == (1016, "price1")
        many = {f"amount{n}": 10_000 for n in range(1, 12)} | {f"price{n}": "99999999.99" for n in range(1, 12)}
        assert (await shop.call("saveSalesDocument", **many))["status"]["errorCode"] in {0, 1016}
        assert await shop.check() == []


async def test_what_the_product_says(shop: Shop) -> None:
    """A row without price or tax rate takes its product's; what is sent wins, and an unknown product costs nothing."""
    rate = await shop.record("saveVatRate", name="9%", rate=9)
    product = await shop.record("saveProduct", name="Tea", netPrice="10.00", vatrateID=rate["vatRateID"])
    rows = {f"productID{row}": product["productID"] for row in (1, 2, 3)} | {"productID4": 99}
    sent = {"price2": "8.00", "vatrateID3": 1, **{f"amount{row}": 2 for row in (1, 2, 3, 4)}}
    await shop.record("saveSalesDocument", type="INVWAYBILL", **rows, **sent)
    document = await shop.record("getSalesDocuments", id=1)
    shown = [(row["price"], row["vatrateID"], row["rowNetTotal"], row["rowVAT"]) for row in document["rows"]]
    taxed = str(rate["vatRateID"])
    assert shown == [("10", taxed, 20.0, 1.8), ("8", taxed, 16.0, 1.44), ("10", "1", 20.0, 4.0), ("0", "1", 0.0, 0.0)]
