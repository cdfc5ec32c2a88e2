# SPDX-License-Identifier: BSD-3-Clause
"""The notebook as a client: other MCP servers connected by name, their tools called from cells.

The counterpart of `kernel`, which serves the notebook. Both run in the kernel's process. `widgets` draws the
forms and panels.
"""
