# SPDX-License-Identifier: BSD-3-Clause
"""The controls of fields that a core widget does not offer: choices, numbers, and what an empty field means.

Main thread only. They report what the user does to a callback, and show a value without reporting it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets

from .page import Page, close, option_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fields import About

__all__ = ["Blanks", "Picker", "Presence", "Slider", "number_box"]


class Presence(StrEnum):
    """Whether a field has a value."""

    LEFT_OUT = "left out"
    NULL = "null"
    GIVEN = "given"


class _Control:
    """A widget that is shown a value without reporting it as the user's."""

    _is_showing = False

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        self._is_showing = True
        try:
            yield
        finally:
            self._is_showing = False


# -- choices -------------------------------------------------------------------------------------

MAX_RADIOS: Final = 4
"""Options that are all visible, as radio buttons; more become a drop-down list."""

MAX_LINE_CHARS: Final = 40
"""Characters of all options that stand side by side."""

_NOT_SENT: Final = "(not sent)"


class Picker(_Control):
    """Radio buttons or a drop-down list for one of several options.

    Parameters
    ----------
    page : Page
        The page of the form.
    label : str
        The label.
    about : About
        The field's description, which says whether it can be left out or null.
    options : sequence of (str, Any)
        The options, of which only the texts are used.
    choose : callable
        Called with what the user chose, as `ChoiceField.choose` takes it.

    Attributes
    ----------
    widget : ipywidgets.RadioButtons or ipywidgets.Dropdown
    """

    def __init__(
        self,
        page: Page,
        label: str,
        about: About,
        options: Sequence[tuple[str, Any]],
        choose: Callable[..., None],
    ) -> None:
        self._choose = choose
        self._places: list[int | Presence] = list(range(len(options)))
        texts = [option_text(text) or "(empty)" for text, _ in options]
        if about.nullable:
            self._places.append(Presence.NULL)
            texts.append("null")
        if not about.required:
            self._places.insert(0, Presence.LEFT_OUT)
            texts.insert(0, _NOT_SENT)
        is_few = len(options) <= MAX_RADIOS
        traits: dict[str, Any] = {"options": _told_apart(texts), "index": None}
        if is_few and sum(map(len, texts)) <= MAX_LINE_CHARS:
            traits["orientation"] = "horizontal"
        self.widget = page.control(widgets.RadioButtons if is_few else widgets.Dropdown, label, **traits)
        self.widget.observe(self._changed, "index")

    def show(self, chosen: int | None, presence: Presence) -> None:
        """Show the present choice."""
        place = chosen if chosen is not None else presence
        with self._quiet():
            self.widget.index = self._places.index(place) if place in self._places else None

    def _changed(self, change: Any) -> None:
        if self._is_showing or change["new"] is None:
            return
        place = self._places[change["new"]]
        if isinstance(place, Presence):
            self._choose(None, place)
        else:
            self._choose(place)


def _told_apart(texts: Sequence[str]) -> list[str]:
    """Return the texts, with a number after repeated ones."""
    apart: dict[str, None] = {}
    for text in texts:
        numbered = (f"{text} ({number})" for number in count(2))
        apart[next(told for told in chain([text], numbered) if told not in apart)] = None
    return list(apart)


# -- empty fields ----------------------------------------------------------------------------------


class Blanks(_Control):
    """What is sent while a field is empty: a small button, and behind it a choice.

    Parameters
    ----------
    page : Page
        The page of the form.
    label : str
        The field's name.
    meanings : mapping of Presence to str
        What may be sent, in words; with fewer than two there is no button.
    choose : callable
        Called with the meaning that the user chose.

    Attributes
    ----------
    buttons : list of ipywidgets.Button
        The button, or nothing.
    choice : ipywidgets.VBox
        Empty until the button is pressed.
    """

    def __init__(
        self, page: Page, label: str, meanings: Mapping[Presence, str], choose: Callable[[Presence], None]
    ) -> None:
        self._page = page
        self._label = label
        self._meanings = dict(meanings)
        self._choose = choose
        self._meaning = Presence.LEFT_OUT
        about = f"What is sent while {label} is empty"
        self.buttons = [page.small_button("…", about, self._toggle)] if len(self._meanings) > 1 else []
        self.choice = page.make(widgets.VBox, layout=page.hidden)

    def show(self, meaning: Presence) -> None:
        """Show what is sent now."""
        self._meaning = meaning
        for radio in self.choice.children:
            with self._quiet():
                radio.index = self._index

    @property
    def _index(self) -> int | None:
        places = list(self._meanings)
        return places.index(self._meaning) if self._meaning in places else None

    def _toggle(self) -> None:
        old, self.choice.children = self.choice.children, ()
        close(*old)
        self.choice.layout = self._page.hidden if old else self._page.inset
        if not old:
            radio = self._page.control(
                widgets.RadioButtons,
                f"While {self._label} is empty, send",
                options=list(self._meanings.values()),
                index=self._index,
                orientation="horizontal",
            )
            radio.observe(self._changed, "index")
            self.choice.children = (radio,)

    def _changed(self, change: Any) -> None:
        if not self._is_showing and change["new"] is not None:
            self._choose(list(self._meanings)[change["new"]])


# -- numbers ---------------------------------------------------------------------------------------

MAX_STEPS: Final = 100
"""Places of a slider: with more, a pixel is more than one of them."""


def number_box(page: Page, label: str, plain: Mapping[str, Any], text: str, placeholder: str) -> Any:
    """Make a text box that our front-end extension turns into a browser's field for numbers.

    A number widget of ipywidgets cannot be empty, and rounds large numbers. A widget hands nothing but
    classes to its element, so the bounds are classes (`labextension/src/inputs.ts`).
    """
    box = page.control(
        widgets.Text, label, value=text, placeholder=placeholder, continuous_update=False, layout=page.short
    )
    box.add_class("mcp-jupyter-number")
    bounds = {"min": plain.get("minimum"), "max": plain.get("maximum"), "step": _step(plain) or "any"}
    for name, bound in bounds.items():
        if bound is not None:
            box.add_class(f"mcp-jupyter-{name}={bound if bound == 'any' else json.dumps(bound)}")
    return box


def _step(plain: Mapping[str, Any]) -> float | None:
    """Return the distance of two values that fit, or None for numbers of any precision."""
    step: float | None = plain.get("multipleOf")
    if step is None and plain.get("type") == "integer":
        return 1
    return step if step and step > 0 and math.isfinite(step) else None


class Slider(_Control):
    """A slider beside a number, if the number has both bounds and the range is modest.

    Parameters
    ----------
    page : Page
        The page of the form.
    label : str
        The field's name.
    plain : mapping
        The schema of the number.
    slide : callable
        Called with the number that the user moved the slider to.

    Attributes
    ----------
    widgets : list of ipywidgets.FloatSlider
        The slider, or nothing.
    """

    def __init__(
        self, page: Page, label: str, plain: Mapping[str, Any], slide: Callable[[float], None]
    ) -> None:
        self.widgets: list[Any] = []
        self._slide = slide
        least, most = plain.get("minimum"), plain.get("maximum")
        if least is None or most is None or not 0 < most - least < math.inf:
            return
        step = _step(plain) or 10.0 ** math.floor(math.log10((most - least) / 50))
        if (most - least) / step > MAX_STEPS or (most - least) / step < 2:
            return
        traits = {"min": least, "max": most, "step": step, "value": least, "readout": False}
        slider = page.make(
            widgets.FloatSlider,
            tooltip=option_text(label),
            layout=page.filling,
            continuous_update=False,
            **traits,
        )
        slider.observe(self._changed, "value")
        self.widgets = [slider]

    def show(self, value: float | None) -> None:
        """Show a number, as far as the slider reaches."""
        for slider in self.widgets:
            with self._quiet():
                slider.value = slider.min if value is None else min(max(value, slider.min), slider.max)

    def _changed(self, change: Any) -> None:
        if not self._is_showing:
            self._slide(change["new"])
