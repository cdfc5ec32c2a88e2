# SPDX-License-Identifier: BSD-3-Clause
"""What to say when a call is not in a recording: the recorded call that comes nearest, as a diff.

Pure. It is given params without their secrets.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ...errors import CassetteMiss
from ..streams import printable
from .canonical import pretty, veiled
from .recording import Interaction

__all__ = ["difference", "miss"]

MAX_CANDIDATES: Final = 200
"""Recorded calls that are compared: each comparison takes a moment."""

MAX_COMPARED_CHARS: Final = 2_000
"""Of each; what comes nearest shows in the first of it."""

MAX_LINES: Final = 40
"""Of a diff: a cell's output, not a file."""

MAX_LINE_CHARS: Final = 160

MAX_NAMED: Final = 20
"""Names that a message lists."""

MAX_NAME_CHARS: Final = 80

_REMEDY: Final = "Record anew with MCP_JUPYTER_CASSETTES=record (or %mcp_connect --record)."

_NAMED: Final = {
    "prompts/get": ("name", "prompt"),
    "resources/read": ("uri", "resource"),
    "tools/call": ("name", "tool"),
}


def miss(alias: str, method: str, params: dict[str, Any], recorded: Iterable[Interaction]) -> CassetteMiss:
    """The error for a call that no recorded one matches.

    Parameters
    ----------
    alias : str
        The server's.
    params : dict
        Canonical and redacted.
    recorded : iterable of Interaction
        All that there are of this server.
    """
    known = list(recorded)
    server = f"the recording of {printable(alias, MAX_NAME_CHARS)!r}"
    same = [call for call in known if call.method == method]
    member, kind = _NAMED.get(method, ("", ""))
    asked = printable(f"{method} {params.get(member)}" if member else method, 2 * MAX_NAME_CHARS)
    if not same:
        listed = _listing({call.method for call in known})
        return CassetteMiss(f"{asked} is not in {server}, which has {listed}. {_REMEDY}")
    nearest = [call for call in same if not member or call.params.get(member) == params.get(member)]
    if not nearest and kind != "resource":
        listed = _listing({str(call.params.get(member)) for call in same})
        return CassetteMiss(
            f"The {kind} {printable(str(params.get(member)), MAX_NAME_CHARS)!r} was never asked for in "
            f"{server}. Asked for were: {listed}. {_REMEDY}"
        )
    found = _nearest(params, nearest or same)
    return CassetteMiss(
        f"{asked} with these params is not in {server}. The nearest call that is there:\n"
        f"{difference(found.params, params, 'asked')}\n{_REMEDY}"
    )


def _nearest(params: dict[str, Any], calls: Sequence[Interaction]) -> Interaction:
    """The call whose params are most like these."""
    asked = _short(params)
    matcher = difflib.SequenceMatcher(b=asked, autojunk=True)

    def likeness(call: Interaction) -> float:
        matcher.set_seq1(_short(call.params))
        return matcher.ratio()

    return max(calls[:MAX_CANDIDATES], key=likeness)


def _short(params: dict[str, Any]) -> list[str]:
    # By words: a ratio over characters would take a second for long texts.
    return json.dumps(params, ensure_ascii=False, indent=0)[:MAX_COMPARED_CHARS].split()


def difference(recorded: Any, given: Any, title: str) -> str:
    """What differs in two values, as a diff; what is redacted in the recording does not.

    Parameters
    ----------
    title : str
        What `given` is.
    """
    given = veiled(recorded, given)
    lines = list(
        difflib.unified_diff(
            pretty(recorded).splitlines(), pretty(given).splitlines(), "recorded", title, lineterm=""
        )
    )
    shown = [line if len(line) <= MAX_LINE_CHARS else f"{line[: MAX_LINE_CHARS - 3]}..." for line in lines]
    if len(shown) > MAX_LINES:
        shown[MAX_LINES:] = [f"... and {len(lines) - MAX_LINES} lines more"]
    return "\n".join(f"  {line}" for line in shown)


def _listing(names: set[str]) -> str:
    shown = [printable(name, MAX_NAME_CHARS) for name in sorted(names)[:MAX_NAMED]]
    more = ", ..." if len(names) > MAX_NAMED else ""
    return ", ".join(shown) + more if shown else "no calls"
