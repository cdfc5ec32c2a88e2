# SPDX-License-Identifier: BSD-3-Clause
"""Write a call of the journal as the code that makes it in a cell: `top_customers(n=3)`."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import decimal
import enum
import inspect
import math
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from ..server.fastmcp import FastMCP
from ..server.fastmcp.signatures import plain_function
from .journal import Entry

__all__ = ["code_of"]

_PLAIN: Final = (type(None), bool, int, str, bytes)

_BY_REPR: Final = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    uuid.UUID,
)
"""Types whose `repr` is code, perhaps with the module's name in front."""

_VARIABLES: Final = "notebook://variables/"

MAX_DEPTH: Final = 20
"""Levels of values within values."""


class _NoCode(ValueError):
    """A value has no code that makes it."""


def code_of(entry: Entry, server: FastMCP, namespace: Mapping[str, Any]) -> str | None:
    """Return the code that does in a cell what a request did; None where no such code exists.

    That is so when the tool's function has no name in the notebook any more or takes a `Context`, and for a
    value that cannot be written as code. A read of a variable is its name. Redacted arguments are written as
    they were redacted.

    Parameters
    ----------
    namespace : mapping
        The notebook's namespace. Classes that it lacks are imported.
    """
    if entry.kind == "resource":
        name = unquote(entry.name.partition("?")[0].removeprefix(_VARIABLES))
        return name if name.isidentifier() and name in namespace else None
    tool = server.tools.get(entry.name)
    if entry.kind != "tool" or tool is None or tool.function is not entry.function:
        return None
    name = getattr(plain_function(tool.function), "__name__", "")
    if namespace.get(name) is not tool.function or tool.signature.injected is not None:
        return None
    writer = _Writer(namespace)
    try:
        given = tool.signature.bind(entry.arguments)
        said = ", ".join(
            f"{each}={writer.code(value)}"
            for each, value in given.items()
            if tool.signature.aliases.get(each, each) in entry.arguments
        )
    except Exception:  # noqa: BLE001 - arguments that were refused, and validators of the user's classes
        return None
    call = f"{name}({said})"
    if inspect.iscoroutinefunction(plain_function(tool.function)):
        call = f"await {call}"
    return "\n".join([*sorted(writer.imports), call])


class _Writer:
    """Writes values as code, and notes the imports that the code needs."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.imports: set[str] = set()
        self._namespace = namespace

    def code(self, value: Any, depth: int = 0) -> str:
        """Return the code of a value.

        Raises
        ------
        _NoCode
            There is none.
        """
        kind = type(value)
        if depth > MAX_DEPTH:
            raise _NoCode
        if kind in _PLAIN:
            return repr(value)
        if kind is float:
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if kind in (list, tuple, set, frozenset):
            return self._collection(kind, value, depth)
        if kind is dict:
            items = [
                f"{self.code(key, depth + 1)}: {self.code(item, depth + 1)}" for key, item in value.items()
            ]
            return f"{{{', '.join(items)}}}"
        if isinstance(value, enum.Enum):
            return f"{self._name(kind)}.{value.name}"
        if isinstance(value, pathlib.PurePath):
            return f"{self._name(pathlib.Path)}({str(value)!r})"
        if isinstance(value, _BY_REPR):
            return self._by_repr(kind, repr(value))
        return self._object(kind, value, depth)

    def _collection(self, kind: type, value: Any, depth: int) -> str:
        items = [self.code(item, depth + 1) for item in value]
        inside = ", ".join(items)
        if kind is list:
            return f"[{inside}]"
        if kind is tuple:
            return f"({inside},)" if len(items) == 1 else f"({inside})"
        if kind is set and items:
            return f"{{{inside}}}"
        return f"{kind.__name__}([{inside}])"

    def _by_repr(self, kind: type, said: str) -> str:
        parsed = ast.parse(said, mode="eval").body
        if not isinstance(parsed, ast.Call):
            raise _NoCode
        inner = said[said.index("(") :]
        if "datetime." in inner:  # a time zone
            self.imports.add("import datetime")
        return f"{self._name(kind)}{inner}"

    def _object(self, kind: type, value: Any, depth: int) -> str:
        """Write a pydantic model or a dataclass."""
        if dataclasses.is_dataclass(value):
            fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init}
        elif hasattr(kind, "model_fields"):
            fields = {name: getattr(value, name) for name in value.model_fields_set}
        else:
            raise _NoCode
        said = ", ".join(f"{name}={self.code(item, depth + 1)}" for name, item in fields.items())
        return f"{self._name(kind)}({said})"

    def _name(self, kind: type) -> str:
        if self._namespace.get(kind.__name__) is not kind:
            if kind.__module__ == "__main__" or kind.__qualname__ != kind.__name__:
                raise _NoCode
            module = "pathlib" if kind is pathlib.Path else kind.__module__
            self.imports.add(f"from {module} import {kind.__name__}")
        return kind.__name__
