"""getConfParameters: the account's settings under Erply's names."""

from typing import Final

from erply_points import schemas
from erply_points.accounts.settings import described
from erply_points.calls.call import Call, Context, Params, Record
from erply_points.calls.records import shape

_NAMES: Final = frozenset(schemas.call_answer("getConfParameters")["items"]["properties"])
_DEFAULTS: Final = {name: default for name, default, _ in described() if name in _NAMES}


def configuration(context: Context, _: Params) -> list[Record]:
    known = {name: value for name, value in context.stored_settings.items() if name in _NAMES}
    computed = {"locale_uses_price_with_tax": int(context.settings.prices_with_tax)}
    return [shape("getConfParameters").record({**_DEFAULTS, **known, **computed})]


CALLS: Final = (Call("getConfParameters", configuration),)
