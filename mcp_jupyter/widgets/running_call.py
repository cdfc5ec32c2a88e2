# SPDX-License-Identifier: BSD-3-Clause
"""A running request in a pane: its start button, confirmation, progress, cancel button and result.

`RunningRequest` draws a `Call`, and `LogPane` the connection's log. Main thread only.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ipywidgets as widgets

from .._util.text import MAX_MESSAGE_CHARS, MAX_PAGE_CHARS, safe_block, safe_line, shorten
from ..errors import McpJupyterError
from ..notebook_client.calls import Call, CallCancelled, Progress
from ..notebook_client.live_connection import ConnectionLog, LogLine
from .forms import FormError
from .html import WIDE, button, close_all, failure, muted, row, show, status, text
from .results import ResultView

__all__ = [
    "LogPane",
    "Prepared",
    "RunningRequest",
    "outcome_of",
]


LOOK_SECONDS: Final = 0.5
"""Seconds between two updates of progress and elapsed time, however often a server reports."""

_FAILURE: Final = {"max_height": "240px", "overflow": "auto", "margin": "2px 2px 6px 2px"}
_CONFIRM: Final = {
    **WIDE,
    "border_left": "4px solid var(--jp-error-color1, #b71c1c)",
    "padding": "6px 12px",
    "margin": "0 0 8px 0",
}
_BAR: Final = "width:160px;height:8px;vertical-align:middle;accent-color:var(--jp-brand-color1,#1976d2)"


@dataclass(frozen=True)
class Prepared:
    """A request with its arguments, ready to be started.

    Attributes
    ----------
    start : function
        Starts the request. Raises `ValueError` or `McpJupyterError` if it cannot.
    question : str
        HTML that the user must confirm first; empty if the request needs no confirmation.
    """

    start: Callable[[], Call]
    question: str = ""


class RunningRequest:
    """A request that the user starts, one at a time.

    Parameters
    ----------
    verb : str
        The text of the button.
    prepare : function
        Prepares the request. Raises `FormError`, another `ValueError` or `McpJupyterError` if it cannot.
    ended : function
        Called with the call that has ended.
    extra : sequence of widgets
        Further buttons.
    whose : function, optional
        Returns the name of the requested item if another one is shown now, else "".

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(
        self,
        verb: str,
        prepare: Callable[[], Prepared],
        ended: Callable[[Call], None],
        *extra: Any,
        whose: Callable[[], str] = str,
    ) -> None:
        self._verb = verb
        self._prepare = prepare
        self._ended = ended
        self._whose = whose
        self._call: Call | None = None
        self._progress: Progress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = True
        self._style = "primary"
        self._prepared: Prepared | None = None
        self.button = button(verb, f"{verb} with what is filled in above", self.begin, primary=True)
        self.cancel_button = button("Cancel", "Stop what is under way, and tell the server", self._cancel)
        self._bar = text(flex="0 0 auto", margin="0 0 0 8px")
        self._note = text(flex="1 1 14em", margin="0 0 0 8px")
        self._failure = text(**_FAILURE)
        self._result = ResultView()
        self._questions = widgets.VBox(layout={**WIDE, "display": "none"})
        buttons = row(self.button, self.cancel_button, *extra, self._bar, self._note, padding="8px 0 4px 0")
        self._question = text()
        self._keep_button = button("Cancel", "Do not call it", self._keep)
        self._confirm_button = button(verb, "Call it with these arguments", self._confirm)
        self._confirm_button.button_style = "danger"
        answers = row(self._keep_button, self._confirm_button)
        self._asking = widgets.VBox([self._question, answers], layout={**_CONFIRM, "display": "none"})
        parts = [buttons, self._asking, self._questions, self._failure, self._result.widget]
        self.widget = widgets.VBox(parts, layout=WIDE)
        self._enable()

    def set_action(self, label: str, is_dangerous: bool) -> None:
        """Set what the button says; a dangerous one is red."""
        self._style = "danger" if is_dangerous else "primary"
        self.button.description = self._confirm_button.description = label
        self._enable()

    @property
    def is_running(self) -> bool:
        """Whether a request is under way."""
        return self._call is not None

    def begin(self) -> None:
        """Start the request, unless one is under way."""
        if self._call is not None or not self._is_open:
            return
        self._run(None)

    def _run(self, confirmed: Prepared | None) -> None:
        """Start the request, or ask for a confirmation."""
        self.forget()
        try:
            prepared = confirmed or self._prepare()
            if prepared.question:
                self._ask(prepared)
                return
            self._call = prepared.start()
        except FormError as exc:  # the fields show the details
            self._fail(exc.summary, "")
        except (McpJupyterError, ValueError) as exc:
            self._fail(f"{self._verb} is not possible.", str(exc))
        else:
            self._progress = None
            self._enable()
            self._look()

    def look(self) -> None:
        """Check whether the request has ended; progress is drawn by a timer."""
        if self._call is not None and self._call.done():
            self._end(self._call)

    def forget(self) -> None:
        """Clear the result and the outcome."""
        show(self._note, "")
        show(self._failure, "")
        show(self._bar, "")
        self._result.clear()
        self._prepared = None
        self._asking.layout.display = "none"

    def show_questions(self, forms: Sequence[Any]) -> None:
        """Show the forms of the questions that the server asks during the request."""
        self._questions.children = tuple(forms)
        self._questions.layout.display = None if forms else "none"

    def set_open(self, is_open: bool) -> None:
        """Set whether requests can be started."""
        self._is_open = is_open
        self._enable()

    def focus(self) -> None:
        """Put the keyboard's focus on the button."""
        self.button.focus()

    def close(self) -> None:
        """Close all widgets and cancel a running request, as its result cannot be shown any more."""
        self._stop_timer()
        if self._call is not None:
            self._call.cancel()
        self._call = None
        close_all(self.widget)

    # -- confirmation ----------------------------------------------------------------------------

    def _ask(self, prepared: Prepared) -> None:
        self._prepared = prepared
        show(self._question, prepared.question)
        self._asking.layout.display = None
        self._keep_button.focus()

    def _keep(self) -> None:
        self.forget()
        self.focus()

    def _confirm(self) -> None:
        prepared = self._prepared
        if prepared is not None and self._call is None and self._is_open:
            self._run(Prepared(prepared.start))
            self.focus()

    # -- while it runs ---------------------------------------------------------------------------

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()

    def _enable(self) -> None:
        running = self._call is not None
        self.button.disabled = not self._is_open  # enabled while it runs, to keep the keyboard's focus
        self.button.button_style = "" if running else self._style
        self.cancel_button.disabled = not running
        self.cancel_button.layout.display = None if running else "none"

    def _look(self) -> None:
        """Draw the progress, and schedule the next update."""
        self._timer = None
        call = self._call
        if call is None:
            return
        if call.done():
            self._end(call)
            return
        if call.progress is not self._progress or not self._bar.value:
            self._progress = call.progress
            show(self._bar, _bar_html(call.progress))
        show(self._note, _running_html(call, self._whose()))
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    # -- its end ---------------------------------------------------------------------------------

    def _end(self, call: Call) -> None:
        self._stop_timer()
        self._call = None
        self._enable()
        show(self._bar, "")
        error = call.error
        if error is None:
            self._result.show(call.result())
            show(self._note, status(f"✓ {_named(self._whose(), outcome_of(call))}"))
        elif isinstance(error, CallCancelled):
            show(self._note, status(_named(self._whose(), outcome_of(call))))
            self.focus()  # "Cancel" had the focus and is hidden now
        else:
            self._fail(_named(self._whose(), outcome_of(call)), str(error) or type(error).__name__)
        self._ended(call)

    def _fail(self, what: str, why: str) -> None:
        show(self._note, "")
        show(self._failure, failure(what, safe_block(why, MAX_PAGE_CHARS)))


def outcome_of(call: Call) -> str:
    """Return how a call ended and how long it took."""
    how = "Failed" if call.error is not None else "Done"
    how = "Cancelled" if isinstance(call.error, CallCancelled) else how
    took = f"{call.seconds:.1f} s" if call.seconds >= 1 else f"{call.seconds * 1000:.0f} ms"
    return f"{how} after {took}"


def _bar_html(progress: Progress | None) -> str:
    """Return a progress bar; without a total it is indeterminate, also for screen readers."""
    fraction = None if progress is None else progress.fraction
    value = "" if fraction is None else f' value="{fraction:.3f}"'
    return f'<progress aria-label="Progress" max="1"{value} style="{_BAR}"></progress>'


def _named(whose: str, outcome: str) -> str:
    return f"{safe_line(whose)}: {outcome}" if whose else outcome


def _running_html(call: Call, whose: str) -> str:
    progress = call.progress
    parts = [_named(whose, f"{call.seconds:.1f} s")]
    if progress is not None:
        amount = f"{progress.value:g}"
        if progress.total is not None:
            amount += f" of {progress.total:g}"
        parts.append(amount)
        parts += [safe_line(progress.message)] * bool(progress.message)
    return muted(" · ".join(parts))


# -- log pane ------------------------------------------------------------------------------------
#
# The log of a connection, newest line first. Main thread only.

MAX_SHOWN: Final = 200
"""Lines that are shown; `ConnectionLog` keeps more."""

DRAW_SECONDS: Final = 0.5
"""Seconds between two updates at least: a server that floods the log must not flood the page."""

_TROUBLE: Final = frozenset({"warning", "error", "critical", "alert", "emergency"})
_ALL: Final = "everything"
_CHOICES: Final[dict[str, Callable[[LogLine], bool]]] = {
    _ALL: lambda line: True,
    "warnings and errors": lambda line: line.kind in _TROUBLE or line.text.startswith("failed"),
    "calls and questions": lambda line: line.kind in ("call", "question"),
}

_LINES: Final = {**WIDE, "margin": "8px 0 0 0", "max_height": "360px", "overflow": "auto"}
_CODE: Final = (
    "background:transparent;padding:0;white-space:pre-wrap;overflow-wrap:anywhere;"
    "font-size:var(--jp-code-font-size,13px)"
)
_KIND: Final = "color:var(--jp-ui-font-color2,#616161)"


class LogPane:
    """Shows a `ConnectionLog` while its tab is open.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, book: ConnectionLog) -> None:
        self._book = book
        self._is_seen = False
        self._drawn: Sequence[LogLine] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._choice = widgets.Dropdown(
            description="Show",
            options=list(_CHOICES),
            value=_ALL,
            style={"description_width": "auto"},
            layout={"width": "240px"},
        )
        self._choice.observe(lambda _: self._draw(), "value")
        self._lines = widgets.HTML(layout=_LINES)
        order = text(muted("The newest line is first."), margin="0 0 0 12px")
        self.widget = widgets.VBox([row(self._choice, order), self._lines], layout=WIDE)

    def set_seen(self, is_seen: bool) -> None:
        """Set whether the log's tab is open."""
        self._is_seen = is_seen
        if is_seen:
            self._draw()

    def refresh(self) -> None:
        """Show new lines within `DRAW_SECONDS`, if the tab is open."""
        if self._is_seen and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DRAW_SECONDS, self._draw)

    def close(self) -> None:
        """Close all widgets."""
        if self._timer is not None:
            self._timer.cancel()
        close_all(self.widget)

    def _draw(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        is_wanted = _CHOICES[self._choice.value]
        lines = [line for line in reversed(self._book.lines) if is_wanted(line)][:MAX_SHOWN]
        if lines != self._drawn:
            self._drawn = lines
            self._lines.value = "".join(map(_line_html, lines)) or muted("Nothing yet.")


def _line_html(line: LogLine) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(line.time))
    return (
        f'<div style="line-height:1.5"><code style="{_CODE}"><span style="{_KIND}">{clock} '
        f"{html.escape(line.kind)}</span> {html.escape(shorten(line.text, MAX_MESSAGE_CHARS))}</code></div>"
    )
