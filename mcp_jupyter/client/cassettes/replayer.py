# SPDX-License-Identifier: BSD-3-Clause
"""A recording in a server's place: the tape that answers.

Owns which recorded call answers a question, and that what happened meanwhile happens again, before the
answer. Asks nobody: of the server's questions the answers of then stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from ...errors import McpError
from ...protocol.frames import Notification
from ..tape import Event, Question
from .canonical import MARK, canonical, key_of, matches, pretty
from .misses import miss
from .recording import Interaction, Recording, listed_tools
from .redactor import Redactor, TooDeep

__all__ = ["Replayer"]

_EMPTY: Final = frozenset({"logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"})
"""What a server has nothing to say to: answered also where it was not recorded."""

_LISTEN: Final = "subscriptions/listen"
_DISCOVER: Final = "server/discover"


@dataclass(slots=True)
class _Group:
    """Calls with the same params, in the order they were recorded in."""

    params: dict[str, Any]
    calls: list[Interaction] = field(default_factory=list)
    at: int = 0

    def next(self) -> Interaction:
        """The next; once all were given, the last again."""
        call = self.calls[min(self.at, len(self.calls) - 1)]
        self.at += 1
        return call

    @property
    def is_spent(self) -> bool:
        return self.at >= len(self.calls)


class Replayer:
    """Answers from a recording.

    Parameters
    ----------
    alias : str
        The server's, for messages.
    recording : Recording
        Never changed.
    redactor : Redactor
        For the params in messages.
    """

    def __init__(self, alias: str, recording: Recording, redactor: Redactor) -> None:
        self._alias = alias
        self._recording = recording
        self._redactor = redactor
        self._groups: dict[str, _Group] = {}
        self._marked: dict[str, list[_Group]] = {}
        for call in recording.interactions:
            params = canonical(call.method, call.params)
            key = key_of(call.method, params)
            if (group := self._groups.get(key)) is None:
                group = self._groups[key] = _Group(params)
                if MARK in pretty(params):
                    self._marked.setdefault(call.method, []).append(group)
            group.calls.append(call)

    async def exchange(self, question: Question) -> dict[str, Any]:
        params = canonical(question.method, question.params)
        call = self._found(question.method, params)
        if call is None:
            return self._without(question.method, params)
        for event in call.events:
            await _play(event, question)
        for event in call.afterwards:
            if "notification" in event:
                question.notice(_notification(event))
        if call.result is None:
            assert call.error is not None
            raise McpError(call.error["code"], call.error["message"], deepcopy(call.error.get("data")))
        return deepcopy(call.result)

    def heard(self, event: Event) -> None:
        """Take no notice: it came from here."""

    def keep_secret(self, text: str) -> None:
        """Leave it out of messages."""
        self._redactor.keep(text)

    def _found(self, method: str, params: Mapping[str, Any]) -> Interaction | None:
        group = self._groups.get(key_of(method, params))
        if group is None:
            fitting = [each for each in self._marked.get(method, ()) if matches(each.params, params)]
            if not fitting:
                return None
            group = next((each for each in fitting if not each.is_spent), fitting[-1])
        return group.next()

    def _without(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to what was not recorded, where it is known anyway."""
        if method in _EMPTY:
            return {}
        if method == _LISTEN:
            return {"notifications": params.get("notifications", {})}
        if method == _DISCOVER and self._recording.opening.method == _DISCOVER:
            return deepcopy(self._recording.opening.result)
        raise miss(self._alias, method, self._redacted(method, params), self._recording.interactions)

    def _redacted(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        schemas = {str(tool.get("name")): tool for tool in listed_tools(self._recording) or []}
        try:
            return self._redactor.params(method, params, schemas)
        except TooDeep:
            return {name: value for name, value in params.items() if isinstance(value, str)}


async def _play(event: Event, question: Question) -> None:
    if "progress" in event and question.on_progress is not None:
        await question.on_progress(event["progress"], event.get("total"), event.get("message"))
    elif "notification" in event:
        await question.hand_out(_notification(event))


def _notification(event: Event) -> Notification:
    return Notification(event["notification"], deepcopy(event.get("params", {})))
