"""A small client, for what a test prepares and looks at. Every answer is held against the schemas."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from jsonschema.exceptions import ValidationError

from erply_points.contract.reference import check_answer
from erply_points.testing.errors import AnswerLost, ErplyError, InvalidAnswer

Record = dict[str, Any]
Answer = dict[str, Any]


def form_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Top-level parameters as fields of a form; lists and objects travel as JSON in their field."""
    return {name: value if isinstance(value, str | int) else json.dumps(value) for name, value in params.items()}


def answer_of(response: httpx.Response, params: Mapping[str, Any]) -> Answer:
    """The answer to `params`. Raises InvalidAnswer unless it is what the schemas promise."""
    if response.status_code != 200:
        raise InvalidAnswer(f"HTTP {response.status_code}: {response.text[:1_000]}")
    try:
        answer: Answer = response.json()
        if "getFields" not in json.dumps(params):  # Trimmed records are no longer whole.
            check_answer(answer, params)
    except ValidationError as error:
        raise InvalidAnswer(f"{error.json_path}: {error.message}") from error
    except ValueError as error:
        raise InvalidAnswer(f"not JSON: {response.text[:1_000]}") from error
    return answer


class Erply:
    """One account of a server, as one user in an open session."""

    def __init__(self, http: httpx.Client, client_code: str, session_key: str) -> None:
        self._http = http
        self.client_code = client_code
        self.session_key = session_key

    def call(self, name: str, /, **params: Any) -> list[Record]:
        """The records of one call. `params` may also be those of every request, such as `idempotencyKey`.

        Raises ErplyError, AnswerLost, InvalidAnswer.
        """
        answer = self._post({"request": name, **params})
        if answer["status"]["errorCode"]:
            raise ErplyError(name, answer["status"], answer)
        records: list[Record] = answer["records"]
        return records

    def bulk(self, requests: Sequence[Mapping[str, Any]], /, **params: Any) -> Answer:
        """The whole answer to a bulk; a request is a mapping with `requestName`.

        What became of each sub-request stands in the answer. Raises ErplyError if the bulk as a whole has failed,
        AnswerLost, InvalidAnswer.
        """
        answer = self._post({**params, "requests": list(requests)})
        if answer["status"]["errorCode"]:
            raise ErplyError("", answer["status"], answer)
        return answer

    def _post(self, params: Mapping[str, Any]) -> Answer:
        sent = {"clientCode": self.client_code, "sessionKey": self.session_key, **params}
        try:
            response = self._http.post("/api/", data=form_of(sent))
        except httpx.TransportError as error:
            raise AnswerLost(str(error) or type(error).__name__) from error
        return answer_of(response, sent)
