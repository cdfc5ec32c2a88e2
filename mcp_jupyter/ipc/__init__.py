# SPDX-License-Identifier: BSD-3-Clause
"""The private wire between a kernel and whoever reaches it: the Jupyter Server, `jupyter mcp attach`.

Owns the connection file, the socket, the key and the line format, and that a session outlives its
kernel. Knows no tool, no HTTP and no Jupyter Server. Everything runs on asyncio loops.
"""
