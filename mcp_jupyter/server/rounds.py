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
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR, INVALID_PARAMS
from ..protocol.seals import Seal, SealError
from .asking import ANSWER_SECONDS
from .context import RequestContext
from .detached import DetachedCall

__all__ = [
    "MAX_KEPT_BYTES",
    "MAX_KEPT_BYTES_PER_SENDER",
    "MAX_SUSPENDED",
    "MAX_SUSPENDED_PER_SENDER",
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
        """A call has ended. Between two rounds nobody is there to hear of it: its outcome is kept."""
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
