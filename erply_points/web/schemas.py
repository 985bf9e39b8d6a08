"""The schemas over HTTP: `/schemas/` lists them, and each is served where its `$id` says.

In the files an `$id` is a path. What is served has the address in front of it by which the client came, so that every
`$id` can be fetched and every `$ref` beside it leads to a file of this server (decision 0022).
"""

import hashlib
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from erply_points import schemas

_ANYWHERE: Final = {"access-control-allow-origin": "*"}
"""A validator in a browser may fetch the schemas from any page: they are no secret."""


def routes() -> list[Route]:
    """Without a trailing slash too, for a redirect would have to know the address from outside."""
    return [Route("/schemas", _index), Route("/schemas/", _index), Route("/schemas/{path:path}", _schema)]


async def _index(request: Request) -> Response:
    base = _base(request)
    listed = [_listed(uri, schema, base) for uri, schema in schemas.all_schemas().items()]
    return _cached(request, {"schemas": listed}, "application/json")


def _listed(uri: str, schema: schemas.Schema, base: str) -> dict[str, Any]:
    name, direction = schemas.name_of(uri) or (None, None)
    return {
        "$id": base + uri,
        "path": uri,
        "title": schema["title"],
        "description": schema["description"],
        "call": name if "/calls/" in uri else None,
        "direction": direction,
    }


async def _schema(request: Request) -> Response:
    # Looked up among the schemas that were read at the start: no path of a request ever reaches a file.
    schema = schemas.all_schemas().get(f"/schemas/{request.path_params['path']}")
    if schema is None:
        return JSONResponse({"error": "There is no such schema; /schemas/ lists all."}, 404, _ANYWHERE)
    return _cached(request, {**schema, "$id": _base(request) + schema["$id"]}, "application/schema+json")


def _base(request: Request) -> str:
    """The address that the client came by, without a slash at its end; a Host header that names no host is no part."""
    return str(request.base_url).rstrip("/")


def _cached(request: Request, content: Any, media_type: str) -> Response:
    """The content, or 304 if the client has it already.

    A client may keep what it got but asks each time (`no-cache`): a schema and those that it refers to are then never
    of two versions of the server.
    """
    body = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_ANYWHERE, "cache-control": "no-cache", "etag": tag}
    sent = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if sent & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
