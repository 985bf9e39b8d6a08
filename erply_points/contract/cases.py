"""The cases: TOML files, checked against their schema and then against each other.

What is wrong with a file is reported with its place, all mistakes at once. The form is `schemas/contract/case.json`.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from erply_points import schemas
from erply_points.contract.references import Scope, names_in

FOLDER: Final = Path(__file__).parent / "cases"
"""Our own cases."""

OURS: Final = "ours"
"""The basis of what erply-points chose or added, which no other server owes."""

_Entry = Mapping[str, Any]
"""A case, a given, a step or a sub-request as it stands in a file."""
_Where = list[str | int]
"""A place in a file: `["case", 3, "step", 0]`."""

_SCHEMA: Final = "/schemas/contract/case.json"
_GIVEN_ANYWAY: Final = frozenset({"unique", "account"})
_READING: Final = re.compile(r"get[A-Z]\w*|verifyUser|verifyIssuedCoupon|switchUser")
"""Calls that change nothing of an account; log-ins make a session."""
_NAME: Final = re.compile(r"[A-Za-z]+[A-Z]\w*")
"""What could be the name of a call."""


class CaseMistakes(Exception):
    """Files that cannot be used. `mistakes` are sentences, each with file and place."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer must be, beyond its shape."""

    errors: tuple[int, ...] = (0,)
    error_field: str | None = None
    records: int | None = None
    total: int | None = None
    has: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    above: Mapping[str, Any] = field(default_factory=dict)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call with its parameters, alone or in a bulk."""

    call: str
    params: Mapping[str, Any]
    name: str = ""
    request_id: Any = None
    repeat: int = 1
    expect: Expectation = field(default_factory=Expectation)


@dataclass(frozen=True, slots=True)
class Step:
    """One HTTP request: of one call, or a bulk, or neither but top-level parameters."""

    name: str
    single: Request | None
    bulk: tuple[Request, ...] | None
    top: Mapping[str, Any]
    without: tuple[str, ...]
    send: str
    slash: bool
    wait_seconds: float
    lacks: str
    """What the account lacks if the expectation is not met; "" if that is a failure."""
    expect: Expectation

    @property
    def writes(self) -> bool:
        """Whether anything that it names could change the account, whatever the server makes of it."""
        calls = [each.call for each in (*([self.single] if self.single else ()), *(self.bulk or ()))]
        by_hand = [self.top[name] for name in ("request", "requests") if name in self.top]
        return not all(_READING.fullmatch(call) for call in calls) or any(map(_could_write, by_hand))


def _could_write(requests: Any) -> bool:
    """Whether a request that is written by hand names, or could hide, a call that is not for reading."""
    text = requests if isinstance(requests, str) else json.dumps(requests)
    hidden = "${" in text or (isinstance(requests, str) and "\\" in requests)
    names = set(_NAME.findall(text)) - {"requestName", "requestID"}
    return hidden or not all(_READING.fullmatch(name) for name in names)


@dataclass(frozen=True, slots=True)
class Given:
    """Steps that cases begin with."""

    name: str
    says: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One promise and how it is checked."""

    name: str
    group: str
    promises: str
    basis: str
    given: tuple[Given, ...]
    steps: tuple[Step, ...]
    relations: tuple[Scope, ...]

    @property
    def writes(self) -> bool:
        """Whether it needs leave to change the account."""
        return any(step.writes for step in (*(each for given in self.given for each in given.steps), *self.steps))


def load(*folders: Path) -> list[Case]:
    """All cases of our own and of the folders, by file name, in the order of the files. Raises CaseMistakes."""
    mistakes: list[str] = []
    files = []
    for folder in (FOLDER, *folders):
        found = sorted(folder.glob("*.toml"))
        if not found:
            mistakes.append(f"{folder}: there are no .toml files.")
        files += [read for path in found if (read := _File.read(path, mistakes))]
    if not mistakes:
        _compare(files, mistakes)
    if mistakes:
        raise CaseMistakes(mistakes)
    entries = {entry["name"]: entry for file in files for _, entry in file.entries("given")}
    return [case for file in files for case in file.cases(entries)]


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it was read: its form is right, what it refers to is not looked at yet."""

    path: Path
    text: str
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path, mistakes: list[str]) -> "_File | None":
        try:
            text = path.read_text("utf-8")
            content = tomllib.loads(text)
        except (OSError, ValueError) as error:  # A TOML error is a ValueError and names line and column.
            mistakes.append(f"{path}: {error}")
            return None
        file = cls(path, text, content)
        validator: Any = Draft202012Validator(schemas.all_schemas()[_SCHEMA])
        wrong = [
            f"{file.place(list(each.absolute_path))}: {_sentence(each)}" for each in validator.iter_errors(content)
        ]
        mistakes += wrong
        return None if wrong else file

    def place(self, where: Sequence[str | int]) -> str:
        """`points.toml:12, case redeem, step[0].expect`: the line is where the case begins."""
        if len(where) < 2:
            return f"{self.path}, {where[0]}" if where else str(self.path)
        kind, position, *inside = where
        lines = [
            number for number, line in enumerate(self.text.splitlines(), 1) if line.replace(" ", "") == f"[[{kind}]]"
        ]
        line = f":{lines[int(position)]}" if int(position) < len(lines) else ""
        entry = self.content[str(kind)][int(position)]
        name = f" {entry['name']}" if isinstance(entry, dict) and isinstance(entry.get("name"), str) else ""
        path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in inside).removeprefix(".")
        return f"{self.path}{line}, {kind}{name}" + (f", {path}" if path else "")

    def entries(self, kind: str) -> Iterator[tuple[_Where, _Entry]]:
        for position, entry in enumerate(self.content.get(kind, ())):
            yield [kind, position], entry

    def cases(self, givens: Mapping[str, _Entry]) -> Iterator[Case]:
        for _, entry in self.entries("case"):
            yield Case(
                entry["name"],
                self.content["title"],
                entry["promises"],
                entry["basis"],
                tuple(Given(name, givens[name]["says"], _steps(givens[name])) for name in _begins_with(entry, givens)),
                _steps(entry),
                tuple(entry.get("relation", ())),
            )


def _sentence(error: Any) -> str:
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = ", ".join(sorted(set(error.instance) - set(known)))
        return f"{unknown} is not known; there are {', '.join(known)}."
    return f"{error.message}."


def _begins_with(entry: _Entry, givens: Mapping[str, _Entry]) -> list[str]:
    """The givens of a case or a given, each once and after those that it begins with itself.

    One that begins with itself is there, after those that it needs: it is the mistake that `_compare` reports.
    """
    found: dict[str, None] = {}

    def take(name: str, above: tuple[str, ...]) -> None:
        if name in givens and name not in above:
            for each in givens[name].get("given", ()):
                take(each, (*above, name))
            found.setdefault(name)

    for name in entry.get("given", ()):
        take(name, ())
    return list(found)


def _compare(files: Sequence[_File], mistakes: list[str]) -> None:
    """What the schema cannot say: names that are there once, and references that lead somewhere."""
    found: dict[str, dict[str, _Entry]] = {"given": {}, "case": {}}
    for kind, known in found.items():
        for file in files:
            for where, entry in file.entries(kind):
                if entry["name"] in known:
                    mistakes.append(f"{file.place(where)}: there is another {kind} of this name.")
                known[entry["name"]] = entry
    for file in files:
        for kind in found:
            for where, entry in file.entries(kind):
                mistakes += [
                    f"{file.place([*where, *inside])}: {wrong}" for inside, wrong in _wrong(entry, found["given"])
                ]


def _wrong(entry: _Entry, givens: Mapping[str, _Entry]) -> Iterator[tuple[_Where, str]]:
    """What is wrong with what a case or a given refers to, and the place in it."""
    yield from (([], f"there is no given {name}.") for name in entry.get("given", ()) if name not in givens)
    begins_with = _begins_with(entry, givens)
    if any(givens[name] is entry for name in begins_with):
        yield [], "it begins with itself."
    there = set(_GIVEN_ANYWAY).union(*(_names(givens[name]) for name in begins_with))
    for inside, name in _references(entry, there):
        yield inside, f"{name} is no name of what came before."


def _names(entry: _Entry) -> Iterator[str]:
    for step in entry["step"]:
        yield from (each["name"] for each in (step, *step.get("bulk", ())) if "name" in each)


def _references(entry: _Entry, there: set[str]) -> Iterator[tuple[_Where, str]]:
    """References of a case or a given to what is not there, with their places; names gather in `there`."""
    for position, step in enumerate(entry["step"]):
        whole: _Where = ["step", position]
        parts = [(whole, step)]
        parts += [([*whole, "bulk", at], each) for at, each in enumerate(step.get("bulk", ()))]
        for where, each in parts:
            sent = [each.get("with", {}), each.get("top", {})]
            yield from ((where, name) for name in names_in(sent) if name not in there)
        there |= set(_names({"step": [step]}))
        for where, each in parts:
            expected = each.get("expect", {}).get("values", {})
            yield from ((where, name) for name in names_in(expected) if name not in there)
    for position, relation in enumerate(entry.get("relation", ())):
        listings = [said["in"] for said in relation.values() if isinstance(said, dict) and "in" in said]
        place: _Where = ["relation", position]
        yield from ((place, name) for name in (*names_in(relation), *listings) if name not in there)


def _steps(entry: _Entry) -> tuple[Step, ...]:
    return tuple(_step(each) for each in entry["step"])


def _step(entry: _Entry) -> Step:
    expect = _expectation(entry.get("expect", {}))
    name = entry.get("name", "")
    return Step(
        name,
        Request(entry["call"], entry.get("with", {}), name, expect=expect) if "call" in entry else None,
        tuple(_request(each) for each in entry["bulk"]) if "bulk" in entry else None,
        entry.get("top", {}),
        tuple(entry.get("without", ())),
        entry.get("send", "form"),
        entry.get("slash", True),
        entry.get("wait", 0),
        entry.get("lacks", ""),
        expect,
    )


def _request(entry: _Entry) -> Request:
    return Request(
        entry["call"],
        entry.get("with", {}),
        entry.get("name", ""),
        entry.get("requestID"),
        entry.get("repeat", 1),
        _expectation(entry.get("expect", {})),
    )


def _expectation(entry: _Entry) -> Expectation:
    errors = entry.get("error", 0)
    return Expectation(
        tuple(errors) if isinstance(errors, list) else (errors,),
        entry.get("field"),
        entry.get("records"),
        entry.get("total"),
        tuple(entry.get("has", ())),
        tuple(entry.get("absent", ())),
        entry.get("values", {}),
        entry.get("above", {}),
        entry.get("content_type"),
    )
