"""Retries: what carries an idempotency key is done once, and whoever sends it again is given the first answer.

The answer is kept in the transaction that did the work, so the two are there together or not at all. Keys, in the order
in which they are looked up:

1. header `Idempotency-Key` or field `idempotencyKey`: the whole request;
2. `temporaryUUID` (or attribute `source-uuid`) of a saveSalesDocument that makes a document: the whole request too,
   unless the account says `retry=erply`;
3. `requestID`, where the account says `unique_request_ids=1`: its sub-request alone.

What belongs to the session, such as a log-in, is run anew each time: the answer may hold its key. For users:
docs/retrying.md.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import orjson

from erply_points.accounts.settings import AccountSettings
from erply_points.bulk import errors
from erply_points.bulk.answers import Outcome
from erply_points.bulk.envelope import BulkRequest, SubRequest
from erply_points.bulk.errors import WireError
from erply_points.bulk.references import SAVING_CALL
from erply_points.calls.call import Context
from erply_points.calls.registry import CALLS
from erply_points.calls.sales import document_uuid
from erply_points.store.protocol import Transaction
from erply_points.store.rows import KeptAnswer

_KEY_FIELD: Final = "idempotencyKey"
_UUID_FIELD: Final = "temporaryUUID"


class Retries:
    """The keys of one request, and the first answers that were found for them."""

    def __init__(self, bulk: BulkRequest) -> None:
        self._bulk = bulk
        self.first_answers: dict[int, Outcome] = {}
        """By the place of the sub-request in the bulk."""
        self.repeats: dict[int, int] = {}
        """Places of sub-requests that stand in the bulk before, and where: its answer is theirs."""

    @property
    def replayed(self) -> str:
        """`true` where nothing was run anew but what belongs to the session, `partial` where some more was."""
        if not self.first_answers:
            return ""
        anew = (
            sub_request
            for position, sub_request in enumerate(self._bulk.sub_requests)
            if position not in self.first_answers and position not in self.repeats and not _of_session(sub_request)
        )
        return "partial" if any(anew) else "true"

    def keys(self, settings: AccountSettings) -> list[str]:
        """All keys of the request."""
        of_sub_requests = self._sub_request_keys if settings.unique_request_ids else {}
        return [*self._whole_keys(settings), *of_sub_requests]

    async def look_up(self, transaction: Transaction, context: Context) -> WireError | None:
        """Find the first answers; the error if a key was used for something else, so that nothing may be run."""
        self.first_answers = {}
        self.repeats = {}
        keys = self.keys(context.settings)
        if not keys:
            return None
        await transaction.load({"kept_answers": set(keys)})
        for key, parameter in self._whole_keys(context.settings).items():
            kept = _alive(context, key)
            if kept is None:
                continue
            if kept.fingerprint != self._fingerprint:
                return _used_otherwise(parameter)
            first = await self._first(kept, transaction)
            if first is not None:
                self._take_whole(first)
                return None
        return self._take_parts(context) if context.settings.unique_request_ids else None

    async def _first(self, kept: KeptAnswer, transaction: Transaction) -> KeptAnswer | None:
        """Where the answer itself is kept; None if its key has since been used anew."""
        if not kept.same_as:
            return kept
        await transaction.load({"kept_answers": {kept.same_as}})
        first = transaction.work.kept_answers.get(kept.same_as)
        return first if first is not None and first.fingerprint == self._fingerprint else None

    def _take_whole(self, kept: KeptAnswer) -> None:
        for position, outcome in enumerate(orjson.loads(kept.outcomes)):
            if outcome is not None:
                self.first_answers[position] = _load(outcome)

    def _take_parts(self, context: Context) -> WireError | None:
        for key, positions in self._sub_request_keys.items():
            fingerprints = {_fingerprint(self._bulk.sub_requests[position]) for position in positions}
            kept = _alive(context, key)
            if len(fingerprints | ({kept.fingerprint} if kept else set())) > 1:
                self.first_answers = {}
                return _used_otherwise("requestID")
            first, *others = positions
            self.repeats |= dict.fromkeys(others, first)
            if kept is not None:
                self.first_answers[first] = _load(orjson.loads(kept.outcomes))
        return None

    def keep(self, context: Context, outcomes: list[Outcome]) -> None:
        """Keep the answers to what was run, with its effects, under every key of the request.

        Where nothing was done there is nothing to keep: what failed may be corrected and sent again.
        """
        if not any(self._has_done(position, outcome) for position, outcome in enumerate(outcomes)):
            return
        whole = list(self._whole_keys(context.settings))
        sub_requests = self._bulk.sub_requests
        if whole:
            answers = [
                None if _of_session(sub_request) else _dump(outcome)
                for sub_request, outcome in zip(sub_requests, outcomes, strict=True)
            ]
            text = orjson.dumps(answers).decode()
            for key in whole:
                same_as = "" if key == whole[0] else whole[0]
                _put(context, KeptAnswer(key, self._fingerprint, context.now, same_as, "" if same_as else text))
        if context.settings.unique_request_ids:
            for key, (position, *_) in self._sub_request_keys.items():
                outcome = outcomes[position]
                # What failed has changed nothing: it may be tried again.
                if position not in self.first_answers and outcome.error is None:
                    text = orjson.dumps(_dump(outcome)).decode()
                    _put(context, KeptAnswer(key, _fingerprint(sub_requests[position]), context.now, "", text))

    def _has_done(self, position: int, outcome: Outcome) -> bool:
        call = CALLS.get(self._bulk.sub_requests[position].name)
        done = outcome.error is None and position not in self.first_answers
        return done and call is not None and call.writes and not call.of_session

    def _whole_keys(self, settings: AccountSettings) -> Mapping[str, str]:
        """The keys of the whole request, and the parameter that each was sent in."""
        found = {f"key:{self._bulk.idempotency_key}": _KEY_FIELD} if self._bulk.idempotency_key else {}
        if settings.retry == "replay":
            found |= dict.fromkeys(self._uuid_keys, _UUID_FIELD)
        return found

    @cached_property
    def _uuid_keys(self) -> list[str]:
        saving = (each.params for each in self._bulk.sub_requests if each.name == SAVING_CALL)
        uuids = (document_uuid(params) for params in saving if _is_none(params.get("id")))
        return [f"uuid:{uuid}" for uuid in uuids if uuid and "\0" not in uuid]

    @cached_property
    def _sub_request_keys(self) -> dict[str, list[int]]:
        """The requestIDs of the bulk and where they stand."""
        found: dict[str, list[int]] = {}
        for position, sub_request in enumerate(self._bulk.sub_requests):
            if sub_request.request_id not in (None, "") and not _of_session(sub_request):
                found.setdefault(f"request:{json.dumps(sub_request.request_id)}", []).append(position)
        return found

    @cached_property
    def _fingerprint(self) -> bytes:
        """What is the same whenever the request is the same. IDs that only number the answers do not count."""
        sub_requests = self._bulk.sub_requests
        names = [each.request_id for each in sub_requests] if self._bulk.references else None
        return _digest([self._bulk.atomic, names, *map(_content, sub_requests)])


def _of_session(sub_request: SubRequest) -> bool:
    call = CALLS.get(sub_request.name)
    return call is not None and call.of_session


def _is_none(sent: Any) -> bool:
    """Whether what was sent as an ID names nothing: forms send everything as text."""
    return not sent or (isinstance(sent, str) and not sent.strip("0"))


def _content(sub_request: SubRequest) -> tuple[str, Mapping[str, Any] | None]:
    return sub_request.name, None if _of_session(sub_request) else sub_request.params


def _fingerprint(sub_request: SubRequest) -> bytes:
    return _digest(_content(sub_request))


def _digest(content: Any) -> bytes:
    try:
        encoded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # A number of more than 64 bits.
        encoded = json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(encoded).digest()


def _alive(context: Context, key: str) -> KeptAnswer | None:
    kept = context.work.kept_answers.get(key)
    lives = context.settings.retry_hours * 3_600
    return kept if kept is not None and kept.answered_at > context.now - lives else None


def _put(context: Context, kept: KeptAnswer) -> None:
    context.work.kept_answers.put(kept.key, kept)


def _used_otherwise(parameter: str) -> WireError:
    code = errors.DUPLICATE_UUID if parameter == _UUID_FIELD else errors.CONTRADICTION
    return WireError(code, f"This {parameter} was used by a different request before; nothing was run.", parameter)


def _dump(outcome: Outcome) -> list[Any]:
    error = outcome.error
    return [outcome.records, outcome.total, [error.code, error.message, error.field] if error else None]


def _load(kept: list[Any]) -> Outcome:
    records, total, error = kept
    return Outcome(records, total, WireError(*error) if error else None)
