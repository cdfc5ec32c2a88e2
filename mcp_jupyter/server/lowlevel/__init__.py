# SPDX-License-Identifier: BSD-3-Clause
"""A server as a table of handlers, one a method."""

from .helper_types import ReadResourceContents
from .server import NotificationOptions, Server

__all__ = ["NotificationOptions", "ReadResourceContents", "Server"]
