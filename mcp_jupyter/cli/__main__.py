# SPDX-License-Identifier: BSD-3-Clause
"""`python -m mcp_jupyter.cli`: the command line of one Python, whatever PATH says."""

from __future__ import annotations

from . import main

main()
