"""getConfParameters: the account's settings under Erply's names."""

from typing import Final

from erply_points.calls.call import Call, Context, Params, Record
from erply_points.calls.records import shape


def configuration(context: Context, _: Params) -> list[Record]:
    return [shape("getConfParameters").record(context.stored_settings)]


CALLS: Final = (Call("getConfParameters", configuration),)
