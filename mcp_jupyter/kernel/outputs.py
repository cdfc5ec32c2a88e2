# SPDX-License-Identifier: BSD-3-Clause
"""Collect what a call prints and displays, within limits, for its result and its log messages.

Printed text is cut into lines, each of which becomes a log message. Its beginning and end are kept for the
result. Redirecting the streams and IPython's displays to this module is left to `stdio_redirect`.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from .._util.text import safe_block, safe_line
from ..server.content import FramePage

__all__ = [
    "MAX_CHARS",
    "MAX_DISPLAYED",
    "MAX_LINES",
    "MAX_LOG_CHARS",
    "MAX_PRINTED_CHARS",
    "MAX_UNPUBLISHED",
    "CallOutput",
    "Display",
]

MAX_LINES: Final = 500
"""Log messages that one call may cause by printing: each is a message on the wire."""

MAX_CHARS: Final = 100_000
"""Characters that one call may send by printing: more than an assistant reads, far less than an endless loop
prints."""

MAX_LOG_CHARS: Final = 10_000
"""Characters of one log message. A longer line is sent in pieces, which bounds text without line ends."""

MAX_PRINTED_CHARS: Final = 4000
"""Characters of printed text in a result, which has the beginning and the end of a longer text. Hosts pass
considerably more on to a model."""

MAX_DISPLAYED: Final = 100
"""Displays of one call: each becomes a part of its result and stays in memory until the call ends."""

MAX_UNPUBLISHED: Final = 100
"""Values that were formatted but not yet published. Some never are: the call may capture its displays."""

SOURCE: Final = "mcp-jupyter/source"
"""A key in a display's metadata. It refers to the displayed value, which a message cannot hold."""

_PRINTED_PART: Final = MAX_PRINTED_CHARS // 2 - 40
"""Characters of the beginning, and of the end. The rest is for the line between them, which says how much is
left out."""

_PRINTED_CUT: Final = 200
"""Characters of a line that may be left out in addition, so that the text is cut between two lines."""

_LEVELS: Final = {"stdout": "info", "stderr": "warning"}


@dataclass(slots=True)
class Display:
    """One display of a call.

    Attributes
    ----------
    bundle : dict
        The value's MIME forms (binary data in base64, as in a notebook).
    id : str or None
        The display id, by which the call can update it.
    source : Any
        The displayed value. It is kept because a figure is sent once, and a widget in its last state.
    page : FramePage or None
        For a data frame: the rows that are shown, and the frame as it was.
    is_result : bool
        Whether the value is that of a cell that the call ran.
    """

    bundle: dict[str, Any]
    id: str | None = None
    source: Any = None
    page: FramePage | None = None
    is_result: bool = False


class Printed:
    r"""The beginning and the end of the text that a call prints to stdout and stderr, in bounded memory.

    Of a progress bar, which overwrites its line after each `\r`, only the last state is kept.
    """

    def __init__(self) -> None:
        self._bars: dict[str, str] = {}  # by channel: a line that the next text may overwrite
        self._head = self._tail = ""
        self._chars = 0

    def add(self, channel: str, text: str, *, ends: bool) -> None:
        """Add a line or, with `ends` false, a piece of a long line."""
        text = self._bars.pop(channel, "") + text
        shown = _last_state(text)
        if not ends and "\r" in text and len(shown) <= MAX_LOG_CHARS:
            self._bars[channel] = shown + "\r" * text.endswith("\r")
        else:
            self._push(shown + "\n" * ends)

    def _push(self, text: str) -> None:
        self._chars += len(text)
        room = _PRINTED_PART - len(self._head)
        self._head += text[:room]
        self._tail = (self._tail + text[room:])[-_PRINTED_PART:]

    def text(self, begun: Mapping[str, str]) -> str:
        """Return the text in at most `MAX_PRINTED_CHARS` characters, safe to show. It changes no state.

        Parameters
        ----------
        begun : mapping
            By channel, the line that has not ended yet. It is appended.
        """
        # A copy gets the unfinished lines, so that this object can go on to collect them.
        whole = copy(self)
        whole._bars = dict(self._bars)
        for channel in [*begun, *(self._bars.keys() - begun.keys())]:
            whole.add(channel, begun.get(channel, ""), ends=True)
        kept = whole._head + whole._tail
        shown = safe_block(kept).strip("\n")
        if whole._chars == len(kept) and len(shown) <= MAX_PRINTED_CHARS:
            return shown
        # Both parts are cut at line ends, unless this would lose more than `_PRINTED_CUT` characters.
        head, tail = safe_block(whole._head)[:_PRINTED_PART], safe_block(whole._tail)[-_PRINTED_PART:]
        before, _, cut = head.rpartition("\n")
        head = before if len(cut) <= _PRINTED_CUT else head
        cut, _, after = tail.rstrip("\n").partition("\n")
        tail = after if after and len(cut) <= _PRINTED_CUT else tail.rstrip("\n")
        left_out = max(whole._chars - len(head) - len(tail), 1)  # `safe_block` may have lengthened the text
        return f"{head}\n[... {left_out} characters are left out ...]\n{tail}".lstrip("\n")


def _last_state(line: str) -> str:
    r"""Return the part of a line that a terminal would show at last: the text after the last `\r`."""
    return line.rstrip("\r").rpartition("\r")[2]


class CallOutput:
    """The prints and displays of one call. Any thread.

    Parameters
    ----------
    log : callable
        Takes (level, line). Called at once, on the thread that printed.
    """

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._begun: dict[str, io.StringIO] = {}  # by channel: the line that has not ended yet
        self._lines = self._chars = self._unsent = self._undisplayed = 0
        self._printed = Printed()
        self._latest = ""  # the channel that was last printed to
        self._last_line = ""  # the last line that has ended
        self._displays: list[Display] = []
        self._clears_next = False  # the next display replaces all before it
        self._sources: dict[int, tuple[Any, Any]] = {}  # values that were formatted, not yet published
        self._closed = False
        self._pid = os.getpid()

    @property
    def closed(self) -> bool:
        """Whether the call is over, or this is a forked child: both print to where a cell prints."""
        return self._closed or os.getpid() != self._pid

    @property
    def printed(self) -> str:
        """The text printed so far; of a long one the beginning and the end (`MAX_PRINTED_CHARS`)."""
        if not self._begun:  # most calls print nothing
            return ""
        with self._lock:
            return self._printed.text({channel: begun.getvalue() for channel, begun in self._begun.items()})

    @property
    def last_line(self) -> str:
        """The line that was last printed to, perhaps unfinished; short and safe to show. Else empty."""
        with self._lock:
            begun = self._begun.get(self._latest)
            return safe_line((begun and _last_state(begun.getvalue())) or self._last_line)

    @property
    def displays(self) -> list[Display]:
        """The call's displays, in order."""
        with self._lock:
            return list(self._displays)

    def write(self, channel: str, text: str) -> None:
        """Take text printed to "stdout" or "stderr"."""
        with self._lock:
            begun = self._begun.setdefault(channel, io.StringIO())
            begun.write(text)
            self._latest = channel
            if "\n" in text or begun.tell() > MAX_LOG_CHARS:
                *lines, rest = begun.getvalue().split("\n")
                for line in lines:
                    self._take(channel, line)
                if len(rest) > MAX_LOG_CHARS:
                    self._take(channel, rest, ends=False)
                    rest = ""
                self._begun[channel] = begun = io.StringIO()
                begun.write(rest)

    def show(self, shown: Display) -> None:
        """Add a display. It replaces one with the same id."""
        with self._lock:
            if self._clears_next:
                self._clear()
            same = [at for at, each in enumerate(self._displays) if shown.id and each.id == shown.id]
            if same:
                self._displays[same[0]] = shown
            elif any(
                each.source is shown.source and each.bundle == shown.bundle for each in self._pictures()
            ):
                return  # `display(figure)` and `plt.show()` show one figure
            elif len(self._displays) < MAX_DISPLAYED:
                self._displays.append(shown)
            else:
                self._undisplayed += 1

    def _pictures(self) -> Iterator[Display]:
        return (shown for shown in self._displays if shown.source is not None and "image/png" in shown.bundle)

    def show_last(self, bundle: dict[str, Any], source: Any) -> None:
        """Replace the last display of a value by its final form, or add it if there is none."""
        with self._lock:
            for shown in reversed(self._displays):
                if shown.source is source:
                    shown.bundle = bundle
                    return
        self.show(Display(bundle, source=source))

    def forget(self, source: Any, *, results_only: bool = False) -> None:
        """Drop the last display of a value that the call also returns.

        Parameters
        ----------
        source : Any
            The value.
        results_only : bool
            Whether to drop it only if it is the value of a cell that the call ran.
        """
        with self._lock:
            for at in range(len(self._displays) - 1, -1, -1):
                shown = self._displays[at]
                if shown.source is source and (shown.is_result or not results_only):
                    del self._displays[at]
                    return

    def mark(self, source: Any, page: FramePage | None = None) -> dict[str, Any]:
        """Return metadata by which `publish` finds the value that a message displays (see `Display`)."""
        with self._lock:
            self._sources[id(source)] = source, page
            if len(self._sources) > MAX_UNPUBLISHED:
                del self._sources[next(iter(self._sources))]
        return {SOURCE: id(source)}

    def publish(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Take a message of IPython's display publisher; return it when it concerns the notebook."""
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "clear_output":
            with self._lock:  # as in a cell: an animation leaves its last picture
                if content.get("wait"):
                    self._clears_next = True
                else:
                    self._clear()
            return None
        with self._lock:
            source, page = self._sources.pop(content.get("metadata", {}).get(SOURCE), (None, None))
        display_id = content.get("transient", {}).get("display_id")
        shown = Display(content["data"], display_id, source, page, kind == "execute_result")
        if kind == "update_display_data" and not self._has(display_id):
            return message  # it updates something in the notebook
        self.show(shown)
        return None

    def _has(self, display_id: str | None) -> bool:
        with self._lock:
            return any(shown.id == display_id for shown in self._displays)

    def _clear(self) -> None:
        self._displays.clear()
        self._clears_next = False

    def close(self) -> None:
        """Send the unfinished lines, and say how many lines and displays were left out."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for channel, begun in self._begun.items():
                self._send(channel, _last_state(begun.getvalue()))
            if self._unsent:
                self._log("warning", f"... {self._unsent} more lines")
            if self._undisplayed:
                self._log("warning", f"... {self._undisplayed} more displays")

    def _take(self, channel: str, line: str, *, ends: bool = True) -> None:
        self._printed.add(channel, line, ends=ends)
        shown = _last_state(line)
        self._last_line = shown or self._last_line
        self._send(channel, shown)

    def _send(self, channel: str, line: str) -> None:
        while line:
            text, line = line[:MAX_LOG_CHARS], line[MAX_LOG_CHARS:]
            if self._lines >= MAX_LINES or self._chars >= MAX_CHARS:
                self._unsent += 1
                return
            self._lines += 1
            self._chars += len(text)
            self._log(_LEVELS[channel], text)
