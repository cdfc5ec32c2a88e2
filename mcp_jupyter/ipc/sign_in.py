# SPDX-License-Identifier: BSD-3-Clause
"""How the answer to a sign-in gets from a browser, through the Jupyter Server, to the kernel that waits.

Owns the two files by which that happens, who may read them, and that each answer is taken once and in
time. Knows no OAuth but the parameter `state`: the answer is handed on as it came.

The browser may be on another machine than the kernel, so the authorization server sends it back to the
Jupyter Server. That one and the kernel are processes of one user with one runtime directory, and there
they meet: the kernel leaves a file that says what it waits for, the Jupyter Server puts the answer beside
it. The kernel's socket would do too, but it is there only when the notebook serves, and a method on it
would be one more that others could call. A person signs in now and then, in seconds: looking for a file
four times a second is enough.

What is waited for is named by the SHA-256 of its `state`, 256 random bits that no file holds. Who could
list the directory could not answer; and an answer is of no use without the PKCE verifier, which never
leaves the kernel.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from .._util.private_files import make_private_directory, read_private, write_private
from ..errors import LinkError

__all__ = ["collect", "deliver", "expect", "forget"]

MAX_QUERY_CHARS: Final = 16384
"""Of an answer: codes have some hundred characters, and a browser's whole request has no more than this."""

MAX_PARAMETERS: Final = 32
"""Of an answer; five have a meaning."""

MAX_SECONDS: Final = 3600.0
"""A file older than this was left behind by a kernel that was killed."""

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{43,128}", re.ASCII)
"""At least 256 bits in base64url."""

_MAX_MARK_BYTES: Final = 64
_WAITING: Final = ".waiting"
_ANSWER: Final = ".answer"


def expect(state: str, seconds: float, runtime_dir: Path) -> None:
    """Begin to wait for the answer with this `state`, for so long.

    Raises
    ------
    ValueError
        The state is too short to be a secret.
    LinkError
        The runtime directory cannot be written.
    """
    for path in _left_behind(runtime_dir):
        path.unlink(missing_ok=True)
    path = _path(state, _WAITING, runtime_dir)
    try:
        make_private_directory(runtime_dir)
        write_private(path, str(time.time() + seconds).encode())
    except OSError as exc:
        raise LinkError(f"{path} cannot be written: {exc.strerror}.") from None


def deliver(query: str, runtime_dir: Path) -> bool:
    """Hand an answer to the kernel that waits for it.

    Parameters
    ----------
    query : str
        What followed the question mark in the URL that the browser was sent to.

    Returns
    -------
    bool
        Whether one waits: False for an answer that is none, that nobody waits for, or that comes again.

    Raises
    ------
    LinkError
        The runtime directory cannot be written.
    """
    state = _state_of(query)
    if state is None:
        return False
    waiting, answer = (_path(state, kind, runtime_dir) for kind in (_WAITING, _ANSWER))
    try:
        ends = float(read_private(waiting, _MAX_MARK_BYTES))
        waiting.unlink()  # of two that come at the same moment one finds it
    except (OSError, LinkError, ValueError):
        return False
    if not time.time() < ends:
        return False
    try:
        write_private(answer, query.encode())
    except OSError as exc:
        raise LinkError(f"{answer} cannot be written: {exc.strerror}.") from None
    return True


def collect(state: str, runtime_dir: Path) -> str | None:
    """The answer with this `state`, as `deliver` was given it; None while there is none. It is there once.

    Raises
    ------
    LinkError
        The file is not what the Jupyter Server writes.
    """
    path = _path(state, _ANSWER, runtime_dir)
    try:
        data = read_private(path, MAX_QUERY_CHARS)
        path.unlink()
        return data.decode("ascii")
    except FileNotFoundError:
        return None
    except (OSError, LinkError, UnicodeDecodeError):
        raise LinkError("The answer to the sign-in cannot be read.") from None


def forget(state: str, runtime_dir: Path) -> None:
    """Wait no longer."""
    for kind in (_WAITING, _ANSWER):
        with suppress(OSError):
            _path(state, kind, runtime_dir).unlink()


def _state_of(query: str) -> str | None:
    """The `state` of an answer that can be one."""
    if len(query) > MAX_QUERY_CHARS or not query.isascii():
        return None
    try:
        states = parse_qs(query, max_num_fields=MAX_PARAMETERS).get("state", [])
    except ValueError:
        return None
    return states[0] if len(states) == 1 and _STATE.fullmatch(states[0]) else None


def _path(state: str, kind: str, runtime_dir: Path) -> Path:
    if not _STATE.fullmatch(state):
        raise ValueError("A state has at least 256 bits, in base64url.")
    return runtime_dir / f"mcp-sign-in-{hashlib.sha256(state.encode()).hexdigest()}{kind}"


def _left_behind(runtime_dir: Path) -> Iterator[Path]:
    oldest = time.time() - MAX_SECONDS
    for path in runtime_dir.glob("mcp-sign-in-*"):
        with suppress(OSError):
            if path.lstat().st_mtime < oldest:
                yield path
