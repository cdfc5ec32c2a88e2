# SPDX-License-Identifier: BSD-3-Clause
"""Record and replay of calls, at the level of meaning: what was asked and answered, and what happened then.

A `Cassette` is a file beside a notebook; each server the notebook calls is a `Track` of it, given to
``Client(cassette=...)``. Imported when one is used.
"""

from __future__ import annotations

from ...errors import CassetteError, CassetteMiss
from .cassette import Cassette, Mode, Track, cassette_path, mode_from_environment

__all__ = [
    "Cassette",
    "CassetteError",
    "CassetteMiss",
    "Mode",
    "Track",
    "cassette_path",
    "mode_from_environment",
]
