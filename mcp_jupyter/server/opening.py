# SPDX-License-Identifier: BSD-3-Clause
"""Build the results of the first requests of a connection: `initialize`, `server/discover` and `ping`.

`ServerSession` uses these functions, and so does `Opening`, which answers for a notebook while its kernel
starts. So both agree on versions, capabilities and the form of the result.

Hosts wait for their first answer while this module is imported: it imports neither FastMCP nor a transport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from .._version import __version__
from ..errors import McpError
from ..protocol.eras import CLIENT_INFO, TASKS_EXTENSION, Era, is_modern, modern_era, negotiate
from ..protocol.frames import ErrorResponse, Request, Response
from ..protocol.methods import MODERN_VERSIONS
from ..protocol.rights import EVERY_RIGHT, Rights
from ..types import (
    CompletionsCapability,
    InitializeRequestParams,
    LoggingCapability,
    PromptsCapability,
    ResourcesCapability,
    ServerCapabilities,
    Tool,
    ToolsCapability,
)
from .host_profiles import DEFAULT, HostProfile, profile_of
from .models import InitializationOptions, parameters

__all__ = ["NOTEBOOK_CAPABILITIES", "Opening", "ServerDeclaration", "discovered", "initialized"]

NOTEBOOK_CAPABILITIES: Final = ServerCapabilities(
    prompts=PromptsCapability(listChanged=True),
    resources=ResourcesCapability(subscribe=True, listChanged=True),
    tools=ToolsCapability(listChanged=True),
    logging=LoggingCapability(),
    completions=CompletionsCapability(),
)
"""The capabilities of every FastMCP server, and so of every notebook. A test compares the two."""


class ServerDeclaration(Protocol):
    """Interface to what a server declares: implemented by the server and by `InitializationOptions`."""

    @property
    def info(self) -> Mapping[str, Any]:
        """`serverInfo`, as on the wire."""

    @property
    def capabilities(self) -> ServerCapabilities:
        """The server's capabilities."""

    def instructions_for(self, profile: HostProfile, rights: Rights) -> str | None:
        """Return the instructions for a host's model, given the client's rights."""


def initialized(
    era: Era, declared: ServerDeclaration, profile: HostProfile, rights: Rights = EVERY_RIGHT
) -> dict[str, Any]:
    """Return the result of `initialize`."""
    return {
        "protocolVersion": era.version,
        "capabilities": declared.capabilities,
        **_instructions(declared, profile, rights),
        "serverInfo": declared.info,
    }


def discovered(
    declared: ServerDeclaration, profile: HostProfile, rights: Rights = EVERY_RIGHT
) -> dict[str, Any]:
    """Return the result of `server/discover`; `Era.complete` adds `resultType` and `serverInfo`."""
    capabilities = declared.capabilities
    extensions = {TASKS_EXTENSION: {}, **(capabilities.extensions or {})}
    return {
        "supportedVersions": list(MODERN_VERSIONS),
        "capabilities": capabilities.model_copy(update={"extensions": extensions}),
        **_instructions(declared, profile, rights),
    }


def _instructions(declared: ServerDeclaration, profile: HostProfile, rights: Rights) -> dict[str, str]:
    text = declared.instructions_for(profile, rights)
    return {} if text is None else {"instructions": text}


class Opening:
    """Answers the first requests of a connection for a notebook whose kernel is still starting.

    A host that lists tools once also gets a list, of the tools that are known by then.

    Parameters
    ----------
    name : str
        The name of the notebook's server.
    instructions : callable
        Takes the number of characters that the host shows, and returns the instructions.
    tools : callable, optional
        Returns the tools that are known before the kernel runs, for a host that lists tools once (see
        `HostProfile.lists_once`). Takes the host's profile.
    """

    def __init__(
        self,
        name: str,
        instructions: Callable[[int], str | None],
        tools: Callable[[HostProfile], list[Tool]] | None = None,
    ) -> None:
        self._instructions = instructions
        self._name = name
        self._tools = tools
        self._profile = DEFAULT  # of the client that sent `initialize`

    def answer(self, request: Request) -> Response | ErrorResponse | None:
        """Answer a first request; return None for any other request, which the kernel must answer."""
        try:
            result = self._result(request.method, request.params)
        except McpError as exc:
            return ErrorResponse(request.id, exc.to_dict())
        return None if result is None else Response(request.id, result)

    def _result(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if is_modern(method, params):
            if method != "server/discover":
                return None
            era, profile = modern_era(params), profile_of(params["_meta"].get(CLIENT_INFO))
            options = self._options(profile)
            result: Mapping[str, Any] = era.complete(method, discovered(options, profile), options.info)
            return result
        if method == "initialize":
            version = parameters(InitializeRequestParams, params).protocolVersion
            self._profile = profile = profile_of(params["clientInfo"])
            return initialized(negotiate(version), self._options(profile), profile)
        if method == "tools/list" and self._profile.lists_once and self._tools is not None:
            # A cursor can only be from the kernel's own list, which has to go on with it.
            tools = [] if "cursor" in params else self._tools(self._profile)
            return {"tools": tools} if tools else None
        return {} if method == "ping" else None

    def _options(self, profile: HostProfile) -> InitializationOptions:
        return InitializationOptions(
            server_name=self._name,
            server_version=__version__,
            capabilities=NOTEBOOK_CAPABILITIES,
            instructions=self._instructions(profile.instructions_chars),
        )
