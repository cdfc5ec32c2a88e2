# SPDX-License-Identifier: BSD-3-Clause
"""Placeholder for the first SDK's HTTP+SSE transport for ASGI: its name says what to use instead."""

from .._util.absent import OVER_HTTP, absent

__all__ = ()

__getattr__ = absent(__name__, {"SseServerTransport": OVER_HTTP})
