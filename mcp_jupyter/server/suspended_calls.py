# SPDX-License-Identifier: BSD-3-Clause
"""Calls that ask the client something in the modern era: a round ends with questions, a retry goes on.

The suspended call stays in memory. What the client brings back, `requestState`, only says which one it is,
sealed against forgery, for the sender it was given to, for the same method and params, once. A call that
ends while it waits (a time-out of its own, say) has had its effects: its outcome is kept until its
`requestState` expires, so that the client need not call again. Does not know what a call does.

Source: spec 2026-07-28, basic/patterns/mrtr.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
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
from ..protocol.seals import Seal, SealError
from .client_requests import ANSWER_SECONDS, ANSWERS, kind_of
from .context import RequestContext
from .parameters import describe

__all__ = [
    "MAX_KEPT_BYTES",
    "MAX_KEPT_BYTES_PER_SENDER",
    "MAX_QUESTIONS",
    "MAX_SUSPENDED",
    "MAX_SUSPENDED_PER_SENDER",
    "DetachedCall",
    "Rounds",
    "responses_in",
]


MAX_SUSPENDED_PER_SENDER: Final = 64
"""Calls of one sender that wait for answers: more than a person can be asked about."""

MAX_SUSPENDED: Final = 1024
"""The same of all senders: each holds a task and whatever its function has made so far."""

MAX_KEPT_BYTES_PER_SENDER: Final = 8 * 1024 * 1024
"""As JSON, of results of one sender's calls that ended while they waited: two as large as a request."""

MAX_KEPT_BYTES: Final = 64 * 1024 * 1024
"""The same of all senders."""

_PURPOSE: Final = "requestState"
_TOO_LARGE: Final = (
    "The call ended while it waited for answers, and its result was too large to be kept. What it did "
    "is done: call again only if it does no harm to do so twice."
)
_OF_THE_ROUND: Final = frozenset({"_meta", "inputResponses", "requestState"})
"""Params that differ between the rounds of one call."""


class _Suspended:
    """A call between two rounds, or in one.

    `kept_bytes` is the size of its result once it has ended by itself between two rounds, `expires` when its
    `requestState` does (the event loop's clock).
    """

    __slots__ = ("call", "context", "expires", "id", "kept_bytes", "round", "sender")

    def __init__(self, context: RequestContext, call: DetachedCall) -> None:
        self.id = secrets.token_hex(8)
        self.context = context
        self.sender = context.sender
        self.call = call
        self.round = 0
        self.expires = 0.0
        self.kept_bytes = 0


class Rounds:
    """The calls of one running server that may ask.

    Parameters
    ----------
    group : TaskGroup
        Owns their tasks.
    adopt : callable
        Keeps a call under a handle (see `Tasks.adopt`); gives the answer, or None when there is no room.
    task_after : float or None
        Seconds after which a call goes on under a handle, where its client takes one; None: never.
    """

    def __init__(
        self,
        group: TaskGroup,
        adopt: Callable[[DetachedCall, RequestContext], dict[str, Any] | None],
        task_after: float | None,
    ) -> None:
        self._group = group
        self._adopt = adopt
        self._task_after = task_after
        self._seal = Seal()
        self._suspended: dict[str, _Suspended] = {}
        self._held: Counter[str] = Counter()
        self._kept_bytes: Counter[str] = Counter()

    async def answer(
        self, context: RequestContext, params: Mapping[str, Any], work: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Run one round of a call.

        Parameters
        ----------
        work : async callable
            The whole call. It asks through `context`, which is bound to the request of each round in turn.

        Returns
        -------
        Any
            What `work` returned, or an `InputRequiredResult` as a mapping.

        Raises
        ------
        McpError
            INVALID_PARAMS for a `requestState` that is not good and for answers that are none; INTERNAL_ERROR
            when the call ended while it waited and its result was too large to keep; else what `work` raised.
        """
        responses = responses_in(params)
        if params.get("requestState") is not None:
            suspended = self._resume(context, params, responses)
        elif context.may_outlive:
            suspended = self._begin(context, responses, work)
        else:
            return await work()  # it ends with its request
        call = suspended.call
        try:
            await call.pause(self._task_after if context.may_become_task else None)
            if not call.done and (call.as_task or not call.questions):
                handle = self._adopt(call, suspended.context)
                if handle is not None:
                    return handle
                call.as_task = False  # there is no room: the client waits
                await call.pause()
        except anyio.get_cancelled_exc_class():
            call.cancel()
            raise
        return call.result() if call.done else self._suspend(suspended, params)

    def _begin(
        self, context: RequestContext, given: Mapping[str, Any], work: Callable[[], Awaitable[Any]]
    ) -> _Suspended:
        suspended = _Suspended(context, DetachedCall(given))
        context.detach(suspended.call)
        suspended.call.start(self._group, work, context.method, lambda: self._ended(suspended))
        return suspended

    def _suspend(self, suspended: _Suspended, params: Mapping[str, Any]) -> dict[str, Any]:
        sender = suspended.sender
        if not self._has_room(sender):
            suspended.call.cancel()
            raise McpError(INTERNAL_ERROR, "Too many calls wait for answers already: answer some of them.")
        self._suspended[suspended.id] = suspended
        self._held[sender] += 1
        suspended.round += 1
        suspended.call.expire(ANSWER_SECONDS)
        suspended.expires = anyio.current_time() + ANSWER_SECONDS
        claims = [suspended.id, suspended.round, _digest(suspended.context.method, params)]
        return {
            "resultType": "input_required",
            "inputRequests": suspended.call.questions,
            "requestState": self._seal.close(_PURPOSE, sender, claims, ANSWER_SECONDS),
        }

    def _resume(
        self, context: RequestContext, params: Mapping[str, Any], responses: Mapping[str, Any]
    ) -> _Suspended:
        try:
            id_, round_, digest = self._seal.open(_PURPOSE, context.sender, params["requestState"])
        except SealError as exc:
            raise McpError(INVALID_PARAMS, f"requestState: {exc}") from None
        suspended = self._suspended.get(id_)
        if suspended is None or suspended.round != round_:
            raise McpError(
                INVALID_PARAMS,
                "requestState: this round has been answered, or its call has ended and its result is no "
                "longer kept. Call again only if it does no harm to do so twice.",
            )
        if digest != _digest(context.method, params):
            raise McpError(INVALID_PARAMS, "requestState: it belongs to a call with other params.")
        if suspended.call.done:  # nothing can be answered; the outcome stays for another retry
            return suspended
        suspended.call.answer(responses)
        self._forget(suspended)
        suspended.call.expire(None)
        suspended.context.rebind(context)
        return suspended

    def forget(self, sender: str) -> None:
        """Give up the calls of a sender that wait for answers."""
        for suspended in list(self._suspended.values()):
            if suspended.sender == sender:
                self._forget(suspended)
                suspended.call.cancel()

    def _has_room(self, sender: str) -> bool:
        """Whether one more call may wait. Outcomes give way to it, the oldest first."""
        if self._held[sender] >= MAX_SUSPENDED_PER_SENDER:
            return self._drop_outcome(sender)
        return len(self._suspended) < MAX_SUSPENDED or self._drop_outcome(None)

    def _drop_outcome(self, sender: str | None) -> bool:
        for suspended in self._suspended.values():
            if suspended.call.done and sender in (None, suspended.sender):
                self._forget(suspended)
                return True
        return False

    def _ended(self, suspended: _Suspended) -> None:
        """Keep the outcome of a call that ended between two rounds, when no request waits for it."""
        if suspended.id not in self._suspended:
            return
        if anyio.current_time() >= suspended.expires:
            self._forget(suspended)
            return
        size, sender = suspended.call.size(), suspended.sender
        if (
            self._kept_bytes[sender] + size > MAX_KEPT_BYTES_PER_SENDER
            or self._kept_bytes.total() + size > MAX_KEPT_BYTES
        ):
            suspended.call.replace(McpError(INTERNAL_ERROR, _TOO_LARGE))
            size = 0
        suspended.kept_bytes = size
        self._kept_bytes[sender] += size
        self._group.start_soon(self._forget_expired, suspended, name="outcome of a suspended call")

    async def _forget_expired(self, suspended: _Suspended) -> None:
        await anyio.sleep_until(suspended.expires)
        self._forget(suspended)

    def _forget(self, suspended: _Suspended) -> None:
        if self._suspended.pop(suspended.id, None) is not None:
            _subtract(self._held, suspended.sender, 1)
            _subtract(self._kept_bytes, suspended.sender, suspended.kept_bytes)


def _subtract(counter: Counter[str], sender: str, number: int) -> None:
    """Count down. Senders come and go: one with nothing left is not kept."""
    counter[sender] -= number
    if not counter[sender]:
        del counter[sender]


def responses_in(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answers that a request brings; none when it has no such member.

    Raises
    ------
    McpError
        INVALID_PARAMS: they are no object.
    """
    responses = params.get("inputResponses", {})
    if not isinstance(responses, Mapping):
        raise McpError(INVALID_PARAMS, "params.inputResponses must be an object.")
    return responses


def _digest(method: str, params: Mapping[str, Any]) -> str:
    same = {name: value for name, value in params.items() if name not in _OF_THE_ROUND}
    return hashlib.sha256(json.dumps([method, same], sort_keys=True).encode()).hexdigest()


# -- detached ------------------------------------------------------------------------------------
#
# A call that may outlive the request it came in with, because it waits for answers of the client.
#
# Owns the call's task, the questions it has open and its outcome. Whoever holds it decides who may come
# back to it and for how long: rounds of one request, or a task that is polled (`tasks`).
#
# Everything here belongs to the event loop's thread; the task belongs to the group it is started in.

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
