# SPDX-License-Identifier: BSD-3-Clause
"""The answer to a sign-in on its way to the kernel: once, in time, for one user's eyes."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

import pytest

from mcp_jupyter.errors import LinkError
from mcp_jupyter.ipc.questions import MAX_SECONDS
from mcp_jupyter.ipc.rendezvous import SIGN_INS, deliver
from mcp_jupyter.protocol.limits import MAX_CALLBACK_BYTES


@pytest.fixture
def state() -> str:
    return secrets.token_urlsafe(32)


def test_an_answer_arrives_as_it_came_and_once(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    assert SIGN_INS.collect(state, tmp_path) is None
    query = f"code=a%20b&state={state}&iss=https://auth.example"
    assert deliver(query, tmp_path)
    assert SIGN_INS.collect(state, tmp_path) == query.encode()
    assert SIGN_INS.collect(state, tmp_path) is None
    assert not deliver(query, tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_no_file_holds_the_state_of_what_is_waited_for(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    (file,) = tmp_path.iterdir()
    assert state not in file.name
    assert state not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_answer_is_for_this_user_alone(state: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        SIGN_INS.ask(state, 60, tmp_path)
        deliver(f"code=x&state={state}", tmp_path)
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_of_two_at_once_one_is_taken(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    taken: list[bool] = []
    start = threading.Barrier(8)

    def come(number: int) -> None:
        start.wait(10)
        taken.append(deliver(f"code={number}&state={state}", tmp_path))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(taken) == [False] * 7 + [True]


def test_after_its_time_nothing_is_taken(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 0, tmp_path)
    assert not deliver(f"code=x&state={state}", tmp_path)
    assert SIGN_INS.collect(state, tmp_path) is None


def test_who_waits_no_longer_gets_nothing(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    SIGN_INS.forget(state, tmp_path)
    assert not deliver(f"code=x&state={state}", tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "code=x&state=",
        "code=x&state=../../etc/passwd",
        "code=x&state=STATE&state=STATE",
        "code=x&state=STATE%00",
        "code=x&state=" + "a" * 43,
        "code=x&state=" + "a" * 5000,
        "state=STATE&code=é",
        "state=STATE&code=" + "x" * MAX_CALLBACK_BYTES,
        "state=STATE" + "&a=b" * 40,
    ],
)
def test_what_is_no_answer_to_this_question_is_left(query: str, state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    assert not deliver(query.replace("STATE", state), tmp_path)
    assert SIGN_INS.collect(state, tmp_path) is None
    assert deliver(f"code=x&state={state}", tmp_path)


def test_a_file_that_others_may_have_written_is_not_believed(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    (waiting,) = tmp_path.iterdir()
    waiting.chmod(0o666)
    assert not deliver(f"code=x&state={state}", tmp_path)
    waiting.chmod(0o600)
    assert deliver(f"code=x&state={state}", tmp_path)
    (answer,) = tmp_path.iterdir()
    answer.chmod(0o666)
    with pytest.raises(LinkError, match="cannot be read"):
        SIGN_INS.collect(state, tmp_path)


def test_a_link_is_not_followed(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    (waiting,) = tmp_path.iterdir()
    target = waiting.rename(tmp_path / "elsewhere")
    waiting.symlink_to(target)
    assert not deliver(f"code=x&state={state}", tmp_path)


def test_a_short_state_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="256 bits"):
        SIGN_INS.ask("guess", 60, tmp_path)


def test_what_dead_kernels_left_goes(state: str, tmp_path: Path) -> None:
    SIGN_INS.ask(state, 60, tmp_path)
    (left,) = tmp_path.iterdir()
    os.utime(left, (0, left.stat().st_mtime - MAX_SECONDS - 1))
    SIGN_INS.ask(secrets.token_urlsafe(32), 60, tmp_path)
    assert not left.exists()
