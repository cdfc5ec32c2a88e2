# SPDX-License-Identifier: BSD-3-Clause
"""A call that may outlive the request it came in with, because it waits for answers of the client.

Owns the call's task, the questions it has open and its outcome. Whoever holds it decides who may come
back to it and for how long: rounds of one request (`rounds`), or a task that is polled (`tasks`).

Everything here belongs to the event loop's thread; the task belongs to the group it is started in.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from pydantic import ValidationError

from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR, INVALID_PARAMS
from ..protocol.frames import dumps
from .asking import ANSWERS, kind_of
from .parameters import describe

__all__ = ["MAX_QUESTIONS", "DetachedCall"]

MAX_QUESTIONS: Final = 32
"""Questions that one call may have open: more than a person would answer at once."""


GATHER_SECONDS: Final = 0.01
"""Questions asked together on a kernel's main thread arrive in several turns of the loop. The client should
get them in one round, and a person does not notice the wait."""


class _Question:
    """A question of the call, and its answer once there is one."""

    __slots__ = ("answer", "answered", "method", "params")

    def __init__(self, method: str, params: Mapping[str, Any]) -> None:
        self.method = method
        self.params = params
        self.answer: dict[str, Any] | None = None
        self.answered = anyio.Event()


class DetachedCall:
    """One call in a task of its own.

    Parameters
    ----------
    given : mapping
        Answers that came with the call, before anything was asked: a question of that key is answered at
        once. That is how a client answers a server that forgets its calls between two rounds.

    Attributes
    ----------
    done : bool
        Whether it has ended.
    as_task : bool
        Whether it has been declared a task: a call that is not waited for.
    message : str
        What it last said of its progress.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.done = False
        self.as_task = False
        self.message = ""
        self._given = dict(given)
        self._questions: dict[str, _Question] = {}
        self._asked: Counter[str] = Counter()
        self._changed = anyio.Event()
        self._watch: Callable[[], None] = _unwatched
        self._scope = anyio.CancelScope()
        self._value: Any = None
        self._error: BaseException | None = None

    # -- its life --------------------------------------------------------------------------------

    def start(
        self, tasks: TaskGroup, work: Callable[[], Awaitable[Any]], name: str, ended: Callable[[], None]
    ) -> None:
        """Begin, as a task of `tasks`; `ended` is called when it has ended, however it did."""
        tasks.start_soon(self._run, work, ended, name=name)

    async def _run(self, work: Callable[[], Awaitable[Any]], ended: Callable[[], None]) -> None:
        try:
            with self._scope:
                self._value = await work()
                return
            self._error = McpError(INTERNAL_ERROR, "The call was given up.")
        except BaseException as exc:
            if anyio.current_effective_deadline() == -math.inf:
                raise  # the group ends, and with it the server
            self._error = exc
        finally:
            self.done = True
            self._change()
            ended()

    def cancel(self) -> None:
        """Stop the work."""
        self._scope.cancel()

    def expire(self, seconds: float | None) -> None:
        """Stop the work in so many seconds unless told otherwise; None: never."""
        self._scope.deadline = math.inf if seconds is None else anyio.current_time() + seconds

    def result(self) -> Any:
        """What came of it, once `done`: the value, or the exception it ended in is raised."""
        if self._error is not None:
            raise self._error
        return self._value

    def size(self) -> int:
        """How many bytes the value has as JSON, once `done`; 0 for an exception, and for what has no JSON."""
        try:
            return len(dumps(self._value))
        except TypeError:
            return 0

    def replace(self, error: McpError) -> None:
        """Give the outcome up for an error, once `done`."""
        self._value, self._error = None, error

    def declare_task(self) -> None:
        """From here on it is a task."""
        self.as_task = True
        self._change()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever it asks, has an answer, or has ended."""
        self._watch = changed

    def _change(self) -> None:
        self._changed.set()
        self._watch()

    async def pause(self, seconds: float | None = None) -> None:
        """Wait until it has ended, waits for answers, is declared a task, or the time is over."""
        # A call may ask several things at once, each in a task of its own. Those tasks run in the loop's
        # next turn: give them two, so that the client is asked once.
        for _ in range(2):
            await checkpoint()
        with anyio.move_on_after(seconds):
            while not (self.done or self.as_task or self._questions):
                self._changed = anyio.Event()
                await self._changed.wait()
                await checkpoint()
            if self._questions and not (self.done or self.as_task):
                await anyio.sleep(GATHER_SECONDS)

    # -- what it asks ----------------------------------------------------------------------------

    @property
    def questions(self) -> dict[str, dict[str, Any]]:
        """What it waits for, by key, as `inputRequests` has it."""
        return {key: {"method": q.method, "params": q.params} for key, q in self._questions.items()}

    async def ask(self, method: str, params: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Ask the client and wait for its answer, which has been checked.

        Parameters
        ----------
        key : str, optional
            Names the question among the others of the call; a number is given when left out.

        Raises
        ------
        ValueError
            The key is taken.
        McpError
            There are too many questions open.
        """
        kind = kind_of(method)
        self._asked[kind] += 1
        key = key or f"{kind}-{self._asked[kind]}"
        if key in self._questions:
            raise ValueError(f"The question {key!r} has been asked and is not answered yet.")
        if len(self._questions) >= MAX_QUESTIONS:
            raise McpError(INTERNAL_ERROR, f"No more than {MAX_QUESTIONS} questions at once.")
        given = self._given.pop(key, None)
        if given is not None and not _problem(method, given):
            return dict(given)
        question = self._questions[key] = _Question(method, params)
        self._change()
        try:
            await question.answered.wait()
        finally:
            if self._questions.pop(key, None) is not None:  # withdrawn: it was answered elsewhere
                self._change()
        assert question.answer is not None
        return question.answer

    def answer(self, responses: Mapping[str, Any]) -> None:
        """Take the client's answers; keys that name no question are ignored (spec, basic/patterns/mrtr).

        Raises
        ------
        McpError
            INVALID_PARAMS: an answer is none to its question. None has been taken then.
        """
        found = {key: responses[key] for key in self._questions if key in responses}
        for key, response in found.items():
            if problem := _problem(self._questions[key].method, response):
                raise McpError(INVALID_PARAMS, f"inputResponses.{key}: {problem}")
        for key, response in found.items():
            question = self._questions.pop(key)
            question.answer = response
            question.answered.set()
        if found:
            self._change()


def _unwatched() -> None:
    """Nobody wants to know."""


def _problem(method: str, response: Any) -> str:
    if not isinstance(response, Mapping):
        return "an answer must be an object"
    try:
        ANSWERS[method].from_wire(response)
    except ValidationError as exc:
        return describe(exc)
    return ""
