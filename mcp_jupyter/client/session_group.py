# SPDX-License-Identifier: BSD-3-Clause
"""Raise an error with a hint for the SDK's `ClientSessionGroup`, which is not part of this package."""

from .._util.absent import absent

__all__ = ()

_ONE_EACH = "Open one mcp_jupyter.Client for each server."

__getattr__ = absent(__name__, {"ClientSessionGroup": _ONE_EACH})
