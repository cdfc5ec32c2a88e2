# SPDX-License-Identifier: BSD-3-Clause
"""Connection files: private, whole, and hostile until checked."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.errors import LinkError
from mcp_jupyter.ipc import files
from mcp_jupyter.ipc.files import ConnectionInfo, read, remove, scan, this_machine, write
from mcp_jupyter.protocol.limits import MAX_PRIVATE_FILE_BYTES

KEY = "0123456789abcdef" * 4
FIELDS: dict[str, Any] = {
    "version": 1,
    "name": "analysis",
    "kernel_id": "1f2e-3d4c",
    "pid": 4711,
    "path": "work/analysis.ipynb",
    "transport": "unix",
    "address": "/run/user/1000/mcp-0123456789abcdef.sock",
    "key": KEY,
    "machine": this_machine().to_json(),
}
INFO = ConnectionInfo.from_json(json.dumps(FIELDS).encode())


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# -- content ---------------------------------------------------------------------------------------


def test_what_is_written_is_read(runtime_dir: Path) -> None:
    assert read(write(INFO, runtime_dir)) == INFO


def test_an_address_on_tcp_is_read_too(runtime_dir: Path) -> None:
    info = replace(INFO, transport="tcp", address=("127.0.0.1", 4000), path=None)
    assert read(write(info, runtime_dir)) == info


def test_fields_of_later_versions_do_no_harm() -> None:
    assert ConnectionInfo.from_json(json.dumps(FIELDS | {"color": "red"}).encode()) == INFO


def test_the_key_is_never_shown() -> None:
    assert KEY not in repr(INFO)
    with pytest.raises(LinkError) as caught:
        replace(INFO, key=KEY + "0")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": "1"},
        {"name": None},
        {"name": ""},
        {"name": "../x"},
        {"name": "a/b"},
        {"name": "api"},
        {"name": "x" * 65},
        {"name": "cafe\u0301"},
        {"kernel_id": "../../etc"},
        {"kernel_id": ""},
        {"kernel_id": 5},
        {"pid": 0},
        {"pid": "4711"},
        {"pid": True},
        {"path": 5},
        {"path": ""},
        {"path": "a\0b"},
        {"path": "x" * 5000},
        {"transport": "http"},
        {"transport": ["unix"]},
        {"address": "mcp-0123456789abcdef.sock"},
        {"address": "/run/user/1000/bus"},
        {"address": "/run/a\0/mcp-0123456789abcdef.sock"},
        {"address": ["127.0.0.1", 4000]},
        {"transport": "tcp"},
        {"transport": "tcp", "address": ["192.0.2.1", 4000]},
        {"transport": "tcp", "address": ["localhost", 4000]},
        {"transport": "tcp", "address": ["127.0.0.1", 0]},
        {"transport": "tcp", "address": ["127.0.0.1", "80"]},
        {"transport": "tcp", "address": ["127.0.0.1"]},
        {"transport": "tcp", "address": [["127.0.0.1"], 80]},
        {"key": "0" * 63},
        {"key": "G" * 64},
        {"key": None},
    ],
)
def test_a_field_that_is_not_valid_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LinkError):
        ConnectionInfo.from_json(json.dumps(FIELDS | change).encode())


@pytest.mark.parametrize("missing", sorted(FIELDS.keys() - {"path", "machine"}))
def test_a_field_that_is_missing_is_refused(missing: str) -> None:
    with pytest.raises(LinkError):
        ConnectionInfo.from_json(json.dumps({k: v for k, v in FIELDS.items() if k != missing}).encode())


@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(sorted(FIELDS)), st.integers() | st.text()))
def test_any_content_is_a_connection_file_or_one_error(content: bytes | dict[str, Any]) -> None:
    data = content if isinstance(content, bytes) else json.dumps(FIELDS | content).encode()
    with suppress(LinkError):
        ConnectionInfo.from_json(data)


# -- the file --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("open_umask")
def test_files_and_directories_are_private_under_any_umask(runtime_dir: Path) -> None:
    below = runtime_dir / "a" / "b"
    path = write(INFO, below)
    assert mode(path) == 0o600
    assert {mode(folder) for folder in (runtime_dir, runtime_dir / "a", below)} == {0o700}


def test_writing_again_replaces_the_file_and_leaves_nothing_else(runtime_dir: Path) -> None:
    write(INFO, runtime_dir)
    path = write(replace(INFO, name="renamed"), runtime_dir)
    assert read(path).name == "renamed"
    assert os.listdir(runtime_dir) == ["mcp-1f2e-3d4c.json"]


def test_a_link_in_the_place_of_the_file_is_refused(runtime_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    runtime_dir.mkdir()
    path = runtime_dir / "mcp-1f2e-3d4c.json"
    path.symlink_to(elsewhere)
    with pytest.raises(LinkError, match="not a plain file"):
        write(INFO, runtime_dir)
    assert elsewhere.read_text() == "precious"
    assert os.listdir(runtime_dir) == [path.name]


def test_a_link_to_a_connection_file_is_not_read(runtime_dir: Path, tmp_path: Path) -> None:
    target = write(INFO, tmp_path / "other")
    runtime_dir.mkdir()
    (runtime_dir / target.name).symlink_to(target)
    with pytest.raises(LinkError):
        read(runtime_dir / target.name)


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_may_open_is_not_read(runtime_dir: Path, open_to: int) -> None:
    path = write(INFO, runtime_dir)
    path.chmod(open_to)
    with pytest.raises(LinkError, match="open to other users"):
        read(path)


def test_a_file_of_another_user_is_not_read(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(INFO, runtime_dir)
    someone_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: someone_else)
    with pytest.raises(LinkError, match="another user"):
        read(path)


def test_a_pipe_in_the_place_of_the_file_does_not_make_us_wait(runtime_dir: Path) -> None:
    runtime_dir.mkdir()
    os.mkfifo(runtime_dir / "mcp-pipe.json", 0o600)
    assert scan(runtime_dir) == []


def test_a_file_named_for_another_kernel_is_not_read(runtime_dir: Path) -> None:
    path = write(INFO, runtime_dir)
    with pytest.raises(LinkError, match="not named for its kernel"):
        read(path.rename(runtime_dir / "mcp-other.json"))


def test_a_huge_file_is_not_read(runtime_dir: Path) -> None:
    path = write(INFO, runtime_dir)
    with path.open("ab") as file:
        file.write(b" " * MAX_PRIVATE_FILE_BYTES)
    with pytest.raises(LinkError, match=f"more than {MAX_PRIVATE_FILE_BYTES} bytes"):
        read(path)


def test_a_kernel_id_from_outside_never_leaves_the_directory(runtime_dir: Path) -> None:
    with pytest.raises(LinkError):
        files.file_path("../../secret", runtime_dir)


# -- the directory ---------------------------------------------------------------------------------


def test_bad_files_are_passed_over_with_one_line_each(
    runtime_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(INFO, runtime_dir)
    for name in ("mcp-empty.json", "mcp-truncated.json"):
        (runtime_dir / name).touch(0o600)
    (runtime_dir / "kernel-1.json").touch()
    with caplog.at_level(logging.WARNING):
        assert scan(runtime_dir) == [INFO]
    assert len(caplog.records) == 2
    assert KEY not in caplog.text


def test_a_directory_that_is_not_there_has_no_files(runtime_dir: Path) -> None:
    assert scan(runtime_dir) == []


def test_removing_takes_file_socket_and_private_directory(runtime_dir: Path, tmp_path: Path) -> None:
    private = runtime_dir.parent / "mcp-jupyter-abc"
    private.mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(private / files.socket_name()))
        info = replace(INFO, address=sock.getsockname())
        remove_path = write(info, runtime_dir)
        remove(info, runtime_dir)
    assert not remove_path.exists()
    assert not private.exists()


def test_removing_an_old_kernel_leaves_the_file_of_the_new_one(runtime_dir: Path) -> None:
    restarted = replace(INFO, key="f" * 64)
    path = write(restarted, runtime_dir)
    remove(INFO, runtime_dir)
    assert read(path) == restarted


def test_removing_takes_nothing_that_is_no_socket(runtime_dir: Path) -> None:
    precious = runtime_dir / "mcp-0123456789abcdef.sock"
    info = replace(INFO, address=str(precious))
    write(info, runtime_dir)
    precious.write_text("not a socket")
    remove(info, runtime_dir)
    assert precious.exists()
