# SPDX-License-Identifier: BSD-3-Clause
"""The tools of a server as functions: `weather.tools.forecast(city="Paris")`. Sends nothing itself.

What there is, is looked up at each access, so a list that the server changes is the new one at once.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from keyword import iskeyword
from textwrap import indent
from typing import Any, Final

from ...types import Tool
from ..inert import Listing
from ..text import clean, one_line
from ..tracebacks import ArgumentTypeError
from .for_models import fitted_names
from .schemas import arguments_of, type_text
from .signatures import checked, signature_of

__all__ = ["ToolFunction", "Tools", "attribute_names", "card_of"]

MAX_LISTED: Final = 100
"""Tools in a card: more than any one server that we know has, but for a few."""

MAX_DOC_CHARS: Final = 10_000
"""Of a description in a docstring; those of one argument are a tenth."""

Definitions = Callable[[], Mapping[str, Tool]]


def attribute_names(names: Iterable[str]) -> dict[str, str]:
    """The exact name of each tool by its attribute, in the order of the list.

    What Python does not take in a name becomes `_`. An attribute never begins with `_`: those belong to
    Python and IPython. A name that is one already keeps it; of others that come to the same, the first in
    alphabetical order has it and the next get `_2`, `_3`, ...
    """
    own = list(dict.fromkeys(names))
    exact = {name for name in own if _attribute(name) == name}
    chosen = {name: name for name in exact}
    taken, last = set(exact), Counter[str]()
    for name in sorted(set(own) - exact):
        base = candidate = _attribute(name)
        last[base] = max(last[base], 1)
        while candidate in taken:
            last[base] += 1
            candidate = f"{base}_{last[base]}"
        taken.add(candidate)
        chosen[name] = candidate
    return {chosen[name]: name for name in own}


def _attribute(name: str) -> str:
    text = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_")
    if not text or text[0].isdigit():
        text = f"tool_{text}".rstrip("_")
    return f"{text}_" if iskeyword(text) else text


class Tools:
    """The tools of one server, as attributes, and by exact name as items.

    Parameters
    ----------
    definitions : callable
        Gives the tools as last listed; called at each access, on any thread.
    call : callable
        Given a tool's exact name and checked arguments, calls it. What it returns, a call returns.
    """

    def __init__(self, definitions: Definitions, call: Callable[[str, dict[str, Any]], Any]) -> None:
        self._definitions = definitions
        self._call = call

    def __getattr__(self, name: str) -> ToolFunction:
        if name.startswith("_"):  # of Python or IPython, which ask for many
            raise AttributeError(f"There is no tool {name!r}.")
        definitions = self._definitions()
        if name in definitions and _attribute(name) == name:
            return self._function(name)
        names = attribute_names(definitions)
        if name not in names:
            raise AttributeError(_unknown(name, names))
        return self._function(names[name])

    def __getitem__(self, name: str) -> ToolFunction:
        """A tool by its exact name, or as `tool_schemas` calls it."""
        definitions = self._definitions()
        if name in definitions:
            return self._function(name)
        for own, fitted in fitted_names(definitions).items():
            if fitted == name:
                return self._function(own)
        raise KeyError(_unknown(str(name), definitions))

    def _function(self, name: str) -> ToolFunction:
        return ToolFunction(name, self._definitions, self._call)

    def __dir__(self) -> list[str]:
        return list(attribute_names(self._definitions()))

    def __iter__(self) -> Iterator[ToolFunction]:
        return iter([self._function(name) for name in self._definitions()])

    def __len__(self) -> int:
        return len(self._definitions())

    def __contains__(self, name: object) -> bool:
        return name in self._definitions()

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._definitions())

    def __repr__(self) -> str:
        return repr(card_of(self._definitions()))

    def _repr_html_(self) -> str:
        return card_of(self._definitions())._repr_html_()


def card_of(definitions: Mapping[str, Tool], heading: str | None = None) -> Listing:
    """Tools as a card, under a heading or their number."""
    names = list(attribute_names(definitions).items())
    lines = [
        (f"{attribute}{_short_signature(definitions[name])}", _summary(definitions[name]))
        for attribute, name in names[:MAX_LISTED]
    ]
    counted = f"{len(names)} tool{'' if len(names) == 1 else 's'}"
    more = len(names) - len(lines)
    return Listing(heading or counted, lines, f"... and {more} more" if more else "")


class ToolFunction:
    """One tool, to be called with keywords. It keeps working, by name, when the server's list changes.

    Attributes
    ----------
    definition : Tool
        As last listed.
    """

    def __init__(
        self, name: str, definitions: Definitions, call: Callable[[str, dict[str, Any]], Any]
    ) -> None:
        self.__name__ = self.__qualname__ = name
        self._definitions = definitions
        self._call = call
        self._last = definitions()[name]

    @property
    def definition(self) -> Tool:
        self._last = self._definitions().get(self.__name__, self._last)
        return self._last

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_of(self.definition)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return docstring(self.definition)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the tool.

        Raises
        ------
        TypeError
            An argument is missing, unknown or not named, or has no JSON form.
        ValueError
            A value does not fit the tool's schema.
        """
        __tracebackhide__ = True
        if args:
            first = next(iter(signature_of(self.definition).parameters), None)
            hint = f": {one_line(self.__name__)}({first}=...)" if first and first != "arguments" else ""
            raise ArgumentTypeError(f"{one_line(self.__name__)}() takes named arguments only{hint}.")
        return self._call(self.__name__, checked(self.definition, kwargs))

    def __repr__(self) -> str:
        return f"{one_line(self.__name__)}{_short_signature(self.definition)}"


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = [one_line(each) for each in get_close_matches(name, names, n=3)]
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are {len(names)} others."
    return f"There is no tool {one_line(name)!r}. {hint}"


def _short_signature(tool: Tool) -> str:
    """Without the star that says what all of them are: by keyword only."""
    return str(signature_of(tool)).replace("(*, ", "(", 1)


def _summary(tool: Tool) -> str:
    text = (tool.description or tool.title or "").strip()
    return one_line(text.partition("\n")[0])


def docstring(tool: Tool) -> str:
    """What a tool says of itself and its arguments, in numpydoc form."""
    said = clean((tool.description or tool.title or "").strip(), MAX_DOC_CHARS)
    parts = [said or f"The tool {one_line(tool.name)}."]
    arguments = arguments_of(tool)
    lines = []
    for name, schema in list(arguments.properties.items())[:MAX_LISTED]:
        optional = "" if name in arguments.required else ", optional"
        lines.append(f"{one_line(name)} : {type_text(schema, tool.inputSchema)}{optional}")
        about = schema.get("description")
        if isinstance(about, str):
            lines.append(indent(clean(about.strip(), MAX_DOC_CHARS // 10), "    "))
    if lines:
        parts.append("Parameters\n----------\n" + "\n".join(lines))
    return "\n\n".join(parts)
