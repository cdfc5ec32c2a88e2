# SPDX-License-Identifier: BSD-3-Clause
"""Record the requests of a notebook's clients with their results, and replay them without the servers.

A `Cassette` is a file beside a notebook. It has a `Track` for each server that the notebook calls, which is
passed to ``Client(cassette=...)``. Requests are recorded with their params and events, not as bytes on the
wire. This package is imported only when a cassette is used.
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
