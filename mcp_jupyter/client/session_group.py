# SPDX-License-Identifier: BSD-3-Clause
"""Several servers in one object, which is not here."""

from .._util.absent import absent

__all__ = ()

_ONE_EACH = "Open one mcp_jupyter.Client for each server."

__getattr__ = absent(__name__, {"ClientSessionGroup": _ONE_EACH})
