# SPDX-License-Identifier: BSD-3-Clause
"""HTTP+SSE as a part of somebody's ASGI application, which is not here."""

from .._absent import OVER_HTTP, absent

__all__ = ()

__getattr__ = absent(__name__, {"SseServerTransport": OVER_HTTP})
