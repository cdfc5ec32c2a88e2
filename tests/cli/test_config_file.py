# SPDX-License-Identifier: BSD-3-Clause
"""A configuration file of another program: kept, replaced in one step, or refused untouched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcp_jupyter.cli.host_file import BACKUP_SUFFIX, ConfigFile, ConfigRefused
from mcp_jupyter.protocol.limits import MAX_HOST_FILE_BYTES


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    before = os.umask(0)
    try:
        assert ConfigFile.read(path).replace("{}") is None
    finally:
        os.umask(before)
    assert (path.read_text(), mode(path)) == ("{}", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o640])
def test_the_old_one_is_kept_with_its_mode(tmp_path: Path, permissions: int) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b"old\r\n")
    path.chmod(permissions)
    backup = ConfigFile.read(path).replace("new")
    assert backup == tmp_path / f"c.json{BACKUP_SUFFIX}"
    assert (backup.read_bytes(), mode(backup)) == (b"old\r\n", permissions)
    assert (path.read_bytes(), mode(path)) == (b"new", permissions)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_first_copy_is_kept(tmp_path: Path) -> None:
    """A later change does not replace what the user had before the first (2: installing)."""
    path = tmp_path / "c.json"
    path.write_text("first")
    ConfigFile.read(path).replace("second")
    assert ConfigFile.read(path).replace("third") == tmp_path / f"c.json{BACKUP_SUFFIX}"
    assert (tmp_path / f"c.json{BACKUP_SUFFIX}").read_text() == "first"


def test_a_file_with_a_token_is_private(tmp_path: Path) -> None:
    """Nobody else may read it from then on (2: installing)."""
    path = tmp_path / "c.json"
    path.write_text("old")
    path.chmod(0o664)
    ConfigFile.read(path).replace("token", private=True)
    assert mode(path) == 0o600


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "real.json"
    real.write_text("old")
    link = tmp_path / "c.json"
    link.symlink_to(real)
    ConfigFile.read(link).replace("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b"\xef\xbb\xbf{}")
    file = ConfigFile.read(path)
    assert file.text == "{}"
    file.replace('{"a": 1}')
    assert path.read_bytes() == b'\xef\xbb\xbf{"a": 1}'


def test_what_another_program_wrote_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("old")
    file = ConfigFile.read(path)
    path.write_text("another's")
    with pytest.raises(ConfigRefused, match="by another program"):
        file.replace("new")
    assert path.read_text() == "another's"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigRefused, match=r"is a link to .*nowhere, which does not exist"):
        ConfigFile.read(path)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(ConfigRefused):
        ConfigFile.read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ConfigRefused, match="is a link to /dev/zero, which is not a regular file"):
        ConfigFile.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigRefused, match="not a regular file"):
        ConfigFile.read(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ConfigRefused, match="not a regular file"):
        ConfigFile.read(path)


def test_what_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with path.open("wb") as file:
        file.truncate(MAX_HOST_FILE_BYTES + 1)
    with pytest.raises(ConfigRefused, match="larger than 32 MiB"):
        ConfigFile.read(path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ConfigRefused, match="is not UTF-8: byte 7"):
        _ = ConfigFile.read(path).text
