# SPDX-License-Identifier: BSD-3-Clause
"""Return the name under which a host shows a tool, resource or prompt to the user."""

from ..types import Implementation, Prompt, Resource, ResourceTemplate, Tool

__all__ = ["get_display_name"]


def get_display_name(obj: Tool | Resource | Prompt | ResourceTemplate | Implementation) -> str:
    """Return the title, or the title in a tool's annotations, or else the name."""
    hinted = obj.annotations.title if isinstance(obj, Tool) and obj.annotations else None
    return next((title for title in (obj.title, hinted) if title is not None), obj.name)
