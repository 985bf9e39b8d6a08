"""getConfParameters: one flat record of settings."""

import pytest

from support.shop import Shop

DEFAULTS = {
    "reward_points_per_currency_unit": "1",
    "reward_points_duration": "0",
    "reward_points_decimals": "0",
    "reward_points_is_double": "0",
    "print_customer_reward_points_on_receipt": "0",
    "invoice_rounding": "-1",
    "price_decimals": "4",
    "invoice_algorithm_version": 2,
    "locale_uses_price_with_tax": 1,
    "invoice_waybills_show_price_with_tax": "0",
    "invoice_client_is_payer": "1",
    "default_client_idDat": "0",
    "default_currency": "EUR",
    "country": "EE",
    "timezone": "Europe/Tallinn",
    "customer_code_unique": "0",
}


async def test_one_record_of_strings(shop: Shop) -> None:
    """Exactly one flat record; all values are strings but the two that the Go client decodes as integers."""
    answer = await shop.call("getConfParameters")
    (record,) = answer["records"]
    assert answer["status"]["recordsTotal"] == 1
    assert {name: record[name] for name in DEFAULTS} == DEFAULTS
    integers = {name for name, value in record.items() if type(value) is not str}
    assert integers == {"invoice_algorithm_version", "locale_uses_price_with_tax"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reward_points_per_currency_unit", "0.5"),
        ("reward_points_duration", "12"),
        ("invoice_rounding", "0"),
        ("default_currency", "USD"),
        ("timezone", "America/New_York"),
        ("print_customer_reward_points_on_receipt", "1"),
        ("issued_coupons_duration", "30"),
        ("customer_code_unique", "1"),
        ("invoice_client_is_payer", "0"),
    ],
)
async def test_settings_show_at_once(shop: Shop, name: str, value: str) -> None:
    """A setting that is changed while the server runs shows in the next answer."""
    await shop.record("getConfParameters")
    await shop.set(**{name: value})
    assert (await shop.record("getConfParameters"))[name] == value


@pytest.mark.parametrize(("country", "with_tax"), [("EE", 1), ("US", 0), ("CA", 0), ("DE", 1)])
async def test_prices_with_tax(shop: Shop, country: str, with_tax: int) -> None:
    """`locale_uses_price_with_tax` is 1 everywhere but in the US and Canada."""
    await shop.set(country=country)
    assert (await shop.record("getConfParameters"))["locale_uses_price_with_tax"] == with_tax


async def test_the_servers_own_settings_are_not_shown(shop: Shop) -> None:
    """Settings that Erply does not know stay inside."""
    await shop.set(failed_invoice="refuse", negative_balance="allow", error_records="empty", name="Shop")
    assert (
        not {"failed_invoice", "negative_balance", "error_records", "name"}
        & (await shop.record("getConfParameters")).keys()
    )
