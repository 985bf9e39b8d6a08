"""Master data that others refer to by ID: how warehouses, points of sale, employees and campaigns are kept.

All four have a name, a code and what else was said of them; what is special to one stands in the module of its calls.
Facts: `docs/protocol/erply-calls.md`, "Master data".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from erply_points.calls import fields
from erply_points.calls.call import Context, Params, Record
from erply_points.calls.refusals import Refusal, RequiredMissing, UnknownID
from erply_points.store.rows import Master
from erply_points.store.unit_of_work import Needs

TableName = Literal["products", "warehouses", "points_of_sale", "employees", "campaigns"]

_NAME_IN_A_LANGUAGE: Final = re.compile(r"name[A-Z]{3}")
_NOUNS: Final[Mapping[TableName, str]] = {
    "products": "product",
    "warehouses": "store",
    "points_of_sale": "till",
    "employees": "employee",
    "campaigns": "promotion",
}


@dataclass(frozen=True, slots=True)
class MasterTable:
    """How the records of one table are saved."""

    name: TableName
    call: str
    id_name: str

    def needs(self, params: Params) -> Needs:
        return {self.name: {params[self.id_name]}} if params.get(self.id_name) else {}

    def find(self, context: Context, number: int, field: str) -> Master:
        """Raises UnknownID."""
        found: Master | None = context.work.tables[self.name].get(number)
        if found is None:
            raise unknown(self.name, number, field)
        return found

    def before(self, context: Context, params: Params) -> Master:
        """The row that is changed, or a new one that has no number yet. Raises UnknownID."""
        number = params.get(self.id_name, 0)
        if not number:
            return Master(0, "", "", context.now, context.now, "{}")
        return self.find(context, number, self.id_name)

    def save(
        self, context: Context, params: Params, before: Master, name: str, used: Mapping[str, Any]
    ) -> list[Record]:
        """Save what was sent. `used` is kept beside the fields that the schema calls stored, and wins over them."""
        kept = fields.load(before.fields)
        stored = {**fields.stored(self.call, params), **used}
        for column in ("name", "code"):
            stored.pop(column, None)
        saved = before._replace(
            id=before.id or context.work.new_id(self.name),
            name=name,
            code=params.get("code", before.code),
            changed_at=context.now,
            fields=fields.dump({**kept, **stored, **fields.merge_attributes(kept, params)}),
        )
        context.work.tables[self.name].put(saved.id, saved)
        return [{self.id_name: saved.id}]


def shown_name(context: Context, table: TableName, number: int) -> str:
    """What a record is called; "" for none, and for one that only the caller knows."""
    found: Master | None = context.work.tables[table].get(number) if number else None
    return found.name if found else ""


def unknown(table: TableName, number: int, field: str) -> UnknownID:
    return UnknownID(field, f"There is no {_NOUNS[table]} {number}.")


def name_of(params: Params, before: str = "") -> str:
    """The name after a save: `name`, or else the one in English, or as it was, or else one in any language."""
    for name in ("name", "nameENG"):
        if params.get(name, "").strip():
            return str(params[name])
    if before and "name" not in params:
        return before
    others = (params[name] for name in sorted(params) if _NAME_IN_A_LANGUAGE.fullmatch(name))
    return next((name for name in others if name.strip()), "")


def check_name(params: Params, id_name: str) -> Iterator[Refusal]:
    """The refusal of a new record without a name, or of taking the name away."""
    if ("name" in params or not params.get(id_name)) and not name_of(params):
        yield RequiredMissing("name", "name is required.")


def check_known(context: Context, params: Params, references: Mapping[str, TableName]) -> None:
    """With `strict_products`, hold the IDs in `params` to the master data.

    `references` says which table a parameter refers to; `productID` there stands for `productID1` and so on too. A
    parameter holds an ID or a comma list of IDs; 0 is none. Raises UnknownID with the parameter as it was sent.
    """
    if not context.settings.strict_products:
        return
    for field, value in params.items():
        parts = fields.split(field)
        table = references.get(field) or (references.get(parts.base) if parts else None)
        if table is None:
            continue
        for number in fields.id_list(str(value)):
            if number and context.work.tables[table].get(number) is None:
                raise unknown(table, number, field)
