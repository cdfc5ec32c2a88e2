# SPDX-License-Identifier: BSD-3-Clause
"""The fields of a form: each has its value and its widgets.

A field's value can be set and read before the field is drawn. The methods that change a value as the user
does (`write`, `choose`, `give`, ...) are called by the widgets; `set`, `start` and `clear` leave it to the
caller to draw the field again. A field is left out, null, or given; an empty text may mean any of the three:
`presence` says which. Each field takes the values that it can show; others are kept as JSON text (`raw`), so
that a value that was set is read back unchanged. Main thread only, once a field is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from ..._util.json_schema import is_secret
from ..._util.text import safe_line
from .page import MAX_LABEL_CHARS, Checkboxes, Page, close, note_html, option_text
from .schema import format_problem, hint
from .values import LEFT_OUT, Path, Problem, index_of, is_encodable, json_text, json_value, number_of

if TYPE_CHECKING:
    from .form import Builder

__all__ = [
    "About",
    "ChoiceField",
    "Field",
    "NumberField",
    "Picker",
    "Presence",
    "SwitchField",
    "TextField",
]


class Presence(StrEnum):
    """Whether a field has a value."""

    LEFT_OUT = "left out"
    NULL = "null"
    GIVEN = "given"


@dataclass(frozen=True)
class About:
    """The description of a field, whatever its value. Its texts are the server's and not yet escaped.

    Parameters
    ----------
    label, help : str
        The field's name and description.
    schema : Any
        The schema that values are checked against, as it stands in the whole one.
    plain : mapping
        The same schema, with references and `allOf` resolved (see `Reader.plain`).
    depth : int
        The number of groups around the field.
    """

    label: str
    schema: Any
    help: str = ""
    plain: Mapping[str, Any] = field(default_factory=dict)
    required: bool = True
    nullable: bool = False
    default: Any = LEFT_OUT
    depth: int = 0

    @property
    def is_secret(self) -> bool:
        """Whether the entered text must be hidden."""
        return is_secret(self.plain)


class Field:
    """A field with its entered value. This base class is the fallback: JSON text, validated.

    Parameters
    ----------
    about : About
        The description of the field.
    builder : Builder
        The builder of the form, which has the form's rules and makes inner fields.

    Attributes
    ----------
    presence : Presence
        Whether the field has a value.
    raw : str or None
        JSON text that stands for the value; None while the field itself shows the value.
    slip : str
        Text that was entered in a choice and matches none of its options.
    widget : ipywidgets.VBox or None
        None until the field is drawn; then the same widget whatever is entered.
    """

    always_raw = True

    def __init__(self, about: About, builder: Builder) -> None:
        self.about = about
        self.builder = builder
        self.rules = builder.rules
        self.presence = Presence.LEFT_OUT
        self.raw: str | None = None
        self.slip = ""
        self.widget: Any = None

    # -- values in ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start with the schema's default if that fits, else empty."""
        if self.about.default is not LEFT_OUT:
            self.set(self.about.default)
            problems: list[Problem] = []
            self.read((), problems)
            if not problems and (self.raw is None or self.always_raw):
                return
        self._reset(Presence.LEFT_OUT)
        self._begin()

    def set(self, value: Any) -> None:
        """Take a JSON value."""
        if value is None and self.about.nullable:
            self._reset(Presence.NULL)
            return
        self._reset(Presence.GIVEN)
        if self.always_raw or not self._take(value):
            self.raw = json_text(value)

    def clear(self) -> None:
        """Empty the field: leave it out, or set the smallest value if it may not be left out."""
        self._reset(Presence.LEFT_OUT)
        self._begin_empty()

    def write_raw(self, text: str) -> None:
        """Enter JSON text."""
        self.raw = text
        self.presence = Presence.GIVEN if text.strip() else Presence.LEFT_OUT
        self.changed()

    def _reset(self, presence: Presence, slip: str = "") -> None:
        self.raw = "" if self.always_raw else None
        self.slip = slip
        self.presence = presence
        self._forget()

    # -- values out -----------------------------------------------------------------------------

    def read(self, path: Path, problems: list[Problem]) -> Any:
        """Return the value or `LEFT_OUT`; append to `problems` what is wrong with it."""
        if self.slip:
            self._wrong(path, f"unknown choice {self.slip!r}", problems)
            return LEFT_OUT
        if self.presence is Presence.NULL:
            return None
        if self.presence is Presence.LEFT_OUT:
            if self.about.required:
                self._wrong(path, "required", problems)
            return LEFT_OUT
        return self._read(path, problems) if self.raw is None else self._read_raw(path, problems)

    def _read_raw(self, path: Path, problems: list[Problem]) -> Any:
        try:
            value = json_value(self.raw or "")
        except ValueError as exc:
            self._wrong(path, str(exc), problems)
            return LEFT_OUT
        self._check(value, path, problems)
        return value

    def _wrong(self, path: Path, text: str, problems: list[Problem]) -> None:
        problems.append(Problem(path, text, self))

    def _check(self, value: Any, path: Path, problems: list[Problem]) -> None:
        """Append what does not fit the schema of the whole field."""
        for line in self.rules.misfits(self.about.schema, value):
            where, _, text = line.removeprefix("$").partition(": ")
            # jsonschema's message quotes the value, which may hold a secret.
            text = "does not fit its schema" if self.holds_secret else text
            self._wrong(path, f"{where.removeprefix('.')}: {text}" if where else text, problems)

    # -- parts ----------------------------------------------------------------------------------

    @property
    def parts(self) -> Iterator[tuple[str | int, Field]]:
        """The inner fields, each with its step of the path."""
        return iter(())

    @property
    def within(self) -> Iterator[Field]:
        """The field itself and all fields within it."""
        yield self
        for _, part in self.parts:
            yield from part.within

    @property
    def size(self) -> int:
        """The number of fields, including this one."""
        return sum(1 for _ in self.within)

    @property
    def holds_secret(self) -> bool:
        """Whether the field or a part of it is a secret, or its JSON text may contain one."""
        return any(
            part.about.is_secret or (part.raw is not None and self.rules.has_secret) for part in self.within
        )

    # -- widgets --------------------------------------------------------------------------------

    def draw(self, page: Page, label: str) -> Any:
        """Make the field's widget and return it; the label is the server's text, not yet escaped."""
        self.page, self.label = page, label
        # Cut, to leave room for a few words of ours.
        self.short_label = safe_line(label, MAX_LABEL_CHARS - 20) or "value"
        # A sign or a colour alone would not tell every user what is required.
        self.full_label = f"{self.short_label} (required)" if self.about.required else label
        self._note = page.make(widgets.HTML)
        self.widget = page.make(widgets.VBox)
        self.draw_again()
        return self.widget

    def draw_again(self) -> None:
        """Replace what is within the field's widget, after the value was replaced."""
        close(*self.widget.children[:-1])  # all but the note
        if self.raw is None:
            content = self._content()
            self._show()
        else:
            content = self._raw_content(self.raw)
        self.show_problems(())
        self.widget.children = [*content, self._note]

    def changed(self) -> None:
        """Show what the user changed, and report it; a field that is not drawn does neither."""
        if self.widget is not None:
            if self.raw is None:
                self._show()
            self.page.changed()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show this field's own ones among a form's problems; without any, clear them."""
        own = [
            f"{self.label}: {problem.text}" if self.label else problem.text
            for problem in problems
            if problem.of is self
        ]
        parts = [self.about.help, self.hint if self.raw is None else self._raw_hint]
        self._note.value = note_html("\n".join(part for part in parts if part), own)
        self._note.layout = self.page.wide if self._note.value else self.page.hidden

    @property
    def hint(self) -> str:
        """What values fit, in short."""
        return hint(self.about.plain)

    @property
    def _raw_hint(self) -> str:
        reason = self.rules.reason
        return f"Not checked here, only by the server: {reason}" if reason else ""

    def _raw_content(self, raw: str) -> list[Any]:
        box = self.page.control(
            widgets.Textarea,
            f"{self.full_label}, JSON",
            value=raw,
            placeholder='JSON, as 12, "text" or {"a": 1}; '
            + ("required" if self.about.required else "empty: left out"),
            continuous_update=False,
            rows=min(10, max(2, raw.count("\n") + 1)),
        )
        box.observe(lambda change: self.write_raw(change["new"]), "value")
        if self.always_raw:
            return [box]
        return [box, self.page.button(f"Use fields again for {self.short_label}", self._use_fields)]

    def _use_fields(self) -> None:
        self.start()
        self.draw_again()
        self.page.changed()

    # -- for each kind of field -----------------------------------------------------------------

    def _forget(self) -> None:
        """Drop the entered value. Called once before each of the next three methods."""

    def _begin(self) -> None:
        """Set the value at the start, if there is no default."""
        self._begin_empty()

    def _begin_empty(self) -> None:
        """Set the value that must exist even in an empty field."""

    def _take(self, value: Any) -> bool:
        """Take a value; return whether this kind of field can show it."""
        return False

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        raise NotImplementedError

    def _content(self) -> list[Any]:
        """Make the widgets of this kind of field."""
        raise NotImplementedError

    def _show(self) -> None:
        """Show the value in the widgets of `_content`, which stay, so that they keep the focus."""


# -- texts and numbers ---------------------------------------------------------------------------

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
        raise ValueError("a moment needs a time zone")
    return value


_CALENDARS: Final[Mapping[str, tuple[Callable[[str], Any], Any]]] = {
    "date": (date.fromisoformat, widgets.DatePicker),
    "date-time": (_moment, widgets.DatetimePicker),
}


class TextField(Field):
    """A text: a line, several lines, hidden text, or a calendar. `presence` says what an empty text means."""

    always_raw = False
    may_be_empty = True
    text = ""

    @property
    def blanks(self) -> list[Presence]:
        """The possible meanings of an empty text."""
        meanings = [Presence.LEFT_OUT]
        if self.may_be_empty:
            meanings.append(Presence.GIVEN)
        if self.about.nullable:
            meanings.append(Presence.NULL)
        return meanings

    def write(self, text: str) -> None:
        """Enter a text; an empty one means that the field is left out."""
        self.text = text
        self.presence = Presence.GIVEN if text else Presence.LEFT_OUT
        self.changed()

    def set_blank(self, meaning: Presence) -> None:
        """Set the meaning of an empty text; has no effect on other texts."""
        if not self.text:
            self.presence = meaning
        self.changed()

    def _forget(self) -> None:
        self.text = ""

    def _take(self, value: Any) -> bool:
        if not isinstance(value, str) or not is_encodable(value):
            return False
        self.text = value
        return True

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        wrong = self.rules.broken(self.about.plain, self.text)
        misformed = format_problem(self.about.plain.get("format"), self.text)
        for text in [misformed, *wrong]:
            if text:
                self._wrong(path, text, problems)
        return self.text

    def _content(self) -> list[Any]:
        self._box = self._make_box()
        self._box.observe(lambda change: self.write(_text_of(change["new"])), "value")
        words = {Presence.GIVEN: "is an empty text", Presence.NULL: "is null"}
        asks = self.page.shows_blanks or (self.about.required and self.about.nullable)
        self._marks = Checkboxes(
            self.page,
            {blank: f"{self.short_label} {words[blank]}" for blank in self.blanks[1:] if asks},
            lambda blank, on: self.set_blank(blank if on else Presence.LEFT_OUT),
        )
        return [self._box, *self._marks.widgets]

    def _show(self) -> None:
        if self._box.has_trait("placeholder"):
            self._box.placeholder = self._placeholder
        self._marks.show([self._meaning])

    @property
    def _meaning(self) -> Presence:
        return self.presence if not self.text else Presence.LEFT_OUT

    @property
    def _placeholder(self) -> str:
        without = "required" if self.about.required else "left out"
        words = {Presence.LEFT_OUT: without, Presence.GIVEN: "empty text", Presence.NULL: "null"}
        return words[self._meaning]

    def _make_box(self) -> Any:
        return self._calendar() or self._line()

    def _calendar(self) -> Any:
        """Return a calendar widget, or None if it cannot show the text."""
        name = self.about.plain.get("format")
        if not isinstance(name, str) or name not in _CALENDARS:
            return None
        read, kind = _CALENDARS[name]
        try:
            value = read(self.text) if self.text else None
        except ValueError:
            return None
        if value is not None and value.year not in _YEARS:
            return None
        return self.page.control(kind, self.full_label, value=value)

    def _line(self) -> Any:
        traits = {"value": self.text, "placeholder": self._placeholder, "continuous_update": False}
        if self.about.is_secret:
            return self.page.control(widgets.Password, self.full_label, **traits)
        if self._is_long:
            return self.page.control(widgets.Textarea, self.full_label, rows=4, **traits)
        return self.page.control(widgets.Text, self.full_label, **traits)

    @property
    def _is_long(self) -> bool:
        if "\n" in self.text or "\r" in self.text:
            return True
        if "format" in self.about.plain:
            return False
        bound = self.about.plain.get("maxLength")
        return (
            len(self.text) > _LONG
            or (bound or 0) > _LONG
            or (bound is None and self.label.lower() in _LONG_NAMES)
        )


def _text_of(value: Any) -> str:
    """Return the value of a widget as the field's text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="auto") + "Z"
    return value.isoformat() if isinstance(value, date) else str(value)


class NumberField(TextField):
    """A number, as text, which has any number of digits and can be empty."""

    may_be_empty = False

    def _take(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        self.text = json.dumps(value)
        return True

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        value = number_of(self.text)
        whole = self.about.plain.get("type") == "integer"
        if value is None or (whole and value != int(value)):
            words = "must be a whole number, as 12" if whole else "must be a number, as 1.5"
            self._wrong(path, words, problems)
            return LEFT_OUT
        for text in self.rules.broken(self.about.plain, value):
            self._wrong(path, text, problems)
        return value

    def _make_box(self) -> Any:
        return self._line()

    @property
    def _is_long(self) -> bool:
        return False


# -- choices -------------------------------------------------------------------------------------


class SwitchField(Field):
    """A checkbox: true or false, for a field that must be one of them."""

    always_raw = False
    on = False

    def write(self, on: bool) -> None:
        """Turn it on or off."""
        self.on, self.presence = on, Presence.GIVEN
        self.changed()

    def _forget(self) -> None:
        self.on = False

    def _begin_empty(self) -> None:
        self.presence = Presence.GIVEN

    def _take(self, value: Any) -> bool:
        if not isinstance(value, bool):
            return False
        self.on = value
        return True

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        return self.on

    def _content(self) -> list[Any]:
        box = self.page.control(widgets.Checkbox, self.label, value=self.on)
        box.observe(lambda change: self.write(change["new"]), "value")
        return [box]


class ChoiceField(Field):
    """One of several values.

    Parameters
    ----------
    options : sequence of (str, Any)
        The text and the value of each option.
    """

    always_raw = False

    def __init__(self, about: About, builder: Builder, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, builder)
        self.options = tuple(options)
        self.chosen: int | None = None

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT, slip: str = "") -> None:
        """Choose an option; with None, the field is left out or null, or has a slip."""
        self._reset(without if index is None else Presence.GIVEN, slip)
        self.chosen = index
        self.changed()

    def _forget(self) -> None:
        self.chosen = None

    def _begin(self) -> None:
        if self.about.required and len(self.options) == 1 and not self.about.nullable:
            self.presence, self.chosen = Presence.GIVEN, 0

    def _take(self, value: Any) -> bool:
        self.chosen = index_of(self.options, value)
        return self.chosen is not None

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        assert self.chosen is not None
        return self.options[self.chosen][1]

    def _content(self) -> list[Any]:
        self._picker = Picker(self, self.full_label, self.options, self.choose)
        return [self._picker.box]

    def _show(self) -> None:
        self._picker.show(self.chosen)

    @property
    def hint(self) -> str:
        return self._picker.hint


MAX_LISTED: Final = 8
"""Choices that are also listed below the field."""


class Picker:
    """A text box that completes to one of a field's options; the beginning of an option's text is enough.

    There is no drop-down list, because JupyterLab takes keys pressed in one for commands on cells (`a`
    inserts a cell, the arrows go to the next). Texts and checkboxes keep their keys.

    Parameters
    ----------
    field : Field
        The field, which has been given a page.
    label : str
        The label of the text box.
    options : sequence of (str, Any)
        The options, of which only the texts are used.
    choose : callable
        Called with what the user entered, as `ChoiceField.choose` takes it.
    """

    def __init__(
        self, field: Field, label: str, options: Sequence[tuple[str, Any]], choose: Callable[..., None]
    ) -> None:
        texts = [option_text(text) or "(empty)" for text, _ in options]
        self._field = field
        self._choose = choose
        self._null = len(texts)  # the place of null, after the options
        self._texts = _told_apart([*texts, "null"] if field.about.nullable else texts)
        self.box = field.page.control(
            widgets.Combobox,
            label,
            options=self._texts,
            placeholder="required" if field.about.required else "left out",
            continuous_update=False,
        )
        self.box.observe(self._written, "value")

    @property
    def hint(self) -> str:
        """The possible choices."""
        more = f" and {len(self._texts) - MAX_LISTED} more" if len(self._texts) > MAX_LISTED else ""
        return f"one of: {', '.join(self._texts[:MAX_LISTED])}{more}"

    def show(self, chosen: int | None) -> None:
        """Show the present choice, but leave a slip as it was written."""
        if self._field.slip:
            return
        place = self._null if self._field.presence is Presence.NULL else chosen
        self.box.unobserve(self._written, "value")
        self.box.value = "" if place is None else self._texts[place]
        self.box.observe(self._written, "value")

    def _written(self, change: Any) -> None:
        text = change["new"].strip()
        place = self._find(text)
        if place is None:
            self._choose(None, Presence.LEFT_OUT, text)
        elif place == self._null:
            self._choose(None, Presence.NULL)
        else:
            self._choose(place)

    def _find(self, text: str) -> int | None:
        """Return the place of this text, or of the only one that begins with it, ignoring case."""
        if text in self._texts:
            return self._texts.index(text)
        begun = [each for each in self._texts if each.casefold().startswith(text.casefold())]
        return self._texts.index(begun[0]) if text and len(begun) == 1 else None


def _told_apart(texts: Sequence[str]) -> list[str]:
    """Return the texts, with a number after repeated ones."""
    apart: dict[str, None] = {}
    for text in texts:
        numbered = (f"{text} ({number})" for number in count(2))
        apart[next(told for told in chain([text], numbered) if told not in apart)] = None
    return list(apart)
