# SPDX-License-Identifier: BSD-3-Clause
"""Questions of a kernel that another process of the same user answers: sign-ins and approvals.

A question and its answer meet in two files of the runtime directory, which only this user can read. Each
answer is taken once and within a time limit. The kernel writes a file that says what it waits for, and the
other process puts the answer beside it: for a sign-in the Jupyter Server, to which the browser comes back;
for an approval the Jupyter Server or a terminal. This works for every kernel of the user, and goes on when a
Jupyter Server restarts. Questions are rare and take seconds, so looking for a file four times a second is
enough.

The files are named by the SHA-256 of a secret of 256 random bits, which is in no file.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .._util.private_files import read_private
from ..errors import LinkError
from .files import put_file

__all__ = ["APPROVALS", "LOOK_SECONDS", "MAX_QUESTION_BYTES", "MAX_SECONDS", "Questions", "Waiting"]

LOOK_SECONDS: Final = 0.25
"""Seconds between two looks for an answer."""

MAX_SECONDS: Final = 3600.0
"""Seconds. An older file was left behind by a kernel that was killed."""

MAX_QUESTION_BYTES: Final = 2**20
"""Bytes of a question. A user cannot judge a longer one."""

MAX_WAITING: Final = 1_000
"""Questions that are listed: more than all kernels of a user may ask."""

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43,128}", re.ASCII)
"""At least 256 bits, in base64url."""

_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WAITING: Final = ".waiting"
_ANSWER: Final = ".answer"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that has no answer yet.

    Attributes
    ----------
    id : str
        The SHA-256 of its secret.
    ends : float
        Until when an answer is taken (seconds since the epoch).
    data : bytes
        What is asked.
    """

    id: str
    ends: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of one kind.

    Attributes
    ----------
    kind : str
        The kind, as in the names of the files.
    max_answer_bytes : int
        The longest answer.
    """

    kind: str
    max_answer_bytes: int

    def ask(self, secret: str, seconds: float, runtime_dir: Path, data: bytes = b"") -> None:
        """Wait for an answer from now on, for `seconds`.

        Raises
        ------
        ValueError
            The secret is too short, or the question too long.
        LinkError
            The runtime directory cannot be written.
        """
        if len(data) > MAX_QUESTION_BYTES:
            raise ValueError(f"A question has at most {MAX_QUESTION_BYTES} bytes.")
        for path in self._left_behind(runtime_dir):
            path.unlink(missing_ok=True)
        put_file(self._path(_id_of(secret), _WAITING, runtime_dir), b"%r\n%s" % (time.time() + seconds, data))

    def waiting(self, runtime_dir: Path) -> list[Waiting]:
        """Return the questions that wait, the first to end first, without files that cannot be trusted."""
        found = []
        for path in sorted(runtime_dir.glob(f"{self._prefix}*{_WAITING}"))[:MAX_WAITING]:
            id_ = path.name.removeprefix(self._prefix).removesuffix(_WAITING)
            question = self._read(id_, runtime_dir)
            if question is not None and time.time() < question.ends:
                found.append(question)
        return sorted(found, key=lambda each: each.ends)

    def answer(self, id_: str, data: bytes, runtime_dir: Path) -> bool:
        """Answer a question.

        Returns
        -------
        bool
            Whether it waited: False for an answer that is unexpected, late, repeated or too long.

        Raises
        ------
        LinkError
            The runtime directory cannot be written.
        """
        question = self._read(id_, runtime_dir)
        if question is None or len(data) > self.max_answer_bytes:
            return False
        try:
            self._path(id_, _WAITING, runtime_dir).unlink()  # of two answers at once, only one succeeds here
        except OSError:
            return False
        if not time.time() < question.ends:
            return False
        put_file(self._path(id_, _ANSWER, runtime_dir), data)
        return True

    def collect(self, secret: str, runtime_dir: Path) -> bytes | None:
        """Return the answer, only once; None while there is none.

        Raises
        ------
        LinkError
            The file was not written by a program of this user.
        """
        path = self._path(_id_of(secret), _ANSWER, runtime_dir)
        try:
            data = read_private(path, self.max_answer_bytes)
            path.unlink()
        except FileNotFoundError:
            return None
        except (OSError, LinkError):
            raise LinkError(f"The answer to the {self.kind} cannot be read.") from None
        return data

    def forget(self, secret: str, runtime_dir: Path) -> None:
        """Stop waiting."""
        for suffix in (_WAITING, _ANSWER):
            with suppress(OSError):
                self._path(_id_of(secret), suffix, runtime_dir).unlink()

    @property
    def _prefix(self) -> str:
        return f"mcp-{self.kind}-"

    def _path(self, id_: str, suffix: str, runtime_dir: Path) -> Path:
        return runtime_dir / f"{self._prefix}{id_}{suffix}"

    def _read(self, id_: str, runtime_dir: Path) -> Waiting | None:
        if not _ID.fullmatch(id_):
            return None
        try:
            said = read_private(self._path(id_, _WAITING, runtime_dir), MAX_QUESTION_BYTES + 64)
            ends, _, data = said.partition(b"\n")
            return Waiting(id_, float(ends), data)
        except (OSError, LinkError, ValueError):
            return None

    def _left_behind(self, runtime_dir: Path) -> Iterator[Path]:
        oldest = time.time() - MAX_SECONDS
        for path in runtime_dir.glob(f"{self._prefix}*"):
            with suppress(OSError):
                if path.lstat().st_mtime < oldest:
                    yield path


def _id_of(secret: str) -> str:
    if not _SECRET.fullmatch(secret):
        raise ValueError("A secret has at least 256 bits, in base64url.")
    return hashlib.sha256(secret.encode()).hexdigest()


APPROVALS: Final = Questions("approval", 8_192)
"""Whether a call may run."""
