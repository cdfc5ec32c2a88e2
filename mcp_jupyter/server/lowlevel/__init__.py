# SPDX-License-Identifier: BSD-3-Clause
"""The low-level server: a table with one handler for each method."""

from .helper_types import ReadResourceContents
from .server import NotificationOptions, Server

__all__ = ["NotificationOptions", "ReadResourceContents", "Server"]
