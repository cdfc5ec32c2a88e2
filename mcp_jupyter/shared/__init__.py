# SPDX-License-Identifier: BSD-3-Clause
"""Names that programs for the first-generation SDK import from `mcp.shared`."""
