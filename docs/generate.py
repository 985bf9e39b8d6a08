"""Write the pages of this folder that follow from the code: settings, errors and coverage.

Run `python docs/generate.py`; a test holds the pages to what this writes.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from erply_points import schemas
from erply_points.accounts.settings import described, passed_on
from erply_points.bulk.errors import CODES, MEANINGS
from erply_points.calls.registry import CALLS

FOLDER = Path(__file__).parent
_GENERATED = "<!-- Written by docs/generate.py. -->\n\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def settings() -> str:
    rows = [(f"`{name}`", f"`{default}`" if default else "", sentence) for name, default, sentence in described()]
    passed = ", ".join(f"`{name}`" for name in sorted(passed_on()))
    return (
        "# Account settings\n\n" + _GENERATED + "Set them with `erply-points account create CODE --set key=value` or "
        "`erply-points account set CODE key=value`;\na running server follows at once. Those with a name of Erply's "
        "appear in getConfParameters.\n\n"
        + _table(("setting", "default", "meaning"), rows)
        + f"\nAlso accepted, stored and shown to clients in getConfParameters: {passed}.\n"
    )


def errors() -> str:
    meanings = [(code, meaning) for code, meaning in MEANINGS.items()]
    meanings += [(code, (kind.__doc__ or "").split("\n")[0]) for kind, code in CODES.items()]
    return (
        "# Error codes\n\n" + _GENERATED + "An error status carries `errorCode`, `errorField` (the parameter at fault, "
        "or null) and\n`errorMessage` (one plain sentence). Codes are Erply's. HTTP is 200 for all of them, but 413 "
        "for a body over\nthe limit and 408 for one that is too slow.\n\n"
        + _table(("code", "meaning"), sorted(meanings))
    )


def _fields(call: str) -> Iterable[tuple[str, str, str]]:
    schema = schemas.call_request(call)
    base = schema["$id"]
    required = schema.get("required", ())
    named = {**schema.get("properties", {}), **schema.get("patternProperties", {})}
    for name, property_schema in named.items():
        described_field = schemas.resolved(property_schema, base)
        shown = re.sub(r"\[[^]]*\]\{[^}]*\}", "#", name.strip("^$"))
        use = described_field["x-use"] + (", required" if name in required else "")
        yield f"`{shown}`", use, described_field["description"]


def coverage() -> str:
    pages = [
        "# Coverage\n\n"
        + _GENERATED
        + "Each call that the server answers and each of its parameters: *used*, *stored* "
        "and given back, or *ignored*.\nParameters that are not listed are ignored; calls that are not listed answer "
        f"1005. {len(CALLS)} calls.\n"
    ]
    for name in sorted(CALLS):
        fields = list(_fields(name))
        table = _table(("parameter", "", "meaning"), fields) if fields else "No parameters of its own.\n"
        pages.append(f"\n## {name}\n\n{schemas.call_request(name)['description']}\n\n{table}")
    return "".join(pages)


PAGES = {"settings.md": settings, "errors.md": errors, "coverage.md": coverage}

if __name__ == "__main__":
    for file_name, page in PAGES.items():
        (FOLDER / file_name).write_text(page(), "utf-8")
