# SPDX-License-Identifier: BSD-3-Clause
"""Entries of which one chooses: on or off, one of several values, any of several. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .entries import About, Entry, Presence
from .problems import Path, Problem
from .rules import Rules

__all__ = ["ChoiceEntry", "ManyEntry", "SwitchEntry", "same"]


class SwitchEntry(Entry):
    """True or false, where it has to be one of them."""

    always_raw = False

    def __init__(self, about: About, rules: Rules) -> None:
        super().__init__(about, rules)
        self.on = False

    def write(self, on: bool) -> None:
        """Turn it on or off."""
        self.on, self.presence = on, Presence.GIVEN

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


class ChoiceEntry(Entry):
    """One of several values.

    Parameters
    ----------
    options : sequence of (str, Any)
        What is shown for a value, and the value.
    """

    always_raw = False

    def __init__(self, about: About, rules: Rules, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules)
        self.options = tuple(options)
        self.chosen: int | None = None

    def choose(self, index: int | None, without: Presence = Presence.LEFT_OUT) -> None:
        """Choose an option, or none: then the field is left out or null."""
        self._reset(without if index is None else Presence.GIVEN)
        self.chosen = index

    def _forget(self) -> None:
        self.chosen = None

    def _begin(self) -> None:
        if self.about.required and len(self.options) == 1 and not self.about.nullable:
            self.choose(0)

    def _take(self, value: Any) -> bool:
        self.chosen = _index(self.options, value)
        return self.chosen is not None

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        assert self.chosen is not None
        return self.options[self.chosen][1]


class ManyEntry(Entry):
    """Any of several values, in the order they were chosen.

    Parameters
    ----------
    options : sequence of (str, Any)
        What is shown for a value, and the value.
    """

    always_raw = False

    def __init__(self, about: About, rules: Rules, options: Sequence[tuple[str, Any]]) -> None:
        super().__init__(about, rules)
        self.options = tuple(options)
        self.chosen: list[int] = []

    def choose(self, index: int, on: bool) -> None:
        """Take an option in, or out."""
        self.presence = Presence.GIVEN
        self.chosen = [other for other in self.chosen if other != index] + [index] * on

    def give(self, presence: Presence) -> None:
        """Say whether there is a list at all."""
        if presence is not self.presence:
            self._reset(presence)

    def _forget(self) -> None:
        self.chosen = []

    def _begin_empty(self) -> None:
        if self.about.required:
            self.presence = Presence.GIVEN

    def _take(self, value: Any) -> bool:
        if not isinstance(value, list):
            return False
        found = [_index(self.options, item) for item in value]
        self.chosen = [index for index in found if index is not None]
        return len(set(self.chosen)) == len(value)

    def _read(self, path: Path, problems: list[Problem]) -> Any:
        value = [self.options[index][1] for index in self.chosen]
        self._check(value, path, problems)
        return value


def same(first: Any, second: Any) -> bool:
    """Whether two JSON values are equal; to JSON true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(value, second[key]) for key, value in first.items())
    return bool(first == second)


def _index(options: Sequence[tuple[str, Any]], value: Any) -> int | None:
    return next((index for index, (_, option) in enumerate(options) if same(option, value)), None)
