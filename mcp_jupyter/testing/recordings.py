# SPDX-License-Identifier: BSD-3-Clause
"""The recordings of one test, in the cassette of its module. Knows no fixture and opens no connection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..client.cassettes import Cassette, Mode, Track, cassette_path, mode_from_environment
from ..client.cassettes.cassette import VARIABLE
from ..errors import ConfigError

__all__ = ["Recordings", "mode_of_tests"]


def mode_of_tests() -> Mode:
    """What MCP_JUPYTER_CASSETTES says; "replay" when it is not set, for a test calls nobody unawares.

    Raises
    ------
    ConfigError
        It says something else.
    """
    return mode_from_environment() if os.environ.get(VARIABLE, "").strip() else "replay"


class Recordings:
    """What one test calls: replayed, or recorded.

    Parameters
    ----------
    module : Path
        The test's file; the cassette lies beside it.
    test : str
        The test's name in the module: two tests that name a server alike have each their own recording.
    """

    def __init__(self, module: Path, test: str) -> None:
        self._path = cassette_path(module)
        self._test = test
        self._cassettes: dict[tuple[tuple[str, ...], tuple[str, ...]], Cassette] = {}
        self._names: set[str] = set()

    def track(self, name: str, redact: Sequence[str] = (), no_redact: Sequence[str] = ()) -> Track:
        """The track of a server.

        Parameters
        ----------
        redact : sequence of str
            Regular expressions of what must not be written.
        no_redact : sequence of str
            Names of parameters that are written although they are called like a secret.

        Raises
        ------
        CassetteError
            There is no recording, or it cannot be used.
        ConfigError
            The mode is none, a pattern cannot be used, or the test has a server of that name already.
        """
        if name in self._names:
            raise ConfigError(f"{self._test} has a server {name!r} already: give this one another name.")
        key = tuple(redact), tuple(no_redact)
        if key not in self._cassettes:
            self._cassettes[key] = Cassette.open(
                self._path, mode_of_tests(), redact=redact, no_redact=no_redact
            )
        track = self._cassettes[key].track(f"{self._test}::{name}")
        self._names.add(name)
        return track
