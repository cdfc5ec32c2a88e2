# SPDX-License-Identifier: BSD-3-Clause
"""Have the user decide whether a call may run, before it waits for its turn.

Theory of operation. `Approvals` is the server's `Approver`. It writes the question to a private file
(`ipc.questions`), and looks for the answer. The user answers in JupyterLab, through Jupyter's own
authentication, or in a terminal (`jupyter mcp approve`). No MCP client can answer, and neither can the output
of a cell. Without an answer in time the call is denied.

A decision is for one call: its sender and session, tool, definition, code and arguments. A user may also
allow a tool for one host, until the tool's cell is run again or the kernel ends; this is kept in memory only.

Where no user can be asked (`jupyter mcp run`), `ALLOW` in the environment names the tools that may run.

Everything here runs on the engine's thread.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import to_thread

from .._util.text import safe_block, safe_line
from ..errors import LinkError, ToolError
from ..ipc.questions import APPROVALS, LOOK_SECONDS, MAX_QUESTION_BYTES
from ..protocol.frames import dumps
from ..server.client_requests import seconds_left
from ..server.oversight import APPROVAL_SECONDS, Decision, Proposal, Record
from .journal import OWN_PROGRAM

__all__ = ["ALLOW", "Approvals", "allowed_tools"]

ALLOW: Final = "MCP_JUPYTER_ALLOW"
"""The environment variable, set by `jupyter mcp run`, with a JSON list of the tools that may run unasked."""

MAX_OPEN: Final = 64
"""Open questions of a kernel."""

MAX_OPEN_EACH: Final = 8
"""Open questions of one principal: more would hide those of others."""

REPORT_SECONDS: Final = 5.0
"""Between two reports to a caller that waits."""

MAX_REASON_CHARS: Final = 500
"""Characters of the user's reason for a denial, which the model gets."""

_CHANGED: Final = "Its cell was run again while the user decided. Call it again, if it still fits."
_LATE: Final = "The user did not answer within {:.0f} s, which counts as no."
_TOO_MANY: Final = "Too many calls wait for the user's approval. Call it again when they have been answered."
_TOO_LONG: Final = "Its arguments are too long to be shown to the user, who has to approve them."
_NOBODY: Final = (
    "It needs the approval of a user, and this notebook runs without one. Whoever starts it can allow this "
    "tool: jupyter mcp run ... --allow {}"
)

_ALLOWED: Final = Decision(True)


def allowed_tools(environ: Mapping[str, str] = os.environ) -> Collection[str] | None:
    """Return the tools that may run unasked in a notebook without a user; None where a user can be asked."""
    said = environ.get(ALLOW)
    if said is None:
        return None
    with suppress(ValueError):
        tools = json.loads(said)
        if isinstance(tools, list):
            return frozenset(tool for tool in tools if isinstance(tool, str))
    return frozenset()


@dataclass(slots=True)
class _Open:
    """An open question."""

    sender: str
    stopped: anyio.Event = field(default_factory=anyio.Event)
    reason: str = ""


class Approvals:
    """Asks the user about calls.

    Parameters
    ----------
    notebook : callable
        Returns the notebook's name and path, for the question.
    cell_of : callable
        Returns the number of the cell that defined a function.
    runtime_dir : Path
        Where questions and answers meet.
    allowed : collection of str, optional
        The tools that may run where no user can be asked, or "*"; None where a user can be asked.
    """

    def __init__(
        self,
        notebook: Callable[[], tuple[str, str | None]],
        cell_of: Callable[[Callable[..., Any]], int | None],
        runtime_dir: Path,
        allowed: Collection[str] | None = None,
    ) -> None:
        self._notebook = notebook
        self._cell_of = cell_of
        self._runtime_dir = runtime_dir
        self._allowed = allowed
        self._open: dict[Record, _Open] = {}
        self._standing: dict[tuple[str, ...], Callable[[], Any]] = {}  # the function that each is for
        self._shown: dict[str, Mapping[str, str]] = {}  # the arguments of each tool's last allowed call

    async def __call__(self, proposal: Proposal) -> Decision:
        """Decide about a call (see `server.oversight.Approver`)."""
        if self._allowed is not None:
            tool = proposal.tool.name
            may = tool in self._allowed or "*" in self._allowed
            return _ALLOWED if may else Decision(False, _NOBODY.format(tool))
        if self._stands(proposal):
            return _ALLOWED
        record, sender = proposal.request.record, proposal.request.sender
        each = Counter(question.sender for question in self._open.values())
        if len(self._open) >= MAX_OPEN or each[sender] >= MAX_OPEN_EACH:
            return Decision(False, _TOO_MANY)
        question = self._open[record] = _Open(sender)
        try:
            return await self._ask(proposal, question)
        finally:
            del self._open[record]

    @property
    def waiting(self) -> int:
        """How many questions are open."""
        return len(self._open)

    def stop(self, record: Record, reason: str) -> bool:
        """Deny the call of a record, which waits for an answer; return whether there is one."""
        question = self._open.get(record)
        if question is None:
            return False
        question.reason = reason
        question.stopped.set()
        return True

    # -- one question ------------------------------------------------------------------------------

    async def _ask(self, proposal: Proposal, question: _Open) -> Decision:
        request, digest = proposal.request, proposal.digest
        request.record.asks()
        request.waiting("waiting for the user's approval")
        shown = {name: _shown(value) for name, value in proposal.arguments.items()}
        seconds = seconds_left(request, APPROVAL_SECONDS)
        ends = time.monotonic() + seconds
        data = dumps(await self._said(proposal, digest, shown))
        if len(data) > MAX_QUESTION_BYTES:
            return Decision(False, _TOO_LONG)
        secret = secrets.token_urlsafe(32)
        ask = partial(APPROVALS.ask, secret, max(0.0, ends - time.monotonic()), self._runtime_dir, data)
        try:
            await to_thread.run_sync(ask)
            answer = await self._answer(secret, ends, request.waiting, question)
        except LinkError as exc:
            return Decision(False, f"The user could not be asked: {exc}")
        finally:
            APPROVALS.forget(secret, self._runtime_dir)
        if answer is None:
            return Decision(False, question.reason or _LATE.format(seconds))
        return self._decided(proposal, digest, shown, answer)

    async def _answer(
        self, secret: str, ends: float, report: Callable[[str], None], question: _Open
    ) -> Mapping[str, Any] | None:
        """Wait for the answer; None when there is none in time, or the call was stopped."""
        reported = time.monotonic()
        look = partial(APPROVALS.collect, secret, self._runtime_dir)
        while time.monotonic() < ends and not question.stopped.is_set():
            with anyio.move_on_after(LOOK_SECONDS):
                await question.stopped.wait()
            data = await to_thread.run_sync(look)
            if data is not None:
                return _parsed(data)
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                report("waiting for the user's approval")
        return None

    def _decided(
        self, proposal: Proposal, digest: str, shown: Mapping[str, str], answer: Mapping[str, Any]
    ) -> Decision:
        choice, reason = answer.get("decision"), answer.get("reason")
        if choice not in ("once", "until_changed"):
            said = safe_block(reason, MAX_REASON_CHARS) if isinstance(reason, str) and reason.strip() else ""
            return Decision(False, f"The user denied it: {said}" if said else "")
        # What the user saw must be what will run.
        if answer.get("digest") != digest or proposal.digest != digest or not proposal.still():
            return Decision(False, _CHANGED)
        self._shown[proposal.tool.name] = shown
        if choice == "until_changed" or proposal.ask == "once":
            self._standing[_key(proposal)] = _reference(proposal.function)
        return _ALLOWED

    def _stands(self, proposal: Proposal) -> bool:
        """Whether the user has allowed this tool for this host, and it is still the same."""
        key = _key(proposal)
        function = self._standing.get(key)
        if function is None:
            return False
        if function() is proposal.function:
            return True
        del self._standing[key]  # its cell was run again
        return False

    async def _said(self, proposal: Proposal, digest: str, shown: Mapping[str, str]) -> dict[str, Any]:
        """Return the question: everything that the user needs to decide, as inert text."""
        tool, request = proposal.tool, proposal.request
        hints = tool.annotations
        name, path = self._notebook()
        info = request.client_info
        return {
            "digest": digest,
            "notebook": name,
            "path": path,
            "host": _line(info.get("name")),
            "version": _line(info.get("version")),
            "principal": safe_line(request.label) or OWN_PROGRAM,
            "tool": tool.name,
            "title": safe_line(tool.title or ""),
            "description": safe_block(tool.description or ""),
            "hints": hints.model_dump(exclude_none=True) if hints is not None else {},
            "ask": proposal.ask,
            "cell": self._cell_of(proposal.function),
            "arguments": shown,
            "before": self._shown.get(tool.name),
            "preview": await _previewed(proposal.preview),
        }


async def _previewed(preview: Callable[[], Awaitable[str]] | None) -> str:
    if preview is None:
        return ""
    try:
        return safe_block(await preview())
    except ToolError as exc:
        return f"The preview failed: {safe_line(str(exc))}"
    except Exception as exc:  # noqa: BLE001 - the user's function raised it
        return f"The preview failed: {type(exc).__name__}: {safe_line(str(exc))}"


def _key(proposal: Proposal) -> tuple[str, ...]:
    request = proposal.request
    host = request.client_info.get("name")
    return request.sender, host if isinstance(host, str) else "", proposal.tool.name, proposal.definition


def _reference(function: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(function)
    except TypeError:  # an object of a class with slots
        return lambda: function


def _shown(value: Any) -> str:
    """Return an argument in full, with control, bidi and invisible characters made visible."""
    return safe_block(value if isinstance(value, str) else dumps(value).decode(), None)


def _line(text: Any) -> str:
    return safe_line(text) if isinstance(text, str) else ""


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
