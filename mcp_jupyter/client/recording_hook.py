# SPDX-License-Identifier: BSD-3-Clause
"""The seam between a conversation and what keeps it, or plays what was kept: cassettes.

Owns what both sides know of each other, at the level of meaning: a method, its params, its result, and what
happened meanwhile. Knows no file, no secret and no transport.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from ..engine.channel import Channel, Sink
from ..engine.connection import ProgressCallback
from ..errors import ConnectionClosed
from ..protocol.frames import Message, Notification, Request

__all__ = ["Event", "NoServer", "Question", "Tape"]

Event: TypeAlias = dict[str, Any]
"""What happened in the course of a call, as JSON: one of

* ``{"progress": ..., "total": ..., "message": ...}`` (the last two where they were given),
* ``{"notification": method, "params": ...}``: a log message, or that something changed,
* ``{"asked": method, "params": ..., "answered": result}``, or ``"refused": error``: a question of the
  server's.
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks, with all that is needed to have it answered.

    Attributes
    ----------
    method, params
        As the caller gave them: no envelope yet, no retries, and models in them perhaps.
    live : async function
        Asks the server, and gives what it answers in the end, however often it asks back.
    on_progress : async function or None
        Where the caller wants progress.
    hand_out : async function
        Hands a notification to the user's callbacks, and returns when they are done with it.
    notice : function
        Puts a notification behind those that wait to be handed out.
    """

    method: str
    params: Mapping[str, Any]
    live: Callable[[ProgressCallback | None], Awaitable[dict[str, Any]]]
    on_progress: ProgressCallback | None
    hand_out: Callable[[Notification], Awaitable[None]]
    notice: Callable[[Notification], None]


class Tape(Protocol):
    """Stands between a session and its server. All of it belongs to the session's event loop."""

    async def exchange(self, question: Question) -> dict[str, Any]:
        """The answer.

        Raises
        ------
        McpError
            The server's error, now or when it was recorded.
        CassetteMiss
            It is not in the recording.
        """

    def heard(self, event: Event) -> None:
        """Something came from the server that is no answer."""

    def keep_secret(self, text: str) -> None:
        """Learn what must never be kept."""


_GONE: Final = "This is a recording: there is no server that could be asked."


class NoServer(Channel):
    """The channel of a session that is played from a recording: what it is given goes nowhere."""

    def __init__(self) -> None:
        self._sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        """Remember whom to tell of the end."""
        self._sink = sink

    def send(self, message: Message) -> None:
        """Drop a notification; refuse what would wait for an answer."""
        if isinstance(message.frame, Request):
            raise ConnectionClosed(_GONE)

    def close(self) -> None:
        """End the conversation."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.closed()
