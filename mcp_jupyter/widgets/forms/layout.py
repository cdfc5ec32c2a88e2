# SPDX-License-Identifier: BSD-3-Clause
"""Draw the entries of a form as widgets, and write the user's changes into the entries.

Main thread only. The entries hold the state: widgets are drawn from them and may be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import ipywidgets as widgets

from ..._util.text import safe_line
from .containers import ListEntry, Marks, ObjectEntry, Picker, Row, VariantEntry
from .fields import (
    Area,
    ChoiceEntry,
    Entry,
    ManyEntry,
    NumberEntry,
    Page,
    Presence,
    Problem,
    SwitchEntry,
    TextEntry,
)
from .schema import MAX_LABEL_CHARS, hint, label_text, legend_html, note_html, option_text

__all__ = [
    "ChoiceDrawn",
    "Drawn",
    "SwitchDrawn",
    "TextDrawn",
    "choice_picker",
    "draw",
]


_LONG: Final = 200
"""Characters above which a text gets several lines."""

_LONG_NAMES: Final = frozenset(
    {"body", "code", "content", "markdown", "message", "prompt", "query", "script", "sql", "text"}
)
"""Properties that usually hold long texts, even if their schema does not say so."""

_YEARS: Final = range(1000, 9000)
"""Years that a browser's calendar shows, and that stay in Python's range in any time zone."""


def _moment(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("without a zone it is no moment")
    return value


_CALENDARS: Final[Mapping[str, tuple[Callable[[str], Any], Any]]] = {
    "date": (date.fromisoformat, widgets.DatePicker),
    "date-time": (_moment, widgets.DatetimePicker),
}

_NULL: Final = -1
"""The picker's number for null, beside the indices of options."""


class Drawn:
    """A field as widgets. This base class draws JSON text, which any entry may fall back to.

    Parameters
    ----------
    entry : Entry
        The entry to show.
    label : str
        The server's text, not yet escaped.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Stays the same widget whatever is entered.
    """

    def __init__(self, entry: Entry, page: Page, label: str) -> None:
        self.entry = entry
        self.page = page
        self.label = label
        self.areas = [Area(page)]
        self.note = page.make(widgets.HTML)
        self.widget = page.make(widgets.VBox)
        self.draw()

    @property
    def area(self) -> Area:
        """The widgets that are replaced when the field is drawn."""
        return self.areas[0]

    def draw(self) -> None:
        """Show the entry's value."""
        for area in reversed(self.areas):
            area.clear()
        content = self._content() if self.entry.raw is None else self._raw_content()
        self.show_problems(())
        self.widget.children = [*content, self.note]

    @property
    def full_label(self) -> str:
        """The label, with "(required)", which a sign or a colour alone would not tell every user."""
        return f"{self.short_label} (required)" if self.entry.about.required else self.label

    @property
    def hint(self) -> str:
        """What values fit, in short."""
        return hint(self.entry.about.plain)

    @property
    def short_label(self) -> str:
        """The label, cut to leave room for a few words of ours."""
        return safe_line(self.label, MAX_LABEL_CHARS - 20) or "value"

    @property
    def within(self) -> Iterator[Drawn]:
        """The field itself and all fields within it."""
        yield self
        for area in self.areas:
            for drawn in area.drawn:
                yield from drawn.within

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show this field's own ones among a form's problems; without any, clear them."""
        own = [
            f"{self.label}: {problem.text}" if self.label else problem.text
            for problem in problems
            if problem.of is self.entry
        ]
        parts = [self.entry.about.help, self.hint if self.entry.raw is None else self._raw_hint]
        self.note.value = note_html("\n".join(part for part in parts if part), own)
        self.note.layout = self.page.wide if self.note.value else self.page.hidden

    def changed(self) -> None:
        """Report that the user changed the entry."""
        self.page.changed()

    def close(self) -> None:
        """Close all widgets of the field."""
        for area in self.areas:
            area.clear()
        self.note.close()
        self.widget.close()

    def _content(self) -> list[Any]:
        """Make the widgets of this kind of field."""
        raise NotImplementedError

    @property
    def _raw_hint(self) -> str:
        reason = self.entry.rules.reason
        return f"Not checked here, only by the server: {reason}" if reason else ""

    def _raw_content(self) -> list[Any]:
        about = self.entry.about
        box = self.area.control(
            widgets.Textarea,
            f"{self.full_label}, JSON",
            value=self.entry.raw,
            placeholder='JSON, as 12, "text" or {"a": 1}; '
            + ("required" if about.required else "empty: left out"),
            continuous_update=False,
            rows=min(10, max(2, (self.entry.raw or "").count("\n") + 1)),
        )
        box.observe(self._raw_written, "value")
        if self.entry.always_raw:
            return [box]
        return [box, self.area.button(f"Use fields again for {self.short_label}", self._use_fields)]

    def _raw_written(self, change: Any) -> None:
        self.entry.write_raw(change["new"])
        self.page.changed()

    def _use_fields(self) -> None:
        self.entry.start()
        self.draw()
        self.page.changed()


class TextDrawn(Drawn):
    """A text, number or date: a line, several lines, hidden text, or a calendar."""

    entry: TextEntry

    def _content(self) -> list[Any]:
        self._box = self._calendar() or self._line()
        self._box.observe(self._written, "value")
        self._marks: Marks[Presence] | None = None
        if not self._shows_blank:
            return [self._box]
        words = {Presence.GIVEN: "is an empty text", Presence.NULL: "is null"}
        choices = [(f"{self.short_label} {words[blank]}", blank) for blank in self.entry.blanks[1:]]
        self._marks = Marks(self.area, choices, Presence.LEFT_OUT, self._blank_chosen)
        self._marks.show(self._meaning)
        return [self._box, *self._marks.boxes]

    @property
    def _shows_blank(self) -> bool:
        about = self.entry.about
        return len(self.entry.blanks) > 1 and (self.page.shows_blanks or (about.required and about.nullable))

    def _calendar(self) -> Any:
        """Return a calendar widget, or None if it cannot show the text."""
        name = self.entry.about.plain.get("format")
        if isinstance(self.entry, NumberEntry) or not isinstance(name, str) or name not in _CALENDARS:
            return None
        read, kind = _CALENDARS[name]
        try:
            value = read(self.entry.text) if self.entry.text else None
        except ValueError:
            return None
        if value is not None and value.year not in _YEARS:
            return None
        return self.area.control(kind, self.full_label, value=value)

    def _line(self) -> Any:
        about = self.entry.about
        traits = {"value": self.entry.text, "placeholder": self._placeholder, "continuous_update": False}
        if about.is_secret:
            return self.area.control(widgets.Password, self.full_label, **traits)
        if self._is_long:
            return self.area.control(widgets.Textarea, self.full_label, rows=4, **traits)
        return self.area.control(widgets.Text, self.full_label, **traits)

    @property
    def _is_long(self) -> bool:
        entry, plain = self.entry, self.entry.about.plain
        if isinstance(entry, NumberEntry) or "format" in plain:
            return "\n" in entry.text or "\r" in entry.text
        bound = plain.get("maxLength")
        named = self.label.lower() in _LONG_NAMES and bound is None
        return (
            named
            or len(entry.text) > _LONG
            or "\n" in entry.text
            or "\r" in entry.text
            or (bound or 0) > _LONG
        )

    @property
    def _meaning(self) -> Presence:
        return self.entry.presence if not self.entry.text else Presence.LEFT_OUT

    @property
    def _placeholder(self) -> str:
        without = "required" if self.entry.about.required else "left out"
        words = {Presence.LEFT_OUT: without, Presence.GIVEN: "empty text", Presence.NULL: "null"}
        return words[self._meaning]

    def _written(self, change: Any) -> None:
        self.entry.write(_text_of(change["new"]))
        self._show_meaning()
        self.page.changed()

    def _blank_chosen(self, meaning: Presence) -> None:
        self.entry.set_blank(meaning)
        self._show_meaning()
        self.page.changed()

    def _show_meaning(self) -> None:
        if self._box.has_trait("placeholder"):
            self._box.placeholder = self._placeholder
        if self._marks is not None:
            self._marks.show(self._meaning)


def _text_of(value: Any) -> str:
    """Return the value of a widget as the entry's text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="auto") + "Z"
    return value.isoformat() if isinstance(value, date) else str(value)


class SwitchDrawn(Drawn):
    """A checkbox."""

    entry: SwitchEntry

    def _content(self) -> list[Any]:
        box = self.area.control(widgets.Checkbox, self.label, value=self.entry.on)
        box.observe(self._written, "value")
        return [box]

    def _written(self, change: Any) -> None:
        self.entry.write(change["new"])
        self.page.changed()


class ChoiceDrawn(Drawn):
    """A text box to choose one of several values."""

    entry: ChoiceEntry

    def _content(self) -> list[Any]:
        texts = [text for text, _ in self.entry.options]
        self.picker = choice_picker(self, self.full_label, texts, self.entry.chosen)
        return [self.picker.box]

    @property
    def hint(self) -> str:
        return self.picker.hint


def choice_picker(drawn: Drawn, label: str, texts: Sequence[str], chosen: int | None) -> Picker[int]:
    """Return a picker of an entry's options, of null if that is valid, or of nothing."""
    entry: Any = drawn.entry
    choices = list(zip(texts, range(len(texts)), strict=True))
    if entry.about.nullable:
        choices.append(("null", _NULL))

    def picked(option: int | None) -> None:
        if option == _NULL:
            entry.choose(None, Presence.NULL)
        else:
            entry.choose(option)
        drawn.changed()

    def missed(text: str) -> None:
        entry.choose(None)
        entry.slip = text
        drawn.changed()

    without = "required" if entry.about.required else "left out"
    picker = Picker(drawn.area, label, choices, picked, missed, without)
    picker.show(_NULL if entry.presence is Presence.NULL else chosen)
    return picker


# -- drawing groups ------------------------------------------------------------------------------
#
# Objects, lists, alternatives and sets of choices as widgets: a legend, and the parts.
#
# Main thread only. The widgets that stay when a group changes (the legend, its chooser, "Add") keep the
# keyboard's focus; the parts are drawn again.


def draw(entry: Entry, page: Page, label: str) -> Drawn:
    """Draw an entry with the class for its kind."""
    for kind, drawn in _KINDS.items():
        if isinstance(entry, kind):
            return drawn(entry, page, label)
    return Drawn(entry, page, label)


class GroupDrawn(Drawn):
    """Common parts of groups: a legend, checkboxes for whether there is a value, and a body."""

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
        """The widgets within the group."""
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
        """Draw the body again after the user changed the entry."""
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
        """Draw the inner entries."""
        raise NotImplementedError


class ObjectDrawn(GroupDrawn):
    """The fields of an object, and rows for additional properties."""

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
    """The items of a list, each with buttons to move and remove it."""

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
        self.adder.focus()  # the button that had the focus is gone

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
    """A choice between alternatives, and the field of the chosen one."""

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
