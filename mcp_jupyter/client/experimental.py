# SPDX-License-Identifier: BSD-3-Clause
"""Raise `ImportError` with a hint: the SDK's handlers for tasks (2025-11-25) are not part of this package."""

from .._util.absent import PAGE

__all__ = ()

raise ImportError(
    "mcp_jupyter has no experimental task handlers. Its Client waits for a call that the server turned "
    f"into a task. {PAGE}",
    name=__name__,
)
