# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the wire types, against the official schemas and examples in `spec/` and against `mcp-types`."""
