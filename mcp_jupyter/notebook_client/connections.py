# SPDX-License-Identifier: BSD-3-Clause
"""The connected servers of one notebook, by their names in it.

It keeps the name of each server, the thread that the servers share, and the open cassettes. Main thread only,
except that cassettes are used on the connections' thread.

Most notebooks that load the extension connect to nothing, so the modules for a connection are imported by
the first one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

from .. import errors
from ..errors import CassetteError

if TYPE_CHECKING:
    import httpx2

    from ..client.cassettes import Cassette, Mode, Track
    from ..client.config.targets import Target
    from .client_thread import ClientThread
    from .connected_server import ConnectedServer, PostToMain, View

__all__ = [
    "HOW_TO_RECORD",
    "ConnectOptions",
    "Connections",
    "Recording",
    "notebook_being_run",
]


OPEN_SECONDS: Final = 60.0
"""Seconds. `npx` and `uvx` may have to download a server first."""

SIGN_IN_SECONDS: Final = 330.0
"""Seconds: five minutes for the user to sign in, and 30 s to open the connection."""

SAVE_SECONDS: Final = 10.0
"""Seconds for writing recordings at the end of a cell; the largest that is allowed takes less."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether calls are recorded or replayed, and where.

    Attributes
    ----------
    mode : {"off", "record", "replay"}
    path : Path or None
        The cassette; needed unless `mode` is "off".
    redact : sequence of str
        Regular expressions of what must not be written, in addition to what is known to be secret.
    no_redact : sequence of str
        Names of parameters that are written although their names suggest a secret.
    place : str, optional
        The cell that connects. When the same cell runs again, its recording or replay starts over; the calls
        of several cells that connect one server are kept one after the other.
    """

    mode: Mode = "off"
    path: Path | None = None
    redact: Sequence[str] = ()
    no_redact: Sequence[str] = ()
    place: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """The connection that the user asked for.

    Attributes
    ----------
    target
        See `mcp_jupyter.Client`; unused on replay.
    options : mapping
        Further arguments of `Client`.
    sign_in : callable, optional
        Returns the `httpx2.Auth` of a user who signs in; takes a function that displays an object.
    sampling : function, optional
        See `LiveConnection`.
    roots : sequence of Path
    recording : Recording
    """

    target: Target | None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sign_in: Callable[[Callable[[object], None]], httpx2.Auth] | None = None
    sampling: Callable[..., Any] | None = None
    roots: Sequence[Path] = ()
    recording: Recording = field(default_factory=Recording)


class Connections:
    """The servers of one notebook.

    Parameters
    ----------
    post : callable or None
        See `PostToMain`; None in plain IPython, where nothing runs between cells.
    view : View, optional
        See `ConnectedServer`.
    """

    def __init__(self, post: PostToMain | None, view: View | None = None) -> None:
        self._post = post
        self._view = view
        self._background: ClientThread | None = None
        self._servers: dict[str, ConnectedServer] = {}
        self._targets: dict[str, Target | None] = {}
        self._cassettes: dict[tuple[Path, str, tuple[str, ...], tuple[str, ...]], Cassette] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._servers))

    def __len__(self) -> int:
        return len(self._servers)

    def __getitem__(self, alias: str) -> ConnectedServer:
        return self._servers[alias]

    def __contains__(self, alias: object) -> bool:
        return alias in self._servers

    @property
    def servers(self) -> Mapping[str, ConnectedServer]:
        """The servers by name."""
        return dict(self._servers)

    def connect(self, alias: str, wanted: ConnectOptions) -> ConnectedServer:
        """Connect a server under a name, then disconnect the server that had the name before.

        Raises
        ------
        ValueError, ConfigError, CassetteError
            The target, an option or the cassette cannot be used.
        McpError, RequestTimeout, ConnectionClosed, OSError
            The server cannot be reached.
        """
        from ..client.client import Client
        from .client_thread import ClientThread
        from .connected_server import ConnectedServer

        if self._is_taken(alias, wanted.target):
            self.disconnect(alias)
        if self._background is None:
            self._background = ClientThread()
        mode = wanted.recording.mode
        tracks: list[Track] = []

        def make_client(**callbacks: Any) -> Client:
            if mode != "off":
                tracks.append(self._cassette(wanted.recording).track(alias, wanted.recording.place))
            track = tracks[0] if tracks else None
            if mode == "replay":  # no target, no credential
                return Client(None, cassette=track, **callbacks)
            return Client(wanted.target, auth=auth, cassette=track, **wanted.options, **callbacks)

        server = ConnectedServer(
            alias,
            make_client,
            self._background,
            self._post,
            view=self._view,
            sampling=wanted.sampling,
            roots=tuple(wanted.roots),
        )
        # Made on this thread, because imports and files would hold up the connections on theirs.
        auth = wanted.sign_in(server.questions.show) if wanted.sign_in and mode != "replay" else None
        server.open(SIGN_IN_SECONDS if wanted.sign_in else OPEN_SECONDS)
        self.disconnect(alias)
        self._servers[alias], self._targets[alias] = server, wanted.target
        server.drift = tuple(tracks[0].drift) if tracks else ()
        return server

    def _is_taken(self, alias: str, target: Target | None) -> bool:
        """Return whether the name already has this same server object, which takes one client at a time."""
        return hasattr(target, "running") and self._targets.get(alias) is target

    def disconnect(self, alias: str) -> ConnectedServer | None:
        """Disconnect a server and return it; None when the name is unknown."""
        server = self._servers.pop(alias, None)
        self._targets.pop(alias, None)
        if server is not None:
            server.close()
        return server

    def close(self) -> None:
        """Disconnect all servers and end their thread."""
        for alias in list(self._servers):
            self.disconnect(alias)
        if self._background is not None:
            self._background.stop()

    def _cassette(self, recording: Recording) -> Cassette:
        from ..client.cassettes import Cassette

        if recording.path is None:
            raise CassetteError(HOW_TO_RECORD)
        redact, no_redact = tuple(recording.redact), tuple(recording.no_redact)
        key = (recording.path, recording.mode, redact, no_redact)
        known = self._cassettes.get(key)
        if known is None or (recording.mode == "replay" and not known.is_current):
            known = self._cassettes[key] = Cassette.open(
                recording.path, recording.mode, redact=redact, no_redact=no_redact
            )
        return known

    def save(self) -> None:
        """Write what is recorded and not yet saved: the kernel may be killed after a cell."""
        if self._background is None or all(cassette.is_saved for cassette in self._cassettes.values()):
            return
        with suppress(TimeoutError, errors.ConnectionClosed):  # saving is tried again, soon and at the end
            self._background.spawn(self._save, name="save recordings").result(SAVE_SECONDS)

    async def _save(self) -> None:
        for cassette in self._cassettes.values():
            if not cassette.is_saved:
                try:
                    await cassette.save_async()
                except CassetteError as exc:
                    log.warning("The recording is not saved: %s", exc)


# -- runners -------------------------------------------------------------------------------------
#
# Find the notebook's file when the program that runs it does not tell the kernel.
#
# `jupyter execute`, `jupyter nbconvert --execute` and papermill start the kernel as a child process. Their
# command line and working directory tell which notebook they run.

HOW_TO_RECORD: Final = (
    "The path of this notebook is not known here, so neither is its cassette: give %mcp_connect the option "
    "--cassette FILE, or run `pytest --nbmake --mcp-cassettes=record NOTEBOOK.ipynb` (or =replay), "
    "`jupyter execute NOTEBOOK.ipynb` or `papermill --inject-paths` with one notebook."
)

MAX_PARENTS: Final = 3
"""Parent processes to look at: on Windows a virtual environment adds a python.exe between."""

MAX_PROGRAM_WORDS: Final = 4
"""Leading words of a command line that may name the program: `python -m papermill`, `jupyter nbconvert`."""

_RUNNERS: Final = frozenset({"jupyter-execute", "jupyter-nbconvert", "nbconvert", "papermill"})

_VALUES: Final = {"--output": 1, "--parameters": 2, "--parameters_raw": 2, "-p": 2, "-r": 2}
"""How many words to skip after an option: they may be names of notebooks other than the one that is run."""


def notebook_being_run() -> Path | None:
    """Return the file of the notebook that a parent process of this kernel runs; None if unknown."""
    import psutil

    try:
        for process in psutil.Process().parents()[:MAX_PARENTS]:
            name = notebook_in(process.cmdline())
            if name is not None:
                path = Path(process.cwd(), name)
                return path if path.is_file() else None
    except psutil.Error:
        pass
    return None


def notebook_in(words: Sequence[str]) -> str | None:
    """Return the notebook that a command line runs, as written there; None for none or several."""
    programs = [PureWindowsPath(word).name.removesuffix(".exe") for word in words[:MAX_PROGRAM_WORDS]]
    found = [program for program in programs if program in _RUNNERS]
    if not found:
        return None
    notebooks = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _VALUES:
            del rest[: _VALUES[word]]
        elif word.endswith(".ipynb") and not word.startswith("-"):
            notebooks.append(word)
    is_alone = len(notebooks) == 1 or (found[0] == "papermill" and len(notebooks) == 2)  # with its output
    return notebooks[0] if is_alone else None
