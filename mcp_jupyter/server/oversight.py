# SPDX-License-Identifier: BSD-3-Clause
"""Record the calls of a server's clients, and ask the user before some of them.

Theory of operation. For each request that runs one of the user's functions, the handlers open a `Record`, and
tell it when the function begins, and how the request ends. `Record` itself keeps nothing; the kernel's
journal has a subclass that does. Before a tool runs, an `Approver` may ask the user, and returns the
decision. A call that waits for a decision takes no place in the runner.

Everything here belongs to the event loop's thread, but for `Record.began`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .. import types
from ..errors import ToolError
from ..protocol.rights import Floor

if TYPE_CHECKING:
    from .context import RequestContext
    from .runner import Outcome

__all__ = [
    "APPROVAL_SECONDS",
    "ASKS",
    "NO_RECORD",
    "Approver",
    "Ask",
    "Decision",
    "Denied",
    "Journal",
    "Kind",
    "Proposal",
    "Record",
    "asks_by",
    "code_digest",
    "no_journal",
]

Kind = Literal["tool", "resource", "prompt"]


class Record:
    """One request for a user's function, from its arrival to its end. This class keeps nothing.

    Use it as a context: an exception that leaves the block ends the record.
    """

    __slots__ = ()

    provenance: Mapping[str, Any] | None = None
    """What the result is made of, for its `_meta`; known once the function has begun."""

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note the error that the request ended with, if any."""

    def asks(self) -> None:
        """Note that the user is asked to approve it."""

    def began(self) -> None:
        """Note that the function begins. On the thread that runs it."""

    def ended(self, answer: Any, outcome: Outcome | None = None) -> None:
        """Note the answer that the client gets, and the outcome of the function's run."""

    def failed(self, error: Exception, answer: types.CallToolResult) -> None:
        """Note an error that the client gets as a result."""

    def questioned(self, method: str, params: Mapping[str, Any], answer: Any) -> None:
        """Note a question of the function to the client or the user, and its answer (None: no answer)."""


Journal: TypeAlias = Callable[..., Record]
"""Opens a record. Takes the request, its `Kind`, the name or URI, the arguments as the client sent them, the
JSON Schema of the arguments, and the function."""

NO_RECORD: Final = Record()
"""Keeps nothing."""


def no_journal(*_: Any) -> Record:
    """Open a record that keeps nothing."""
    return NO_RECORD


# -- approvals -----------------------------------------------------------------------------------

Ask = Literal["never", "once", "always"]
"""When the user is asked before a tool runs: never; at the first call of a host and a definition; always."""

ASKS: Final[tuple[Ask, ...]] = ("never", "once", "always")
"""From the laxest to the strictest."""

APPROVAL_SECONDS: Final = 120.0
"""How long the user may think. Without an answer a call is denied."""


def asks_by(floor: Floor, hints: types.ToolAnnotations | None, ask: Ask | None) -> Ask:
    """Return when the user is asked before a tool: as the tool or the floor says, whichever is stricter."""
    reads_only = hints is not None and hints.readOnlyHint
    is_marked = hints is not None and (hints.destructiveHint or hints.openWorldHint)
    if floor == "all" or is_marked or (floor == "writing" and not reads_only):
        return "always"
    return ask or "never"


@dataclass(slots=True)
class Proposal:
    """A call that the user is asked about.

    Attributes
    ----------
    request : RequestContext
    tool : types.Tool
        The definition.
    function : callable
        The tool's function.
    ask : "once" or "always"
    arguments : mapping
        As the client sent them.
    preview : async callable or None
        Returns the text of the tool's preview.
    still : callable
        Whether the tool is what it was when the call arrived.
    """

    request: RequestContext
    tool: types.Tool
    function: Callable[..., Any]
    ask: Ask
    arguments: Mapping[str, Any]
    preview: Callable[[], Awaitable[str]] | None
    still: Callable[[], bool]

    @property
    def definition(self) -> str:
        """A digest of the definition and of the function's code."""
        return _digest(self.tool.model_dump(mode="json", exclude_none=True), code_digest(self.function))

    @property
    def digest(self) -> str:
        """A digest of all that a single decision is for.

        In the modern era there are no sessions, so the call's own id takes their place.
        """
        request = self.request
        session = request.request_id if request.era.rounds else id(request.server_session)
        return _digest(request.sender, session, self.tool.name, self.definition, self.arguments)


class Denied(ToolError):
    """The user denied a call."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The user's decision about a call.

    Attributes
    ----------
    allowed : bool
    reason : str
        Why not: a sentence for the model.
    """

    allowed: bool
    reason: str = ""

    def enforce(self, tool: str) -> None:
        """Let the call go on, or end it.

        Raises
        ------
        Denied
            It is denied.
        """
        if not self.allowed:
            raise Denied(f"{tool} was not called. {self.reason or 'The user denied it.'}")


Approver: TypeAlias = Callable[[Proposal], Awaitable[Decision]]
"""Has the user decide about a call. Cancelled with the call."""


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()


def code_digest(function: Callable[..., Any]) -> str:
    """Return a digest of a function's code: its own and that of functions within it, without line numbers."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if not isinstance(code, CodeType):
        return f"{type(function).__module__}.{type(function).__qualname__}"
    found = hashlib.sha256()
    waiting = [code]
    while waiting:
        part = waiting.pop()
        found.update(part.co_code)
        found.update(repr((part.co_names, part.co_varnames)).encode("utf-8", "replace"))
        for constant in part.co_consts:
            if isinstance(constant, CodeType):
                waiting.append(constant)
            else:
                found.update(repr(constant).encode("utf-8", "replace"))
    return found.hexdigest()
