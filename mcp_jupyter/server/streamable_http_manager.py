# SPDX-License-Identifier: BSD-3-Clause
"""Placeholder for the first SDK's Streamable HTTP for ASGI: its name says what to use instead."""

from .._util.absent import OVER_HTTP, absent

__all__ = ()

__getattr__ = absent(__name__, {"StreamableHTTPSessionManager": OVER_HTTP})
