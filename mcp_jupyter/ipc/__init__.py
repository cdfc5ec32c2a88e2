# SPDX-License-Identifier: BSD-3-Clause
"""The private link between a kernel and its user's other programs (Jupyter Server, `jupyter mcp attach`).

The modules handle the connection file, the socket, its key and the line format, and let a session outlive its
kernel. Everything runs on asyncio loops.
"""
