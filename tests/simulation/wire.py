"""How requests of Capillary's and fabric's look on the wire, and what their answers say."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from oracle import Record
from simulation.accounting import Bulk
from simulation.systems import DEDUCTION, INQUIRY

CLIENT, SECRET, TOKEN = "life.client", "secret", "life.token"
UNAVAILABLE: Final = {503: 1003}
"""In Erply's words."""


@dataclass(frozen=True)
class Message:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def message(bulk: Bulk, profiles: Mapping[int, str]) -> Message:
    """By whatever system it comes. `profiles` are what fabric calls the customers."""
    (request,) = bulk.requests
    body = {name: value for name, value in request.items() if name not in {"requestName", "customerID", "bad"}}
    name, customer = request["requestName"], request["customerID"]
    headers = {"content-type": "application/json"} | ({"idempotency-key": bulk.key} if bulk.key else {})
    if name == DEDUCTION:
        headers["authorization"] = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        return Message("POST", f"/v2/customers/{customer}/{name}", headers, json.dumps(body).encode())
    headers["authorization"] = f"Bearer {TOKEN}"
    profile = profiles.get(customer, "nobody")
    if name == INQUIRY:
        return Message("GET", f"/v1/inquire/{profile}/{name}", headers, b"")
    return Message("POST", f"/v1/members/{name}", headers, json.dumps({"profileId": profile, **body}).encode())


def reply(bulk: Bulk, status: int, content: bytes) -> Record:
    """The answer in the form of Erply's to a single call."""
    answer = json.loads(content)
    code = 0 if status == 200 else UNAVAILABLE.get(status, status)
    if code == 400 and bulk.system == "capillary":
        code = answer["errors"][0]["code"]
    name = bulk.requests[0]["requestName"]
    record = _shown(answer["data"][0]) if name == INQUIRY and not code else answer
    return {"status": {"errorCode": code}, "records": [] if code else [record]}


def _shown(member: dict[str, Any]) -> Record:
    return {
        "total": member["totalPoints"],
        "types": {each["pointType"]: each["points"] for each in member["pointsByType"]},
        "locked": member["pointsBalance"]["memberPointsLocked"],
        "deducted": member["pointsBalance"]["memberPointsDeducted"],
    }
