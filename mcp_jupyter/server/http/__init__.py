# SPDX-License-Identifier: BSD-3-Clause
"""Serve MCP over HTTP: Streamable HTTP in both eras, and HTTP+SSE.

A standalone server uses `serve_http`. The Jupyter Server extension subclasses the handlers and gives them
its own authenticator. Import the names from the modules: this package does not re-export them.
"""
