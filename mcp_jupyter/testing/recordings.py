# SPDX-License-Identifier: BSD-3-Clause
"""Find or make the recordings of one test, in the cassette beside its module."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..client.cassettes import Cassette, Mode, Track, cassette_path, mode_from_environment
from ..client.cassettes.cassette import VARIABLE
from ..errors import ConfigError

__all__ = ["Recordings", "mode_of_tests"]


def mode_of_tests() -> Mode:
    """Return the mode in MCP_JUPYTER_CASSETTES, or "replay", so that no test calls a server by accident.

    Raises
    ------
    ConfigError
        The variable has another value.
    """
    return mode_from_environment() if os.environ.get(VARIABLE, "").strip() else "replay"


class Recordings:
    """The recordings of one test, for replaying or recording.

    Parameters
    ----------
    module : Path
        The test's file; the cassette is beside it.
    test : str
        The test's name in the module: two tests with the same server name have separate recordings.
    """

    def __init__(self, module: Path, test: str) -> None:
        self._path = cassette_path(module)
        self._test = test
        self._cassettes: dict[tuple[tuple[str, ...], tuple[str, ...]], Cassette] = {}
        self._names: set[str] = set()

    def track(self, name: str, redact: Sequence[str] = (), no_redact: Sequence[str] = ()) -> Track:
        """Return the track of a server: its part of the cassette.

        Parameters
        ----------
        name : str
            The server's name in this test.
        redact : sequence of str
            Regular expressions of text that must not be written.
        no_redact : sequence of str
            Names of parameters to write although they sound like a secret.

        Raises
        ------
        CassetteError
            The recording is missing or cannot be used.
        ConfigError
            The mode or a pattern is invalid, or the test already has a server of that name.
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
