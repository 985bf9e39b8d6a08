"""Files of the data folder are their owner's only, whatever the umask and whoever made them."""

import os
from pathlib import Path

import pytest

from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.shop import open_shop


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
async def test_all_files_are_their_owners(tmp_path: Path, mask: int) -> None:
    """The folder is 0700 and every file 0600: accounts, their logs, locks, snapshots, backups and what is restored."""
    before = os.umask(mask)
    try:
        data = tmp_path / "srv" / "data"
        async with open_shop(ServerSettings(data=data)) as shop:
            stores = stores_of(shop.settings)
            await shop.customer(points=5)
            await administration.snapshot_account(stores, shop.code, "first")
            await administration.back_up(stores, shop.code, tmp_path / "copy.db")
            await administration.restore_backup(stores, "restored", tmp_path / "copy.db")
            await administration.restore_account(stores, shop.code, "first")
            await shop.customer()
            files = [tmp_path / "copy.db", *data.iterdir()]
            found = {"".join(path.suffixes): oct(path.stat().st_mode & 0o777) for path in files}
        assert found.keys() == {".db", ".db-wal", ".db-shm", ".lock", ".first.snapshot"}
        assert set(found.values()) == {"0o600"}
        assert data.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)
