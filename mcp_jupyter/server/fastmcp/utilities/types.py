# SPDX-License-Identifier: BSD-3-Clause
"""Pictures and sounds that a tool returns."""

from ...content import Audio, Image

__all__ = ["Audio", "Image"]
