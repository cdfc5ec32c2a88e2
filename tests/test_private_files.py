# SPDX-License-Identifier: BSD-3-Clause
"""Files for their owner's eyes only."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mcp_jupyter._util.private_files import (
    NotPrivate,
    make_private_directory,
    read_plain,
    read_private,
    write_private,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX's")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept.json"


def test_what_is_written_is_read_and_is_for_its_owner_only(file: Path) -> None:
    before = os.umask(0)
    try:
        status = write_private(file, b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_ino == status.st_ino
    assert read_private(file, 100) == b"secret"
    assert [each.name for each in file.parent.iterdir()] == ["kept.json"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o666])
def test_what_others_may_read_or_write_is_not_private(file: Path, mode: int) -> None:
    write_private(file, b"x")
    file.chmod(mode)
    with pytest.raises(NotPrivate, match="open to other users"):
        read_private(file, 100)
    assert read_plain(file, 100)[0] == b"x"


def test_a_link_is_neither_read_nor_replaced(file: Path) -> None:
    target = file.with_name("elsewhere")
    write_private(target, b"theirs")
    file.symlink_to(target)
    for use in (lambda: read_plain(file, 100), lambda: write_private(file, b"mine")):
        with pytest.raises(NotPrivate, match="no plain file"):
            use()
    assert target.read_bytes() == b"theirs"


def test_a_pipe_keeps_nobody_waiting(file: Path) -> None:
    os.mkfifo(file, 0o600)
    with pytest.raises(NotPrivate, match="no plain file"):
        read_private(file, 100)


def test_what_is_too_large_is_not_read(file: Path) -> None:
    write_private(file, b"x" * 11)
    assert read_private(file, 11) == b"x" * 11
    with pytest.raises(OSError, match="more than 10 bytes"):
        read_private(file, 10)


def test_missing_directories_are_made_for_their_owner_only(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "a" / "b")
    assert {stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/b")} == {0o700}
