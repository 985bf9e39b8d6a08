"""The settings of an account: defaults, what each may be, and what it may not."""

from dataclasses import fields
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from erply_points.accounts.settings import AccountSettings, InvalidSetting, described, parse

CASES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "name": ("", {"": "", "Õllepood 🎁": "Õllepood 🎁", "x" * 255: "x" * 255}, ["x" * 256, "a\x00b"]),
    "country": ("EE", {"US": "US", "CA": "CA"}, ["", "us", "Estonia", "E\n"]),
    "timezone": (
        ZoneInfo("Europe/Tallinn"),
        {"UTC": ZoneInfo("UTC"), "Asia/Kolkata": ZoneInfo("Asia/Kolkata")},
        ["", "Tallinn", "../../etc/passwd", "/etc/localtime", "Europe", "a\x00", "Europe/Tallinn\n"],
    ),
    "default_currency": ("EUR", {"USD": "USD"}, ["", "eur", "EURO", "EU", "€"]),
    "default_client_idDat": (0, {"1": 1, "9007199254740991": 2**53 - 1}, ["", "-1", "x", "1.5", "9007199254740992"]),
    "default_vat_rate": (1, {"0": 0, "7": 7}, ["", "-1", "x"]),
    "price_decimals": (4, {"0": 0, "2": 2, "10": 10}, ["", "-1", "11", "2.5", "two"]),
    "invoice_rounding": (-1, {"-1": -1, "0": 0, "10": 10, "100": 100}, ["", "1", "5", "50", "101", "-2", "0.05"]),
    "reward_points_per_currency_unit": (
        Decimal(1),
        {"0": Decimal(0), "0.5": Decimal("0.5"), "999999.999999": Decimal("999999.999999")},
        ["", "-1", "1,5", "x", "1e5", "NaN", "1.0000001", "1000000", ".5", "5."],
    ),
    "reward_points_duration": (0, {"0": 0, "12": 12, "1200": 1200}, ["-1", "1201", "x", "1.5"]),
    "reward_points_is_double": (False, {"0": False, "1": True}, ["", "true", "2", "yes"]),
    "pending_hours": (0, {"0": 0, "24": 24}, ["", "-1", "25", "1.5"]),
    "daily_adjustment_cap": (0, {"0": 0, "500": 500}, ["", "-1", "1.5", "x"]),
    "point_value": (Decimal("0.01"), {"0": Decimal(0), "0.05": Decimal("0.05")}, ["", "-1", "x"]),
    "negative_balance": ("refuse", {"refuse": "refuse", "allow": "allow"}, ["", "Allow", "yes", "1"]),
    "failed_invoice": ("execute", {"execute": "execute", "refuse": "refuse"}, ["", "1157", "EXECUTE"]),
    "return_redeemed_points": (False, {"0": False, "1": True}, ["", "true", "2", "yes"]),
    "returned_points_grace_days": (0, {"0": 0, "30": 30, "3650": 3650}, ["", "-1", "3651", "x"]),
    "returns_below_zero": ("allow", {"allow": "allow", "floor": "floor"}, ["", "Floor", "refuse"]),
    "strict_products": (False, {"0": False, "1": True}, ["", "true", "2", "yes"]),
    "retry": ("replay", {"replay": "replay", "erply": "erply"}, ["", "Replay", "1206"]),
    "retry_hours": (24, {"1": 1, "24": 24, "8760": 8760}, ["", "0", "8761", "-1", "1.5", "x"]),
    "unique_request_ids": (False, {"0": False, "1": True}, ["", "true", "2", "yes"]),
    "requests_per_hour": (0, {"0": 0, "6000": 6_000}, ["", "-1", "1.5", "x", "1000000001"]),
    "error_records": ("null", {"null": "null", "empty": "empty"}, ["", "[]", "none"]),
}


def test_every_setting_is_tried_here() -> None:
    """No setting is added without a case of its own."""
    assert {each.name for each in fields(AccountSettings)} == set(CASES)
    assert [name for name, *_ in described()] == [each.name for each in fields(AccountSettings)]
    assert all(sentence.endswith(".") for *_, sentence in described())


@pytest.mark.parametrize("name", CASES)
def test_defaults(name: str) -> None:
    """An account that sets nothing has the default, which is also the one that is described."""
    default = CASES[name][0]
    assert getattr(parse({}), name) == default
    text = {each: stated for each, stated, _ in described()}[name]
    assert getattr(parse({name: text}), name) == default


@pytest.mark.parametrize("name", CASES)
def test_valid_values(name: str) -> None:
    """A valid value is taken, with its type."""
    for text, value in CASES[name][1].items():
        parsed = getattr(parse({name: text}), name)
        assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (*_, wrong) in CASES.items() for text in wrong])
def test_invalid_values(name: str, text: str) -> None:
    """A value that cannot be is refused with the setting's name."""
    with pytest.raises(InvalidSetting, match=f"^{name} must be "):
        parse({name: text})


def test_unknown_settings() -> None:
    """A setting that does not exist is refused by name."""
    for name in ("unicorns", "", "Name", "reward_points"):
        with pytest.raises(InvalidSetting, match=f"there is no setting {name}"):
            parse({name: "1"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("numberformat", "x" * 256),
        ("numberformat", "a\x00"),
        ("invoice_algorithm_version", "two"),
        ("invoice_algorithm_version", "9"),
        ("locale_uses_price_with_tax", "2"),
    ],
)
def test_settings_that_are_only_passed_on(name: str, text: str) -> None:
    """What getConfParameters only passes on must fit its record, or it is refused like any other setting."""
    parse({"numberformat": "1 234,5", "issued_coupons_duration": "30", "invoice_algorithm_version": "3"})
    with pytest.raises(InvalidSetting, match=name):
        parse({name: text})


@pytest.mark.parametrize(("country", "with_tax"), [("EE", True), ("US", False), ("CA", False)])
def test_prices_with_tax(country: str, *, with_tax: bool) -> None:
    """In the US and Canada receipts are computed from prices without tax."""
    assert parse({"country": country}).prices_with_tax is with_tax
