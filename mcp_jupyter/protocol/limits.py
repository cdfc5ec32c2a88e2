# SPDX-License-Identifier: BSD-3-Clause
"""Every limit on what the other side controls, each with its reason.

Units are bytes, seconds or counts, as the name says. A limit is a property of the protocol engine,
not of a deployment: what an administrator may change is a trait of the server extension.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_CONTAINERS",
    "MAX_IN_FLIGHT",
    "MAX_LINE_BYTES",
    "MAX_PROBLEMS",
    "MAX_REQUEST_ID_CHARS",
    "MAX_STREAM_BACKLOG",
    "SEND_TIMEOUT_SECONDS",
    "SSE_KEEPALIVE_SECONDS",
]

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""One HTTP request body: arguments are text and small data; files go by resource."""

MAX_CONTAINERS: Final = 100_000
"""Lists and objects in one message. Each costs two characters to write and up to 230 bytes of memory to hold;
4 MiB of them would stop the event loop for seconds. A table of 90,000 records passes."""

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""One message on stdio or on a link: a large image or frame passes, a runaway writer does not."""

MAX_REQUEST_ID_CHARS: Final = 256
"""A request id is stored and echoed; nobody needs a longer one."""

MAX_IN_FLIGHT: Final = 256
"""Requests of one conversation being worked on at once: each holds a task and its arguments."""

MAX_STREAM_BACKLOG: Final = 2048
"""Messages waiting for one slow reader; past it notifications are dropped, oldest first, never a response."""

SSE_KEEPALIVE_SECONDS: Final = 15.0
"""A comment this often keeps proxies (60 s idle time-outs) from cutting a quiet stream."""

SEND_TIMEOUT_SECONDS: Final = 30.0
"""A peer that has not taken a byte for this long is treated as gone."""

MAX_PROBLEMS: Final = 5
"""Problems of one value that a message names: enough to mend a call, short enough to read."""
