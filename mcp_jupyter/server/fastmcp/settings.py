# SPDX-License-Identifier: BSD-3-Clause
"""How a server of one's own program is served, as the first-generation SDK's `mcp.settings` has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..._absent import PAGE

__all__ = ["Settings"]

_ACCESS: Final = 'mcp.run("streamable-http", token=...) asks every client for a token.'

_REFUSED: Final[Mapping[str, str]] = {
    "auth": _ACCESS,
    "auth_server_provider": _ACCESS,
    "token_verifier": _ACCESS,
    "transport_security": "Requests must name the host it listens on; no page of another origin is served.",
}
"""Arguments of the SDK's `FastMCP` that are refused, and what to use in their place."""


@dataclass
class Settings:
    """Arguments of `FastMCP` that say how it is served; they may be changed until it runs.

    Attributes
    ----------
    host, port : str, int
        Where to listen, for HTTP.
    streamable_http_path, sse_path, message_path : str
        The paths of the URLs.
    log_level : str, optional
        Of the program's own log, which goes to stderr; without it logging stays as it is.
    json_response, stateless_http, event_store, retry_interval, session_idle_timeout, max_sessions,
    max_request_body_size, debug, warn_on_duplicate_tools, ... : optional
        Change nothing: clients may choose either form of an answer, sessions are kept for those that have one
        and end by themselves, streams can be resumed, and bodies are bounded.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    streamable_http_path: str = "/mcp"
    sse_path: str = "/sse"
    message_path: str = "/messages"
    mount_path: str = "/"
    log_level: str | None = None
    json_response: bool = False
    stateless_http: bool = False
    event_store: Any = None
    retry_interval: int | None = None
    session_idle_timeout: float | None = None
    max_sessions: int | None = None
    max_request_body_size: int | None = None
    debug: bool = False
    warn_on_duplicate_resources: bool = True
    warn_on_duplicate_tools: bool = True
    warn_on_duplicate_prompts: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """The settings among the arguments of `FastMCP`.

        Raises
        ------
        TypeError
            There is no such argument.
        ValueError
            It cannot be honoured; the message says what to use.
        """
        for name, instead in _REFUSED.items():
            if given.get(name) is not None:
                raise ValueError(f"FastMCP does not take {name}. {instead} {PAGE}")
        wanted = {name: value for name, value in given.items() if name not in _REFUSED}
        if unknown := wanted.keys() - cls.__dataclass_fields__.keys():
            raise TypeError(f"FastMCP has no argument {sorted(unknown)[0]!r}.")
        return cls(**wanted)
