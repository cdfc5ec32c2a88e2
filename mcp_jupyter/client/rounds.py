# SPDX-License-Identifier: BSD-3-Clause
"""Multi-round-trip requests: a server that asks back instead of answering is asked again with the answers.

Owns the loop and its bounds. Does not know who answers, nor how a request travels.

Source: spec 2026-07-28, basic/patterns/mrtr.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import anyio

from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR

__all__ = ["MAX_ROUNDS", "in_rounds"]

MAX_ROUNDS: Final = 32
"""Times a server may ask back in one call: more than a person would bear, fewer than a loop would take."""

MAX_INPUT_REQUESTS: Final = 64
"""Questions in one round."""

PAUSE_SECONDS: Final = 0.05
"""Before the first retry of a round without questions, in which a server only wants to be asked again; each
further one in a row waits twice as long."""

MAX_PAUSE_SECONDS: Final = 1.0

_INPUT_REQUIRED: Final = "input_required"
_MAY_ASK_BACK: Final = frozenset({"prompts/get", "resources/read", "tools/call"})

Ask: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
Fulfil: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def in_rounds(method: str, params: Mapping[str, Any], ask: Ask, fulfil: Fulfil) -> dict[str, Any]:
    """The server's answer to `params`, however often it asks back.

    Parameters
    ----------
    ask : async function
        Sends params as a request of its own and returns the result.
    fulfil : async function
        From the server's input requests to the responses, under the same keys.

    Raises
    ------
    McpError
        The server asks back where it must not, without asking anything, or more than `MAX_ROUNDS` times;
        and whatever `ask` and `fulfil` raise.
    """
    pause = PAUSE_SECONDS
    answer = await ask(params)
    for round_ in range(MAX_ROUNDS):
        if answer.get("resultType") != _INPUT_REQUIRED:
            return _uncached(answer) if round_ else answer
        requests, state = _read(method, answer)
        retry = dict(params)
        if state is not None:
            retry["requestState"] = state
        if requests:
            retry["inputResponses"] = await fulfil(requests)
            pause = PAUSE_SECONDS
        else:
            await anyio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        answer = await ask(retry)
    if answer.get("resultType") == _INPUT_REQUIRED:
        raise _fault(method, f"more than {MAX_ROUNDS} times")
    return _uncached(answer)


def _uncached(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer that depends on more than its request must not be kept (spec, server/utilities/caching)."""
    return {name: value for name, value in answer.items() if name not in ("ttlMs", "cacheScope")}


def _read(method: str, answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The input requests and the state of an answer that asks back."""
    if method not in _MAY_ASK_BACK:
        raise _fault(method, "which no server may do")
    requests, state = answer.get("inputRequests"), answer.get("requestState")
    if not isinstance(requests, dict | None) or not isinstance(state, str | None):
        raise _fault(method, "in a malformed way")
    if not requests and state is None:
        raise _fault(method, "without saying for what")
    if requests and len(requests) > MAX_INPUT_REQUESTS:
        raise _fault(method, f"with more than {MAX_INPUT_REQUESTS} questions")
    return requests or {}, state


def _fault(method: str, how: str) -> McpError:
    return McpError(INTERNAL_ERROR, f"The server answered {method} by asking for input, {how}.")
