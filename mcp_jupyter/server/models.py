# SPDX-License-Identifier: BSD-3-Clause
"""What a low-level server says of itself when a conversation opens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from ..types import Icon, Implementation, ServerCapabilities

__all__ = ["InitializationOptions"]


class InitializationOptions(BaseModel):
    """Name, version and capabilities, as the answer to `initialize` gives them."""

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
        """Who the server is, as on the wire."""
        return Implementation(
            name=self.server_name,
            version=self.server_version,
            title=self.title,
            description=self.description,
            websiteUrl=self.website_url,
            icons=self.icons,
        ).model_dump(by_alias=True, exclude_none=True)

    def introduction(self) -> dict[str, Any]:
        """Capabilities and instructions, as both `initialize` and `server/discover` give them."""
        said: dict[str, Any] = {"capabilities": self.capabilities}
        if self.instructions is not None:
            said["instructions"] = self.instructions
        return said
