"""getServiceEndpoints: the addresses of the services that this server has, which is one."""

from typing import Final

from erply_points.calls.call import Call, Context, Params, Record

SERVICE: Final = "erply-points"


def _endpoints(_: Context, __: Params) -> list[Record]:
    # Below the address that the client has reached us at, which only the client knows for sure.
    return [{SERVICE: {"url": "/api/", "documentation": "", "isSandbox": False}}]


CALLS: Final = (Call("getServiceEndpoints", _endpoints, public=True),)
