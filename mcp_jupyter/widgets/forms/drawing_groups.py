# SPDX-License-Identifier: BSD-3-Clause
"""Objects, lists, alternatives and sets of choices as widgets: a legend, and what is within it.

Of the kernel's main thread. What stays when a group changes (the legend, its chooser, "Add") keeps the focus
of whoever works with the keyboard; what is within is drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import ipywidgets as widgets

from .choices import ChoiceEntry, ManyEntry, SwitchEntry
from .choosers import Marks
from .drawing import ChoiceDrawn, Drawn, SwitchDrawn, TextDrawn, choice_picker
from .entries import Entry, Presence, TextEntry
from .groups import ListEntry, ObjectEntry, Row, VariantEntry
from .page import Area, Page
from .texts import label_text, legend_html, option_text

__all__ = ["draw"]


def draw(entry: Entry, page: Page, label: str) -> Drawn:
    """Draw an entry as its kind is drawn."""
    for kind, drawn in _KINDS.items():
        if isinstance(entry, kind):
            return drawn(entry, page, label)
    return Drawn(entry, page, label)


class GroupDrawn(Drawn):
    """What groups have in common: a legend, a chooser of whether there is a value, and a body."""

    entry: Any
    marks: Marks[Presence] | None

    def _content(self) -> list[Any]:
        self.marks = None
        if len(self.areas) == 1:
            self.areas.append(Area(self.page))
        self.box = self.area.make(widgets.VBox)
        self._fill()
        return [*self._head(), self.box, *self._foot()]

    @property
    def body(self) -> Area:
        """What is within the group."""
        return self.areas[1]

    def _head(self) -> list[Any]:
        if not self.label:
            return []
        head = [self.area.make(widgets.HTML, value=legend_html(self.full_label))]
        about = self.entry.about
        if about.required and not about.nullable:
            return head
        given = [(f"Give {self.short_label}", Presence.GIVEN)] * (not about.required)
        null = [(f"{self.short_label} is null", Presence.NULL)] * about.nullable
        resting = Presence.GIVEN if about.required else Presence.LEFT_OUT
        self.marks = Marks(self.area, given + null, resting, self._presence_chosen)
        self._show_presence()
        return [*head, *self.marks.boxes]

    def _foot(self) -> list[Any]:
        return []

    def _presence_chosen(self, presence: Presence) -> None:
        self.entry.give(presence)
        self.changed()

    def changed(self) -> None:
        """Draw the body anew, after a person changed the entry."""
        self._fill()
        self._show_presence()
        self.page.changed()

    def _show_presence(self) -> None:
        if self.marks is not None:
            self.marks.show(self.entry.presence)

    def _fill(self) -> None:
        self.box.children = ()
        self.body.clear()
        children = self._within() if self.entry.presence is Presence.GIVEN else []
        self.box.children = children
        shown = self.page.inset if self.label else self.page.wide
        self.box.layout = shown if children else self.page.hidden

    def _within(self) -> list[Any]:
        """Draw what is within."""
        raise NotImplementedError


class ObjectDrawn(GroupDrawn):
    """The fields of an object, and rows for properties without one."""

    entry: ObjectEntry

    def _within(self) -> list[Any]:
        fields = [self.body.draw(entry, entry.about.label).widget for entry in self.entry.fields.values()]
        return fields + [self._row(number, row) for number, row in enumerate(self.entry.rows, 1)]

    def _row(self, number: int, row: Row) -> Any:
        name = self.body.control(widgets.Text, f"name {number}", value=row.key, continuous_update=False)
        name.observe(lambda change: self._named(row, change["new"]), "value")
        value = self.body.draw(row.entry, f"value {number}")
        remove = self.body.button(f"Remove {number}", lambda: self._remove(row))
        return self.body.make(widgets.VBox, children=[name, value.widget, remove])

    def _foot(self) -> list[Any]:
        if not self.entry.may_add:
            return []
        return [
            self.area.button(
                f"Add a property to {self.short_label}" if self.label else "Add a property", self._add
            )
        ]

    def _named(self, row: Row, name: str) -> None:
        row.key = name
        self.page.changed()

    def _add(self) -> None:
        if self.entry.presence is not Presence.GIVEN:
            self.entry.give(Presence.GIVEN)
        if self.entry.can_add():
            self.entry.add()
        self.changed()

    def _remove(self, row: Row) -> None:
        self.entry.remove(row)
        self.changed()


class ListDrawn(GroupDrawn):
    """The items of a list, each with what moves and removes it."""

    entry: ListEntry

    def _within(self) -> list[Any]:
        return [self._row(number, entry) for number, entry in enumerate(self.entry.items, 1)]

    def _row(self, number: int, entry: Entry) -> Any:
        label = f"{self.short_label} {number}"
        item = self.body.draw(entry, label)
        actions = [self.body.button(f"Remove {label}", lambda: self._remove(entry))]
        if number > 1:
            actions.append(self.body.button(f"Move {label} up", lambda: self._move(entry, -1)))
        if number < len(self.entry.items):
            actions.append(self.body.button(f"Move {label} down", lambda: self._move(entry, 1)))
        buttons = self.body.make(widgets.HBox, children=actions)
        return self.body.make(widgets.VBox, children=[item.widget, buttons])

    def _foot(self) -> list[Any]:
        self.adder = self.area.button(f"Add to {self.short_label}", self._add)
        return [self.adder]

    def _add(self) -> None:
        if self.entry.can_add():
            self.entry.add()
        self.changed()

    def _remove(self, entry: Entry) -> None:
        self.entry.remove(entry)
        self.changed()
        self.adder.focus()  # the button that had it is gone

    def _move(self, entry: Entry, by: int) -> None:
        self.entry.move(entry, by)
        self.changed()
        self.adder.focus()


class ManyDrawn(GroupDrawn):
    """A checkbox for each value."""

    entry: ManyEntry

    def _within(self) -> list[Any]:
        return []

    def _fill(self) -> None:
        self.box.children = ()
        self.body.clear()
        self.box.layout = self.page.inset
        self.box.children = [self._option(index, text) for index, (text, _) in enumerate(self.entry.options)]

    def _option(self, index: int, text: str) -> Any:
        box = self.body.make(
            widgets.Checkbox,
            description=label_text(text),
            tooltip=option_text(text),
            value=index in self.entry.chosen,
            indent=False,
        )
        box.observe(lambda change: self._chosen(index, change["new"]), "value")
        return box

    def _chosen(self, index: int, on: bool) -> None:
        self.entry.choose(index, on)
        self._show_presence()
        self.page.changed()


class VariantDrawn(GroupDrawn):
    """A choice of what the value is, and its field."""

    entry: VariantEntry

    def _head(self) -> list[Any]:
        texts = [text for text, _ in self.entry.options]
        self.picker = choice_picker(self, f"{self.full_label}, as", texts, self.entry.chosen)
        return [self.picker.box]

    @property
    def hint(self) -> str:
        return self.picker.hint

    def _within(self) -> list[Any]:
        if self.entry.entry is None or self.entry.chosen is None:
            return []
        label = self.entry.options[self.entry.chosen][0]
        return [
            self.body.draw(self.entry.entry, f"{self.short_label}: {label}" if self.label else label).widget
        ]


_KINDS: Final[dict[type[Entry], Callable[[Any, Page, str], Drawn]]] = {
    TextEntry: TextDrawn,
    SwitchEntry: SwitchDrawn,
    ChoiceEntry: ChoiceDrawn,
    ManyEntry: ManyDrawn,
    ObjectEntry: ObjectDrawn,
    ListEntry: ListDrawn,
    VariantEntry: VariantDrawn,
}
