# SPDX-License-Identifier: BSD-3-Clause
"""The JSON-RPC engine: one `Connection` per channel.

It pairs requests with responses and handles cancellation, progress and time-outs. It knows nothing about MCP
methods or transports.
"""
