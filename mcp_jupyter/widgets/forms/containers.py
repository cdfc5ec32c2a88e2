# SPDX-License-Identifier: BSD-3-Clause
"""The fields that hold several values or other fields: objects, lists, sets of choices and alternatives.

The form's builder makes inner fields when they are needed. A schema may contain itself, so only what is
entered is built. The widgets that stay when a group changes (the legend, its checkboxes, "Add") keep the
keyboard's focus; the inner fields are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from .controls import Picker, Presence
from .fields import About, Field
from .page import Checkboxes, close, legend_html
from .values import LEFT_OUT, Path, Problem, index_of

if TYPE_CHECKING:
    from .form import Builder

__all__ = [
    "MAX_ROWS",
    "GroupField",
    "ListField",
    "ManyField",
    "ObjectField",
    "Row",
    "VariantField",
]


MAX_ROWS: Final = 100
"""Rows of one list: longer lists are easier to read and edit as JSON."""

MAX_FIRST_ROWS: Final = 5
"""Rows with which a list starts if its schema requires items."""

MANY_FIELDS: Final = 6
"""Fields of an object: with more, those that may be left out are behind "More"."""

MIN_BEHIND: Final = 3
"""Fields behind "More": hiding fewer saves no room."""

MAX_TRIES: Final = 3
"""Alternatives that fit a value and are tried: each may hold alternatives again, so the work multiplies."""


class GroupField(Field):
    """Base of the fields in this module: a legend, checkboxes for whether there is a value, and a body."""

    always_raw = False

    def give(self, presence: Presence) -> None:
        """Set whether there is a value; a new one starts as the schema says."""
        self._give(presence)
        self.changed()

    def _give(self, presence: Presence, begin: Callable[[Field], None] = Field.start) -> None:
        if presence is not self.presence:
            self._reset(presence)
            if presence is Presence.GIVEN:
                self._fill(begin)

    def _make(self, schema: Any, label: str, required: bool = True) -> Field:
        """Make an inner field, which must be part of this one before it makes inner fields itself."""
        return self.builder.make(schema, label, required, self.about.depth + 1)

    def _begin(self) -> None:
        if self.about.required:
            self._give(Presence.GIVEN)

    def _begin_empty(self) -> None:
        if self.about.required:
            self._give(Presence.GIVEN, Field.clear)

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        before = len(problems)
        value = self._assemble(path, problems)
        if len(problems) == before:
            self._check(value, path, problems)
        return value

    def _content(self) -> list[Any]:
        self._body = self.page.make(widgets.VBox)
        return [*self._head(), self._body, *self._foot()]

    def _head(self) -> list[Any]:
        texts = {}
        if self.label and not self.about.required:
            texts[Presence.GIVEN] = f"Give {self.short_label}"
        if self.label and self.about.nullable:
            texts[Presence.NULL] = f"{self.short_label} is null"
        resting = Presence.GIVEN if self.about.required else Presence.LEFT_OUT
        self._marks = Checkboxes(
            self.page, texts, lambda presence, on: self.give(presence if on else resting)
        )
        legend = [self.page.make(widgets.HTML, value=legend_html(self.full_label))] if self.label else []
        return [*legend, *self._marks.widgets]

    def _show(self) -> None:
        self._marks.show([self.presence])
        self._show_body()

    def _show_body(self) -> None:
        old, self._body.children = self._body.children, ()
        close(*old)
        children = self._draw_parts() if self.presence is Presence.GIVEN else []
        self._body.children = children
        shown = self.page.inset if self.label else self.page.wide
        self._body.layout = shown if children else self.page.hidden

    # -- for each kind of group -----------------------------------------------------------------

    def _fill(self, begin: Callable[[Field], None]) -> None:
        """Make the parts that are always present, and start each with `begin`."""

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        """Return the value made of the parts; append to `problems` what is wrong with them."""
        raise NotImplementedError

    def _draw_parts(self) -> list[Any]:
        """Draw the inner fields."""
        raise NotImplementedError

    def _foot(self) -> list[Any]:
        """Make the widgets below the body."""
        return []


@dataclass
class Row:
    """A property whose name is entered as well as its value."""

    key: str
    field: Field


class ObjectField(GroupField):
    """An object: its properties, and rows of name and value for additional ones.

    Parameters
    ----------
    others : Any
        The schema of additional properties; False if they are not allowed.
    may_add : bool
        Whether the user can add such properties; those in a value are shown in any case.
    """

    def __init__(self, about: About, builder: Builder, others: Any, may_add: bool) -> None:
        super().__init__(about, builder)
        self.may_add = may_add
        self.fields: dict[str, Field] = {}
        self.rows: list[Row] = []
        self._others = others
        self._shows_all = False

    @property
    def parts(self) -> Iterator[tuple[str | int, Field]]:
        yield from self.fields.items()
        yield from ((row.key, row.field) for row in self.rows)

    def add(self) -> Row | None:
        """Add a property without a name, if there is room for one."""
        self._give(Presence.GIVEN)
        row = self._new_row("") if self.may_add and self._has_room(len(self.rows), 1) else None
        if row is not None:
            row.field.start()
        self.changed()
        return row

    def remove(self, row: Row) -> None:
        """Remove a property."""
        self.rows.remove(row)
        self.changed()

    def _has_room(self, rows: int, more: int) -> bool:
        return rows + more <= MAX_ROWS and self.builder.has_room(more)

    def _new_row(self, key: str) -> Row:
        row = Row(key, self._make(self._others, "value"))
        self.rows.append(row)
        return row

    def _fill(self, begin: Callable[[Field], None]) -> None:
        for name in self._properties:
            begin(self._new_field(name))

    @property
    def _properties(self) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self.about.plain.get("properties", {})
        return properties

    def _new_field(self, name: str) -> Field:
        required = name in self.about.plain.get("required", ())
        self.fields[name] = self._make(self._properties[name], name, required)
        return self.fields[name]

    def _forget(self) -> None:
        self.fields, self.rows = {}, []

    def _take(self, value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        others = [name for name in value if name not in self._properties]
        # No row can hold a property that is not allowed, has an empty name or exceeds the limit.
        if others and (self._others is False or "" in others or not self._has_room(0, len(others))):
            return False
        for name in self._properties:
            field = self._new_field(name)
            if name in value:
                field.set(value[name])
            else:
                field.clear()
        for name in others:
            self._new_row(name).field.set(value[name])
        self._shows_all = any(name in value for name in self._behind)
        return True

    @property
    def _behind(self) -> list[str]:
        """The names of the fields behind "More"."""
        optional = [name for name, field in self.fields.items() if not field.about.required]
        is_long = len(self.fields) > MANY_FIELDS and MIN_BEHIND <= len(optional) < len(self.fields)
        return optional if is_long else []

    def reveal(self, field: Field) -> None:
        if any(field in self.fields[name].within for name in self._behind):
            self._show_all(True)
        super().reveal(field)

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        value: dict[str, Any] = {}
        for name, field in self.fields.items():
            value[name] = field.read((*path, name), problems)
        for row in self.rows:
            if not row.key or row.key in value:
                words = "is there twice" if row.key else "a property has no name"
                self._wrong((*path, row.key) if row.key else path, words, problems)
            value[row.key] = row.field.read((*path, row.key), problems)
        return {name: item for name, item in value.items() if item is not LEFT_OUT}

    def _draw_parts(self) -> list[Any]:
        drawn = {name: field.draw(self.page, field.about.label) for name, field in self.fields.items()}
        rows = [self._draw_row(number, row) for number, row in enumerate(self.rows, 1)]
        behind = [drawn.pop(name) for name in self._behind]
        return [*drawn.values(), *self._draw_more(behind), *rows]

    def _draw_more(self, behind: list[Any]) -> list[Any]:
        """Draw the fields that may be left out behind a button."""
        if not behind:
            return []
        self._more = self.page.control(
            widgets.ToggleButton, f"More ({len(behind)})", value=self._shows_all, layout=self.page.narrow
        )
        self._more.observe(lambda change: self._show_all(change["new"]), "value")
        self._rest = self.page.make(widgets.VBox, children=behind)
        self._show_all(self._shows_all)
        return [self._more, self._rest]

    def _show_all(self, shows_all: bool) -> None:
        self._shows_all = self._more.value = shows_all
        self._rest.layout = self.page.wide if shows_all else self.page.hidden

    def _draw_row(self, number: int, row: Row) -> Any:
        name = self.page.control(widgets.Text, f"name {number}", value=row.key, continuous_update=False)
        name.observe(lambda change: self._named(row, change["new"]), "value")
        value = row.field.draw(self.page, f"value {number}")
        remove = self.page.button(f"Remove {number}", lambda: self.remove(row))
        return self.page.make(widgets.VBox, children=[name, value, remove])

    def _named(self, row: Row, name: str) -> None:
        row.key = name
        self.page.changed()

    def _foot(self) -> list[Any]:
        text = f"Add a property to {self.short_label}" if self.label else "Add a property"
        return [self.page.button(text, self.add)] if self.may_add else []


class ListField(GroupField):
    """A list of fields with one schema, which can be added, removed and moved."""

    def __init__(self, about: About, builder: Builder) -> None:
        super().__init__(about, builder)
        self.items: list[Field] = []

    @property
    def parts(self) -> Iterator[tuple[str | int, Field]]:
        return iter(enumerate(self.items))

    def can_add(self) -> bool:
        """Return whether one more item may be added."""
        return len(self.items) < MAX_ROWS and self.builder.has_room(1)

    def add(self) -> Field | None:
        """Add an item at the end, if there is room for one."""
        item = self._add()
        self.changed()
        return item

    def remove(self, item: Field) -> None:
        """Remove an item."""
        self.items.remove(item)
        self.changed()

    def move(self, item: Field, by: int) -> None:
        """Move an item up (-1) or down (1), if it is not at that end already."""
        index = self.items.index(item)
        if 0 <= index + by < len(self.items):
            self.items.insert(index + by, self.items.pop(index))
        self.changed()

    def _add(self) -> Field | None:
        if not self.can_add():
            return None
        self.presence = Presence.GIVEN
        item = self._new_item()
        item.start()
        return item

    def _new_item(self) -> Field:
        self.items.append(self._make(self.about.plain["items"], "item"))
        return self.items[-1]

    def _begin(self) -> None:
        super()._begin()
        if self.about.required:
            for _ in range(min(int(self.about.plain.get("minItems", 0)), MAX_FIRST_ROWS)):
                self._add()

    def _forget(self) -> None:
        self.items = []

    def _take(self, value: Any) -> bool:
        if not isinstance(value, list) or len(value) > MAX_ROWS or not self.builder.has_room(len(value)):
            return False
        for item in value:
            self._new_item().set(item)
        return True

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        values = [item.read((*path, index), problems) for index, item in enumerate(self.items)]
        return [value for value in values if value is not LEFT_OUT]

    def _draw_parts(self) -> list[Any]:
        return [self._draw_row(number, item) for number, item in enumerate(self.items, 1)]

    def _draw_row(self, number: int, item: Field) -> Any:
        label = f"{self.short_label} {number}"
        actions = [self._action(f"Remove {label}", lambda: self.remove(item))]
        if number > 1:
            actions.append(self._action(f"Move {label} up", lambda: self.move(item, -1)))
        if number < len(self.items):
            actions.append(self._action(f"Move {label} down", lambda: self.move(item, 1)))
        buttons = self.page.make(widgets.HBox, children=actions)
        return self.page.make(widgets.VBox, children=[item.draw(self.page, label), buttons])

    def _action(self, text: str, action: Callable[[], None]) -> Any:
        def pressed() -> None:
            action()
            self._adder.focus()  # the button that had the focus is gone

        return self.page.button(text, pressed)

    def _foot(self) -> list[Any]:
        self._adder = self.page.button(f"Add to {self.short_label}", self.add)
        return [self._adder]


class ManyField(GroupField):
    """Any of several values, in the order they were chosen: a checkbox for each.

    Parameters
    ----------
    options : sequence of (str, Any)
        The text and the value of each option.
    """

    def __init__(self, about: About, builder: Builder, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, builder)
        self.options = tuple(options)
        self.chosen: list[int] = []

    def choose(self, index: int, on: bool) -> None:
        """Add or remove an option."""
        self.presence = Presence.GIVEN
        self.chosen = [other for other in self.chosen if other != index] + [index] * on
        self.changed()

    def _forget(self) -> None:
        self.chosen = []

    def _take(self, value: Any) -> bool:
        if not isinstance(value, list):
            return False
        found = [index_of(self.options, item) for item in value]
        self.chosen = [index for index in found if index is not None]
        return len(set(self.chosen)) == len(value)

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        return [self.options[index][1] for index in self.chosen]

    def _content(self) -> list[Any]:
        texts = {index: text for index, (text, _) in enumerate(self.options)}
        self._boxes = Checkboxes(self.page, texts, self.choose)
        body = self.page.make(widgets.VBox, children=self._boxes.widgets, layout=self.page.inset)
        return [*self._head(), body]

    def _show_body(self) -> None:
        self._boxes.show(self.chosen)


class VariantField(GroupField):
    """A value of one of several schemas: a choice between them, and the field of the chosen one.

    Parameters
    ----------
    options : sequence of (str, Any)
        The label and the schema of each alternative.
    """

    def __init__(self, about: About, builder: Builder, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, builder)
        self.options = tuple(options)
        self.chosen: int | None = None
        self.field: Field | None = None

    @property
    def parts(self) -> Iterator[tuple[str | int, Field]]:
        if self.field is not None:
            yield "", self.field

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT) -> None:
        """Choose a schema and start its field; with None, this field is left out or null."""
        self._reset(without if index is None else Presence.GIVEN)
        if index is not None:
            self._new_field(index).start()
        self.changed()

    def _new_field(self, index: int) -> Field:
        label, schema = self.options[index]
        self.chosen, self.field = index, self._make(schema, label)
        return self.field

    def _begin(self) -> None:
        """Choose nothing at the start."""

    def _begin_empty(self) -> None:
        """Choose nothing when the field is cleared."""

    def _forget(self) -> None:
        self.chosen = self.field = None

    def _take(self, value: Any) -> bool:
        fitting = [index for index, (_, schema) in enumerate(self.options) if self.rules.fits(schema, value)]
        # `fits` ignores formats, but a field checks them.
        for index in fitting[:MAX_TRIES]:
            problems: list[Problem] = []
            self._new_field(index).set(value)
            self._assemble((), problems)
            if not problems:
                return True
            self._forget()
        if fitting:
            self._new_field(fitting[0]).set(value)
        return bool(fitting)

    def _assemble(self, path: Path, problems: list[Problem]) -> Any:
        assert self.field is not None
        return self.field.read(path, problems)

    def _head(self) -> list[Any]:
        label = f"{self.full_label}, as"
        self._picker = Picker(self.page, label, self.about, self.options, self.choose)
        return [self._picker.widget]

    def _show(self) -> None:
        self._picker.show(self.chosen, self.presence)
        self._show_body()

    def _draw_parts(self) -> list[Any]:
        assert self.field is not None
        assert self.chosen is not None
        label = self.options[self.chosen][0]
        return [self.field.draw(self.page, f"{self.short_label}: {label}" if self.label else label)]

    @property
    def hint(self) -> str:
        return ""
