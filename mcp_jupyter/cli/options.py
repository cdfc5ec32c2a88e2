# SPDX-License-Identifier: BSD-3-Clause
"""Options that several commands have."""

from __future__ import annotations

import click

__all__ = ["constant_tools"]

constant_tools = click.option(
    "--constant-tools",
    type=click.Choice(["yes", "no", "auto"]),
    metavar="yes|no|auto",
    help="Whether the host gets find_tools, use_tool and read_more, for hosts that never see a later tool or "
    "read no resource. auto: those that it needs.  [default: as the notebook's %mcp_serve says]",
)
"""The command's `constant_tools`: None where it is left out."""
