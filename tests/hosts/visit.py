# SPDX-License-Identifier: BSD-3-Clause
"""One visit of a host to the orchard: what its model calls, and what it is handed for each call.

The model does what a real one could do with what it sees: it searches for tools that are deferred, and reads
on where a result says how.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .formats import CODE
from .programs import SERVER, Host
from .turns import Answer, Call, Handed, Turn

__all__ = ["FRUIT", "Visit"]

SEARCHES = ("ToolSearch", "tool_search", "tool_search_tool")
CALL_OF_FOUND = "tool_call"
"""Qwen Code's tool that calls what its search found."""

READ_ON = re.compile(r"(result://[^\s?\"\\]+\?)offset=\d+&limit=\d+")
LAST_ROWS = "offset=4990&limit=5"

TOOLS = ("visitor", "harvest_promised", "weigh", "count_trees", "list_weeks", "draw", "head_and_figure")
"""Called one after the other."""

FRUIT = "The new tree bears fruit."
"""What the tool returns that is added during the visit."""

Steps = Generator[Answer, Turn, Turn]


@dataclass
class Visit:
    """What a host showed its model.

    Parameters
    ----------
    host : Host
    late : str
        Name of the tool that is added during the visit.

    Attributes
    ----------
    first_tools : tuple of str
        The tools of the first turn.
    handed : dict
        Results by the step's name. A step that the host gave no way to make is not there.
    """

    host: Host
    late: str
    first_tools: tuple[str, ...] = field(default=(), repr=False)
    handed: dict[str, Handed] = field(default_factory=dict, repr=False)

    def play(self, turn: Turn) -> Generator[Answer, Turn, None]:
        """The script of the visit."""
        self.first_tools = turn.tools
        turn = yield from self._step(turn, "harvest")
        turn = yield from self._read_on(turn)
        turn = yield from self._step(turn, "plant", name=self.late)
        for tool in TOOLS:
            turn = yield from self._step(turn, tool)
        yield from self._call_late(turn)

    def _step(self, turn: Turn, tool: str, /, **arguments: Any) -> Steps:
        """Call a tool of the notebook, if the host has it, and keep what comes."""
        return (yield from self._kept(turn, tool, tool, arguments))

    def _kept(self, turn: Turn, step: str, tool: str, arguments: Mapping[str, Any]) -> Steps:
        turn, call = yield from self._found(turn, tool, arguments)
        if call is not None:
            turn = yield call
            self.handed[step] = turn.results[-1]
        return turn

    def _found(
        self, turn: Turn, tool: str, arguments: Mapping[str, Any]
    ) -> Generator[Answer, Turn, tuple[Turn, Call | None]]:
        """How the host lets its model call a tool; None where it does not."""
        if CODE in turn.tools:
            return turn, _code(tool, arguments)
        searched = next((name for name in SEARCHES if name in turn.tools), None)
        if turn.find(tool) is None and searched is not None:
            own = self.host.reader is not None and tool == self.host.reader.tool
            name = tool if own else f"mcp__{SERVER}__{tool}"
            turn = yield Call(searched, {"query": f"select:{name}"})
            if CALL_OF_FOUND in turn.tools and tool in turn.results[-1].text:
                return turn, Call(CALL_OF_FOUND, {"name": name, "arguments": arguments})
        found = turn.find(tool)
        return turn, Call(found, arguments) if found else None

    def _read_on(self, turn: Turn) -> Steps:
        """Read the last rows where the first page said how to read on."""
        how = READ_ON.search(self.handed["harvest"].text) if "harvest" in self.handed else None
        if how is None:
            return turn
        uri = f"{how[1]}{LAST_ROWS}&format=csv"
        if self.host.reader is None:
            return (yield from self._kept(turn, "read_on", "read_more", {"uri": uri}))
        arguments = {self.host.reader.server_argument: SERVER, "uri": uri}
        return (yield from self._kept(turn, "read_on", self.host.reader.tool, arguments))

    def _call_late(self, turn: Turn) -> Steps:
        """Call the tool that is new; where that fails, by `use_tool`, if the host has it."""
        turn = yield from self._step(turn, self.late)
        if FRUIT not in self.text(self.late):
            use = {"name": self.late, "arguments": {}}
            turn = yield from self._kept(turn, self.late, "use_tool", use)
        return turn

    def text(self, step: str) -> str:
        """The text handed over in a step; empty where the step could not be made."""
        return self.handed[step].text if step in self.handed else ""


def _code(tool: str, arguments: Mapping[str, Any]) -> Call:
    """Codex in code mode: its model writes JavaScript, in which every tool is a function."""
    names = [f"mcp__{SERVER}__{tool}", tool]
    find = f"{json.dumps(names)}.find(name => typeof tools[name] === 'function')"
    call = f"name ? await tools[name]({json.dumps(arguments)}) : 'There is no {tool}.'"
    return Call(CODE, {"code": f"const name = {find}; text({call})"})
