"""Tests of security log in hundreds of times, so passwords cost next to nothing here."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from erply_points.accounts import passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 with the least work it allows; the real cost is tested in tests/calls/test_sessions.py."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()
