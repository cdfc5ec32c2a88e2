# SPDX-License-Identifier: BSD-3-Clause
"""Write the instructions of a live notebook: from its file and what it serves now, or the user's own text.

They are written anew for each client that connects; the file is read again only when it has changed. They
name data with shapes and columns, never values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from .._util.text import MAX_NAMED, safe_line
from ..protocol.rights import EVERY_RIGHT, Rights
from ..server.content import tables
from ..server.fastmcp import FastMCP
from ..server.host_profiles import DEFAULT, PROFILES
from .outline import Entry, Outline, instructions, read_outline
from .status import shown_resources
from .variables import Variables, variable_uri

__all__ = ["NotebookInstructions"]

COLUMN_CHARS: Final = 40
DESCRIPTION_CHARS: Final = 120

DATA_LINE_CHARS: Final = 800
"""Characters of the line about data: a few frames with their columns. The rest of the answer is for tools."""

_VARIABLES: Final = variable_uri("")


class NotebookInstructions:
    """Writes the instructions, on any thread.

    Parameters
    ----------
    server : FastMCP
        The server of the notebook.
    variables : Variables
        The variables that are served.
    namespace : mapping
        The notebook's namespace, with the variables' values.
    file : callable
        Returns the path of the notebook's file, or None when that is unknown.

    Attributes
    ----------
    own : str or None
        The user's own text, which replaces everything else.
    """

    def __init__(
        self,
        server: FastMCP,
        variables: Variables,
        namespace: Mapping[str, Any],
        file: Callable[[], str | None],
    ) -> None:
        self.own: str | None = None
        self._server = server
        self._variables = variables
        self._namespace = namespace
        self._file = file
        self._read: tuple[object, Outline] = (None, Outline())

    def __call__(self, chars: int, rights: Rights = EVERY_RIGHT) -> str:
        """Return at most `chars` characters of instructions, about what `rights` allow the client to use."""
        outline = replace(self._outline(), own=self.own)
        data = self.data(rights.may_read)
        tools = (
            (tool.name, _first_line(tool.definition.description))
            for tool in self._server.tools.values()
            if rights.may_call(tool.name)
        )
        return instructions(self._server.name, outline, chars, data=data, tools=tools)

    def data(self, may_read: Callable[[str], bool]) -> Iterator[Entry]:
        """Yield the resources: variables with type, shape and columns, others by URI with their description.

        Parameters
        ----------
        may_read : callable
            Whether the client may read a URI.
        """
        for uri in filter(may_read, shown_resources(self._server)):
            name = unquote(uri.removeprefix(_VARIABLES))
            if not uri.startswith(_VARIABLES):
                if (resource := self._server.resources.get(uri)) is not None:
                    yield uri, _first_line(resource.definition.description)
            elif name in self._namespace:
                said = _first_line(self._variables.description(name))
                about = _about(self._namespace.get(name))
                yield name, f"{said} ({about})" if said else about

    def data_line(self, may_read: Callable[[str], bool]) -> str:
        """Return the data in one line, for hosts that show few instructions or none; empty without data.

        Parameters
        ----------
        may_read : callable
            Whether the client may read a URI.
        """
        said = [f"{name} ({about})" if about else name for name, about in self.data(may_read)]
        return safe_line(f"Data: {'; '.join(said)}.", DATA_LINE_CHARS) if said else ""

    def shown(self) -> str:
        """Return the texts that hosts get, each with the names of these hosts."""
        titles: dict[int, list[str]] = {}
        for profile in (DEFAULT, *PROFILES.values()):
            titles.setdefault(profile.instructions_chars, []).append(profile.title)
        usual = DEFAULT.instructions_chars
        parts = []
        for chars, hosts in titles.items():
            text = self(chars)
            who = "most hosts" if chars == usual else ", ".join(hosts)
            parts.append(f"Instructions for {who} ({len(text)} of at most {chars} characters):\n\n{text}\n")
        return "\n".join(parts)

    def _outline(self) -> Outline:
        """Return the outline of the file, which is read again when the file has changed."""
        file = self._file()
        if file is None or not file.endswith(".ipynb"):
            return Outline()
        try:
            status = os.stat(file)
        except OSError:
            return Outline()
        stamp = (file, status.st_mtime_ns, status.st_size)
        if self._read[0] != stamp:
            self._read = stamp, read_outline(Path(file))
        return self._read[1]


def _first_line(text: str | None) -> str:
    return safe_line((text or "").strip().partition("\n")[0], DESCRIPTION_CHARS)


def _about(value: Any) -> str:
    """Return a value's type; for a data frame its rows and columns. The data themselves are left out."""
    kind = type(value).__name__
    if not tables.is_frame(value):
        return kind
    try:
        rows = f"{len(value):,} rows"
        is_arrow = not hasattr(value, "iloc") and hasattr(value, "num_columns")
        names = value.column_names if is_arrow else getattr(value, "columns", None)
        if names is None:  # a series
            return f"{kind} of {rows}"
        shown = [" ".join(str(name)[:COLUMN_CHARS].split()) for name in islice(names, MAX_NAMED)]
        more = len(names) - len(shown)
        return f"{rows}; columns {', '.join(shown)}{f' and {more} more' if more > 0 else ''}"
    except Exception:  # noqa: BLE001 - a subclass of a frame may raise anything
        return kind
