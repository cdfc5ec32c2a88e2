# SPDX-License-Identifier: BSD-3-Clause
"""Raise `ImportError` with a hint: the SDK's providers for clients without a user are not in this package."""

from ..._util.absent import PAGE

__all__ = ()

raise ImportError(
    "mcp_jupyter.client.auth has ClientCredentials (by secret or private key) and Assertion in their "
    f"place; each names the issuer that its secret is for. {PAGE}",
    name=__name__,
)
