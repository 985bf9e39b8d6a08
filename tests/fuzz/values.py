"""Values for parameters: what would do, by the schema of the parameter, and what nobody should send."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, Final

from erply_points import schemas

ODD_TEXT: Final = (
    *("", " ", "0", "-1", "1.5", "1,5", "1e5", "1e400", "0x10", "NaN", "Infinity", "-0", "+1", "٣", "1_000", "true"),
    *("null", "undefined", "[]", "{}", "[[[[[[", '"', "'", "\\", "%", "%00", "%s%s%n", "\x00", "a\x00b", "\x1b[31m"),
    *("\r\nSet-Cookie: a=b", "\ufeff", "\u202e\u0627", "\U0001f600" * 10, "e\u0301" * 20, "\ud7ff\ue000", "ﬀİß"),
    *("' OR 1=1 --", "1; DROP TABLE lots", "') UNION SELECT password_hash FROM users --", "1) OR (1=1", "*", "_%_"),
    *("../../etc/passwd", "..", "/", "file:///etc/passwd", "http://127.0.0.1:1/", "${jndi:ldap://x}", "{{7*7}}"),
    *("<script>alert(1)</script>", "]]>", "&#0;", "<!ENTITY x SYSTEM 'file:///'>", "=1+1", "@{a.b}", "@{", "$ref"),
    *("CURRENT_INVOICE_ID", "current_invoice_id", "@{1.invoiceID}", "@{r0.customerID}", "@{r0.records[9999].x}"),
    *("9007199254740991", "9007199254740992", "9223372036854775807", "9223372036854775808", "18446744073709551616"),
    *("1" + "0" * 40, "0." + "0" * 40 + "1", "9" * 400, "1970-01-01", "9999-12-31", "0000-00-00", "2026-02-31"),
    *("0001-01-01", "24:00", "23:59:60", "1,2,3", "1,,2", ",", "1, 2 ,3", ",".join(["7"] * 300), "a,b;c", "asc,desc"),
)
ODD_VALUES: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        False,
        0,
        -0.0,
        -1,
        1,
        1.5,
        0.1 + 0.2,
        1e16,
        1e308,
        5e-324,
        -1e308,
        2**31,
        2**53 - 1,
        2**53,
        -(2**53),
    ),
    *(2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, 253402300799, 253402300800, 0.001, 0.0004, 1_000_000_000),
    *(
        [],
        {},
        [1],
        [[]],
        [None],
        {"": ""},
        {"a": {"b": [1, {"c": None}]}},
        {"customerID": 1},
        [1, "2", 3.0],
        ["x"] * 50,
    ),
)
LONG: Final = (256, 1_000, 65_535, 65_536, 200_000)
DEPTHS: Final = (5, 50, 199, 201, 5_000)


def odd(source: Random) -> Any:
    """Something that is most likely not what the parameter takes."""
    kind = source.random()
    if kind < 0.50:
        return source.choice(ODD_TEXT)
    if kind < 0.93:
        return source.choice(ODD_VALUES)
    if kind < 0.97:
        return "".join(chr(source.choice((source.randrange(128), source.randrange(0xD800)))) for _ in range(8))
    if kind < 0.995:
        return source.choice("x0 \u00d5") * source.choice(LONG)
    return nested(source.choice(DEPTHS[:3]), source)


def nested(depth: int, source: Random) -> Any:
    """Lists and objects in one another."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if source.random() < 0.5 else {"a": value}
    return value


Maker = Callable[[Random], Any]
"""Makes a value that would do."""


def _whole(low: int, high: int) -> Maker:
    # Numbers of records that are there, most of the time.
    return lambda source: max(low, min(high, source.choice((1, 1, 1, 2, 2, 3, 5, 0, 100, 7, high, low))))


def _decimal(source: Random) -> Any:
    return source.choice((1, 2, 5, 10, 0.5, "1.25", "3", -1, 100, "0.001", 20))


_BY_PATTERN: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("[0-9]{4}-", ("2026-01-01", "2026-03-01", "2025-12-31", "2027-01-01", "0000-00-00", "")),
    ("[01][0-9]|2", ("10:20", "23:59:59", "")),
    ("0[1-9]|1[0-2])-", ("01-31", "12-24", "")),
    ("{0,128}", ("u1", "u2", "8f14e45f-ceea", "")),
    ("[0-9]{1,16}", ("1", "1,2", "2,3,9", "")),
    ("[0-9]{1,20}", ("1111", "2222", "3")),
    ("A-Z_", ("CASHINVOICE,INVWAYBILL", "INVOICE")),
    ("A-Za-z0-9_-", ("colour", "source-uuid", "x")),
    ("{1,12}", ("1", "2.5", "-1", "0")),
)


TEXT: Final = ("Mari", "Õun", "C1", "C2", "note", "a@b.ee", "1111", "EUR", "CASH", "mari", "100001", "x y")


@cache
def _bundle(uri: str) -> schemas.Schema:
    return schemas.bundled(schemas.all_schemas()[uri])


@cache
def _maker(uri: str, name: str) -> Maker:
    """What makes good values of a parameter, found by the schema's `$id` and its name or pattern."""
    schema = _bundle(uri)
    return _of({**schema.get("properties", {}), **schema.get("patternProperties", {})}[name], uri)


def _of(described: schemas.Schema, uri: str) -> Maker:
    while "$ref" in described:
        target = _bundle(uri)["$defs"][described["$ref"].rpartition("/")[2]]
        described = {**target, **{key: value for key, value in described.items() if key != "$ref"}}
    if "anyOf" in described or "oneOf" in described:
        either = [_of(each, uri) for each in described.get("anyOf") or described["oneOf"]]
        return lambda source: source.choice(either)(source)
    if "const" in described or "enum" in described:
        allowed = described.get("enum") or [described["const"]]
        return lambda source: source.choice(allowed)
    types = described.get("type", "string")  # "in" finds it in a list of types as in a single one.
    if "integer" in types:
        return _whole(int(described.get("minimum", 0)), int(described.get("maximum", 10**9)))
    if "number" in types:
        return _decimal
    examples: Sequence[Any] = described.get("examples") or [None]
    if "string" in types:
        pattern = described.get("pattern", "")
        examples = next((values for part, values in _BY_PATTERN if part in pattern), TEXT)
    return lambda source: source.choice(examples)


@cache
def _named(uri: str) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """The parameters of a schema, the patterns of its numbered ones, and which are required."""
    schema = schemas.all_schemas()[uri]
    return (
        tuple(schema.get("properties", {})),
        tuple(schema.get("patternProperties", {})),
        frozenset(schema.get("required", ())),
    )


def params(uri: str, source: Random, oddness: float) -> dict[str, Any]:
    """Parameters for a request schema; `oddness` is the chance of each value to be odd."""
    plain, patterns, required = _named(uri)
    found: dict[str, Any] = {}
    names = [name for name in plain if name in required and source.random() < 0.97]
    names += source.sample(plain, min(len(plain), source.choice((0, 1, 1, 2, 3, 6))))
    for name in names:
        found[name] = odd(source) if source.random() < oddness else _maker(uri, name)(source)
    if patterns:
        for number in range(source.choice((0, 1, 1, 2, 3))):
            shown = source.choice((str(number), str(number + 1), "0", "007", "999999", "1000000"))
            for pattern in source.sample(patterns, min(len(patterns), source.choice((1, 2, 4)))):
                value = odd(source) if source.random() < oddness else _maker(uri, pattern)(source)
                found[re.sub(r"\[0-9\]\{1,6\}", shown, pattern.strip("^$"))] = value
    if source.random() < 0.05:
        found[str(odd(source))[:300]] = odd(source)
    return found
