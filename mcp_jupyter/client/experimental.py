# SPDX-License-Identifier: BSD-3-Clause
"""Tasks of 2025-11-25, which are not here."""

from .._util.absent import PAGE

__all__ = ()

raise ImportError(
    "mcp_jupyter has no experimental task handlers. Its Client waits for a call that the server turned "
    f"into a task. {PAGE}",
    name=__name__,
)
