# SPDX-License-Identifier: BSD-3-Clause
"""What the user's own programs can ask a live notebook on an owner's link (see `ipc.owner_link`).

`calls/list`, `calls/get` and `calls/stop` work on the entries of the journal. `notebook/pause` makes the
notebook refuse calls, or take them again. `notebook/describe` returns what the notebook serves, and its
clients. `observe` stays open, and sends a notification for each step of a call, with an id and no contents.

All methods run on the engine's thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import anyio

from ..engine.connection import InboundRequest
from ..errors import INVALID_PARAMS, McpError
from ..ipc.owner_link import Methods
from .journal import MAX_ENTRIES, Entry
from .status import shown_resources

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["STOPPED_BY_USER", "owner_methods"]

STOPPED_BY_USER: Final = "{} was stopped by the user of the notebook."

MAX_OBSERVERS: Final = 32
"""Observers of one kernel: a Jupyter Server holds one, and each `jupyter mcp log --follow` another."""


def owner_methods(engine: Engine) -> Methods:
    """Return the methods of an engine."""
    asked = _Methods(engine)
    return {
        "calls/list": asked.list_calls,
        "calls/get": asked.get_call,
        "calls/stop": asked.stop_call,
        "notebook/pause": asked.pause,
        "notebook/describe": asked.describe,
        "observe": asked.observe,
    }


class _Methods:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._observers = 0

    async def list_calls(self, call: InboundRequest) -> dict[str, Any]:
        """Give the last entries, the oldest first: `last` of them, and only failures with `failed`."""
        last, failed = call.params.get("last", MAX_ENTRIES), call.params.get("failed", False)
        if type(last) is not int or last < 1 or type(failed) is not bool:
            raise McpError(INVALID_PARAMS, "params.last must be a positive integer, params.failed a boolean.")
        entries = self._engine.journal.entries()
        chosen = [entry for entry in entries if not failed or entry.has_failed][-last:]
        return {"calls": [self._engine.said(entry) for entry in chosen]}

    async def get_call(self, call: InboundRequest) -> dict[str, Any]:
        """Give one entry."""
        return self._engine.said(self._entry(call.params))

    async def stop_call(self, call: InboundRequest) -> dict[str, Any]:
        """Stop a call that waits or runs."""
        entry = self._entry(call.params)
        return {"stopped": self._engine.stop_call(entry, STOPPED_BY_USER.format(entry.name))}

    def _entry(self, params: Mapping[str, Any]) -> Entry:
        number = params.get("id")
        entry = self._engine.journal.entry(number) if type(number) is int else None
        if entry is None:
            raise McpError(INVALID_PARAMS, "There is no such call, or it is no longer in the journal.")
        return entry

    async def pause(self, call: InboundRequest) -> dict[str, Any]:
        """Have all calls refused from now on, or take them again."""
        paused = call.params.get("paused")
        if type(paused) is not bool:
            raise McpError(INVALID_PARAMS, "params.paused must be a boolean.")
        self._engine.paused = paused
        return {"paused": paused}

    async def describe(self, call: InboundRequest) -> dict[str, Any]:
        """Give what the notebook does and serves, and its clients."""
        engine = self._engine
        server = engine.server
        tools = [
            {
                **tool.definition.model_dump(mode="json", by_alias=True, exclude_none=True),
                "asks": server.asks(tool),
                "concurrent": tool.concurrent,
                "cell": engine.journal.cell_of(tool.function),
                "calls": engine.journal.count_of(tool.name),
            }
            for tool in server.tools.values()
        ]
        resources = [
            server.resources[uri].definition.model_dump(mode="json", by_alias=True, exclude_none=True)
            for uri in shown_resources(server)
        ]
        prompts = [
            prompt.definition.model_dump(mode="json", by_alias=True, exclude_none=True)
            for prompt in server.prompts.values()
        ]
        return {
            **engine.activity(),
            "paused": engine.paused,
            "approvals": engine.approvals.waiting,
            "clients": engine.clients(),
            "items": {"tools": tools, "resources": resources, "prompts": prompts},
        }

    async def observe(self, call: InboundRequest) -> Any:
        """Notify the observer of each step of a call, until the link is closed."""
        if self._observers >= MAX_OBSERVERS:
            raise McpError(INVALID_PARAMS, f"More than {MAX_OBSERVERS} observers of one notebook.")
        listeners = self._engine.journal.listeners

        def tell(entry: Entry, what: str) -> None:
            call.notify("call", {"id": entry.id, "kind": entry.kind, "name": entry.name, "what": what})

        self._observers += 1
        listeners.add(tell)
        try:
            call.notify("observing", {})
            await anyio.sleep_forever()
        finally:
            self._observers -= 1
            listeners.discard(tell)
