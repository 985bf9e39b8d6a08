"""What the server writes down: nothing that a client sent."""

from pathlib import Path

import httpx

from erply_points.accounts.administration import create_client
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.client import Erply
from support.dialects import Capillary, Fabric
from support.process import ServerProcess
from support.shop import new_account

SECRETS = ("s3cr3t-pass", "wrong-guess", "Salajane", "topsecret-note", "0000unknown0000key", "my-query-value")


async def test_no_password_key_query_or_body_is_logged(tmp_path: Path) -> None:
    """After good and bad requests of every kind, the log of the real server holds nothing of them."""
    data = tmp_path / "data"
    code = await new_account(ServerSettings(data=data))
    server = ServerProcess(data)
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            till = await Erply(http, code).log_in()
            await till.customer(lastName="Salajane", notes="topsecret-note")
            await till.error("verifyUser", username="till", password="wrong-guess")
            await till.error("verifyUser", username="s3cr3t-pass", password="s3cr3t-pass")
            await till.error("getCustomers", orderBy="Salajane")
            await http.get("/api/", params={"clientCode": code, "sessionKey": "0000unknown0000key"})
            await http.get("/api/", params={"clientCode": "my-query-value", "password": "s3cr3t-pass"})
            await http.get("/nowhere", params={"password": "s3cr3t-pass"})
            await http.put("/api/", content="password=s3cr3t-pass")
            await http.post("/api/", content=b"\xffpassword=s3cr3t-pass")
            await http.post("/api/", content=b"topsecret-note{", headers={"content-type": "application/json"})
            await http.post("/api/", content=b"--s3cr3t-pass", headers={"content-type": "multipart/form-data"})
            await http.post("/api/", content=b"x" * 4_100_000 + b"topsecret-note")
            client = await create_client(stores_of(ServerSettings(data=data)), code, "till")
            fabric = await Fabric.log_in(http, *client)
            capillary = Capillary(http, *client)
            await capillary.lookup("email", "my-query-value", {"reasonOfReturn": "topsecret-note"})
            await Capillary(http, client[0], "s3cr3t-pass").lookup("email", "my-query-value", {})
            await fabric.post("members", b"topsecret-note")
            keys = (till.key, fabric.token, *client)
    finally:
        status = server.terminate()
    log = "".join(server.log)
    assert status == 0, log
    assert not [secret for secret in (*SECRETS, *keys, "clientCode", "sessionKey") if secret in log], log
    assert "Traceback" not in log, log
