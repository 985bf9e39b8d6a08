"""`erply-points demo`: an account with customers and points, and the main job shown over real HTTP."""

import shlex
from typing import Any, Final

import httpx
import orjson
from rich.console import Console
from rich.json import JSON

from erply_points.accounts.administration import create_client, create_user, replace_account
from erply_points.store.protocol import Stores

CODE: Final = "demo"
USERNAME: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105 - meant to be known
NAME: Final = "erply-points demo"

_CUSTOMERS: Final = (
    ("Mari", "Maasikas", "9900001", 400),
    ("Jaan", "Tamm", "9900002", 120),
    ("Liis", "Kask", "9900003", 25),
)


def main_job(customer_id: int) -> list[dict[str, Any]]:
    """A receipt of 2 x 10.00 less 10 %, a redemption of 100 points on it, and the balance, in one bulk."""
    return [
        {
            "requestName": "saveSalesDocument",
            "requestID": "sale",
            "type": "CASHINVOICE",
            "customerID": customer_id,
            "productID1": 38,
            "vatrateID1": 1,
            "amount1": 2,
            "price1": 10.0,
            "discount1": 10,
        },
        {
            "requestName": "subtractCustomerRewardPoints",
            "requestID": "redeem",
            "customerID": customer_id,
            "invoiceID": "CURRENT_INVOICE_ID",
            "points": 100,
        },
        {"requestName": "getCustomerRewardPoints", "requestID": "balance", "customerID": customer_id},
    ]


Client = tuple[str, str]
"""Key and secret of an API client."""


async def prepare(stores: Stores) -> Client:
    """Make the account anew, with an API client. Raises Invalid if an account `demo` is there that is another."""
    await replace_account(stores, CODE, {"name": NAME})
    await create_user(stores, CODE, USERNAME, PASSWORD)
    return await create_client(stores, CODE, "demo")


async def show(url: str, console: Console, api_client: Client, *, goes_on: bool) -> None:
    """Fill the account, send the main job and print what a client sends and gets."""
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        console.print(f"[bold]erply-points[/bold] serves {url}/api/ with account {CODE}, user {USERNAME}\n")
        login = await _post(client, {"request": "verifyUser", "username": USERNAME, "password": PASSWORD})
        key = login["records"][0]["sessionKey"]
        customers = [
            {"requestName": "saveCustomer", "firstName": first, "lastName": last, "customerCardNumber": card}
            for first, last, card, _ in _CUSTOMERS
        ]
        saved = (await _bulk(client, key, customers))["requests"]
        ids = [answer["records"][0]["customerID"] for answer in saved]
        earned = [
            {"requestName": "addCustomerRewardPoints", "customerID": customer_id, "points": points}
            for customer_id, (*_, points) in zip(ids, _CUSTOMERS, strict=True)
        ]
        await _bulk(client, key, earned)
        console.print("Customers: " + ", ".join(f"{first} {last} {points}" for first, last, _, points in _CUSTOMERS))

        requests = main_job(ids[0])
        console.print("\n[bold]One bulk[/bold]: a receipt, a redemption on it, the balance\n")
        console.print(JSON.from_data(requests))
        answer = await _bulk(client, key, requests)
        console.print("\n[bold]The answer[/bold], durable before it was sent\n")
        console.print(JSON.from_data(answer))
        points = answer["requests"][2]["records"][0]["points"]
        console.print(f"\n{_CUSTOMERS[0][0]} had 400 points, earned 18 on 18.00 net, spent 100: [bold]{points}[/bold].")
        await _show_others(client, console, key, ids[0], api_client)
        if goes_on:
            console.print("\n[bold]Send it again[/bold] (Ctrl-C stops the server):\n")
            sent = shlex.quote(f"requests={orjson.dumps(requests).decode()}")
            command = f"curl {url}/api/ -d clientCode={CODE} -d sessionKey={key} --data-urlencode {sent}"
            console.print(command, soft_wrap=True, markup=False)


async def _show_others(
    client: httpx.AsyncClient, console: Console, key: str, customer_id: int, api_client: Client
) -> None:
    """The same customer by Capillary's and fabric's calls, on the same points."""
    console.print("\n[bold]The same points by Capillary's and fabric's calls[/bold]\n")
    taken = await client.post(
        f"/v2/customers/{customer_id}/negativePointsAdjustment",
        json={"pointsToBeAdjusted": "18", "reasonOfReturn": "Goods returned"},
        auth=api_client,
    )
    console.print(JSON.from_data(taken.raise_for_status().json()))
    granted = await client.post("/oauth2/demo/v1/token", data={"grant_type": "client_credentials"}, auth=api_client)
    headers = {"authorization": f"Bearer {granted.raise_for_status().json()['access_token']}"}
    found = await _post(client, {"sessionKey": key, "request": "getCustomers", "customerID": str(customer_id)})
    profile_id = found["records"][0]["profileID"]
    added = await client.post(
        "/v1/members/points-adjustment", json={"profileId": profile_id, "points": 25}, headers=headers
    )
    console.print(JSON.from_data(added.raise_for_status().json()))
    shown = await client.get(f"/v1/inquire/{profile_id}/member-points", headers=headers)
    points = shown.raise_for_status().json()["data"][0]["totalPoints"]
    again = {"sessionKey": key, "request": "getCustomerRewardPoints", "customerID": str(customer_id)}
    erply = (await _post(client, again))["records"][0]["points"]
    console.print(
        f"\nCapillary took 18, fabric added 25: {points} says fabric, [bold]{erply}[/bold] says Erply's call."
    )


async def _bulk(client: httpx.AsyncClient, key: str, requests: list[dict[str, Any]]) -> dict[str, Any]:
    answer = await _post(client, {"sessionKey": key, "requests": orjson.dumps(requests).decode()})
    for sub_answer in answer["requests"]:
        _check(sub_answer)
    return answer


async def _post(client: httpx.AsyncClient, form: dict[str, str]) -> dict[str, Any]:
    response = await client.post("/api/", data={"clientCode": CODE, **form})
    answer: dict[str, Any] = orjson.loads(response.content)
    _check(answer)
    return answer


def _check(answer: dict[str, Any]) -> None:
    if answer["status"]["errorCode"]:
        raise RuntimeError(answer["status"])
