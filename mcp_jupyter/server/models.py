# SPDX-License-Identifier: BSD-3-Clause
"""What a low-level server says of itself when a conversation opens."""

from __future__ import annotations

from pydantic import BaseModel

from ..types import Icon, ServerCapabilities

__all__ = ["InitializationOptions"]


class InitializationOptions(BaseModel):
    """Name, version and capabilities, as the answer to `initialize` gives them."""

    server_name: str
    server_version: str
    capabilities: ServerCapabilities
    instructions: str | None = None
    title: str | None = None
    website_url: str | None = None
    icons: list[Icon] | None = None
