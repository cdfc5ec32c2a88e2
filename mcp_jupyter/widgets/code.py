# SPDX-License-Identifier: BSD-3-Clause
"""A request as the Python that makes it: `weather.tools.forecast(city='Paris')`. Pure.

Everything foreign in it is a literal that `repr` made, so it runs nothing and hides nothing; what is secret
is left as `...`, for the person to fill in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..notebook_client.tools.functions import attribute_names
from ..notebook_client.tools.signatures import is_plain_name
from .forms.schemas import Plain, Reader

__all__ = ["call_code", "prompt_code", "read_code"]

MAX_LINE_CHARS: Final = 88
"""Of a call on one line; a longer one gets a line for each argument."""

MAX_DEPTH: Final = 40
"""Values within each other; deeper ones are left as `...`."""

MAX_ALTERNATIVES: Final = 50
"""Of one value's schema that are looked at."""


def call_code(
    alias: str, name: str, names: Iterable[str], arguments: Mapping[str, Any], schema: Mapping[str, Any]
) -> str:
    """A tool's call.

    Parameters
    ----------
    alias : str
        What the server is called.
    name : str
        The tool's.
    names : iterable of str
        Those of all tools of the server: they decide what the attribute is.
    arguments : mapping
        JSON values.
    schema : mapping
        Of the arguments: says which are secret.
    """
    attribute = {own: attribute for attribute, own in attribute_names(names).items()}.get(name)
    where = f"{alias}.tools[{name!r}]" if attribute is None else f"{alias}.tools.{attribute}"
    return _call(where, [], _literals(arguments, schema))


def prompt_code(alias: str, name: str, arguments: Mapping[str, Any]) -> str:
    """A prompt's."""
    return _call(f"{alias}.prompt", [repr(name)], _literals(arguments, {}))


def read_code(alias: str, uri: str) -> str:
    """A resource's."""
    return _call(f"{alias}.read", [repr(uri)], {})


def _call(where: str, first: list[str], arguments: Mapping[str, str]) -> str:
    named = [f"{name}={literal}" for name, literal in arguments.items() if is_plain_name(name)]
    others = [f"{name!r}: {literal}" for name, literal in arguments.items() if not is_plain_name(name)]
    parts = [*first, *named, *([f"**{{{', '.join(others)}}}"] if others else [])]
    line = f"{where}({', '.join(parts)})"
    if len(line) <= MAX_LINE_CHARS or not parts:
        return line
    lines = "".join(f"    {part},\n" for part in parts)
    return f"{where}(\n{lines})"


def _literals(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, str]:
    writer = _Writer(schema)
    views = writer.views([schema])
    return {name: writer.literal(value, writer.of_key(views, name)) for name, value in arguments.items()}


class _Writer:
    """Writes JSON values as Python, with a look at what their schema says.

    Parameters
    ----------
    root : mapping
        The whole schema; references lead into it.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._reader = Reader(root)

    def literal(self, value: Any, schemas: list[Any], depth: int = 0) -> str:
        views = self.views(schemas)
        if depth > MAX_DEPTH or any(map(_is_secret, views)):
            return "..."
        if isinstance(value, Mapping):
            items = (
                f"{key!r}: {self.literal(item, self.of_key(views, key), depth + 1)}"
                for key, item in value.items()
            )
            return f"{{{', '.join(items)}}}"
        if isinstance(value, list):
            within = [view["items"] for view in views if "items" in view]
            return f"[{', '.join(self.literal(item, within, depth + 1) for item in value)}]"
        return repr(value)

    def views(self, schemas: list[Any]) -> list[Plain]:
        """All that schemas may mean, references followed and alternatives opened."""
        found: list[Plain] = []
        waiting = list(schemas)
        while waiting and len(found) < MAX_ALTERNATIVES:
            schema = waiting.pop(0)
            plain = self._reader.plain(schema)
            if plain is None:
                found.append({"writeOnly": _speaks_of_secrets(schema)})
                continue
            found.append(plain)
            waiting += self._reader.variants(plain) or []
        return found

    @staticmethod
    def of_key(views: list[Plain], key: str) -> list[Any]:
        """The schemas of one property."""
        found = []
        for view in views:
            properties = view.get("properties", {})
            if key in properties:
                found.append(properties[key])
            elif isinstance(view.get("additionalProperties"), Mapping):
                found.append(view["additionalProperties"])
        # What cannot be read is secret throughout, if anything in it is.
        return found + [{"writeOnly": True}] * any(view.get("writeOnly") is True for view in views)


def _is_secret(view: Plain) -> bool:
    return view.get("format") == "password" or view.get("writeOnly") is True


def _speaks_of_secrets(schema: Any) -> bool:
    """Whether a schema that cannot be followed has something secret in it."""
    text = json.dumps(schema, default=str)
    return '"writeOnly"' in text or '"password"' in text
