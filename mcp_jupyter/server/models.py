# SPDX-License-Identifier: BSD-3-Clause
"""Validate the params of requests, and hold what a server returns for `initialize`.

`InitializationOptions` has the same import path as in the first SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import INVALID_PARAMS, McpError
from ..protocol.limits import MAX_PROBLEMS
from ..protocol.rights import Rights
from ..types import Icon, Implementation, ServerCapabilities, WireModel
from .host_profiles import HostProfile

__all__ = ["InitializationOptions", "Instructions", "describe", "instructions_for", "parameters"]

M = TypeVar("M", bound=WireModel)

Instructions: TypeAlias = str | Callable[[int, Rights], str | None] | None
"""A server's instructions: a text, or a function that makes one for each client. The function takes how many
characters the host shows, and the client's rights: the text should only name what the client may use."""


def instructions_for(given: Instructions, profile: HostProfile, rights: Rights) -> str | None:
    """Return the instructions for one client. A fixed text is returned as its author wrote it."""
    return given(profile.instructions_chars, rights) if callable(given) else given


class InitializationOptions(BaseModel):
    """Name, version, capabilities and instructions, as the result of `initialize` has them."""

    server_name: str
    server_version: str
    capabilities: ServerCapabilities
    instructions: str | None = None
    title: str | None = None
    description: str | None = None
    website_url: str | None = None
    icons: list[Icon] | None = None

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """`serverInfo`, as on the wire."""
        return Implementation(
            name=self.server_name,
            version=self.server_version,
            title=self.title,
            description=self.description,
            websiteUrl=self.website_url,
            icons=self.icons,
        ).model_dump(by_alias=True, exclude_none=True)

    def instructions_for(self, profile: HostProfile, rights: Rights) -> str | None:
        """Return the instructions, which are the same for all clients."""
        return self.instructions


def parameters(model: type[M], params: Mapping[str, Any]) -> M:
    """Validate the params of a request and return them as a model.

    Raises
    ------
    McpError
        INVALID_PARAMS: at least one field is invalid. The message names the fields.
    """
    try:
        return model.from_wire(params)
    except ValidationError as exc:
        raise McpError(INVALID_PARAMS, f"Invalid params: {describe(exc)}") from None


def describe(error: ValidationError) -> str:
    """Return what is wrong with each field, without repeating the values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the value'}: {problem['msg']}"
        for problem in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return "; ".join(lines)
