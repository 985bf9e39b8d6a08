"""Paging, as clients send it: above the limit means the limit, below the first page means the first."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from erply_points.calls.call import Params
from erply_points.calls.refusals import InvalidValue
from erply_points.store.listing import Condition, Operator

PAGE_SIZE_DEFAULT: Final = 20
PAGE_SIZE_MAX: Final = 100
_OFFSET_MAX: Final = 2**53


def page(params: Params, size_max: int = PAGE_SIZE_MAX, size_default: int | None = PAGE_SIZE_DEFAULT) -> dict[str, Any]:
    """`limit` and `offset` of a listing. With `size_default` None it is paged only if the caller pages."""
    if size_default is None and "recordsOnPage" not in params and "pageNo" not in params:
        return {"limit": None}
    asked = params.get("recordsOnPage", 0)
    size = min(asked, size_max) if asked > 0 else (size_default or PAGE_SIZE_DEFAULT)
    return {"limit": size, "offset": min((max(params.get("pageNo", 1), 1) - 1) * size, _OFFSET_MAX)}


def order(
    params: Params, fields: Mapping[str, str], default: str, direction: Literal["asc", "desc"] = "asc"
) -> tuple[tuple[str, Literal["asc", "desc"]], ...]:
    """The order asked for; equal ones in the order of their IDs. Raises InvalidValue for an unknown `orderBy`."""
    by = params.get("orderBy", default)
    if by not in fields:
        raise InvalidValue("orderBy", f"orderBy must be one of {', '.join(fields)}.")
    toward: Literal["asc", "desc"] = params.get("orderByDir", direction)
    return ((fields[by], toward), ("id", toward)) if fields[by] != "id" else (("id", toward),)


def conditions(params: Params, table: Mapping[str, tuple[str, Operator]]) -> list[Condition]:
    """The plain filters: parameter name to field and comparison. A filter of 0, no text or no date is none."""
    return [
        Condition((field,), operator, params[name])
        for name, (field, operator) in table.items()
        if params.get(name, "") not in {"", 0, "0000-00-00"}
    ]
