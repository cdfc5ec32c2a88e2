# SPDX-License-Identifier: BSD-3-Clause
"""The first-generation SDK's parts of a Streamable HTTP server, which are not here."""

from .._absent import OVER_HTTP, absent

__all__ = ()

_REPLAY = "Every server keeps the events of its streams for clients that resume them. Leave event_store= out."

__getattr__ = absent(
    __name__,
    {
        "EventCallback": _REPLAY,
        "EventId": _REPLAY,
        "EventMessage": _REPLAY,
        "EventStore": _REPLAY,
        "StreamId": _REPLAY,
        "StreamableHTTPServerTransport": OVER_HTTP,
    },
)
