# SPDX-License-Identifier: BSD-3-Clause
"""Build the commands and links that add a server to a host. The caller runs or shows them."""

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
    """Templates of the host's own command that adds a server.

    A template is split at spaces. ``{name}``, ``{url}``, ``{transport}`` ("http" or "sse") and ``{json}``
    (the entry together with its name) become one word each. ``{command}`` becomes the program and its
    arguments; ``{env}`` and ``{headers}`` become an option and its value for each variable or header.

    Attributes
    ----------
    program : str
        The template for a program.
    url : str or None
        The template for a URL; None when the command cannot take a token.
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
        """Return the words of the command that adds a program; `entry` is the host's entry for it."""
        lists = {"{command}": list(command), "{env}": _options(self.env, env)}
        return _filled(self.program, {"{name}": name, "{json}": _named(name, entry)}, lists)

    def url_words(
        self, name: str, url: str, headers: Mapping[str, str], transport: str, entry: Mapping[str, Any]
    ) -> list[str] | None:
        """Return the words of the command that adds a URL; None when the command cannot take a token."""
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
    """Return the link that makes a host add a server.

    The entry must not hold a token, because browsers keep links in their history.

    Parameters
    ----------
    template : str
        The host's template: ``{name}`` becomes the name, ``{base64}`` the entry in Base64, ``{json}`` the
        entry together with its name.
    name : str
        The server's name.
    entry : mapping
        The host's entry.
    """
    named = quote(_named(name, entry), safe="")
    encoded = quote(base64.b64encode(json.dumps(dict(entry)).encode()).decode(), safe="")
    return (
        template.replace("{name}", quote(name, safe="")).replace("{json}", named).replace("{base64}", encoded)
    )
