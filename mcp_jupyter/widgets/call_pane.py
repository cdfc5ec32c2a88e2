# SPDX-License-Identifier: BSD-3-Clause
"""One pane of the panel: a list of items, the chosen item's form, its running request, and the history.

Panes of tools, resources and prompts are alike; `items.Item` holds the differences. Main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets as widgets

from .._util.text import MAX_MESSAGE_CHARS, safe_line, shorten
from ..errors import UncheckableSchema
from ..notebook_client.calls import Call
from ..protocol.validation import JsonSchema
from .forms import SchemaForm
from .forms.page import label_text
from .history import Asked, History
from .html import REQUEST, WIDE, button, close_all, failure, heading, literals, muted, row, said, show, text
from .items import Item
from .rows import Picker
from .running_call import Prepared, RunningRequest, outcome_of

__all__ = ["Pane"]


MAX_ACTION_CHARS: Final = 40
"""Characters of a tool's title on its button."""

MAX_REMEMBERED: Final = 20
"""Forms that keep their values while another item is shown."""

_CHANGED: Final = "This is not what it was when you connected."
_LIST: Final = {"width": "auto", "flex": "1 1 200px", "max_width": "320px", "margin": "0 16px 8px 0"}
_DETAIL: Final = {"width": "auto", "flex": "4 1 360px", "min_width": "0"}
_ABOUT: Final = {"max_height": "180px", "overflow": "auto", "margin": "2px 2px 8px 2px"}


class Pane:
    """The list, form, running request and history of one kind of item.

    Parameters
    ----------
    what : str
        The kind of the items, in the plural.
    verb : str
        The action, as on the button.
    items : function
        Returns the present items.
        Gives the items there are now.

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, what: str, verb: str, items: Callable[[], Sequence[Item]]) -> None:
        self._verb = verb
        self._items = items
        self._item: Item | None = None
        self._form: SchemaForm | None = None
        self._asked: tuple[Item, Any] | None = None
        self._values: dict[str, Any] = {}
        self._heading = text()
        self._about = text(**_ABOUT)
        self._is_open = True
        self._is_accepting = False
        self._change = text()
        self._accept = button(
            "Use it as it is now", "Take this tool for what it is now, and call it again", self._accepted
        )
        self._accept.layout.align_self = "flex-start"
        self._form_box = widgets.VBox(layout=WIDE)
        self._underway = RunningRequest(verb, self._prepare, self._ended, whose=self._whose)
        self._history = History(self._again)
        self._detail = widgets.VBox(
            [
                self._heading,
                self._about,
                self._change,
                self._accept,
                self._form_box,
                self._underway.widget,
            ],
            layout=_DETAIL,
        ).add_class(REQUEST)
        self._picker = Picker(what, self._picked, **_LIST)
        columns = row(self._picker.widget, self._detail, align_items="flex-start")
        self.widget = widgets.VBox([columns, self._history.widget], layout=WIDE)
        self.refresh()

    @property
    def count(self) -> int:
        """The number of items."""
        return len(self._items())

    def refresh(self) -> None:
        """Show the present items."""
        self._picker.show(self._items())

    def look(self) -> None:
        """Check whether the running request has ended."""
        self._underway.look()

    @property
    def is_running(self) -> bool:
        """Whether a request is under way."""
        return self._underway.is_running

    def show_questions(self, forms: Sequence[Any]) -> None:
        """Show the forms of the questions that the server asks during the request."""
        self._underway.show_questions(forms)

    def set_open(self, is_open: bool) -> None:
        """Enable or disable requests, as the server is connected or not."""
        self._is_open = is_open
        self._enable()

    def focus(self) -> None:
        """Put the keyboard's focus on the button that starts a request."""
        self._underway.focus()

    def close(self) -> None:
        """Close all widgets."""
        self._underway.close()
        if self._form is not None:
            self._form.close()
        self._history.close()
        self._picker.close()
        close_all(self.widget)

    # -- the chosen item -------------------------------------------------------------------------

    def _picked(self, item: Item | None) -> None:
        before, self._item = self._item, item
        self._detail.layout.display = "none" if item is None else None
        if item is None or item == before:
            return
        title = item.title if item.title != item.name else ""
        show(self._heading, heading(item.name, "  ·  ".join(filter(None, [title, item.effect]))))
        self._underway.set_action(_action(item) if item.asks else self._verb, item.asks)
        show(self._about, said(item.about))
        show(self._change, failure(_CHANGED, "\n".join(item.changes)) if item.changes else "")
        self._accept.layout.display = None if item.changes else "none"
        self._enable()
        if self._is_accepting and not item.changes:
            self._is_accepting = False
            self.focus()  # the accept button had the focus and is hidden now
        is_same = before is not None and before.key == item.key
        if not is_same and not self._underway.is_running:
            self._underway.forget()
        if not is_same or before is None or before.schema != item.schema:
            self._draw_form(before, item)

    def _accepted(self) -> None:
        if self._item is not None:
            self._is_accepting = True
            self._item.accept()

    def _enable(self) -> None:
        self._underway.set_open(self._is_open and not (self._item and self._item.changes))

    def _draw_form(self, before: Item | None, item: Item) -> None:
        """Draw the item's form, and keep entered values that still fit."""
        if before is not None and self._form is not None:
            self._remember(before, self._form)
        old, form = self._form, SchemaForm(item.schema)
        if item.key in self._values:
            form.set(_fitting(item, self._values[item.key]))
        elif form.is_json:
            form.set({})  # arguments are an object: this is the empty one
        self._form = form
        self._form_box.children = (form.widget,)
        if old is not None:
            old.close()

    def _remember(self, item: Item, form: SchemaForm) -> None:
        self._values.pop(item.key, None)
        self._values[item.key] = form.entered
        while len(self._values) > MAX_REMEMBERED:
            del self._values[next(iter(self._values))]

    # -- its request -----------------------------------------------------------------------------

    def _prepare(self) -> Prepared:
        item, form = self._item, self._form
        if item is None or form is None:
            raise ValueError("Nothing is chosen.")
        arguments = form.submit()
        if not isinstance(arguments, dict):
            raise ValueError("What is filled in must be an object: names and values.")

        def start() -> Call:
            call = item.start(arguments)
            self._asked = (item, arguments)
            return call

        return Prepared(start, _question_html(item, arguments) if item.asks else "")

    def _ended(self, call: Call) -> None:
        if self._asked is not None:
            item, arguments = self._asked
            self._history.add(Asked(item, arguments, outcome_of(call)))

    def _whose(self) -> str:
        """Return the name of the last requested item if another one is shown now, else an empty text."""
        item = self._asked[0] if self._asked is not None else self._item
        is_shown = item is None or (self._item is not None and item.key == self._item.key)
        return "" if is_shown or item is None else item.name

    def _again(self, asked: Asked) -> None:
        """Fill the form in as for that request."""
        if not self._picker.pick(asked.item.key):
            show(self._change, muted(f"{asked.item.name} is no longer there."))
            return
        if self._form is not None:
            self._form.set(asked.arguments)
            self._form.focus()


def _action(item: Item) -> str:
    """Return what the button of a dangerous tool says, as in "Write file (deletes)"."""
    words = item.title or item.name.replace("_", " ").replace("-", " ").capitalize()
    return f"{label_text(shorten(safe_line(words), MAX_ACTION_CHARS))} ({item.effect})"


def _question_html(item: Item, arguments: dict[str, Any]) -> str:
    """Return what the user confirms: the tool, and the arguments that it is called with."""
    values = literals(arguments, item.schema)
    lines = [f"{name} = {shorten(value, MAX_MESSAGE_CHARS)}" for name, value in values.items()]
    return heading(f"Call {item.name}?", "The server says that it may delete or overwrite something.") + said(
        "\n".join(safe_line(line, MAX_MESSAGE_CHARS) for line in lines) or "without arguments"
    )


def _fitting(item: Item, values: Any) -> Any:
    """Return the values, entered in another form, that fit the item's schema."""
    if not isinstance(values, dict):
        return {}
    schema = JsonSchema({**item.schema, "required": []})
    known = item.schema.get("properties")
    names = [name for name in values if not isinstance(known, dict) or name in known]
    try:
        return {name: values[name] for name in names if not schema.problems({name: values[name]})}
    except UncheckableSchema:
        return {name: values[name] for name in names}
