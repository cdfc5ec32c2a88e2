# SPDX-License-Identifier: BSD-3-Clause
"""Limits on everything that the other side controls, each with its reason.

Here are the limits that several modules must agree on, or that a client, a server or a user can observe. A
bound that only one function uses stands beside it; the limits of shown text are in `_util.text`. Units are
bytes, characters, seconds or counts, as the name says. These limits are fixed; those that an administrator
may change are traits of the server extension.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_BACKLOG_BYTES",
    "MAX_BATCH",
    "MAX_BODY_BYTES",
    "MAX_CALLBACK_BYTES",
    "MAX_CASSETTE_BYTES",
    "MAX_COMPLETIONS",
    "MAX_CONTAINERS",
    "MAX_EVENT_BYTES",
    "MAX_HEADER_BYTES",
    "MAX_HOST_FILE_BYTES",
    "MAX_INPUT_REQUESTS",
    "MAX_IN_FLIGHT",
    "MAX_LINE_BYTES",
    "MAX_OPEN_QUESTIONS",
    "MAX_PAGES",
    "MAX_PATH_CHARS",
    "MAX_PRINCIPAL_BODY_BYTES",
    "MAX_PRIVATE_FILE_BYTES",
    "MAX_PROBLEMS",
    "MAX_REDIRECTS",
    "MAX_REFUSAL_BYTES",
    "MAX_REQUEST_ID_CHARS",
    "MAX_SCHEMA_DEPTH",
    "MAX_SCHEMA_PARTS",
    "MAX_SESSIONS",
    "MAX_SMALL_BODY_BYTES",
    "MAX_STREAM_BACKLOG",
    "MAX_SUBSCRIPTIONS",
    "MAX_TOOLS",
    "MAX_URI_CHARS",
    "SEND_TIMEOUT_SECONDS",
    "SSE_KEEPALIVE_SECONDS",
]


# -- messages ------------------------------------------------------------------------------------

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""The size of a message on stdio or on a link. A large image or frame passes, an endless line does not."""

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
"""The size of an event of an SSE stream, which holds one message. A large image passes, an endless line does
not."""

MAX_CONTAINERS: Final = 100_000
"""Lists and objects in one message. Each takes two characters and up to 230 bytes of memory; 4 MiB of them
would stop the event loop for seconds. A table of 90,000 records passes."""

MAX_REQUEST_ID_CHARS: Final = 256
"""The length of a request id, which is stored and echoed. UUIDs have 36 characters."""

MAX_BATCH: Final = 100
"""Messages of one batch. Each may take a task, and the limit on bodies alone would allow 100,000."""

MAX_IN_FLIGHT: Final = 256
"""Requests of one connection that are handled at once: each holds a task and its arguments."""

MAX_STREAM_BACKLOG: Final = 2048
"""Messages that wait for a slow reader. Beyond it the oldest notifications are dropped, never a response."""

MAX_BACKLOG_BYTES: Final = MAX_LINE_BYTES
"""Bytes that wait for a peer that does not read: the largest message, while others follow it."""

SSE_KEEPALIVE_SECONDS: Final = 15.0
"""Between two comments on a quiet stream, which proxies cut after 60 s without data."""

SEND_TIMEOUT_SECONDS: Final = 30.0
"""After this time without reading a byte a peer counts as gone."""


# -- bodies of HTTP ------------------------------------------------------------------------------

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""The size of an HTTP request body. Arguments are text and small data; files are sent as resources."""

MAX_SMALL_BODY_BYTES: Final = 64 * 1024
"""The size of a request body without arguments of tools: a request for a token, or any request under a token
that may call no tools. Such bodies have a few KiB; parsing 4 MiB would hold the event loop for 0.1 s each."""

MAX_PRINCIPAL_BODY_BYTES: Final = 8 * MAX_BODY_BYTES
"""Bytes of one principal's bodies that have not arrived completely: eight of the largest. Without it, sixty
bodies that stop before their end would hold 240 MiB for as long as the server waits for a body."""

MAX_HEADER_BYTES: Final = 32 * 1024
"""Bytes of all headers of a request: room for a token and long `Mcp-Param-` values."""

MAX_REFUSAL_BYTES: Final = 64 * 1024
"""Bytes that a client reads of a response that is not a message: the reason of a refusal, or the word of an
accepted POST."""

MAX_REDIRECTS: Final = 5
"""Redirects in a row that a client follows: an added slash or a moved path takes one or two."""

MAX_CALLBACK_BYTES: Final = 16 * 1024
"""A browser's request that brings the answer to a sign-in. Authorization codes have some hundred bytes."""


# -- names, paths and URIs -----------------------------------------------------------------------
#
# The length of names is `MAX_NAME_CHARS` in `_util.names`, which is below this package.

MAX_PATH_CHARS: Final = 4096
"""Characters of a notebook's path, as Linux limits them."""

MAX_URI_CHARS: Final = 2048
"""The length of a URL, of a resource's URI and of a pattern for URIs, that servers and browsers accept."""


# -- files ---------------------------------------------------------------------------------------

MAX_PRIVATE_FILE_BYTES: Final = 256 * 1024
"""Bytes of a small file that Jupyter or this package wrote for its own use, such as a connection file (about
400 bytes) or the user's consents (70 KiB). A larger file is something else."""

MAX_HOST_FILE_BYTES: Final = 32 * 1024 * 1024
"""Bytes of a file of servers. Such a list has a few KiB, but some hosts keep their history and all their
state in the same file, which takes a few MiB."""

MAX_CASSETTE_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a recording. A run with a few plots has one or two MiB; a larger file does not belong in a
repository."""


# -- lists, schemas and sessions -----------------------------------------------------------------

MAX_PAGES: Final = 1000
"""Pages that are read of one list: a server's cursors may never end."""

MAX_TOOLS: Final = 10_000
"""Tools of one server whose schemas and annotations a client keeps."""

MAX_COMPLETIONS: Final = 100
"""Values in one result (spec, server/utilities/completion)."""

MAX_SCHEMA_PARTS: Final = 5_000
"""Objects and arrays in one schema. The largest schemas of real tools have some hundreds."""

MAX_SCHEMA_DEPTH: Final = 64
"""Levels of objects and arrays within each other in one schema, because checking recurses."""

MAX_PROBLEMS: Final = 5
"""Problems of one value that a message names: enough to correct a call, short enough to read."""

MAX_SESSIONS: Final = 512
"""Sessions of one endpoint. Each may hold a file descriptor: half of a process's usual 1,024."""

MAX_SUBSCRIPTIONS: Final = 1024
"""Resource subscriptions of one session: each is stored with its URI, and every update of a resource is
compared with all of them. Notebooks have far fewer resources."""

MAX_INPUT_REQUESTS: Final = 64
"""Questions that one call may have open, which are the input requests of one round: more than a user would
answer at once."""

MAX_OPEN_QUESTIONS: Final = 8
"""Questions that one user is asked at the same time. More would only fill the notebook."""
