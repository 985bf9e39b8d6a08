"""Tests of the calls log in hundreds of times, so passwords cost next to nothing here."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from erply_points.accounts import passwords

REAL = {"test_sessions", "test_lock_out"}
"""Modules that are about passwords."""


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 with the least work it allows, but for the modules that are about it."""
    if request.path.stem not in REAL:
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()
