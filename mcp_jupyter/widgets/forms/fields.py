# SPDX-License-Identifier: BSD-3-Clause
"""The fields of a form: each has its value and its widgets.

A field's value can be set and read before the field is drawn. The methods that change a value as the user
does (`write`, `choose`, `give`, ...) are called by the widgets; `set`, `start` and `clear` leave it to the
caller to draw the field again. A field is left out, null, or given; an empty text may mean any of the three:
`presence` says which. Each field takes the values that it can show; others are kept as JSON text (`raw`), so
that a value that was set is read back unchanged. Main thread only, once a field is drawn. `controls` has the
widgets that the fields of this module share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from ..._util.json_schema import is_secret
from ..._util.text import safe_line
from .controls import Blanks, Picker, Presence, Slider, number_box
from .page import MAX_LABEL_CHARS, Page, close, first_control, note_html
from .schema import format_example, format_problem, hint
from .values import LEFT_OUT, Path, Problem, index_of, is_encodable, json_text, json_value, number_of

if TYPE_CHECKING:
    from .form import Builder

__all__ = [
    "About",
    "ChoiceField",
    "Field",
    "NumberField",
    "SwitchField",
    "TextField",
]


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

    def to_json(self) -> None:
        """Show the value as JSON text."""
        value = self.read((), [])
        self.raw = "" if value is LEFT_OUT else json_text(value)
        self.presence = Presence.GIVEN if self.raw else Presence.LEFT_OUT

    def to_fields(self) -> str:
        """Show the JSON text in fields again; return why that is not possible, else an empty text."""
        if not (self.raw or "").strip():
            self.start()
            return ""
        try:
            self.set(json_value(self.raw or ""))
        except ValueError as exc:
            return str(exc)
        return "has values that only JSON can show" if self.raw is not None else ""

    def _reset(self, presence: Presence) -> None:
        self.raw = "" if self.always_raw else None
        self.presence = presence
        self._forget()

    # -- values out -----------------------------------------------------------------------------

    def read(self, path: Path, problems: list[Problem]) -> Any:
        """Return the value or `LEFT_OUT`; append to `problems` what is wrong with it."""
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
        own = [problem.text for problem in problems if problem.of is self]
        parts = [self.about.help, self.hint if self.raw is None else self._raw_hint]
        self._note.value = note_html("\n".join(part for part in parts if part), own)
        self._note.layout = self.page.wide if self._note.value else self.page.hidden

    def focus(self) -> None:
        """Put the keyboard's focus into the field."""
        control = first_control(self.widget)
        if control is not None:
            control.focus()

    def reveal(self, field: Field) -> None:
        """Bring a field within this one into view, where it is hidden."""
        for _, part in self.parts:
            part.reveal(field)

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
            f"{self.full_label}, JSON" if self.label else "JSON",
            value=raw,
            placeholder='JSON, as 12, "text" or {"a": 1}',
            continuous_update=False,
            rows=min(10, max(2, raw.count("\n") + 1)),
        )
        box.observe(lambda change: self.write_raw(change["new"]), "value")
        if self.always_raw or self is self.builder.root:  # the form has a switch for its root
            return [box]
        return [box, self.page.button(f"Use fields again for {self.short_label}", self._use_fields)]

    def _use_fields(self) -> None:
        if self.to_fields():
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


def _clock(text: str) -> time:
    value = time.fromisoformat(text)
    if value.tzinfo is not None or value.second or value.microsecond:
        raise ValueError("a browser's clock shows neither zones nor seconds")
    return value


_CALENDARS: Final[Mapping[str, tuple[Callable[[str], Any], Any]]] = {
    "date": (date.fromisoformat, widgets.DatePicker),
    "date-time": (_moment, widgets.DatetimePicker),
    "time": (_clock, widgets.TimePicker),
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
        self._blanks = Blanks(
            self.page,
            self.short_label,
            {blank: _BLANKS[blank] for blank in self.blanks},
            self.set_blank,
        )
        return [self.page.beside(self._box, *self._extra(), *self._blanks.buttons), self._blanks.choice]

    def _extra(self) -> list[Any]:
        """Make widgets that stand beside the box."""
        return []

    def _show(self) -> None:
        if self._box.has_trait("placeholder"):
            self._box.placeholder = self._placeholder
        self._blanks.show(self._meaning)

    @property
    def _meaning(self) -> Presence:
        return self.presence if not self.text else Presence.LEFT_OUT

    @property
    def _placeholder(self) -> str:
        if self._meaning is Presence.LEFT_OUT:
            return format_example(self.about.plain)
        return _BLANKS[self._meaning]

    def _make_box(self) -> Any:
        return self._calendar() or self._line()

    def _calendar(self) -> Any:
        """Return a calendar or clock widget, or None if it cannot show the text."""
        name = self.about.plain.get("format")
        if not isinstance(name, str) or name not in _CALENDARS:
            return None
        read, kind = _CALENDARS[name]
        try:
            value = read(self.text) if self.text else None
        except ValueError:
            return None
        if isinstance(value, date) and value.year not in _YEARS:
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


_BLANKS: Final = {
    Presence.LEFT_OUT: "nothing",
    Presence.GIVEN: "empty text",
    Presence.NULL: "null",
}
"""What is sent for an empty text."""


def _text_of(value: Any) -> str:
    """Return the value of a widget as the field's text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="auto") + "Z"
    return value.isoformat() if isinstance(value, date | time) else str(value)


class NumberField(TextField):
    """A number, kept as text of any number of digits, with a slider beside it if that helps."""

    may_be_empty = False

    def slide(self, value: float) -> None:
        """Take the slider's value."""
        self._box.value = f"{value:.10g}"  # its observer writes

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
        return number_box(self.page, self.full_label, self.about.plain, self.text, self._placeholder)

    def _extra(self) -> list[Any]:
        self._slider = Slider(self.page, self.short_label, self.about.plain, self.slide)
        return self._slider.widgets

    def _show(self) -> None:
        super()._show()
        self._slider.show(number_of(self.text))


# -- choices -------------------------------------------------------------------------------------


class SwitchField(Field):
    """A checkbox: true or false. One that may be left out is left out until the user ticks it."""

    always_raw = False
    on = False

    def write(self, on: bool) -> None:
        """Turn it on or off."""
        self.on, self.presence = on, Presence.GIVEN
        self.changed()

    def set_blank(self, meaning: Presence) -> None:
        """Set whether a box without a tick means false or is left out."""
        if not self.on:
            self.presence = meaning
        self.changed()

    def _forget(self) -> None:
        self.on = False

    def _begin_empty(self) -> None:
        self.presence = Presence.GIVEN if self.about.required else Presence.LEFT_OUT

    def _take(self, value: Any) -> bool:
        if not isinstance(value, bool):
            return False
        self.on = value
        return True

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        return self.on

    def _content(self) -> list[Any]:
        box = self.page.control(widgets.Checkbox, self.label, value=self.on, indent=False)
        box.observe(lambda change: self.write(change["new"]), "value")
        words = {Presence.LEFT_OUT: "nothing", Presence.GIVEN: "false"}
        meanings = {} if self.about.required else words
        self._blanks = Blanks(self.page, self.short_label, meanings, self.set_blank)
        return [self.page.beside(box, *self._blanks.buttons), self._blanks.choice]

    def _show(self) -> None:
        self._blanks.show(Presence.LEFT_OUT if self.on else self.presence)


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

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT) -> None:
        """Choose an option; with None, the field is left out or null."""
        self._reset(without if index is None else Presence.GIVEN)
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
        self._picker = Picker(self.page, self.full_label, self.about, self.options, self.choose)
        return [self._picker.widget]

    def _show(self) -> None:
        self._picker.show(self.chosen, self.presence)

    @property
    def hint(self) -> str:
        return ""
