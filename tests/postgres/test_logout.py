"""Sessions that are ended while several servers remember them: refused by all of them at once."""

import asyncio

import pytest

from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.client import Erply


@pytest.mark.parametrize("how", ["logout", "delete"])
async def test_all_servers_refuse_an_ended_session(tills: list[Erply], settings: ServerSettings, how: str) -> None:
    """Once the command is done no server takes the key, and no sale is kept that comes after it."""
    code, stores = tills[0].code, stores_of(settings)
    await administration.create_user(stores, code, "manager", "secret")
    manager = await Erply(tills[0].http, code).log_in("manager")

    async def sell(till: Erply) -> list[int]:
        codes = [0]
        while codes[-1] == 0 and len(codes) < 1_000:
            answer = await till.call("saveSalesDocument", type="CASHINVOICE", price1=10, amount1=1)
            codes.append(answer["status"]["errorCode"])
        return codes[1:]

    async def kept() -> int:
        total: int = (await manager.call("getSalesDocuments", recordsOnPage=1))["status"]["recordsTotal"]
        return total

    selling = [asyncio.create_task(sell(till)) for till in tills]
    while not await kept():
        pass
    end = administration.log_out if how == "logout" else administration.delete_user
    assert await end(stores, code, "till") == 1
    at_the_end = await kept()
    refused = 1054 if how == "logout" else 1055
    assert [await till.error("getVatRates") for till in tills] == [(refused, None)] * len(tills)
    codes = [code for each in selling for code in await each]
    assert codes.count(0) == at_the_end == await kept()
    assert set(codes) == {0, refused}
    for till in tills:
        assert await Erply(till.http, code, manager.key).records("getVatRates")
