"""Headers that keep browsers and caches from harm."""

from typing import Any

from support.shop import Shop

ANSWERS = (
    ("POST", "/api/", "no-store"),
    ("GET", "/api", "no-store"),
    ("HEAD", "/api/", "no-store"),
    ("GET", "/health", "no-store"),
    ("GET", "/nowhere", "no-store"),
    ("PUT", "/api/", "no-store"),
    ("POST", "/v1/members", "no-store"),
    ("POST", "/v3/oauth/token/generate", "no-store"),
    ("GET", "/schemas/", "no-cache"),
    ("GET", "/schemas/none", "no-store"),
)


async def test_every_answer(shop: Shop) -> None:
    """No answer may be guessed at, none of the API is kept by a cache; schemas say themselves how they may be kept."""
    for method, path, stored in ANSWERS:
        headers = (await shop.http.request(method, path)).headers
        assert headers.get_list("x-content-type-options") == ["nosniff"], path
        assert headers.get_list("cache-control") == [stored], path
        assert not {"server", "x-powered-by", "set-cookie", "access-control-allow-credentials"} & headers.keys()


async def test_no_browser_of_elsewhere_reads_the_api(shop: Shop) -> None:
    """The API gives no page of another origin leave to read its answers; the schemas, which are no secret, do."""
    origin: dict[str, Any] = {"headers": {"origin": "https://elsewhere.example"}}
    assert "access-control-allow-origin" not in (await shop.http.post("/api/", **origin)).headers
    assert "access-control-allow-origin" not in (await shop.http.options("/api/", **origin)).headers
    assert (await shop.http.get("/schemas/", **origin)).headers["access-control-allow-origin"] == "*"
