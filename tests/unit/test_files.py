"""A file that nothing names is removed, unless somebody puts it again in the same moment."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import NotFound
from gateway.files import FolderFiles

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SINCE = LONG_AGO + timedelta(hours=1)


def aged(folder: Path, sha256: str) -> Path:
    """The file, put long ago."""
    path = folder / sha256[:2] / sha256
    os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    return path


def test_an_old_file_is_removed_and_a_second_time_it_is_gone_too(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    sha256 = files.put(b"one")
    aged(tmp_path, sha256)
    assert files.discard(sha256, SINCE)
    with pytest.raises(NotFound):
        files.get(sha256)
    assert files.discard(sha256, SINCE)
    assert [] == [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.mark.parametrize("way", ["put", "adopt"])
def test_a_file_that_is_put_again_stays(tmp_path: Path, way: str) -> None:
    files, given = FolderFiles(tmp_path / "files"), tmp_path / "given"
    given.write_bytes(b"one")
    sha256 = files.put(b"one")
    aged(tmp_path / "files", sha256)
    if way == "put":
        files.put(b"one")
    else:
        files.adopt(given, sha256)
    assert not files.discard(sha256, SINCE)
    assert b"one" == files.get(sha256)


def test_a_file_that_a_process_had_taken_out_of_sight_when_it_died_comes_back_or_goes(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    for ends in ("kept", "discarded"):
        sha256 = files.put(ends.encode())
        path = aged(tmp_path, sha256)
        path.replace(path.with_name(f"{sha256}.doomed"))
        if ends == "kept":
            files.keep(sha256)
            files.keep(sha256)
            assert b"kept" == files.get(sha256)
        else:
            assert files.discard(sha256, SINCE)
            assert [] == list(tmp_path.rglob(f"{sha256}*"))


def test_what_is_adopted_with_an_old_date_counts_as_put_now(tmp_path: Path) -> None:
    files, given = FolderFiles(tmp_path / "files"), tmp_path / "given"
    given.write_bytes(b"two")
    os.utime(given, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    sha256 = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
    files.adopt(given, sha256)
    assert not files.discard(sha256, SINCE)
