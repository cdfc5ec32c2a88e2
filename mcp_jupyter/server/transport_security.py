# SPDX-License-Identifier: BSD-3-Clause
"""Placeholder for the first SDK's settings against DNS rebinding, which this server always prevents."""

from .._util.absent import absent

__all__ = ()

_ALWAYS = (
    "A server of mcp_jupyter always refuses requests that do not name the host it listens on, and pages of "
    "another origin. Leave transport_security= out."
)

__getattr__ = absent(__name__, {"TransportSecuritySettings": _ALWAYS})
