# SPDX-License-Identifier: BSD-3-Clause
"""What is wrong with what was entered, and where. Knows neither fields nor widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...errors import McpJupyterError
from ...notebook_client.text import one_line

__all__ = ["FormError", "Path", "Problem"]

Path = tuple[str | int, ...]
"""Property names and indices, from the form down to a field."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a form from having a value.

    Parameters
    ----------
    path : tuple of str and int
        Of the field; empty for the form itself.
    text : str
        What is wrong: "required". Never the text of a secret.
    of : object
        The entry it is a problem of.
    """

    path: Path
    text: str
    of: object = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        text = one_line(self.text, 300)
        return f"{place(self.path)}: {text}" if self.path else text


class FormError(McpJupyterError, ValueError):
    """A form has no value yet; one line a problem, as in `city: required`.

    Parameters
    ----------
    problems : sequence of Problem
        In the order of the fields.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def place(path: Path) -> str:
    """A path as people write it: `edits[0].oldText`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return one_line(text.removeprefix("."))
