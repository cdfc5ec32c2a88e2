# SPDX-License-Identifier: BSD-3-Clause
"""Tests of `mcp_jupyter._util`."""
