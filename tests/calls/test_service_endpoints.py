"""getServiceEndpoints."""

from support.client import Erply
from support.shop import Shop


async def test_the_services_of_this_server(shop: Shop) -> None:
    """One record names the one service that is here; nobody needs to be logged in to read it."""
    stranger = Erply(shop.http, shop.code)
    expected = [{"erply-points": {"url": "/api/", "documentation": "", "isSandbox": False}}]
    assert await stranger.records("getServiceEndpoints") == expected
    assert await shop.records("getServiceEndpoints") == expected
    assert (await shop.call("getServiceEndpoints"))["status"]["recordsTotal"] == 1


async def test_services_of_an_account_that_is_not_there(shop: Shop) -> None:
    """The account must exist all the same."""
    assert await Erply(shop.http, "nobody").error("getServiceEndpoints") == (1001, None)


async def test_services_before_the_log_in(shop: Shop) -> None:
    """A client can ask for the services and log in with one bulk."""
    answers = await Erply(shop.http, shop.code).answers(
        [
            {"requestName": "getServiceEndpoints"},
            {"requestName": "verifyUser", "username": "till", "password": "secret"},
        ]
    )
    assert [answer["status"]["errorCode"] for answer in answers] == [0, 0]
