# SPDX-License-Identifier: BSD-3-Clause
"""The models of OAuth under the first-generation SDK's names."""

from ..client.auth.provider import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

__all__ = ["OAuthClientInformationFull", "OAuthClientMetadata", "OAuthToken"]
