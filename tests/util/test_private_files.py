# SPDX-License-Identifier: BSD-3-Clause
"""Files for their owner's eyes only."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter._util import private_files
from mcp_jupyter._util.private_files import (
    FileLock,
    NotPrivate,
    PrivateJsonFile,
    make_private_directory,
    read_plain,
    read_private,
    replace_file,
)
from mcp_jupyter.cli.host_file import ConfigFile
from mcp_jupyter.client.auth import FileStorage, Tokens
from mcp_jupyter.client.cassettes.cassette import CassetteFile
from mcp_jupyter.client.config.trust import Consent
from mcp_jupyter.errors import AuthorizationFailed, ConfigError, LinkError
from mcp_jupyter.extension.tokens import TokenFileError, TokenStore
from mcp_jupyter.ipc.names import RememberedNames
from mcp_jupyter.ipc.rendezvous import HttpAddress, announce, announced, read_http, write_http

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX's")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept.json"


def test_what_is_written_is_read_and_is_for_its_owner_only(file: Path) -> None:
    before = os.umask(0)
    try:
        status = replace_file(file, b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_ino == status.st_ino
    assert read_private(file, 100) == b"secret"
    assert [each.name for each in file.parent.iterdir()] == ["kept.json"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o666])
def test_what_others_may_read_or_write_is_not_private(file: Path, mode: int) -> None:
    replace_file(file, b"x")
    file.chmod(mode)
    with pytest.raises(NotPrivate, match="open to other users"):
        read_private(file, 100)
    assert read_plain(file, 100)[0] == b"x"


def test_a_link_is_neither_read_nor_replaced(file: Path) -> None:
    target = file.with_name("elsewhere")
    replace_file(target, b"theirs")
    file.symlink_to(target)
    for use in (lambda: read_plain(file, 100), lambda: replace_file(file, b"mine")):
        with pytest.raises(NotPrivate, match="not a plain file"):
            use()
    assert target.read_bytes() == b"theirs"


def test_a_pipe_keeps_nobody_waiting(file: Path) -> None:
    os.mkfifo(file, 0o600)
    with pytest.raises(NotPrivate, match="not a plain file"):
        read_private(file, 100)


def test_what_is_too_large_is_not_read(file: Path) -> None:
    replace_file(file, b"x" * 11)
    assert read_private(file, 11) == b"x" * 11
    with pytest.raises(OSError, match="more than 10 bytes"):
        read_private(file, 10)


def test_missing_directories_are_made_for_their_owner_only(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "a" / "b")
    assert {stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/b")} == {0o700}


# -- the lock ----------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from pathlib import Path
from mcp_jupyter._util.private_files import FileLock
with FileLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files, "LOCK_SECONDS", 0.05)


def test_threads_take_turns_and_leave_nothing(file: Path) -> None:
    file.write_text("0")

    def count() -> None:
        for _ in range(25):
            with FileLock(file):
                replace_file(file, str(int(file.read_text()) + 1).encode())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert file.read_text() == "100"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.usefixtures("short_wait")
def test_the_wait_is_bounded_and_a_killed_holder_gives_the_lock_back(file: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(TimeoutError, match="another process"), FileLock(file):
        raise AssertionError("two have it")
    holder.kill()
    holder.communicate(timeout=20)
    with FileLock(file):
        pass
    assert list(file.parent.iterdir()) == []


@pytest.mark.anyio
async def test_other_tasks_run_while_a_loop_waits(file: Path) -> None:
    order = []
    lock = FileLock(file)
    lock.__enter__()

    async def take() -> None:
        async with FileLock(file):
            order.append("taken")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.sleep(0.05)
        order.append("given back")
        lock.__exit__()
    assert order == ["given back", "taken"]


# -- a JSON file -------------------------------------------------------------------------------------


def test_a_value_is_checked_and_its_error_is_the_users(file: Path) -> None:
    kept = PrivateJsonFile(file, dict[str, int], 100, ConfigError, "Make it anew.")
    assert kept.read() is None
    kept.write({"a": 1})
    assert kept.read() == {"a": 1}
    for content in (b"", b"[]", b'{"a": "secret"}', b"x" * 101):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"{file} .*Make it anew\.$") as failure:
            kept.read()
        assert "secret" not in str(failure.value)
    kept.remove()
    kept.remove()
    assert kept.read() is None


def test_a_damaged_file_that_is_made_anew_counts_as_none(file: Path) -> None:
    kept = PrivateJsonFile(file, dict[str, int], 100, ConfigError, is_renewable=True)
    replace_file(file, b"[]")
    assert kept.read() is None
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="open to other users"):
        kept.read()


# -- all who keep such files -----------------------------------------------------------------------------


def _stored(directory: Path) -> Any:
    return anyio.run(FileStorage(directory).get_tokens, "https://a.example")


def _store(directory: Path) -> None:
    anyio.run(
        FileStorage(directory).set_tokens,
        "https://a.example",
        Tokens("secret", "https://i.example", "c", "https://a.example"),
    )


def _owner(directory: Path) -> Any:
    return RememberedNames(directory).owner("n")


USERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any], type[Exception] | None]] = {
    "tokens": (
        lambda folder: TokenStore(folder / "t.json").create(label="l", servers=["s"], tools=[], issuer="i"),
        lambda folder: TokenStore(folder / "t.json").tokens(),
        TokenFileError,
    ),
    "consents": (
        lambda folder: Consent("0" * 64, "", "", folder / "c.json").remember(),
        lambda folder: Consent("0" * 64, "", "", folder / "c.json").is_known(),
        ConfigError,
    ),
    "sign-ins": (_store, _stored, AuthorizationFailed),
    "names": (lambda folder: RememberedNames(folder).remember("n", str(folder)), _owner, None),
    "HTTP addresses": (
        lambda folder: write_http(HttpAddress(1, "t"), "k", folder),
        lambda folder: read_http("k", folder),
        LinkError,
    ),
    "callback URLs": (
        lambda folder: announce("http://a/mcp-jupyter/api/oauth/callback", folder),
        lambda folder: announced(folder, {"JPY_PARENT_PID": str(os.getpid())}),
        None,
    ),
}
"""Functions that write and read in a directory; the error for a file that is not private, if it is one."""


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.usefixtures("open_umask")
def test_what_any_user_writes_is_for_its_owner_only_and_replaced_whole(user: str, tmp_path: Path) -> None:
    write, read, error = USERS[user]
    folder = tmp_path / "a" / "b"
    write(folder)
    write(folder)
    assert {stat.S_IMODE(each.stat().st_mode) for each in (folder, folder.parent)} == {0o700}
    (written,) = folder.iterdir()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert read(folder)
    written.chmod(0o604)
    if error is None:
        assert read(folder) is None
    else:
        with pytest.raises(error, match="open to other users"):
            read(folder)


@pytest.mark.parametrize("user", USERS)
def test_no_user_writes_through_a_link(user: str, tmp_path: Path) -> None:
    write, _, error = USERS[user]
    folder = tmp_path / "a"
    write(folder)
    (written,) = folder.iterdir()
    target = written.rename(tmp_path / "elsewhere")
    before = target.read_bytes()
    written.symlink_to(target)
    with suppress(error or LinkError):  # names are only logged
        write(folder)
    assert target.read_bytes() == before
    assert written.is_symlink()


@pytest.mark.parametrize("file_class", [ConfigFile.read, CassetteFile])
def test_files_of_others_are_replaced_by_the_same_function(file_class: Any, file: Path) -> None:
    kept = file_class(file)
    kept.replace("{}") if isinstance(kept, ConfigFile) else kept.write(b"{}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_text_that_is_not_unicode_is_refused_in_words(file: Path) -> None:
    """A file name may hold any bytes; Python reads those that are not UTF-8 as lone surrogates."""
    kept = PrivateJsonFile(file, dict[str, str], 1000, ConfigError)
    with pytest.raises(ConfigError, match="a value has no JSON form"):
        kept.write({"path": "caf\udce9.ipynb"})
    assert not file.exists()
