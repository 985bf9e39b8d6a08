"""An account's file: programs, currencies, promotions, reasons, accrual and settings, declared and applied.

The file is TOML; `schemas/account.json` says what it may hold. What it declares is compared with what there is, and
the difference is a plan: a line for each change, and what stands in the way. A plan that would lose points, or would
leave history without what it refers to, is not carried out.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from erply_points import schemas
from erply_points.store.configuration import Configuration, Currency, CurrencyUse, Program, Promotion, Reason
from erply_points.store.protocol import Transaction

POINTS: Final = 1
"""The currency that is the points of the default program."""

R = TypeVar("R", Program, Currency, Promotion, Reason)


class InvalidFile(Exception):
    """The file is not one; says where and why in one sentence."""


class WouldLose(Exception):
    """The file cannot be applied to this account: each argument is a reason, a sentence."""


@dataclass(slots=True)
class Plan:
    """What is to change. Rows of None are to be deleted."""

    lines: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    rows: dict[str, dict[Any, Any]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def compare(
        self, table: str, noun: str, before: Mapping[Any, R], after: Mapping[Any, R], *, quiet: frozenset[Any]
    ) -> None:
        """Note what is new, different or gone. Of `quiet` keys something else tells."""
        changes: dict[Any, R | None] = {key: None for key in before if key not in after}
        changes |= {key: row for key, row in after.items() if before.get(key) != row}
        self.rows[table] = changes
        for key, row in changes.items():
            if key in quiet:
                continue
            if row is None:
                self.lines.append(f"- {noun} {_name(before[key])}")
            elif key in before:
                self.lines.append(f"~ {noun} {_name(row)}: {_difference(before[key], row)}")
            else:
                self.lines.append(f"+ {noun} {_name(row)}")


def _name(row: Program | Currency | Promotion | Reason) -> str:
    match row:
        case Currency():
            return f"{row.name} of program {row.program_id}, {row.decimals} decimals"
        case Promotion():
            return f"{row.id} {row.identifier}".strip() + f" of program {row.program_id}"
        case Program():
            return f"{row.id} {row.name}"
        case Reason():
            return f"{row.code} {row.name}".strip()


def _difference(before: Any, after: Any) -> str:
    pairs = zip(after._fields, before, after, strict=True)
    return ", ".join(f"{name} {old} -> {new}" for name, old, new in pairs if old != new)


def parse(text: str) -> dict[str, Any]:
    """The file's contents. Raises InvalidFile."""
    try:
        declared = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFile(f"This is not TOML: {error}.") from None
    wrong = best_match(Draft202012Validator(schemas.all_schemas()["/schemas/account.json"]).iter_errors(declared))
    if wrong is not None:
        where = ".".join(map(str, wrong.absolute_path)) or "the file"
        raise InvalidFile(f"In {where}: {wrong.message}.")
    for section, key in (("program", "id"), ("currency", "name"), ("promotion", "id"), ("reason", "code")):
        _check_once(section, key, [each[key] for each in declared.get(section, ())])
    identifiers = [each["identifier"] for each in declared.get("promotion", ()) if "identifier" in each]
    _check_once("promotion", "identifier", identifiers)
    return declared


def _check_once(section: str, key: str, values: Iterable[Any]) -> None:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise InvalidFile(f"In {section}: {key} {value} stands there twice.")
        seen.add(value)


def settings_of(declared: Mapping[str, Any]) -> dict[str, str]:
    """The settings that the file declares, as they are stored."""
    given = dict(declared.get("settings", {}))
    accrual = declared.get("accrual", {})
    for name, setting in (
        ("points_per_currency_unit", "reward_points_per_currency_unit"),
        ("duration_months", "reward_points_duration"),
    ):
        if name in accrual and given.setdefault(setting, accrual[name]) != accrual[name]:
            raise InvalidFile(f"In accrual: {name} and the setting {setting} differ.")
    return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in given.items()}


def plan(declared: Mapping[str, Any], there: Configuration, stored: Mapping[str, str]) -> Plan:
    """What the file changes about an account that has `there`. Raises InvalidFile."""
    found = Plan()
    _Programs(found, declared, there).compare()
    reasons = {row.code: row for row in there.reasons}
    if "reason" in declared:
        wanted = [Reason(each["code"], each.get("name", "")) for each in declared["reason"]]
        found.compare("reasons", "reason", reasons, {row.code: row for row in wanted}, quiet=frozenset())
    for name, value in settings_of(declared).items():
        if stored.get(name) != value:
            found.settings[name] = value
            found.lines.append(f"~ setting {name}: {stored.get(name, 'default')} -> {value}")
    return found


class _Programs:
    """The programs of an account and what belongs to them, as they are and as they are to be."""

    def __init__(self, found: Plan, declared: Mapping[str, Any], there: Configuration) -> None:
        self.plan = found
        self.there = there
        self.declared = declared
        self.used = {each.currency_id: each for each in there.currencies_used}
        self.points = {row.program_id: row for row in there.currencies if row.is_points}
        self.old_default = next(row.program_id for row in there.currencies if row.id == POINTS)
        self.programs: dict[int, Program] = {row.id: row for row in there.programs}
        self.decimals = {number: row.decimals for number, row in self.points.items()}
        self.default = self.old_default
        if "program" in declared:
            self.programs = {each["id"]: Program(each["id"], each["name"]) for each in declared["program"]}
            self.decimals = {each["id"]: each.get("decimals", 0) for each in declared["program"]}
            self.default = self._declared_default(declared["program"])
        self.renamed = self.default if self.old_default not in self.programs else 0
        """What the old default program is called from now on: its points are those of the new one."""

    @staticmethod
    def _declared_default(programs: list[dict[str, Any]]) -> int:
        marked = [each["id"] for each in programs if each.get("default")]
        if not marked and len(programs) == 1:
            return int(programs[0]["id"])
        if len(marked) != 1:
            raise InvalidFile(f"In program: one of them must be the default, not {len(marked)}.")
        return int(marked[0])

    def compare(self) -> None:
        before = {row.id: row for row in self.there.programs}
        quiet = frozenset({self.old_default, self.renamed}) if self.renamed else frozenset[int]()
        if self.renamed:
            self.plan.lines.append(
                f"~ program {_name(before[self.old_default])} becomes {_name(self.programs[self.renamed])}"
            )
        self.plan.compare("programs", "program", before, self.programs, quiet=quiet)
        self._compare_currencies()
        self._compare_promotions()

    def _compare_currencies(self) -> None:
        after: dict[int, Currency] = {}
        new = -1
        for number in self.programs:
            row = self.points.get(POINTS if number == self.default else number)
            if number == self.default:
                row = next(each for each in self.there.currencies if each.id == POINTS)
            elif number == self.old_default or row is None:
                row = Currency(new, f"points {number}", 0, number, 1)
                new -= 1
            after[row.id] = row._replace(program_id=number, decimals=self.decimals[number])
        if self.default != self.old_default:
            self._check_new_default()
        by_name = {row.name: row for row in self.there.currencies if not row.is_points}
        listed = self.declared.get("currency")
        if listed is None:
            listed = [self._kept(row) for row in by_name.values()]
        for each in listed:
            program = self._program("currency", each["name"], each)
            row = by_name.get(each["name"]) or Currency(new, each["name"], 0, 0, 0)
            new -= row.id < 0
            after[row.id] = row._replace(program_id=program, decimals=each.get("decimals", self.decimals[program]))
        before = {row.id: row for row in self.there.currencies}
        for number, row in before.items():
            self._check_currency(row, after.get(number), self.used.get(number))
        self.plan.compare("currencies", "currency", before, after, quiet=frozenset())

    def _kept(self, row: Currency) -> dict[str, Any]:
        program = self.renamed if self.renamed and row.program_id == self.old_default else row.program_id
        return {"name": row.name, "decimals": row.decimals, "program": program}

    def _program(self, section: str, name: Any, given: Mapping[str, Any]) -> int:
        program = int(given.get("program", self.default))
        if program not in self.programs:
            raise InvalidFile(f"In {section}: {name} names program {program}, which is not there.")
        return program

    def _check_new_default(self) -> None:
        """The points of the default program stay the default program's: they must be nobody's, or it is a new name."""
        if not self.renamed and POINTS in self.used:
            self.plan.refusals.append(
                f"Program {self.old_default} would lose its points: it cannot cease to be the default."
            )
        own = self.points.get(self.default)
        if own is not None and own.id in self.used:
            self.plan.refusals.append(f"Program {self.default} would lose its points: it cannot become the default.")

    def _check_currency(self, before: Currency, after: Currency | None, used: CurrencyUse | None) -> None:
        if used is None:
            return
        refusals = self.plan.refusals
        what = f"program {before.program_id}" if before.is_points else f"currency {before.name}"
        if after is None:
            refusals.append(
                f"{used.wallets} customers have points in {what}, or a history of them: it cannot be removed."
            )
        elif after.decimals < used.decimals:
            refusals.append(f"Points in {what} have {used.decimals} decimals: it cannot have {after.decimals}.")
        elif not before.is_points and after.program_id not in {before.program_id, self._now(before.program_id)}:
            refusals.append(
                f"{used.wallets} customers have {before.name}: it cannot pass to program {after.program_id}."
            )

    def _now(self, program: int) -> int:
        return self.renamed if self.renamed and program == self.old_default else program

    def _compare_promotions(self) -> None:
        before = {row.id: row for row in self.there.promotions}
        if "promotion" in self.declared:
            wanted = [
                Promotion(each["id"], each.get("identifier", ""), self._program("promotion", each["id"], each))
                for each in self.declared["promotion"]
            ]
        else:
            wanted = [row._replace(program_id=self._now(row.program_id)) for row in before.values()]
            for row in wanted:
                self._program("promotion", row.id, {"program": row.program_id})
        after = {row.id: row for row in wanted}
        for number, row in before.items():
            if number in self.there.promotions_used:
                if number not in after:
                    self.plan.refusals.append(f"Points were given for promotion {number}: it cannot be removed.")
                elif after[number].program_id != self._now(row.program_id):
                    self.plan.refusals.append(f"Points were given for promotion {number}: it keeps its program.")
        self.plan.compare("promotions", "promotion", before, after, quiet=frozenset())


async def carry_out(found: Plan, transaction: Transaction) -> None:
    """Write what a plan changes into an open transaction."""
    work = transaction.work
    await transaction.load({table: set(rows) for table, rows in found.rows.items() if rows})
    for table, rows in found.rows.items():
        for key, row in rows.items():
            if row is None:
                work.tables[table].delete(key)
            elif table == "currencies" and key < 0:
                number = work.next_number("currencies", first=POINTS + 1)
                work.currencies.put(number, row._replace(id=number))
            else:
                work.tables[table].put(key, row)
    if found.settings:
        await transaction.set_settings(found.settings)
