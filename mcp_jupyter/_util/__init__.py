# SPDX-License-Identifier: BSD-3-Clause
"""Helpers for all other packages: text, files, JSON Schema, tasks and names. They do not depend on MCP."""
