# SPDX-License-Identifier: BSD-3-Clause
"""Calls of the modern era that wait in memory for answers of their client.

Theory of operation
-------------------
In the modern era a server sends no requests. To ask, it answers a call with `input_required`: the questions,
and a `requestState`. The client then sends the same call again, with its answers and that state; this is one
more *round* of the call. A function awaits its answer in the middle of its body, so its call must outlive the
request that it came in with. This happens in order:

1. `SuspendedCalls.answer` gets every `tools/call`, `prompts/get` and `resources/read`. When the function
   behind it can ask, and the client can be asked or takes tasks, the function runs as a `SuspendedCall`: in a
   task of the server's own group. Any other call is awaited in its request's task, which costs less.
2. The request's task waits in `SuspendedCall.pause` until the call ends, asks, or becomes a task (`tasks`).
   If the client cancels the request meanwhile, the call is cancelled.
3. The function asks: `SuspendedCall.ask` opens a question and waits. The request's task wakes, puts the call
   into the table and answers with the open questions. `requestState` only says which call it is and which
   round, sealed against forgery, for the sender it was given to and for the same method and params.
4. The retry: `_resume` opens the seal, takes the call out of the table, binds its context to the new request
   and gives it the answers. The function goes on, and step 2 begins again.
5. Without a retry the call is cancelled after `ANSWER_SECONDS`. A call that ends by itself while it is in the
   table (a time-out of its own, an answer given in the notebook) has had its effects: its outcome is kept
   until its `requestState` expires, so that the client need not call again.

The rule a maintainer must not break: a call in the table has no request, and a call that has a request is not
in the table. `_suspend` and `_resume` keep that; nothing is sent, and no answer is taken, in between.

All of this belongs to the event loop's thread. Source: spec 2026-07-28, basic/patterns/mrtr.
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

from .. import types
from ..errors import INTERNAL_ERROR, INVALID_PARAMS, McpError
from ..protocol.frames import dumps_with_serialised
from ..protocol.limits import MAX_INPUT_REQUESTS
from ..protocol.seals import Seal, SealError
from .client_requests import ANSWER_SECONDS, kind_of, read_answer
from .context import RequestContext

__all__ = [
    "MAX_KEPT_BYTES",
    "MAX_KEPT_BYTES_PER_SENDER",
    "MAX_SUSPENDED",
    "MAX_SUSPENDED_PER_SENDER",
    "SuspendedCall",
    "SuspendedCalls",
    "responses_in",
]


MAX_SUSPENDED_PER_SENDER: Final = 64
"""Calls of one sender that wait for answers: more than a user can be asked about."""

MAX_SUSPENDED: Final = 1024
"""The same of all senders: each holds a task and whatever its function has made so far."""

MAX_KEPT_BYTES_PER_SENDER: Final = 8 * 1024 * 1024
"""As JSON, of results of one sender's calls that ended while they waited: two as large as a request."""

MAX_KEPT_BYTES: Final = 64 * 1024 * 1024
"""The same of all senders."""

GATHER_SECONDS: Final = 0.01
"""Questions asked together on a kernel's main thread arrive in several turns of the loop. The client should
get them in one round, and a user does not notice the wait."""

_CAN_BE_ASKED: Final = ("elicitation", "sampling", "roots")
"""The capabilities of a client that can be asked something."""

_PURPOSE: Final = "requestState"
_TOO_LARGE: Final = (
    "The call ended while it waited for answers, and its result was too large to be kept. What it did "
    "is done: call again only if it does no harm to do so twice."
)
_OF_THE_ROUND: Final = frozenset({"_meta", "inputResponses", "requestState"})
"""Params that differ between the rounds of one call."""


class SuspendedCalls:
    """The calls of one running server that may outlive their request.

    Parameters
    ----------
    group : TaskGroup
        Owns their tasks.
    adopt : callable
        Keeps a call under a handle (see `Tasks.adopt`); returns the answer, or None when there is no room.
    task_after : float or None
        Seconds after which a call goes on under a handle, where its client takes one; None: never.
    """

    def __init__(
        self,
        group: TaskGroup,
        adopt: Callable[[SuspendedCall], dict[str, Any] | None],
        task_after: float | None,
    ) -> None:
        self._group = group
        self._adopt = adopt
        self._task_after = task_after
        self._seal = Seal()
        self._suspended: dict[str, SuspendedCall] = {}
        self._held: Counter[str] = Counter()
        self._kept_bytes: Counter[str] = Counter()

    async def answer(
        self,
        context: RequestContext,
        params: Mapping[str, Any],
        work: Callable[[], Awaitable[Any]],
        can_ask: Callable[[], bool],
    ) -> Any:
        """Run one round of a call.

        Parameters
        ----------
        work : async callable
            The whole call. It asks through `context`, which is bound to the request of each round in turn.
        can_ask : callable
            Whether the function behind it may ask the client something.

        Returns
        -------
        Any
            What `work` returned, or an `InputRequiredResult` as a mapping.

        Raises
        ------
        McpError
            INVALID_PARAMS for a `requestState` that is not good and for malformed answers; INTERNAL_ERROR
            when the call ended while it waited and its result was too large to keep; else what `work` raised.
        """
        responses = responses_in(params)
        if params.get("requestState") is not None:
            call = self._resume(context, params, responses)
        elif context.may_become_task or (_can_be_asked(context) and can_ask()):
            call = context.suspended = SuspendedCall(context, responses)
            self._group.start_soon(call.run, work, self._ended, name=context.method)
        else:
            return await work()  # it ends with its request
        try:
            await call.pause(self._task_after if context.may_become_task else None)
            if not call.done and (call.as_task or not call.questions):
                handle = self._adopt(call)
                if handle is not None:
                    return handle
                call.as_task = False  # there is no room: the client waits
                await call.pause()
        except anyio.get_cancelled_exc_class():
            call.cancel()
            raise
        return call.result() if call.done else self._suspend(call, params)

    def _suspend(self, call: SuspendedCall, params: Mapping[str, Any]) -> dict[str, Any]:
        if not self._has_room(call.sender):
            call.cancel()
            raise McpError(INTERNAL_ERROR, "Too many calls wait for answers already: answer some of them.")
        self._suspended[call.id] = call
        self._held[call.sender] += 1
        call.round += 1
        call.expire(ANSWER_SECONDS)
        claims = [call.id, call.round, _digest(call.context.method, params)]
        return {
            "resultType": "input_required",
            "inputRequests": call.questions,
            "requestState": self._seal.close(_PURPOSE, call.sender, claims, ANSWER_SECONDS),
        }

    def _resume(
        self, context: RequestContext, params: Mapping[str, Any], responses: Mapping[str, Any]
    ) -> SuspendedCall:
        try:
            id_, round_, digest = self._seal.open(_PURPOSE, context.sender, params["requestState"])
        except SealError as exc:
            raise McpError(INVALID_PARAMS, f"requestState: {exc}") from None
        call = self._suspended.get(id_)
        if call is None or call.round != round_:
            raise McpError(
                INVALID_PARAMS,
                "requestState: this round has been answered, or its call has ended and its result is no "
                "longer kept. Call again only if it does no harm to do so twice.",
            )
        if digest != _digest(context.method, params):
            raise McpError(INVALID_PARAMS, "requestState: it belongs to a call with other params.")
        if call.done:  # nothing can be answered; the outcome stays for another retry
            return call
        call.answer(responses)
        self._forget(call)
        call.expire(None)
        call.context.rebind(context)
        return call

    def forget(self, sender: str) -> None:
        """Cancel the calls of a sender that wait for answers."""
        for call in list(self._suspended.values()):
            if call.sender == sender:
                self._forget(call)
                call.cancel()

    def _has_room(self, sender: str) -> bool:
        """Whether one more call may wait. Outcomes give way to it, the oldest first."""
        if self._held[sender] >= MAX_SUSPENDED_PER_SENDER:
            return self._drop_outcome(sender)
        return len(self._suspended) < MAX_SUSPENDED or self._drop_outcome(None)

    def _drop_outcome(self, sender: str | None) -> bool:
        for call in self._suspended.values():
            if call.done and sender in (None, call.sender):
                self._forget(call)
                return True
        return False

    def _ended(self, call: SuspendedCall) -> None:
        """Keep the outcome of a call that ended between two rounds, when no request waits for it."""
        if call.id not in self._suspended:
            return
        if anyio.current_time() >= call.expires:
            self._forget(call)
            return
        size, sender = call.size(), call.sender
        if (
            self._kept_bytes[sender] + size > MAX_KEPT_BYTES_PER_SENDER
            or self._kept_bytes.total() + size > MAX_KEPT_BYTES
        ):
            call.replace(McpError(INTERNAL_ERROR, _TOO_LARGE))
            size = 0
        call.kept_bytes = size
        self._kept_bytes[sender] += size
        self._group.start_soon(self._forget_expired, call, name="outcome of a suspended call")

    async def _forget_expired(self, call: SuspendedCall) -> None:
        await anyio.sleep_until(call.expires)
        self._forget(call)

    def _forget(self, call: SuspendedCall) -> None:
        if self._suspended.pop(call.id, None) is not None:
            _subtract(self._held, call.sender, 1)
            _subtract(self._kept_bytes, call.sender, call.kept_bytes)


def _can_be_asked(context: RequestContext) -> bool:
    declared = context.client_capabilities
    return any(name in declared for name in _CAN_BE_ASKED)


def _subtract(counter: Counter[str], sender: str, number: int) -> None:
    """Count down. Senders come and go: one with nothing left is not kept."""
    counter[sender] -= number
    if not counter[sender]:
        del counter[sender]


def responses_in(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answers that a request brings; empty when it has no such member.

    Raises
    ------
    McpError
        INVALID_PARAMS: they are not an object.
    """
    responses = params.get("inputResponses", {})
    if not isinstance(responses, Mapping):
        raise McpError(INVALID_PARAMS, "params.inputResponses must be an object.")
    return responses


def _digest(method: str, params: Mapping[str, Any]) -> str:
    same = {name: value for name, value in params.items() if name not in _OF_THE_ROUND}
    return hashlib.sha256(json.dumps([method, same], sort_keys=True).encode()).hexdigest()


# -- one call --------------------------------------------------------------------------------------


class _Question:
    """A question of the call, and its answer once there is one."""

    __slots__ = ("answer", "answered", "method", "params")

    def __init__(self, method: str, params: Mapping[str, Any]) -> None:
        self.method = method
        self.params = params
        self.answer: types.Result | None = None
        self.answered = anyio.Event()


class SuspendedCall:
    """One call in a task of its own, with the questions it has open and its outcome.

    Who may come back to it, and for how long, is decided by the table that has it: `SuspendedCalls`, or
    `Tasks` for a call whose client polls.

    Parameters
    ----------
    context : RequestContext
        What its function knows of the request.
    given : mapping
        Answers that came with the call, before anything was asked: a question of that key is answered at
        once. That is how a client answers a server that forgets its calls between two rounds.

    Attributes
    ----------
    id, sender : str
    round : int
        How many rounds have ended with questions.
    expires : float
        When its `requestState` does (the event loop's clock), while it is in the table.
    kept_bytes : int
        The size of its result, once it has ended in the table.
    done : bool
        Whether it has ended.
    as_task : bool
        Whether it has been declared a task: its client does not wait for it.
    message : str
        Its last progress message.
    """

    def __init__(self, context: RequestContext, given: Mapping[str, Any]) -> None:
        self.id = secrets.token_hex(8)
        self.context = context
        self.sender = context.sender
        self.round = 0
        self.expires = math.inf
        self.kept_bytes = 0
        self.done = False
        self.as_task = False
        self.message = ""
        self._given = dict(given)
        self._questions: dict[str, _Question] = {}
        self._asked: Counter[str] = Counter()
        self._changed = anyio.Event()
        self._watch: Callable[[], None] = _ignore_changes
        self._scope = anyio.CancelScope()
        self._value: Any = None
        self._error: BaseException | None = None

    async def run(self, work: Callable[[], Awaitable[Any]], ended: Callable[[SuspendedCall], None]) -> None:
        """Do the work and keep its outcome; then call `ended`, however it ended."""
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
            ended(self)

    def cancel(self) -> None:
        """Stop the work."""
        self._scope.cancel()

    def expire(self, seconds: float | None) -> None:
        """Stop the work in so many seconds unless told otherwise; None: never."""
        self.expires = math.inf if seconds is None else anyio.current_time() + seconds
        self._scope.deadline = self.expires

    def result(self) -> Any:
        """The outcome, once `done`: the value, or the exception is raised that it ended with."""
        if self._error is not None:
            raise self._error
        return self._value

    def size(self) -> int:
        """How many bytes the value has as JSON, once `done`; 0 for an exception, and for what has no JSON."""
        try:
            return len(dumps_with_serialised(self._value))
        except TypeError:
            return 0

    def replace(self, error: McpError) -> None:
        """Replace the outcome by an error, once `done`."""
        self._value, self._error = None, error

    def declare_task(self) -> None:
        """Have the request answered with a handle."""
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

    # -- its questions ---------------------------------------------------------------------------

    @property
    def questions(self) -> dict[str, dict[str, Any]]:
        """The questions without an answer, by key, as `inputRequests` has them."""
        return {key: {"method": q.method, "params": q.params} for key, q in self._questions.items()}

    async def ask(self, method: str, params: Mapping[str, Any], key: str | None) -> types.Result:
        """Open a question and wait for its answer.

        Parameters
        ----------
        key : str, optional
            Names the question among the others of the call; one is made up when left out.

        Raises
        ------
        ValueError
            The key is taken.
        McpError
            Too many questions are open.
        """
        kind = kind_of(method)
        self._asked[kind] += 1
        key = key or f"{kind}-{self._asked[kind]}"
        if key in self._questions:
            raise ValueError(f"The question {key!r} has been asked and is not answered yet.")
        if len(self._questions) >= MAX_INPUT_REQUESTS:
            raise McpError(INTERNAL_ERROR, f"No more than {MAX_INPUT_REQUESTS} questions at once.")
        if key in self._given:
            try:
                return read_answer(method, self._given.pop(key))
            except ValueError:
                pass  # the client has not seen the question yet: ask
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
            INVALID_PARAMS: an answer does not fit its question. None has been taken then.
        """
        answers: dict[str, types.Result] = {}
        for key, question in self._questions.items():
            if key in responses:
                try:
                    answers[key] = read_answer(question.method, responses[key])
                except ValueError as exc:
                    raise McpError(INVALID_PARAMS, f"inputResponses.{key}: {exc}") from None
        for key, answer in answers.items():
            question = self._questions.pop(key)
            question.answer = answer
            question.answered.set()
        if answers:
            self._change()


def _ignore_changes() -> None:
    """Default of `watch`: does nothing."""
