# SPDX-License-Identifier: BSD-3-Clause
"""The Jupyter Server extension: discovery, endpoints, tokens, and REST for the panel.

MCP clients authenticate with a scoped token of ours, users with Jupyter's own authentication; neither
credential opens the other's routes. Kernels are reached through `ipc` alone.
"""
