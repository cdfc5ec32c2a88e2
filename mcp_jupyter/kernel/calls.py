# SPDX-License-Identifier: BSD-3-Clause
"""One call on its way from the engine's thread to the thread that runs it, and back.

Owns the claim (a call either starts or is withdrawn, never both) and what its end means to the
caller. Knows nothing of loops' callbacks, queues or signals.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from enum import Enum, auto
from functools import partial
from operator import itemgetter
from typing import Any, Final

from ..errors import ToolError
from ..server.content import Content
from ..server.runner import Invocation, OneProcess, Outcome
from .outputs import CallOutput

__all__ = ["CALL_SHARE", "CURRENT", "MAX_CALLS", "Call", "Calls", "State", "walled"]

CURRENT: ContextVar[Call | None] = ContextVar("mcp_jupyter_call", default=None)
"""The call whose code this is; also in tasks and `to_thread` jobs that it starts."""


class State(Enum):
    """Where a call stands."""

    WAITING = auto()
    RUNNING = auto()
    WITHDRAWN = auto()
    DONE = auto()


MAX_CALLS: Final = 256
"""Calls waiting or running in one kernel: as many as one conversation may have in flight. One principal may
have all of them while no other needs a place."""

CALL_SHARE: Final = 64
"""Calls of one principal that never give way to another's: more than a host has in flight at once."""

MAX_CALLS_IN_ALL: Final = 512
"""When the calls of one principal all run, they cannot give way: others within their share come on top."""


class Call:
    """One invocation.

    Made on the engine's thread, within the context of the request. `claim`, `start` and `finish`
    belong to the thread that runs it, all else to the engine's.

    Parameters
    ----------
    invocation : Invocation
        What to run.
    loop : asyncio.AbstractEventLoop
        The engine's loop.
    """

    def __init__(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> None:
        self.invocation = invocation
        self.loop = loop
        self.ended: asyncio.Future[None] = loop.create_future()
        self.output = CallOutput(partial(_post, loop, invocation.log))
        self.context = copy_context()
        self.context.run(CURRENT.set, self)
        self.state = State.WAITING
        self.since = time.monotonic()  # of this state
        self.interrupted = False  # by a signal from outside
        self.shut_down = False  # that came because the kernel ends
        self.task: asyncio.Task[Any] | None = None  # of an async function, on the loop that runs it
        self.figures: OrderedDict[Any, Any] = OrderedDict()  # pyplot's managers of those it opened
        self.displayed: list[Content] = []  # what it displayed (see `Outcome`)
        self._lock = threading.Lock()
        self._stop: str | None = None  # why it is to stop, or did not start
        self._verdict: str | None = None  # what the caller is told instead of waiting for the end
        self._value: Any = None
        self._error: BaseException | None = None

    @property
    def name(self) -> str:
        return self.invocation.name

    @property
    def sender(self) -> str:
        """The principal whose call it is."""
        return self.invocation.sender

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop is not None

    @property
    def in_thread(self) -> bool:
        """Whether a worker thread has it, which nobody can interrupt."""
        return self.invocation.concurrent and self.task is None

    def claim(self) -> bool:
        """Start it, unless it was withdrawn."""
        with self._lock:
            if self.state is not State.WAITING:
                return False
            self.since, self.state = time.monotonic(), State.RUNNING
            return True

    def withdraw(self, reason: str) -> bool:
        """Ask that it stop; True when it had not started: then it never will."""
        with self._lock:
            if self.state is not State.DONE:
                self._stop = reason
            if self.state is not State.WAITING:
                return False
            self.state = State.WITHDRAWN
            return True

    def give_way(self, reason: str) -> bool:
        """Keep it from starting; False, and nothing is done, when it has started."""
        with self._lock:
            if self.state is not State.WAITING:
                return False
            self._stop, self.state = reason, State.WITHDRAWN
            return True

    def start(self) -> Any:
        """Call the function.

        Raises
        ------
        KeyboardInterrupt
            When it was asked to stop in the moment it started.
        """
        if self._stop is not None:
            raise KeyboardInterrupt
        with OneProcess():
            return self.invocation.function(**self.invocation.arguments)

    def finish(self, value: Any, error: BaseException | None) -> None:
        """Keep what came of it. The engine's thread is to be told after."""
        self.output.close()
        self._value, self._error, self.state = value, error, State.DONE
        self.context, self.task = Context(), None  # these hold the call: its value would live on

    def release(self, verdict: str | None = None) -> None:
        """Let the caller go on: the call is over or, with a verdict, will not be waited for."""
        if self.ended.done():
            self._value = self._error = None  # the caller has gone
        else:
            self._verdict = verdict
            self.ended.set_result(None)

    def outcome(self) -> Outcome:
        """What the caller gets.

        Raises
        ------
        ToolError
            When the call was stopped, interrupted, or raised what must not leave it.
        Exception
            What the function raised.
        """
        error, self._error = self._error, None
        try:
            if self._verdict is not None:
                raise ToolError(self._verdict)
            if self.state is State.WITHDRAWN:
                raise ToolError(self._stop)
            if error is None:
                return Outcome(self._value, self.displayed, self.output.printed)
            if self._stop is not None:
                raise ToolError(self._stop) from error
            raise walled(self, error)
        finally:
            del error  # it holds its frames, and they what the tool worked on


class Calls:
    """The calls of a kernel that have not ended, in the order of their arrival. The engine's thread."""

    def __init__(self) -> None:
        self._calls: dict[Call, None] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def add(self, call: Call) -> None:
        """Take in a call."""
        self._calls[call] = None

    def discard(self, call: Call) -> None:
        """Forget a call that has ended."""
        self._calls.pop(call, None)

    def make_room(self, sender: str) -> Call | None:
        """Let one more call in, at the cost of another principal's call where there are `MAX_CALLS`.

        A principal within its share takes the place of the newest waiting call of the one that has most of
        them, if those are more than the share.

        Returns
        -------
        Call or None
            The call that gave way. It will not start.

        Raises
        ------
        ToolError
            There is no room.
        """
        if len(self._calls) < MAX_CALLS:
            return None
        if sum(call.sender == sender for call in self._calls) < CALL_SHARE:
            gave_way = self._give_way()
            if gave_way is not None or len(self._calls) < MAX_CALLS_IN_ALL:
                return gave_way
        raise ToolError(f"{len(self._calls)} calls are waiting or running in this kernel; try again later.")

    def _give_way(self) -> Call | None:
        waiting = Counter(call.sender for call in self._calls if call.state is State.WAITING)
        sender, number = max(waiting.items(), key=itemgetter(1), default=("", 0))
        if number <= CALL_SHARE:
            return None
        reason = (
            f"{number} calls of this client were waiting in the notebook, and another client needed a place. "
            f"Call again when fewer than {CALL_SHARE} of them wait."
        )
        theirs = (call for call in reversed(self._calls) if call.sender == sender)
        return next((call for call in theirs if call.give_way(reason)), None)


def _post(loop: asyncio.AbstractEventLoop, log: Callable[[str, str], None], level: str, text: str) -> None:
    with suppress(RuntimeError):  # the engine's loop is closed: nobody listens
        loop.call_soon_threadsafe(log, level, text)


def walled(call: Call, error: BaseException) -> Exception:
    """What may leave a call: an `Exception` as it is, anything else as a `ToolError` in its place.

    SystemExit and KeyboardInterrupt end an event loop and with it the kernel; StopIteration cannot
    pass through a coroutine (PEP 479); CancelledError would look like the caller's own.
    """
    kind = type(error).__name__
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    if call.interrupted and isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
        text = f"{call.name} was interrupted by the user at the notebook."
        if call.shut_down:
            text = f"{call.name} was stopped, because its kernel was shut down."
    elif isinstance(error, SystemExit):
        text = f"{call.name} tried to end the kernel ({kind}); the kernel goes on."
    else:
        text = f"{call.name} ended with {kind}, which is not an error a tool can report."
    wall = ToolError(text)
    wall.__cause__ = error
    return wall
