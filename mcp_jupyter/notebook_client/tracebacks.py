# SPDX-License-Identifier: BSD-3-Clause
"""What a cell shows of an error in a call: the lines of the person's own code, and what was said.

IPython asks an exception for its `_render_traceback_`. The stack through this package, to where the answer
was read, says nothing about what went wrong at the server.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

from .. import errors
from .._util.text import shorten
from ..errors import McpJupyterError

__all__ = [
    "ArgumentTypeError",
    "ArgumentValueError",
    "ConnectionClosed",
    "DefinitionChanged",
    "RequestTimeout",
    "ServerFailed",
    "WrongCall",
    "short_traceback",
]

MAX_FRAMES: Final = 5
"""Of the person's code: the innermost."""

_OURS: Final = str(Path(__file__).parents[1])
_INFRASTRUCTURE: Final = ("/IPython/", "/ipykernel/", "/asyncio/", "/concurrent/futures/")


def short_traceback(error: BaseException, lines: list[str]) -> list[str]:
    """A heading, the person's lines on the way to the error, and the rest of what is to be said.

    Parameters
    ----------
    error : BaseException
        As it was raised.
    lines : list of str
        What to say; the first line is the heading.
    """
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_the_persons(each.filename)]
    code = [f"  {_place(each)}{shorten((each.line or '').strip())}" for each in frames[-MAX_FRAMES:]]
    return [lines[0], *code, *lines[1:]]


def _is_the_persons(filename: str) -> bool:
    name = filename.replace("\\", "/")
    return not filename.startswith(_OURS) and not any(part in name for part in _INFRASTRUCTURE)


def _place(frame: traceback.FrameSummary) -> str:
    is_cell = frame.filename.startswith("<") or "ipykernel_" in frame.filename
    where = "line" if is_cell else f"{Path(frame.filename).name}, line"
    return f"{where} {frame.lineno}: "


class _ArgumentError(Exception):
    """An argument of a tool is wrong; nothing was sent."""

    def _render_traceback_(self) -> list[str]:
        kind = "TypeError" if isinstance(self, TypeError) else "ValueError"
        first, *more = str(self).split("\n")
        return short_traceback(self, [f"{kind}: {first}", *more])


class ArgumentTypeError(_ArgumentError, TypeError):
    """An argument is missing, unknown or not named, or has no JSON form."""


class ArgumentValueError(_ArgumentError, ValueError):
    """A value does not fit the tool's schema."""


class _CallError(Exception):
    """A call had no answer."""

    def _render_traceback_(self) -> list[str]:
        first, *more = str(self).split("\n")
        return short_traceback(self, [f"{type(self).__name__}: {first}", *more])


class ConnectionClosed(_CallError, errors.ConnectionClosed):
    """The server is gone, or was never there."""


class RequestTimeout(_CallError, errors.RequestTimeout):
    """The server was silent for too long, and was told to stop."""


class DefinitionChanged(_CallError, errors.DefinitionChanged):
    """The tool is not what it was when the person connected; nothing was called."""


class _LineError(McpJupyterError):
    """One line in the cell.

    No `UsageError`: of that a front end gets no error message, and runners that look for one (nbmake, nbval)
    take the cell for a good one.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ServerFailed(_LineError):
    """A server that a magic calls cannot be reached, or refuses."""


class WrongCall(_LineError):
    """What a magic was to call is not there, or takes other arguments; nothing was sent."""
