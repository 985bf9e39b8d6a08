"""The settings of one account: name, default and a sentence each.

Those that Erply knows carry Erply's names and appear in getConfParameters. A value is stored as the text it was given.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cache
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from erply_points import schemas

PIN_SECRET: Final = "_pin_secret"  # noqa: S105 - the name of the setting, not the secret
"""Kept with the settings, but nobody's to set or to see."""


class InvalidSetting(Exception):
    """A setting that does not exist, or a value it cannot take. Says which and why."""


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}")
        return text

    return parse


def _flag(text: str) -> bool:
    return _choice("0", "1")(text) == "1"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,16}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise ValueError("must be a number of zero or more, such as 1 or 0.5")
    return Decimal(text)


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone, such as Europe/Tallinn") from None


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("must be three capital letters, such as EUR")
    return text


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError("must be two capital letters, such as EE")
    return text


def _rounding(text: str) -> int:
    return int(_choice("-1", "0", "10", "100")(text))


def _text(text: str) -> str:
    if len(text) > 255 or "\x00" in text:
        raise ValueError("must be at most 255 characters")
    return text


def _setting(default: str, sentence: str, parse: Callable[[str], Any]) -> Any:
    return field(default=parse(default), metadata={"default": default, "sentence": sentence, "parse": parse})


@dataclass(frozen=True, slots=True)
class AccountSettings:
    name: str = _setting("", "What the account is called.", _text)
    country: str = _setting("EE", "Two letters; in US and CA receipts are computed from prices without tax.", _country)
    timezone: ZoneInfo = _setting("Europe/Tallinn", "Where the shop's dates, times and expiries are read.", _zone)
    default_currency: str = _setting("EUR", "The currency of documents that name none or an unknown one.", _currency)
    default_client_idDat: int = _setting(  # noqa: N815 - Erply's own spelling
        "0", "The customer of sales without one; such sales earn nothing.", _whole(0, 2**53 - 1)
    )
    default_vat_rate: int = _setting("1", "The VAT rate of rows that name none.", _whole(0, 2**53 - 1))
    price_decimals: int = _setting("4", "Decimals of a net unit price after its discount.", _whole(0, 10))
    invoice_rounding: int = _setting(
        "-1", "What totals are rounded to: -1 nothing, 0 five cents, 10 ten cents, 100 whole units.", _rounding
    )
    reward_points_per_currency_unit: Decimal = _setting("1", "Points earned for each unit of net amount.", _decimal)
    reward_points_duration: int = _setting("0", "Months until earned points expire; 0: never.", _whole(0, 1200))
    reward_points_is_double: bool = _setting(
        "0",
        "1: Erply's calls show points with their decimals, where there are any; 0: rounded down to whole ones.",
        _flag,
    )
    pending_hours: int = _setting(
        "0", "Hours after which pending points become active by themselves; 0: only by a call.", _whole(0, 24)
    )
    daily_adjustment_cap: int = _setting(
        "0", "Points that fabric may adjust of one member in a day, both ways added up; 0: any.", _whole(0, 10**9)
    )
    point_value: Decimal = _setting("0.01", "What fabric shows a point to be worth, in units of currency.", _decimal)
    negative_balance: str = _setting(
        "refuse", "A redemption above the balance: refuse (1042) or allow.", _choice("refuse", "allow")
    )
    failed_invoice: str = _setting(
        "execute",
        "What refers to CURRENT_INVOICE_ID after a failed invoice: execute without a reference, or refuse (1157).",
        _choice("execute", "refuse"),
    )
    return_redeemed_points: bool = _setting(
        "0", "1: a return also gives back the points that were redeemed on the sale, in proportion.", _flag
    )
    returned_points_grace_days: int = _setting(
        "0", "Days that redeemed points live on which were given back after their expiry; 0: none.", _whole(0, 3650)
    )
    returns_below_zero: str = _setting(
        "allow",
        "Points of a returned sale that are spent: allow them to be owed, or floor: forgive what is not there.",
        _choice("allow", "floor"),
    )
    strict_products: bool = _setting("0", "1: product, register, employee and campaign IDs must be known.", _flag)
    retry: str = _setting(
        "replay",
        "A document's temporaryUUID sent again: replay its bulk's first answer, or erply: 1206 and 1158.",
        _choice("replay", "erply"),
    )
    retry_hours: int = _setting(
        "24", "Hours for which a key is known and its first answer given again.", _whole(1, 8760)
    )
    unique_request_ids: bool = _setting(
        "0", "1: no requestID is used twice, so a sub-request that comes again is given its first answer.", _flag
    )
    requests_per_hour: int = _setting(
        "0",
        "Requests in a clock hour, of users and API clients together, then 1002; a call in a bulk is a tenth; 0: any.",
        _whole(0, 10**9),
    )
    error_records: str = _setting(
        "null", "The records of a failed call: null as documented, or empty, a list.", _choice("null", "empty")
    )

    @property
    def prices_with_tax(self) -> bool:
        """Receipts are computed from shelf prices, which include tax."""
        return self.country not in {"US", "CA"}


_BY_NAME: Final = {each.name: each for each in fields(AccountSettings)}


@cache
def passed_on() -> frozenset[str]:
    """The parameters of getConfParameters that the server only stores for the clients."""
    properties = schemas.call_answer("getConfParameters")["items"]["properties"]
    return frozenset(properties) - frozenset(_BY_NAME) - {"locale_uses_price_with_tax"}


def _check_passed_on(name: str, text: str) -> None:
    """Raise InvalidSetting for a value that getConfParameters could not show."""
    schema = schemas.call_answer("getConfParameters")
    described = schemas.resolved(schema["items"]["properties"][name], schema["$id"])
    try:
        value: str | int = _whole(-(2**31), 2**31)(text) if described["type"] == "integer" else _text(text)
        if "enum" in described:
            _choice(*map(str, described["enum"]))(str(value))
    except ValueError as error:
        raise InvalidSetting(f"{name} {error}") from None


def described() -> list[tuple[str, str, str]]:
    """Name, default and sentence of every setting that the server acts on."""
    return [(name, each.metadata["default"], each.metadata["sentence"]) for name, each in _BY_NAME.items()]


def parse(stored: Mapping[str, str]) -> AccountSettings:
    """Raises InvalidSetting."""
    values = {}
    for name, text in stored.items():
        if name in _BY_NAME:
            try:
                values[name] = cast("Callable[[str], Any]", _BY_NAME[name].metadata["parse"])(text)
            except ValueError as error:
                raise InvalidSetting(f"{name} {error}") from None
        elif name == PIN_SECRET:
            continue
        elif name in passed_on():
            _check_passed_on(name, text)
        else:
            raise InvalidSetting(f"there is no setting {name}")
    return AccountSettings(**values)
