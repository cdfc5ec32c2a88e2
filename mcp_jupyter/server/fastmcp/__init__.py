# SPDX-License-Identifier: BSD-3-Clause
"""Make MCP servers from plain Python functions."""

from ...types import Icon
from ..content import Audio, Image
from .context import Context
from .prompts import AssistantMessage, Message, UserMessage
from .server import FastMCP

__all__ = ["AssistantMessage", "Audio", "Context", "FastMCP", "Icon", "Image", "Message", "UserMessage"]
