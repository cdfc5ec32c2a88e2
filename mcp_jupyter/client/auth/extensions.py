# SPDX-License-Identifier: BSD-3-Clause
"""The first-generation SDK's providers for clients without a user, which are not here."""

from ..._util.absent import PAGE

__all__ = ()

raise ImportError(
    "mcp_jupyter.client.auth has ClientCredentials (by secret or private key) and Assertion in their "
    f"place; each names the issuer that its secret is for. {PAGE}",
    name=__name__,
)
