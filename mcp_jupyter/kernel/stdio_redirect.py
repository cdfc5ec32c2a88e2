# SPDX-License-Identifier: BSD-3-Clause
"""Redirect a call's output to the call, and refuse its `input()` and `exit()`.

`StdioRedirect` replaces the kernel's streams, display hooks, input and exit. Each replacement checks whether
the code that runs is a call's (`CURRENT`); for all other code it does what the original does. `close` puts
back what `open` replaced.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NoReturn

from .._ipython.private import INPUT_REQUEST, SHOW_TRACEBACK, Replacement
from .._util.text import safe_block
from ..errors import ToolError
from .calls import CURRENT
from .content import Displays
from .outputs import Display

__all__ = ["StdioRedirect"]


class CallStream:
    """Stands in front of stdout or stderr, and passes what a call prints to the call.

    All other attributes are read from and set on the stream itself: ipykernel sets `parent_header`. `write`
    may be replaced, as IPython does while a cell runs.
    """

    def __init__(self, stream: Any, channel: Literal["stdout", "stderr"]) -> None:
        set_own = super().__setattr__
        set_own("_stream", stream)
        set_own("_channel", channel)
        set_own("_replaced", None)

    @property
    def write(self) -> Callable[[str], int | None]:
        # A property, so that code outside of calls gets the stream's own `write` without a layer in between.
        if _output() is not None:
            return self._capture
        write: Callable[[str], int | None] = self._replaced or self._stream.write
        return write

    def _capture(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        output = _output()
        if output is not None:
            output.write(self._channel, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if _output() is None:
            self._stream.flush()  # waits for ipykernel's output thread

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "write":
            setattr(self._stream, name, value)
        elif _output() is None:  # a cell that a call runs must not replace `write` for all other code
            super().__setattr__("_replaced", None if value == self._stream.write else value)


class CallStdin:
    """Stands in front of stdin, and refuses to let a call read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        if name in ("read", "readline", "readlines") and CURRENT.get() is not None:
            refuse_input()
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self.readline, "")


class StdioRedirect:
    """Puts the replacements in place and removes them. Main thread, except `hook_display`.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's shell (it has `kernel`).
    displays : Displays
        Makes the MIME forms of the values that calls display.
    """

    def __init__(self, shell: Any, displays: Displays) -> None:
        self._shell: Any = shell
        self._displays = displays
        self._in_place: dict[str, tuple[Any, Any]] = {}  # name in `sys` -> (stand-in, original)
        self._replaced: list[Replacement] = []
        self._hooked = threading.local()  # ipykernel keeps its hooks per thread

    def open(self) -> None:
        self.renew()
        shell, formatter = self._shell, self._shell.display_formatter
        ask_exit, request = shell.ask_exit, getattr(shell.kernel, INPUT_REQUEST)
        show_traceback, format_value = getattr(shell, SHOW_TRACEBACK), formatter.format

        def refuse_exit() -> None:
            if CURRENT.get() is not None:
                raise SystemExit
            ask_exit()

        def refuse_request(*args: Any, **kwargs: Any) -> Any:
            if CURRENT.get() is not None:
                refuse_input()
            return request(*args, **kwargs)

        def format_displayed(value: Any, include: Any = None, exclude: Any = None) -> Any:
            call = CURRENT.get()
            if call is None or call.output.closed or include or exclude:
                return format_value(value, include=include, exclude=exclude)
            self.hook_display()  # IPython publishes the value next, on this thread
            return self._displays.forms(call, value, lambda: format_value(value))

        def keep_traceback(kind: Any, error: Any, lines: list[str]) -> None:
            output = _output()
            if output is None:
                show_traceback(kind, error, lines)
            else:
                output.show(Display({"text/plain": safe_block("\n".join(lines))}))

        for name in ("publish", "clear_output"):
            self._replace(shell.display_pub, name, self._hooked_before(getattr(shell.display_pub, name)))
        self._replace(shell, "ask_exit", refuse_exit)  # exit() and quit() in a notebook
        self._replace(shell.kernel, INPUT_REQUEST, refuse_request)  # input() and getpass() in a cell
        self._replace(shell, SHOW_TRACEBACK, keep_traceback)  # of a cell that a call runs (`run_cell`)
        self._replace(formatter, "format", format_displayed)  # what display() and cells show

    def renew(self) -> None:
        """Replace the streams again after a cell that has installed its own (as `%%capture` does)."""
        self._stand_in("stdout", partial(CallStream, channel="stdout"))
        self._stand_in("stderr", partial(CallStream, channel="stderr"))
        self._stand_in("stdin", CallStdin)
        self.hook_display()

    def hook_display(self) -> None:
        """Send a call's displays on this thread, and the values of cells that it runs, to the call."""
        for name in ("display_pub", "displayhook"):
            publisher = getattr(self._shell, name)
            if getattr(self._hooked, name, None) is not publisher and hasattr(publisher, "register_hook"):
                publisher.register_hook(_keep_display)
                setattr(self._hooked, name, publisher)

    def _hooked_before(self, publish: Callable[..., None]) -> Callable[..., None]:
        def publish_hooked(*args: Any, **kwargs: Any) -> None:
            if CURRENT.get() is not None:  # perhaps on another thread of the call (`asyncio.to_thread`)
                self.hook_display()
            publish(*args, **kwargs)

        return publish_hooked

    def close(self) -> None:
        for name, (ours, original) in self._in_place.items():
            if getattr(sys, name) is ours:
                setattr(sys, name, original)
        self._in_place.clear()
        for publisher in vars(self._hooked).values():
            publisher.unregister_hook(_keep_display)
        vars(self._hooked).clear()
        for replacement in self._replaced:
            replacement.undo()
        self._replaced.clear()

    def _replace(self, owner: Any, name: str, ours: Any) -> None:
        self._replaced.append(Replacement(owner, name, ours))

    def _stand_in(self, name: str, make: Callable[[Any], CallStream | CallStdin]) -> None:
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, (CallStream, CallStdin)):
            return
        self._in_place[name] = make(stream), stream
        setattr(sys, name, self._in_place[name][0])


def refuse_input() -> NoReturn:
    """Refuse a call's `input()`.

    Raises
    ------
    ToolError
        Always.
    """
    raise ToolError(
        "A tool cannot ask for input at the keyboard: nobody may be there to answer, and the notebook "
        "would wait. Take what it needs as an argument, or elicit it from the caller."
    )


def _output() -> Any:
    call = CURRENT.get()
    return None if call is None or call.output.closed else call.output


def _keep_display(message: dict[str, Any]) -> dict[str, Any] | None:
    output = _output()
    return message if output is None else output.publish(message)
