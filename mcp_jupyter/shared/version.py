# SPDX-License-Identifier: BSD-3-Clause
"""The protocol versions that have `initialize`, under the first-generation SDK's names."""

from ..protocol.methods import LEGACY_VERSIONS

__all__ = ["LATEST_PROTOCOL_VERSION", "SUPPORTED_PROTOCOL_VERSIONS"]

LATEST_PROTOCOL_VERSION = LEGACY_VERSIONS[-1]
SUPPORTED_PROTOCOL_VERSIONS = list(LEGACY_VERSIONS)
