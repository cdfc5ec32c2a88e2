# SPDX-License-Identifier: BSD-3-Clause
"""Limits on everything that the other side controls, each with its reason.

Units are bytes, seconds or counts, as the name says. These limits are fixed; those that an administrator may
change are traits of the server extension.
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
"""The size of an HTTP request body. Arguments are text and small data; files are sent as resources."""

MAX_CONTAINERS: Final = 100_000
"""Lists and objects in one message. Each takes two characters and up to 230 bytes of memory; 4 MiB of them
would stop the event loop for seconds. A table of 90,000 records passes."""

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""The size of a message on stdio or on a link. A large image or frame passes, an endless line does not."""

MAX_REQUEST_ID_CHARS: Final = 256
"""The length of a request id, which is stored and echoed. UUIDs have 36 characters."""

MAX_IN_FLIGHT: Final = 256
"""Requests of one connection that are handled at once: each holds a task and its arguments."""

MAX_STREAM_BACKLOG: Final = 2048
"""Messages that wait for a slow reader. Beyond it the oldest notifications are dropped, never a response."""

SSE_KEEPALIVE_SECONDS: Final = 15.0
"""Between two comments on a quiet stream, which proxies cut after 60 s without data."""

SEND_TIMEOUT_SECONDS: Final = 30.0
"""After this time without reading a byte a peer counts as gone."""

MAX_PROBLEMS: Final = 5
"""Problems of one value that a message names: enough to correct a call, short enough to read."""
