# SPDX-License-Identifier: BSD-3-Clause
"""A cassette without what it does not need. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .canonical import key_of
from .recording import Interaction, Recording

__all__ = ["pruned"]


def pruned(
    recordings: Mapping[str, Recording], servers: Collection[str]
) -> tuple[dict[str, Recording], list[str]]:
    """What is left, and what went, in lines.

    Whole recordings go of `servers`. Of the others the calls go that a replay does without: the last ones of
    those with the same params, where the one before has the same answer, for it answers again.

    Parameters
    ----------
    servers : collection of str
        Aliases.
    """
    left: dict[str, Recording] = {}
    gone: list[str] = []
    for alias, recording in recordings.items():
        if alias in servers:
            gone.append(f"{alias}: the whole recording, {len(recording.interactions)} calls")
            continue
        needed = _needed(recording.interactions)
        left[alias] = Recording(recording.opening, needed)
        kept = {id(call) for call in needed}
        gone += [
            f"{alias}: {_named(call)} again, with the same answer"
            for call in recording.interactions
            if id(call) not in kept
        ]
    return left, gone


def _needed(calls: list[Interaction]) -> list[Interaction]:
    spare: set[int] = set()
    groups: dict[str, list[Interaction]] = {}
    for call in calls:
        groups.setdefault(key_of(call.method, call.params), []).append(call)
    for group in groups.values():
        while len(group) > 1 and _said(group[-1]) == _said(group[-2]):
            spare.add(id(group.pop()))
    return [call for call in calls if id(call) not in spare]


def _said(call: Interaction) -> dict[str, Any]:
    return call.to_dict() | {"params": None}


def _named(call: Interaction) -> str:
    name = call.params.get("name", call.params.get("uri"))
    return f"{call.method} {name}" if isinstance(name, str) else call.method
