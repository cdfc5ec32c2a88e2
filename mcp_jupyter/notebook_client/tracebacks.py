# SPDX-License-Identifier: BSD-3-Clause
"""Short tracebacks of failed calls: the lines of the user's own code, and the message.

IPython calls an exception's `_render_traceback_`. The stack through this package, down to where the answer
was read, does not explain an error at the server.
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
    "NotATable",
    "RequestTimeout",
    "ServerFailed",
    "UnknownTool",
    "WrongCall",
    "short_traceback",
]

MAX_FRAMES: Final = 5
"""Frames of the user's code that are shown, the innermost ones."""

_OURS: Final = str(Path(__file__).parents[1])
_INFRASTRUCTURE: Final = ("/IPython/", "/ipykernel/", "/asyncio/", "/concurrent/futures/")


def short_traceback(error: BaseException, lines: list[str]) -> list[str]:
    """Return a heading, the user's lines on the way to the error, and the rest of the message.

    Parameters
    ----------
    error : BaseException
        The raised exception.
    lines : list of str
        The message; the first line is the heading.
    """
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_users_file(each.filename)]
    code = [f"  {_place(each)}{shorten((each.line or '').strip())}" for each in frames[-MAX_FRAMES:]]
    return [lines[0], *code, *lines[1:]]


def _is_users_file(filename: str) -> bool:
    name = filename.replace("\\", "/")
    return not filename.startswith(_OURS) and not any(part in name for part in _INFRASTRUCTURE)


def _place(frame: traceback.FrameSummary) -> str:
    is_cell = frame.filename.startswith("<") or "ipykernel_" in frame.filename
    where = "line" if is_cell else f"{Path(frame.filename).name}, line"
    return f"{where} {frame.lineno}: "


class _ShortError(Exception):
    """An error of a call or of a result, shown without this package's own lines."""

    def _render_traceback_(self) -> list[str]:
        first, *more = str(self).split("\n")
        return short_traceback(self, [f"{type(self).__name__}: {first}", *more])


class ArgumentTypeError(_ShortError, TypeError):
    """An argument is missing, unknown or positional, or has no JSON form; nothing was sent."""


class ArgumentValueError(_ShortError, ValueError):
    """A value does not fit the tool's schema; nothing was sent."""


class UnknownTool(_ShortError, AttributeError, KeyError):
    """The server has no tool of this name, as an attribute or as a key."""

    __str__ = Exception.__str__  # that of KeyError adds quotation marks


class NotATable(_ShortError, ValueError):
    """A result cannot become a data frame."""


class ConnectionClosed(_ShortError, errors.ConnectionClosed):
    """The server is gone, or was never there."""


class RequestTimeout(_ShortError, errors.RequestTimeout):
    """The server did not answer in time, and was told to stop."""


class DefinitionChanged(_ShortError, errors.DefinitionChanged):
    """The tool's definition changed since the user connected; nothing was called."""


class _LineError(McpJupyterError):
    """An error that a cell shows as one line.

    It is not a `UsageError`: front ends get no error message for one, and runners that look for that message
    (nbmake, nbval) take the cell for successful.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ServerFailed(_LineError):
    """A server that a magic calls cannot be reached, or it refuses."""


class WrongCall(_LineError):
    """The target of a magic does not exist or takes other arguments; nothing was sent."""
