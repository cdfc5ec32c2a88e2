# SPDX-License-Identifier: BSD-3-Clause
"""What ipyparallel knows of the engines that a call could run on, and does not say to who waits for one.

Its scheduler keeps a call for engines that may come, for ever. A view of certain engines goes on meaning
them when they are gone. Never imports ipyparallel: who has a view has it.
"""

from __future__ import annotations

from typing import Any, Final

from .kinds import library_of

__all__ = ["is_view", "lost", "refusal"]

_NONE_LEFT: Final = (
    "it has no engine left (killed, or out of memory?). Start one, as in cluster.start_engines_sync(1), and "
    "call again."
)


def is_view(executor: Any) -> bool:
    """Whether an executor is that of one of ipyparallel's views."""
    return library_of(type(executor)) == "ipyparallel" and hasattr(executor, "view")


def refusal(executor: Any) -> str:
    """Why a view takes no call, and what to do; empty when it does."""
    live = executor.view.client.ids
    if not live:
        return _NONE_LEFT
    gone = [each for each in _wanted(executor, live) if each not in live]
    return f"its engine {gone[0]} is gone. Make a new view, as in client[:], and call again." if gone else ""


def lost(executor: Any) -> str:
    """Why a call that a view took will not end, and what to do; empty while one of its engines lives."""
    live = executor.view.client.ids
    return "" if any(each in live for each in _wanted(executor, live)) else _NONE_LEFT


def _wanted(executor: Any, live: list[int]) -> list[int]:
    """The engines that a view means: certain ones, or all there are."""
    targets = executor.view.targets
    if isinstance(targets, int):
        return [targets]
    return list(targets) if isinstance(targets, list | tuple | range) else live
