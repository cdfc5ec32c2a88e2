# SPDX-License-Identifier: BSD-3-Clause
"""`python -m mcp_jupyter.cli`: the command line of this Python, independent of PATH."""

from __future__ import annotations

from . import main

main()
