"""Write the pages of this folder that follow from the code: settings, errors, coverage, cases of the contract kit.

Run `python docs/generate.py`; a test holds the pages to what this writes. `python docs/generate.py release` keeps the
schemas as those of this version, for later ones to be compared with (schemas.md).
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from erply_points import __version__, schemas
from erply_points.accounts.settings import described, passed_on
from erply_points.bulk.errors import CODES, MEANINGS
from erply_points.calls.registry import CALLS
from erply_points.contract import cases
from erply_points.dialects import capillary, fabric
from erply_points.settings import limits

FOLDER = Path(__file__).parent
RELEASED = FOLDER.parent / "tests" / "schemas" / "released"
_GENERATED = "<!-- Written by docs/generate.py. -->\n\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def settings() -> str:
    rows = [(f"`{name}`", f"`{default}`" if default else "", sentence) for name, default, sentence in described()]
    options = [
        (f"`--{name.replace('_', '-')}`", f"`{value:g}`" if value < 1e5 else f"`{value}`", what)
        for name, value, what in limits()
    ]
    passed = ", ".join(f"`{name}`" for name in sorted(passed_on()))
    return (
        "# Account settings\n\n" + _GENERATED + "Set them with `erply-points account create CODE --set key=value` or "
        "`erply-points account set CODE key=value`;\na running server follows at once. Those with a name of Erply's "
        "appear in getConfParameters.\n\n"
        + _table(("setting", "default", "meaning"), rows)
        + f"\nAlso accepted, stored and shown to clients in getConfParameters: {passed}.\n"
        + "\n## Limits of the server\n\nOptions of `erply-points serve`. What they protect from, and figures: "
        "[reliability.md](reliability.md).\n\n" + _table(("option", "default", "meaning"), options)
    )


def errors() -> str:
    meanings = [(code, meaning) for code, meaning in MEANINGS.items()]
    meanings += [(code, (kind.__doc__ or "").split("\n")[0]) for kind, code in CODES.items()]
    return (
        "# Error codes\n\n" + _GENERATED + "An error status carries `errorCode`, `errorField` (the parameter at fault, "
        "or null) and\n`errorMessage` (one plain sentence). Codes are Erply's. HTTP is 200 for all of them, but 413 "
        "for a body over\nthe limit, 408 for one that is too slow, 415 for one that is compressed, and 503 with "
        "Retry-After where the server\nis busy.\n\n"
        + _table(("code", "meaning"), sorted(meanings))
        + "\n## Capillary's calls\n\nIn the order of the checks, but for 400, which comes after 8015. HTTP is "
        "400 for all codes above 1000.\n\n"
        + _table(
            ("code", "message", "when"),
            ((code, f"`{message}`", when) for code, (message, when) in capillary.ERRORS.items()),
        )
        + "\n## fabric's calls\n\n"
        + _table(
            ("HTTP", "message", "when"), ((status, message, when) for status, (message, when) in fabric.ERRORS.items())
        )
    )


_USES: Final = {"used": "used", "stored": "stored", "ignored": "ignored", "unsupported": "not supported"}
"""`x-use` of a parameter, and how the page says it."""

_NOT_SERVED: Final = {
    "calculateShoppingCart": "Evaluates promotions. The till does that here, and subtracts the points they cost.",
    "getRedeemedCoupons": "Log of used coupons. getIssuedCoupons with status REDEEMED lists them.",
    "getSalesDocumentActualReportsHTML": "Printout of a document. Nothing is printed here.",
    "getSuppliers": "Suppliers. They are not kept.",
    "getUserOperationsLog": "Log of what users did. It is not kept.",
}
"""Calls of Erply's that clients of the others may meet, and what there is instead."""


def _parameters(schema: schemas.Schema) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, found in {**schema.get("properties", {}), **schema.get("patternProperties", {})}.items():
        field = schemas.resolved(found, schema["$id"])
        shown = re.sub(r"\[[^]]*\]\{[^}]*\}", "#", name.strip("^$"))
        use = _USES[field["x-use"]] + (", required" if name in required else "")
        yield f"`{shown}`", use, field["description"]


def _answered(record: schemas.Schema, base: str, above: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Name, JSON type, when it comes and meaning of every field of a record, those of the records in it after it."""
    for name, found in record.get("properties", {}).items():
        field = schemas.resolved(found, base)
        types = field["type"] if isinstance(field["type"], list) else [field["type"]]
        comes = "always" if name in record.get("required", ()) else "sometimes"
        if field.get("x-use") == "unsupported":
            value = f"always `{json.dumps(field['default'])}`" if comes == "always" else "never"
            comes = f"{_USES['unsupported']}: {value}"
        yield f"`{above}{name}`", " or ".join(types), comes, field["description"]
        if "items" in field:
            yield from _answered(schemas.resolved(field["items"], base), base, f"{above}{name}[].")
        else:
            yield from _answered(field, base, f"{above}{name}.")


def _fields(call: str) -> list[tuple[str, str, str, str]]:
    schema = schemas.call_answer(call)
    return list(_answered(schemas.resolved(schema.get("items", {}), schema["$id"]), schema["$id"]))


def _answer(call: str, seen: dict[str, str]) -> str:
    """The fields of a call's records; a word about it if there are none, or if an earlier call has the same."""
    fields = _fields(call)
    if not fields:
        return "Answers with no records.\n"
    earlier = seen.setdefault(repr(fields), call)
    if earlier != call:
        return f"Answers with the fields of [{earlier}](#{earlier.lower()}).\n"
    return _table(("answered field", "type", "", "meaning"), fields)


def _summary(names: Iterable[str]) -> str:
    rows = []
    for name in names:
        counted = Counter(use.partition(",")[0] for _, use, _ in _parameters(schemas.call_request(name)))
        answered = Counter(comes.startswith(_USES["unsupported"]) for _, _, comes, _ in _fields(name))
        shown = f"{answered.total()}, {answered[True]} not supported" if answered[True] else answered.total() or ""
        rows.append((f"[{name}](#{name.lower()})", *(counted[use] or "" for use in _USES.values()), shown))
    return _table(("call", *_USES.values(), "answered fields"), rows)


def coverage() -> str:
    assert not _NOT_SERVED.keys() & CALLS.keys()
    names = sorted(CALLS)
    single, bulk = (schemas.by_name()[envelope]["request"] for envelope in ("call", "bulk"))
    only_bulk = [row for row in _parameters(bulk) if row[0].strip("`") not in single["properties"]]
    sub_request = {**bulk["$defs"]["subRequest"], "$id": bulk["$id"]}
    pages = [
        "# Coverage\n\n"
        + _GENERATED
        + f"The {len(CALLS)} calls that the server answers, all their parameters and all fields of their answers.\n\n"
        + _table(
            ("a parameter is", ""),
            [
                ("used", "the server acts on it"),
                ("stored", "it is kept and given back by the call that lists the records"),
                ("ignored", "it makes no difference: what it asks for is so anyway, or means nothing here"),
                ("not supported", "it is accepted, but what it asks for is not there"),
            ],
        )
        + "\nParameters that are not listed are ignored. A field of an answer comes *always* or *sometimes*; one that\n"
        "is *not supported* stands there for clients that need it, and says nothing. `#` stands for a number, or for\n"
        "the three letters of a language.\n\n"
        + _summary(names)
        + "\n## Calls that are not served\n\nThese and all others that are not listed here answer 1005.\n\n"
        + _table(("call", "what it is, and what there is instead"), _NOT_SERVED.items())
        + "\n## Parameters of every request\n\nOf a single call, beside its own:\n\n"
        + _table(("parameter", "", "meaning"), _parameters(single))
        + "\nOf a bulk, the same but for `request`, and:\n\n"
        + _table(("parameter", "", "meaning"), only_bulk)
        + "\nOf a sub-request in a bulk, beside those of its call:\n\n"
        + _table(("parameter", "", "meaning"), _parameters(sub_request))
    ]
    seen: dict[str, str] = {}
    for name in names:
        fields = list(_parameters(schemas.call_request(name)))
        table = _table(("parameter", "", "meaning"), fields) if fields else "No parameters of its own.\n"
        described = schemas.call_request(name)["description"]
        pages.append(f"\n## {name}\n\n{described}\n\n{table}\n{_answer(name, seen)}")
    return "".join(pages)


def contract_cases() -> str:
    loaded = cases.load()
    writing = sum(case.writes for case in loaded)
    pages = [
        "# Cases of the contract kit\n\n"
        + _GENERATED
        + f"What `erply-points contract` checks ([contract.md](contract.md)): {len(loaded)} cases, {writing} of them\n"
        "with `--allow-writes`. A promise is known from Erply's documentation, observed in what real clients send and\n"
        "need, inferred, or ours: a choice where nothing is known, or beyond Erply.\n"
    ]
    for group in dict.fromkeys(case.group for case in loaded):
        rows = [
            (f"`{case.name}`", case.promises, case.basis, "writes" if case.writes else "")
            for case in loaded
            if case.group == group
        ]
        pages.append(f"\n## {group}\n\n" + _table(("case", "promise", "known", ""), rows))
    return "".join(pages)


PAGES = {
    "settings.md": settings,
    "errors.md": errors,
    "coverage.md": coverage,
    "contract-cases.md": contract_cases,
}


_UNCOMPARED: Final = {"$schema", "title", "description", "examples", "default"}


def _compact(node: Any) -> Any:
    """A schema without what comparing does not look at."""
    if isinstance(node, list):
        return [_compact(each) for each in node]
    if not isinstance(node, dict):
        return node
    named = {"properties", "patternProperties", "$defs"}
    return {
        key: {name: _compact(each) for name, each in value.items()} if key in named else _compact(value)
        for key, value in node.items()
        if key not in _UNCOMPARED
    }


def release() -> Path:
    """Keep the schemas as those of this version. Raises FileExistsError if they are kept already."""
    lines = [
        f"{json.dumps(uri)}:{json.dumps(_compact(schema), separators=(',', ':'))}"
        for uri, schema in schemas.all_schemas().items()
    ]
    path = RELEASED / f"{__version__}.json"
    with path.open("x", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    return path


if __name__ == "__main__":
    if sys.argv[1:] == ["release"]:
        release()
    for file_name, page in PAGES.items():
        (FOLDER / file_name).write_text(page(), "utf-8")
