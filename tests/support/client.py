"""A client as a till would use it. Every answer it gets is validated against the schemas."""

from typing import Any

import httpx

from erply_points.testing.client import Record, answer_of, form_of

__all__ = ["Erply", "Record"]


class Erply:
    """One account, logged in as one user."""

    def __init__(self, http: httpx.AsyncClient, code: str, key: str = "") -> None:
        self.http = http
        self.code = code
        self.key = key

    async def post(self, form: dict[str, Any]) -> dict[str, Any]:
        """Send top-level parameters as a form; lists and objects travel as JSON in their field."""
        return answer_of(await self.http.post("/api/", data=form_of(form)), form)

    async def log_in(self, username: str = "till", password: str = "secret") -> "Erply":
        answer = await self.call("verifyUser", username=username, password=password)
        self.key = answer["records"][0]["sessionKey"]
        return self

    async def call(self, name: str, /, **params: Any) -> dict[str, Any]:
        """A single call's whole answer."""
        session = {"sessionKey": self.key} if self.key else {}
        return await self.post({"clientCode": self.code, **session, "request": name, **params})

    async def records(self, name: str, /, **params: Any) -> list[Record]:
        """The records of a single call that succeeds."""
        answer = await self.call(name, **params)
        assert answer["status"]["errorCode"] == 0, answer["status"]
        records: list[Record] = answer["records"]
        return records

    async def record(self, name: str, /, **params: Any) -> Record:
        """The only record of a single call that succeeds."""
        (record,) = await self.records(name, **params)
        return record

    async def error(self, name: str, /, **params: Any) -> tuple[int, str | None]:
        """Code and field of a single call that fails."""
        status = (await self.call(name, **params))["status"]
        assert status["responseStatus"] == "error", status
        assert status["errorMessage"].endswith("."), status
        return status["errorCode"], status["errorField"]

    async def bulk(self, requests: list[Record] | str, **top: Any) -> dict[str, Any]:
        """A bulk's whole answer. A request is a dict with `requestName`."""
        return await self.post({"clientCode": self.code, "sessionKey": self.key, **top, "requests": requests})

    async def answers(self, requests: list[Record], **top: Any) -> list[dict[str, Any]]:
        """The sub-answers of a bulk that is carried out, in order."""
        answer = await self.bulk(requests, **top)
        assert answer["status"]["errorCode"] == 0, answer["status"]
        answers: list[dict[str, Any]] = answer["requests"]
        assert len(answers) == len(requests)
        return answers

    async def codes(self, requests: list[Record], **top: Any) -> list[int]:
        """The error codes of a bulk's sub-answers, 0 for those that succeeded."""
        return [answer["status"]["errorCode"] for answer in await self.answers(requests, **top)]

    async def customer(self, points: int = 0, **params: Any) -> int:
        """A new customer's ID, with points to spend."""
        saved = await self.record("saveCustomer", **{"firstName": "Mari", "lastName": "Maasikas", **params})
        customer_id: int = saved["customerID"]
        if points:
            await self.record("addCustomerRewardPoints", customerID=customer_id, points=points)
        return customer_id

    async def balance(self, customer_id: int) -> int:
        record = await self.record("getCustomerRewardPoints", customerID=customer_id)
        points: int = record["points"]
        return points
