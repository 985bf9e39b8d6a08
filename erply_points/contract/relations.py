"""What a case says about how answers relate."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from erply_points.contract.findings import Finding, number, same, shown
from erply_points.contract.references import NothingThere, Scope, at, resolved

Said = Mapping[str, Any]


class _Broken(Exception):
    """A relation does not hold: where, what was expected, and what came."""

    def __init__(self, path: str, expected: str, came: str) -> None:
        super().__init__(path, expected, came)
        self.finding = Finding("relation", path, expected, came)


def check(relation: Said, scope: Scope) -> Finding | None:
    """What is wrong with the answers in `scope`, None if the relation holds."""
    ((kind, said),) = relation.items()
    try:
        _KINDS[kind](said, scope)
    except NothingThere as error:
        return Finding("relation", kind, f"a value at {error}", "nothing")
    except _Broken as broken:
        return broken.finding
    return None


def _equal(said: list[Any], scope: Scope) -> None:
    first, *others = resolved(said, scope)
    for place, other in zip(said[1:], others, strict=True):
        if not same(first, other):
            raise _Broken(_place(place), f"{shown(first)} as at {_place(said[0])}", shown(other))


def _unique(said: list[Any], scope: Scope) -> None:
    values = resolved(said, scope)
    for position, value in enumerate(values):
        for earlier in range(position):
            if same(values[earlier], value):
                raise _Broken(_place(said[position]), f"another value than at {_place(said[earlier])}", shown(value))


def _sum(said: Said, scope: Scope) -> None:
    of = [_number(value, place) for value, place in zip(resolved(said["of"], scope), said["of"], strict=True)]
    total = _number(resolved(said["is"], scope), said["is"])
    if sum(of) != total:
        added = " + ".join(f"{each} ({_place(place)})" for each, place in zip(of, said["of"], strict=True))
        raise _Broken(_place(said["is"]), f"{sum(of)} = {added}", str(total))


def _listed(said: Said, scope: Scope) -> None:
    found = [record for record in _records(said, scope) if _fits(record, resolved(said["with"], scope))]
    if len(found) != 1:
        raise _Broken(*_asked(said, scope, "exactly one record with"), _count(said, scope, len(found)))


def _missing(said: Said, scope: Scope) -> None:
    found = [record for record in _records(said, scope) if _fits(record, resolved(said["with"], scope))]
    if found:
        raise _Broken(*_asked(said, scope, "no record with"), _count(said, scope, len(found)))


def _every(said: Said, scope: Scope) -> None:
    wanted = resolved(said["with"], scope)
    for position, record in enumerate(_records(said, scope)):
        for field, value in wanted.items():
            if not _fits(record, {field: value}):
                came = shown(record[field]) if field in record else "nothing"
                raise _Broken(f"{said['in']}.records[{position}].{field}", shown(value), came)


def _total(said: Said, scope: Scope) -> None:
    place = f"{said['in']}.records[].{said['field']}"
    values = [_number(record.get(said["field"]), place) for record in _records(said, scope)]
    wanted = _number(resolved(said["is"], scope), said["is"])
    if sum(values) != wanted:
        raise _Broken(place, f"the sum {wanted}", str(sum(values)))


def _order(said: Said, scope: Scope) -> None:
    place = f"{said['in']}.records[].{said['field']}"
    values = [_number(record.get(said["field"]), place) for record in _records(said, scope)]
    if values != sorted(values, reverse=said["is"] == "desc"):
        raise _Broken(place, f"{said['is']} order", ", ".join(map(str, values)))


_KINDS: Final[Mapping[str, Callable[[Any, Scope], None]]] = {
    "equal": _equal,
    "unique": _unique,
    "sum": _sum,
    "listed": _listed,
    "missing": _missing,
    "every": _every,
    "total": _total,
    "order": _order,
}


def _place(said: Any) -> str:
    return said.removeprefix("${").removesuffix("}") if isinstance(said, str) else shown(said)


def _number(value: Any, place: Any) -> Decimal:
    found = number(value)
    if found is None:
        raise _Broken(_place(place), "a number", shown(value))
    return found


def _records(said: Said, scope: Scope) -> list[dict[str, Any]]:
    if said["in"] not in scope:
        raise NothingThere(said["in"])
    found = at(scope[said["in"]], "records")
    return found if isinstance(found, list) else []


def _fits(record: Mapping[str, Any], wanted: Said) -> bool:
    return all(field in record and same(record[field], value) for field, value in wanted.items())


def _asked(said: Said, scope: Scope, quantity: str) -> tuple[str, str]:
    return f"{said['in']}.records", f"{quantity} {shown(resolved(said['with'], scope))}"


def _count(said: Said, scope: Scope, found: int) -> str:
    return f"{found} of {len(_records(said, scope))}"
