# SPDX-License-Identifier: BSD-3-Clause
"""A database's schema as a resource, and queries as a tool."""

import sqlite3

from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("Explorer")


@mcp.resource("schema://main")
def schema() -> str:
    """How the tables were made."""
    conn = sqlite3.connect("database.db")
    rows = conn.execute("SELECT sql FROM sqlite_master WHERE type='table'").fetchall()
    return "\n".join(sql for (sql,) in rows)


@mcp.tool()
def query(sql: str) -> str:
    """Run a query."""
    conn = sqlite3.connect("database.db")
    try:
        return "\n".join(str(row) for row in conn.execute(sql).fetchall())
    except Exception as exc:  # noqa: BLE001 - as it is there
        return f"Error: {exc}"
