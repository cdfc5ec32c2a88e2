# SPDX-License-Identifier: BSD-3-Clause
"""The error codes of JSON-RPC 2.0 (section 5.1) and of MCP.

-32000 to -32019 were used by the legacy versions; -32020 to -32099 belong to the specification since
2026-07-28 (basic, "Error codes"). -32002 must not be sent to a modern client.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MISSING_CLIENT_CAPABILITY",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNSUPPORTED_PROTOCOL_VERSION",
    "URL_ELICITATION_REQUIRED",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

URL_ELICITATION_REQUIRED: Final = -32042
"""2025-11-25 only: the person must visit a URL first (client/elicitation)."""

RESOURCE_NOT_FOUND: Final = -32002
"""Legacy versions only; a modern client gets INVALID_PARAMS with `data.uri`."""

HEADER_MISMATCH: Final = -32020
MISSING_CLIENT_CAPABILITY: Final = -32021
UNSUPPORTED_PROTOCOL_VERSION: Final = -32022
