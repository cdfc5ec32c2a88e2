# SPDX-License-Identifier: BSD-3-Clause
"""Helpers that every floor above uses. They know nothing of MCP."""
