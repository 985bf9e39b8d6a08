"""The way from bytes to checked requests, fuzzed by what its own branches tell: needs `pip install atheris`.

Where `harness.py` sends what looks like requests through the whole application, this starts from nothing, keeps
whatever reaches new lines of the parsers, the envelope and the validation, and changes it further. Any exception but
the refusals is a crash, and so is an answer that cannot be written. Run:

    python tests/fuzz/guided.py -runs=1000000 -seed=1 -max_len=2000
"""

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["erply_points.bulk", "erply_points.web", "erply_points.dialects"]):
    from starlette.requests import Request

    from erply_points.accounts.account import OpenSession
    from erply_points.accounts.rights import ALL_RIGHTS
    from erply_points.bulk import envelope
    from erply_points.bulk.answers import Outcome, Rendering
    from erply_points.bulk.checking import SESSION_MISSING, check_all
    from erply_points.bulk.formats import FORMATS
    from erply_points.dialects import bodies
    from erply_points.settings import ServerSettings
    from erply_points.store.rows import Session, User
    from erply_points.web import parameters
    from fuzz.inputs import CONTENT_TYPES

SESSION: Final = OpenSession(Session(b"", 1, 0, 1), User(1, "till", "", "till", 1, 1, 0, "", "{}"), ALL_RIGHTS)
DIALECTS: Final = (
    "/schemas/capillary/negativePointsAdjustment.request.json",
    "/schemas/fabric/points-adjustment.request.json",
    "/schemas/fabric/members.request.json",
)


def _request(content_type: str, query: bytes, body: bytes) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    scope = {"type": "http", "method": "POST", "path": "/api/", "query_string": query, "headers": headers}
    return Request(scope, receive)


def _tried(run: Callable[[Any], Any]) -> Callable[[bytes], None]:
    """What is done with one input: read, decoded, checked, answered."""

    def one(data: bytes) -> None:
        if not data:
            return
        content_type = CONTENT_TYPES[data[0] % len(CONTENT_TYPES)]
        query, _, body = data[1:].partition(b"\x00\n")
        for uri in DIALECTS:
            try:
                list(bodies.problems(uri, bodies.parse(body)))
            except bodies.Malformed:
                break
        try:
            reader = parameters.Bodies(ServerSettings(data=Path()))
            params = run(reader.parameters(_request(content_type, query, body)))
        except parameters.Malformed:
            return
        bulk = envelope.decode(params, {}, "")
        tasks = check_all(bulk.sub_requests, SESSION, dry_run=bulk.dry_run, references=bulk.references)
        outcomes = [Outcome(error=task.error or SESSION_MISSING) for task in tasks]
        rendering = Rendering(0, 0.0)
        for each in FORMATS.values():
            each.encode(rendering.bulk(bulk.sub_requests, outcomes))

    return one


def main() -> None:
    """Fuzz until told to stop by libFuzzer's options."""
    with asyncio.Runner() as runner:
        atheris.Setup(sys.argv, _tried(runner.run))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
