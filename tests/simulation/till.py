"""The client of the simulation: it sends bulks of Erply's calls and requests of the other two systems."""

import json
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.applications import Starlette

from erply_points.accounts import administration
from erply_points.accounts.passwords import hash_key
from erply_points.ledger.amounts import NEVER
from erply_points.store.configuration import Client, Token
from erply_points.store.rows import Session
from oracle import Record
from simulation import wire
from simulation.accounting import Bulk
from simulation.server import CODE, SENDER, Server

KEY: Final = "key"


class Till:
    """A client whose session and token do not end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.profiles: dict[int, str] = {}
        """What fabric calls the customers."""

    @classmethod
    async def made(cls, server: Server) -> "Till":
        """For a new account, of which it becomes the user."""
        user_id = await administration.create_user(server.stores, CODE, "till", "secret", hashed=str)
        store = await server.stores.open(CODE)
        transaction = await store.begin({}, write=True)
        session = Session(hash_key(KEY), user_id, int(server.clock()), NEVER)
        transaction.work.sessions.put(session.key_hash, session)
        client = Client(wire.CLIENT, "till", hash_key(wire.SECRET), 0)
        transaction.work.clients.put(client.key, client)
        token = Token(hash_key(wire.TOKEN), client.key, NEVER)
        transaction.work.tokens.put(token.token_hash, token)
        await transaction.commit()
        await store.close()
        return cls(server)

    async def begin(self) -> None:
        """Let a server that was just started get to know the session."""
        await self.answers([{"requestName": "getSessionKeyInfo"}])

    async def meet(self, customers: list[int]) -> None:
        """Get to know their profiles."""
        asked = [{"requestName": "getCustomers", "customerID": customer} for customer in customers]
        answers = await self.answers(asked) if asked else []
        for customer, answer in zip(customers, answers, strict=True):
            self.profiles[customer] = answer["records"][0]["profileID"]

    async def answers(self, requests: list[Record], **top: Any) -> list[dict[str, Any]]:
        """The sub-answers of a bulk that is none of the simulation's."""
        answer = await self._post("till", {**top, "requests": requests}, "")
        assert answer["status"]["errorCode"] == 0, answer["status"]
        answers: list[dict[str, Any]] = answer["requests"]
        return answers

    async def send(self, sender: int, bulk: Bulk) -> dict[str, Any]:
        """The whole answer, with what its header says of a replay as `replayed`."""
        if bulk.system:
            message = wire.message(bulk, self.profiles)
            status, headers, content = await _asked(self._server.app, str(sender), message)
            return {**wire.reply(bulk, status, content), "replayed": _replayed(headers)}
        sent = [{name: value for name, value in request.items() if name != "bad"} for request in bulk.requests]
        body: dict[str, Any] = {"requests": sent}
        if bulk.single:
            body = {"request": sent[0].pop("requestName"), **sent[0]}
        body |= {"atomic": 1} if bulk.atomic else {}
        body |= {"dryRun": 1} if bulk.dry_run else {}
        return await self._post(str(sender), body, bulk.key)

    async def _post(self, sender: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        sent = {"clientCode": CODE, "sessionKey": KEY, **body}
        headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
        message = wire.Message("POST", "/api/", headers, json.dumps(sent).encode())
        status, answered, content = await _asked(self._server.app, sender, message)
        assert status == 200, content
        answer: dict[str, Any] = json.loads(content)
        answer["replayed"] = _replayed(answered)
        return answer


def _replayed(headers: dict[bytes, bytes]) -> str:
    return headers.get(b"idempotency-replayed", b"").decode()


async def _asked(app: Starlette, sender: str, message: wire.Message) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of the answer. An HTTP client takes as long as the server does."""
    SENDER.set(sender)
    scope = {
        "type": "http",
        "method": message.method,
        "path": message.path,
        "raw_path": message.path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in message.headers.items()],
        "client": (sender, 1),
        "http_version": "1.1",
    }
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": message.body, "more_body": False}

    async def send(part: MutableMapping[str, Any]) -> None:
        messages.append(part)

    await app(scope, receive, send)
    return messages[0]["status"], dict(messages[0]["headers"]), b"".join(each.get("body", b"") for each in messages)
