# SPDX-License-Identifier: BSD-3-Clause
"""Which arguments of which tools a client repeats in headers, learned from the tools a server lists.

Owns the memory of it, and the rule that a tool with bad annotations is none. How an annotation and a value
look is `protocol.headers`. Only Streamable HTTP of 2026-07-28 has such headers.

Source: spec 2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .. import types
from ..protocol.frames import parse
from ..protocol.headers import HeaderError, mirror_params, param_headers
from .streams import printable

__all__ = ["ParamHeaders"]

log = logging.getLogger(__name__)

MAX_TOOLS: Final = 10_000
"""Tools with annotations that are remembered; past it the oldest is forgotten until it is needed."""

MAX_SHOWN_CHARS: Final = 200
"""Of a tool's name, and of what is wrong with it."""


class ParamHeaders:
    """The annotations of one server's tools."""

    def __init__(self) -> None:
        self._tools: dict[str, dict[str, tuple[str, ...]]] = {}

    def learn(self, tools: Iterable[types.Tool]) -> list[types.Tool]:
        """The tools that may be used: those whose annotations keep the rules. The others are logged."""
        usable = []
        for tool in tools:
            self._tools.pop(tool.name, None)
            try:
                annotations = param_headers(tool.inputSchema)
            except HeaderError as exc:
                name, wrong = printable(tool.name, MAX_SHOWN_CHARS), printable(str(exc), MAX_SHOWN_CHARS)
                log.warning("The tool %r is left out: %s.", name, wrong)
                continue
            usable.append(tool)
            if annotations:
                self._tools[tool.name] = annotations
                if len(self._tools) > MAX_TOOLS:
                    del self._tools[next(iter(self._tools))]
        return usable

    def annotations_of(self, tool: str) -> Mapping[str, tuple[str, ...]]:
        """From what follows `Mcp-Param-` to the path of the argument, as far as is known."""
        return self._tools.get(tool, {})

    def headers_for(self, tool: str, raw: bytes) -> dict[str, str]:
        """The `Mcp-Param-*` headers of a call, from its JSON: arguments may be models until they are that.

        Raises
        ------
        HeaderError
            An argument has a value that no header can carry.
        """
        annotations = self.annotations_of(tool)
        if not annotations:
            return {}
        arguments: Any = parse(raw)["params"].get("arguments", {})
        return mirror_params(annotations, arguments)
