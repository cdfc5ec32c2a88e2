# SPDX-License-Identifier: BSD-3-Clause
"""The panel of a connected server: its state, its questions, and a pane for each kind of item.

The panel passes the server's events to the panes and takes the server's questions while it is displayed. A
server has one panel, which is displayed where the user last asked for it, with what was entered before. Main
thread only, except `_take`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import ipywidgets as widgets
from IPython.core.formatters import DisplayFormatter
from IPython.display import display

from .._ipython.questions import Question
from ..notebook_client.connected_server import ConnectedServer, Event
from ..notebook_client.questions import Notice
from .call_pane import Pane
from .html import WIDE, close_all, failure, framed, heading, muted, show, text
from .items import prompts_of, resources_of, tools_of
from .questions import QuestionForm
from .running_call import LogPane

__all__ = ["Panel", "panel_of"]

_FRAME: Final = {**WIDE, "max_width": "1100px"}
_HEAD: Final = {"padding": "4px 0 8px 0"}
_MOVED: Final = "The panel of {} is displayed again, in another cell."
_LOG: Final = 3
"""The place of the log among the tabs."""


def panel_of(server: ConnectedServer) -> Any:
    """Return the panel of a server, a widget; made at the first call."""
    if server.panel is None or server.panel.is_closed:
        server.panel = Panel(server)
    return server.panel


class Panel(widgets.VBox):  # type: ignore[misc]
    """The view of a connected server.

    Parameters
    ----------
    server : ConnectedServer
    """

    def __init__(self, server: ConnectedServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._takes = False
        self._questions: dict[Question, QuestionForm] = {}
        self._asked_in: dict[Question, Pane | None] = {}
        self._shown: Any = None
        self._panes = (
            Pane("Tools", "Call", lambda: tools_of(server)),
            Pane("Resources", "Read", lambda: resources_of(server)),
            Pane("Prompts", "Get", lambda: prompts_of(server)),
        )
        self._log = LogPane(server.log)
        self._title = text()
        self._trouble = text()
        self._notice = widgets.Output(layout={**WIDE, "display": "none"})
        self._asked = widgets.VBox(layout={**WIDE, "display": "none"})
        self._tabs = widgets.Tab([*(pane.widget for pane in self._panes), self._log.widget], layout=WIDE)
        self._tabs.titles = ("Tools", "Resources", "Prompts", "Log")
        self._tabs.observe(self._chosen, "selected_index")
        head = widgets.VBox([self._title, self._trouble, self._notice], layout={**WIDE, **_HEAD})
        # Front ends count views only if the count starts as a number.
        super().__init__([head, self._asked, self._tabs], layout=_FRAME, _view_count=0)
        framed(self).add_class("mcp-jupyter-panel")
        self.observe(lambda _: self._take_or_leave(), "_view_count")
        server.add_listener(self._heard)
        for event in ("lists", "state", "questions"):
            self._heard(event)

    @property
    def is_closed(self) -> bool:
        """Whether the panel has been closed and cannot be displayed."""
        return self.comm is None

    def close(self) -> None:
        """Close all widgets and stop listening to the server. Requests that it started are cancelled."""
        if self.is_closed:
            return
        self._server.remove_listener(self._heard)
        for form in self._questions.values():
            form.close()
        for pane in (*self._panes, self._log):
            pane.close()
        for child in self.children:
            close_all(child)
        self.layout.close()
        super().close()
        self._take_or_leave()

    def _ipython_display_(self) -> None:
        """Display the panel here. In its former place a note says so: a question is asked in one place."""
        if self._shown is not None:
            self._shown.update({"text/plain": _MOVED.format(self._server.alias)}, raw=True)
        self._shown = display(self._repr_mimebundle_(), raw=True, display_id=True)

    def __repr__(self) -> str:
        """Return the text for pages without widgets; the same from run to run."""
        return repr(self._server)

    # -- events of the server --------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        _HEARD[event](self)

    def _lists_changed(self) -> None:
        for pane in self._panes:
            pane.refresh()
        self._draw_title()

    def _state_changed(self) -> None:
        self._draw_title()
        for pane in self._panes:
            pane.set_open(self._server.is_open)
        self._take_or_leave()
        self._log.refresh()

    def _draw_title(self) -> None:
        state, _, reason = self._server.state.partition(": ")
        counts = [_count(pane.count, noun) for pane, noun in zip(self._panes, _NOUNS, strict=True)]
        detail = f"{state} · {', '.join(counts)}"
        show(self._title, heading(self._server.alias, detail, _SIGNS.get(state, "●"), state == "open"))
        if state == "failed":
            show(
                self._trouble,
                failure("The connection failed. Run its %mcp_connect again, and then this cell.", reason),
            )
        elif state == "closed":
            show(self._trouble, muted("Disconnected. What was asked for stays here, and can become cells."))

    def _log_changed(self) -> None:
        self._log.refresh()

    def _calls_changed(self) -> None:
        for pane in self._panes:
            pane.look()
        self._log.refresh()

    # -- questions of the server -----------------------------------------------------------------------

    def _take_or_leave(self) -> None:
        """Take the server's questions while the panel is displayed and the server is open."""
        wanted = self._server.is_open and not self.is_closed and bool(self._view_count)
        if wanted and not self._takes:
            self._server.questions.add_taker(self._take)
        elif self._takes and not wanted:
            self._server.questions.remove_taker(self._take)
        self._takes = wanted

    def _take(self, item: Question | Notice) -> None:
        """Show a notice; runs on the background loop's thread. Pending questions are drawn by their event."""
        if isinstance(item, Notice) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._show_notice, item.thing)

    def _show_notice(self, thing: object) -> None:
        if self.is_closed:
            return
        data, metadata = DisplayFormatter().format(thing)
        self._notice.outputs = ({"output_type": "display_data", "data": data, "metadata": metadata},)
        self._notice.layout.display = None

    def _questions_changed(self) -> None:
        pending = self._server.questions.pending
        gone = [self._questions.pop(each) for each in list(self._questions) if each not in pending]
        self._asked_in = {each: pane for each, pane in self._asked_in.items() if each in pending}
        for question in pending:
            if question not in self._questions:
                self._ask(question)
        for pane in self._panes:
            pane.show_questions(self._forms_in(pane))
        others = self._forms_in(None)
        self._asked.children = tuple(others)
        self._asked.layout.display = None if others else "none"
        for form in gone:
            form.close()
        if any(form.was_used for form in gone):  # the button that had the focus is gone
            self._focus()

    def _ask(self, question: Question) -> None:
        """Make the form of a question, for the place of the request that it belongs to.

        A server does not say which request that is: it is the only one of this panel, or unknown.
        """
        form = self._questions[question] = QuestionForm(question)
        running = [place for place, pane in enumerate(self._panes) if pane.is_running]
        self._asked_in[question] = self._panes[running[0]] if len(running) == 1 else None
        if len(running) == 1:
            self._tabs.selected_index = running[0]
            form.focus_when_shown()

    def _forms_in(self, pane: Pane | None) -> list[Any]:
        forms = self._questions.items()
        return [form.widget for question, form in forms if self._asked_in[question] is pane]

    def _focus(self) -> None:
        place = self._tabs.selected_index
        if place is not None and place < len(self._panes):
            self._panes[place].focus()

    def _chosen(self, change: Any) -> None:
        self._log.set_seen(change["new"] == _LOG)


_HEARD: Final = {
    "lists": Panel._lists_changed,
    "state": Panel._state_changed,
    "log": Panel._log_changed,
    "calls": Panel._calls_changed,
    "questions": Panel._questions_changed,
}
_SIGNS: Final = {"open": "●", "opening": "◌", "closed": "○", "failed": "✕"}
_NOUNS: Final = ("tool", "resource", "prompt")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
