# SPDX-License-Identifier: BSD-3-Clause
"""The token file: who may read it, what is refused, and that no write is ever half done."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter._util import private_files
from mcp_jupyter.extension.tokens import TokenFileError, TokenRefused, TokenStore, UnknownToken

from .support import is_root

ROOT = Path(__file__).parent.parent.parent
WISH: dict[str, Any] = {"label": "test", "servers": ["sales"], "tools": ["*"], "issuer": "ann"}

posix_only = pytest.mark.skipif(os.name == "nt", reason="modes and owners are a POSIX matter")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "mcp_jupyter" / "tokens.json"


@pytest.fixture
def store(path: Path, clock: Clock) -> TokenStore:
    return TokenStore(path, clock)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_no_file_means_no_tokens(store: TokenStore, path: Path) -> None:
    assert store.tokens() == []
    with pytest.raises(TokenRefused):
        store.verify("mcpj_aaaaaaaa_" + "x" * 43)
    assert not path.exists()


def test_what_is_made_is_known_to_every_store(store: TokenStore, path: Path) -> None:
    token, text = store.create(**WISH)
    assert TokenStore(path, store.now).verify(text) == token


def test_the_secret_is_in_no_file(store: TokenStore, path: Path) -> None:
    _, text = store.create(**WISH)
    secret = text[14:]
    assert all(secret.encode() not in file.read_bytes() for file in path.parent.iterdir())


@posix_only
@pytest.mark.usefixtures("open_umask")
def test_others_cannot_read_it_whatever_the_umask(store: TokenStore, path: Path) -> None:
    store.create(**WISH)
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}


def test_revoking_takes_effect_in_another_store_at_its_next_look(store: TokenStore, path: Path) -> None:
    token, text = store.create(**WISH)
    other = TokenStore(path, store.now)
    other.verify(text)
    store.revoke(token.id)
    with pytest.raises(TokenRefused, match="revoked"):
        other.verify(text)


def test_revoking_twice_keeps_the_first_time(store: TokenStore, clock: Clock) -> None:
    token, _ = store.create(**WISH)
    first = store.revoke(token.id).revoked
    clock.time += timedelta(hours=1)
    assert store.revoke(token.id).revoked == first


def test_revoking_what_is_not_there(store: TokenStore) -> None:
    with pytest.raises(UnknownToken):
        store.revoke("aaaaaaaa")


def test_ended_tokens_are_forgotten_after_a_while(store: TokenStore, clock: Clock) -> None:
    revoked, _ = store.create(**WISH)
    store.revoke(revoked.id)
    clock.time += timedelta(days=29)
    store.create(**WISH)
    assert revoked.id in {token.id for token in store.tokens()}
    clock.time += timedelta(days=1)
    store.create(**WISH)
    assert revoked.id not in {token.id for token in store.tokens()}


def test_last_use_is_seen_at_once_and_written_down_when_asked(
    store: TokenStore, path: Path, clock: Clock
) -> None:
    token, text = store.create(**WISH)
    clock.time += timedelta(hours=1)
    store.verify(text)
    assert store.tokens()[0].last_used == clock.time
    assert TokenStore(path).tokens()[0].last_used is None
    store.save_last_used()
    assert TokenStore(path).tokens()[0].last_used == clock.time
    assert store.tokens()[0].model_copy(update={"last_used": None}) == token


def test_a_busy_token_is_not_a_busy_disk(store: TokenStore, path: Path, clock: Clock) -> None:
    _, text = store.create(**WISH)
    store.verify(text)
    store.save_last_used()
    before = path.stat().st_mtime_ns, path.stat().st_ino
    clock.time += timedelta(seconds=59)
    store.verify(text)
    store.save_last_used()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


# -- files that are refused ------------------------------------------------------------------------


@posix_only
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_open_is_refused(store: TokenStore, path: Path, bits: int) -> None:
    _, text = store.create(**WISH)
    path.chmod(bits)
    for use in (store.tokens, lambda: store.verify(text), lambda: store.create(**WISH)):
        with pytest.raises(TokenFileError, match="open to other users"):
            use()


@posix_only
def test_a_directory_that_others_may_open_is_refused(store: TokenStore, path: Path) -> None:
    store.create(**WISH)
    path.parent.chmod(0o755)
    with pytest.raises(TokenFileError, match="open to other users"):
        TokenStore(path).tokens()


@posix_only
def test_a_directory_that_is_opened_to_others_later_is_refused_too(store: TokenStore, path: Path) -> None:
    """The directory is looked at whenever a token is, though the file has not changed (1.31)."""
    _, text = store.create(**WISH)
    assert store.verify(text)
    path.parent.chmod(0o755)
    with pytest.raises(TokenFileError, match="open to other users"):
        store.verify(text)
    path.parent.chmod(0o700)
    assert store.verify(text)


@posix_only
def test_a_link_is_refused(store: TokenStore, path: Path) -> None:
    _, text = store.create(**WISH)
    elsewhere = path.with_name("elsewhere.json")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(TokenFileError, match="symbolic link"):
        store.verify(text)
    with pytest.raises(TokenFileError, match="symbolic link"):
        store.create(**WISH)


@posix_only
def test_a_linked_directory_is_refused(store: TokenStore, path: Path) -> None:
    store.create(**WISH)
    elsewhere = path.parent.with_name("elsewhere")
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)
    with pytest.raises(TokenFileError, match="not a plain directory"):
        TokenStore(path).tokens()


@posix_only
def test_a_pipe_in_its_place_makes_nobody_wait(store: TokenStore, path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    os.mkfifo(path, 0o600)
    with pytest.raises(TokenFileError, match="not a plain file"):
        store.tokens()


@pytest.mark.skipif(not is_root(), reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(store: TokenStore, path: Path) -> None:
    store.create(**WISH)
    os.chown(path, 12345, 12345)
    with pytest.raises(TokenFileError, match="another user"):
        store.tokens()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"[]",
        lambda data: data.replace(b'"version":1', b'"version":2'),
        lambda data: data.replace(b'"tools":["*"]', b'"tools":["*"],"unless":"friday"'),
        lambda data: b'{"version":1,"tokens":[' + b" " * (4 * 1024 * 1024),
    ],
    ids=["truncated", "empty", "other", "version", "unknown restriction", "huge"],
)
def test_a_damaged_file_is_refused_and_kept(store: TokenStore, path: Path, damage: Any) -> None:
    _, text = store.create(**WISH)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    for use in (store.tokens, lambda: store.verify(text), lambda: store.create(**WISH)):
        with pytest.raises(TokenFileError, match=str(path)) as failure:
            use()
        assert text[14:] not in str(failure.value)
    assert path.read_bytes() == damaged


# -- many writers ----------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from mcp_jupyter.extension.tokens import TokenStore
store = TokenStore(Path(sys.argv[1]))
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    store.create(label="w", servers=["s"], tools=[], issuer="w")
"""


def start_writer(path: Path, tokens: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), str(tokens)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_writers_in_several_processes_lose_nothing(store: TokenStore, path: Path) -> None:
    writers = [start_writer(path, 20) for _ in range(3)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert len(store.tokens()) == 60


@posix_only
def test_a_killed_writer_leaves_a_whole_file(store: TokenStore, path: Path) -> None:
    kept, _ = store.create(**WISH)
    for round_ in range(5):
        writer = start_writer(path, 200)
        known = len(store.tokens())
        deadline = time.monotonic() + 20
        while len(store.tokens()) < known + 3 + round_ and time.monotonic() < deadline:
            pass
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=20)
        assert kept in TokenStore(path).tokens()
    store.create(**WISH)  # the lock went with its holder


@posix_only
def test_a_lock_that_is_held_for_ever_is_an_error(
    store: TokenStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create(**WISH)
    monkeypatch.setattr(private_files, "LOCK_SECONDS", 0.1)
    with private_files.FileLock(path), pytest.raises(TokenFileError, match="another process"):
        store.create(**WISH)
