# SPDX-License-Identifier: BSD-3-Clause
"""HTTP+SSE as a part of an ASGI application, which mcp_jupyter does not offer."""

from .._util.absent import OVER_HTTP, absent

__all__ = ()

__getattr__ = absent(__name__, {"SseServerTransport": OVER_HTTP})
