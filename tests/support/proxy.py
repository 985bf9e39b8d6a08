"""A thin HTTP proxy in front of the real server that changes answers on their way: a server broken on purpose."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import httpx

Answer = dict[str, Any]
Change = Callable[[Answer], object]


class Proxy:
    """Passes requests on to `url`; `change` is done to every answer. `calls` are the names of all that was asked."""

    def __init__(self, url: str, change: Change = lambda _: None) -> None:
        self.calls: set[str] = set()
        self.keys: set[str] = set()
        """The session keys that were given out."""
        self._change = change
        self._target = httpx.Client(base_url=url, timeout=30, trust_env=False)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # An answer is one write: two would wait for each other's acknowledgement.

            def do_POST(self) -> None:
                proxy.pass_on(self)

            def do_GET(self) -> None:
                proxy.pass_on(self)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._target.close()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """One request there and its answer back."""
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        headers = {"content-type": request.headers.get("content-type", "")}
        self._listen(request.path.partition("?")[2], body.decode(errors="replace"))
        came = self._target.request(request.command, request.path, content=body, headers=headers)
        answer = came.json()
        for each in parts(answer):
            self.keys |= {record["sessionKey"] for record in each.get("records") or [] if "sessionKey" in record}
        self._change(answer)
        sent = json.dumps(answer).encode()
        request.send_response(came.status_code)
        request.send_header("content-type", came.headers["content-type"])
        request.send_header("content-length", str(len(sent)))
        request.end_headers()
        request.wfile.write(sent)

    def _listen(self, *texts: str) -> None:
        for text in texts:
            fields = parse_qs(text)
            self.calls.update(fields.get("request", []))
            for requests in fields.get("requests", []):
                try:
                    self.calls.update(each["requestName"] for each in json.loads(requests))
                except (ValueError, TypeError):
                    continue


def parts(answer: Answer) -> Iterator[Answer]:
    """Every answer to a call: the answer itself or, of a bulk, each in it."""
    if isinstance(answer.get("requests"), list):
        yield from answer["requests"]
    else:
        yield answer


def records(answer: Answer, *calls: str) -> Iterator[dict[str, Any]]:
    """The records of those calls in an answer."""
    for each in parts(answer):
        if {each["status"].get("request"), each["status"].get("requestName")} & set(calls):
            yield from each.get("records") or []
