"""Clients of the other dialects. Every answer they get is validated against the schemas."""

import json
from typing import Any

import httpx

from support.contract import reference

Answer = dict[str, Any]

LOOKUP = "/v2/customers/lookup/negativePointsAdjustment"


def checked(schema: str, response: httpx.Response) -> httpx.Response:
    """The response, whose body is what the schema of answers promises, and which is no failure of the server's."""
    assert response.status_code != 500, response.text
    assert response.headers["content-type"] == "application/json"
    reference(f"/schemas/{schema}.answer.json").validate(response.json())
    return response


BODY = {"pointCategoryTypes": "REGULAR", "pointsToBeAdjusted": "25.50", "reasonOfReturn": "Goods returned"}
"""A deduction that Capillary's endpoint takes."""


def error(answer: Answer) -> tuple[int, str]:
    """The only error of an answer of Capillary's: code and message."""
    assert answer["warnings"] == []
    (only,) = answer["errors"]
    assert only["status"] is False
    return only["code"], only["message"]


class Capillary:
    """One API client of Capillary's calls."""

    def __init__(self, http: httpx.AsyncClient, key: str, secret: str) -> None:
        self.http = http
        self.key = key
        self.secret = secret

    async def send(self, path: str, query: dict[str, str], body: Any, **headers: str) -> httpx.Response:
        """A body goes as it stands if it is bytes, else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        auth = httpx.BasicAuth(self.key, self.secret)
        response = await self.http.post(path, params=query, content=content, headers=sent, auth=auth)
        return checked("capillary/negativePointsAdjustment", response)

    async def lookup(self, name: str, value: str, body: Any, source: str = "WEBSITE", **headers: str) -> Answer:
        """The answer of the lookup form."""
        query = {"identifierName": name, "identifierValue": value, "source": source}
        answer: Answer = (await self.send(LOOKUP, query, body, **headers)).json()
        return answer

    async def adjust(self, customer: object, /, **body: Any) -> Answer:
        """The answer of the form by ID, to a body that has a reason."""
        sent = {"reasonOfReturn": "Goods returned", **body}
        path = f"/v2/customers/{customer}/negativePointsAdjustment"
        answer: Answer = (await self.send(path, {}, sent)).json()
        return answer

    async def code(self, customer: object, /, **body: Any) -> int:
        """The code that a request by ID is refused with; 0 if it is not."""
        answer = await self.adjust(customer, **body)
        return answer["errors"][0]["code"] if "errors" in answer else 0


class Fabric:
    """One API client of fabric's calls, with a token."""

    def __init__(self, http: httpx.AsyncClient, token: str = "") -> None:
        self.http = http
        self.token = token

    @classmethod
    async def log_in(cls, http: httpx.AsyncClient, key: str, secret: str) -> "Fabric":
        form = {"grant_type": "client_credentials"}
        response = await http.post("/oauth2/default/v1/token", data=form, auth=(key, secret))
        assert response.status_code == 200, response.text
        return cls(http, checked("fabric/token", response).json()["access_token"])

    async def post(self, call: str, body: Any, **headers: str) -> httpx.Response:
        """`call` is points-adjustment, points-activate or members."""
        path = "/v1/members" if call == "members" else f"/v1/members/{call}"
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        response = await self.http.post(path, content=content, headers=sent)
        answer = checked(f"fabric/{call}", response)
        assert answer.json()["status"] == answer.status_code
        return answer

    async def adjust(self, profile: str, points: float, **more: Any) -> Answer:
        response = await self.post("points-adjustment", {"profileId": profile, "points": points, **more})
        answer: Answer = response.json()
        return answer

    async def errors(self, call: str, body: Any) -> tuple[int, set[str]]:
        """Status and fields at fault."""
        response = await self.post(call, body)
        return response.status_code, set(response.json()["errors"])

    async def member(self, profile: str) -> Answer:
        """What a member has."""
        headers = {"authorization": f"Bearer {self.token}"}
        response = await self.http.get(f"/v1/inquire/{profile}/member-points", headers=headers)
        assert response.status_code == 200, response.text
        (shown,) = checked("fabric/member-points", response).json()["data"]
        found: Answer = shown
        return found

    async def enrol(self, **fields: Any) -> Answer:
        """The account of a new member."""
        number = fields.get("phoneNumber", "+3725550001")
        sent = {
            "firstName": "Mari",
            "lastName": "Maasikas",
            "emailAddress": "mari@example.com",
            "phoneNumber": number,
            "entityReference": "Company",
            "clubReference": "Company_Club",
            **fields,
        }
        response = await self.post("members", sent)
        assert response.status_code == 201, response.text
        (account,) = response.json()["data"]["accounts"]
        found: Answer = account
        return found
