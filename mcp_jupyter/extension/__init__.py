# SPDX-License-Identifier: BSD-3-Clause
"""The Jupyter Server extension: discovery, endpoints, tokens, and REST for the panel.

Two doors that share no credential (SECURITY.md): MCP clients come in with a scoped token of ours, people
with Jupyter's own authentication. Knows no tool and no kernel; reaches kernels through `ipc` alone.
"""
