# SPDX-License-Identifier: BSD-3-Clause
"""The commands and links by which a host is told of a server without a file. Runs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

__all__ = ["AddCommand", "link_of"]


@dataclass(frozen=True, slots=True)
class AddCommand:
    """The host's own command that adds a server, as templates of words.

    ``{name}``, ``{url}`` and ``{transport}`` ("http" or "sse") are replaced, and ``{json}`` by the entry
    with its name in it. ``{command}`` stands for the program and its arguments, ``{env}`` and ``{headers}``
    for an option and a value each.

    Attributes
    ----------
    program : str
        Adds a program.
    url : str or None
        Adds a URL; None where the command takes no token.
    env, header : tuple of str
        The option and the form of its value, with ``{key}`` and ``{value}``.
    """

    program: str
    url: str | None = None
    env: tuple[str, str] = ("--env", "{key}={value}")
    header: tuple[str, str] = ("--header", "{key}: {value}")

    def program_words(
        self, name: str, command: Sequence[str], env: Mapping[str, str], entry: Mapping[str, Any]
    ) -> list[str]:
        """The words that add a program; `entry` is the host's entry for it."""
        lists = {"{command}": list(command), "{env}": _options(self.env, env)}
        return _filled(self.program, {"{name}": name, "{json}": _named(name, entry)}, lists)

    def url_words(
        self, name: str, url: str, headers: Mapping[str, str], transport: str, entry: Mapping[str, Any]
    ) -> list[str] | None:
        """The words that add a URL; None where the command takes no token."""
        if self.url is None:
            return None
        texts = {"{name}": name, "{url}": url, "{transport}": transport, "{json}": _named(name, entry)}
        return _filled(self.url, texts, {"{headers}": _options(self.header, headers)})


def _named(name: str, entry: Mapping[str, Any]) -> str:
    return json.dumps({"name": name, **entry})


def _filled(template: str, texts: Mapping[str, str], lists: Mapping[str, Sequence[str]]) -> list[str]:
    words: list[str] = []
    for word in template.split(" "):
        words += lists[word] if word in lists else [texts.get(word, word)]
    return words


def _options(option: tuple[str, str], values: Mapping[str, str]) -> list[str]:
    name, form = option
    words: list[str] = []
    for key, value in values.items():
        words += [name, form.replace("{key}", key).replace("{value}", value)]
    return words


def link_of(template: str, name: str, entry: Mapping[str, Any]) -> str:
    """The address that opens a host to add a server. It must hold no token: addresses end up in histories.

    Parameters
    ----------
    template : str
        ``{name}`` is replaced, and ``{base64}`` by the entry, or ``{json}`` by the entry with its name in it.
    """
    named = quote(_named(name, entry), safe="")
    encoded = quote(base64.b64encode(json.dumps(dict(entry)).encode()).decode(), safe="")
    return (
        template.replace("{name}", quote(name, safe="")).replace("{json}", named).replace("{base64}", encoded)
    )
