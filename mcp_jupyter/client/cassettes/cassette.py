# SPDX-License-Identifier: BSD-3-Clause
"""A cassette: one file beside a notebook, with a track for each server that the notebook calls.

A cassette belongs to one thread: that of the event loop of the clients that use its tracks. When two
processes record different servers, the file gets both recordings; when they record the same server, the last
writer wins. `recorder` decides what is recorded, `replayer` how it is replayed.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, get_args

import anyio
from pydantic import ValidationError

from ... import types
from ..._util.private_files import FileLock, read_plain, replace_file
from ..._util.tasks import owned_tasks
from ..._util.text import MAX_MESSAGE_CHARS, join_names, safe_line
from ...engine.channel import halves
from ...errors import CassetteError, ConfigError
from ...protocol.limits import MAX_CASSETTE_BYTES
from ..callbacks import malformed
from ..connect import Opened, SessionFactory
from ..session import ClientSession
from .compare import key_of, plain
from .recorder import Recorder
from .recording import MAX_SERVERS, Interaction, Opening, Recording, parse, render
from .redaction import Redactor
from .replayer import NoServer, Replayer

__all__ = [
    "Cassette",
    "CassetteFile",
    "Mode",
    "Track",
    "cassette_path",
    "mode_from_environment",
    "pruned",
]


log = logging.getLogger(__name__)

Mode: TypeAlias = Literal["off", "record", "replay"]

_Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Opened]]

VARIABLE: Final = "MCP_JUPYTER_CASSETTES"

SAVE_SECONDS: Final = 0.5
"""Seconds from the first unsaved call to the next write, more if writing is slow: a crash may lose these."""

REST_PER_SAVE: Final = 20
"""The pause after a write, as a multiple of its duration: large files must not keep the event loop busy."""

MAX_ALIAS_CHARS: Final = 200
"""Characters of a server's name, which is a key of the file."""


def mode_from_environment() -> Mode:
    """Return the mode that MCP_JUPYTER_CASSETTES has; "off" when it is not set.

    Raises
    ------
    ConfigError
        The variable has another value.
    """
    said = os.environ.get(VARIABLE, "").strip().lower()
    for mode in get_args(Mode):
        if said == mode or (not said and mode == "off"):
            return mode  # type: ignore[no-any-return]
    raise ConfigError(f"{VARIABLE} must be record, replay or off, not {safe_line(said)!r}.")


def cassette_path(notebook_path: Path) -> Path:
    """Return the path of a notebook's cassette: `analysis.cassette.json` beside `analysis.ipynb`."""
    return notebook_path.with_name(f"{notebook_path.stem}.cassette.json")


class Cassette:
    """All recordings of one notebook. Create it with `open`.

    Parameters
    ----------
    file : CassetteFile
        The file on disk.
    mode : {"off", "record", "replay"}
        See `open`.
    redactor : Redactor
        Removes secrets from what is recorded.

    Attributes
    ----------
    is_saved : bool
        Whether the file has everything that was recorded.
    """

    def __init__(self, file: CassetteFile, mode: Mode, redactor: Redactor) -> None:
        self.mode: Mode = mode
        self.redactor = redactor
        self.is_saved = True
        self._file = file
        self._there: dict[str, Recording] = {}
        self._recorders: dict[str, Recorder] = {}
        self._replayers: dict[str, tuple[Replayer, set[str]]] = {}
        if mode == "record":
            file.check_writable()
        if mode != "off":
            self._read()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        mode: Mode,
        *,
        secrets: Iterable[str] = (),
        redact: Iterable[str] = (),
        no_redact: Iterable[str] = (),
    ) -> Self:
        """Open a cassette.

        Parameters
        ----------
        path
            See `cassette_path`.
        mode : {"off", "record", "replay"}
            "record" starts from the existing file: a server's recording is replaced when its first new call
            has a result, and those of other servers stay. "replay" does not change the file.
        secrets : iterable of str
            Texts that are never written, in any of their usual encodings. Secrets that the client knows
            (headers, variables of a command, tokens) need not be repeated here, unless they are short and
            look like a word.
        redact : iterable of str
            Regular expressions of further texts that are never written.
        no_redact : iterable of str
            Names of parameters whose values are written although the name suggests a secret (`tokens`).

        Raises
        ------
        CassetteError
            There is no such file to replay, or the file is not a cassette.
        ConfigError
            The mode or a pattern is not valid.
        """
        if mode not in get_args(Mode):
            raise ConfigError(f"A cassette's mode must be record, replay or off, not {mode!r}.")
        return cls(CassetteFile(Path(path)), mode, Redactor(secrets, redact, no_redact))

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._file.path

    @property
    def recordings(self) -> dict[str, Recording]:
        """The recording of each server, by alias; the new one once it has a call."""
        mine = {alias: recorder.recording for alias, recorder in self._recorders.items()}
        return self._there | {alias: recording for alias, recording in mine.items() if recording.interactions}

    @property
    def is_current(self) -> bool:
        """Whether the file is unchanged since this cassette last read or wrote it."""
        return not self._file.is_changed

    def track(self, alias: str, place: str | None = None) -> Track:
        """Return the track of one server, for ``Client(cassette=...)``.

        A second connection to the same server continues its track: calls are appended to the earlier ones,
        or replayed from there on.

        Parameters
        ----------
        alias : str
            The server's name, at most `MAX_ALIAS_CHARS` long.
        place : str, optional
            An id of the place in the notebook that connects. A second connection from the same place starts
            over: it replaces what that place recorded, or replays from the first call on.

        Raises
        ------
        CassetteError
            The alias is not valid, or the cassette is to be replayed and has no recording of this server.
        """
        if not alias or len(alias) > MAX_ALIAS_CHARS:
            raise CassetteError(f"A server's name in a cassette has 1 to {MAX_ALIAS_CHARS} characters.")
        if self.mode == "replay" and alias not in self._there:
            raise CassetteError(
                f"{self._file.shown} has no recording of {safe_line(alias)!r}; it has "
                f"{join_names(sorted(self._there)) or 'none at all'}. Record it with {VARIABLE}=record."
            )
        return Track(self, alias, place)

    def save(self) -> None:
        """Write the recordings made here; recordings of other servers that another process wrote are kept.

        Recording clients call this themselves, soon after each call and when they close.

        Raises
        ------
        CassetteError
            The file cannot be written.
        """
        if self.mode == "record":
            with self._file.writing(), FileLock(self.path):
                self._save()

    async def save_async(self) -> None:
        """Do the same as `save`, without blocking the event loop while another process holds the lock."""
        if self.mode == "record":
            with self._file.writing():
                async with FileLock(self.path):
                    self._save()

    def _save(self) -> None:
        if self._file.is_changed:
            self._read()
        for recorder in self._recorders.values():
            recorder.refresh()
        recordings = self.recordings
        if len(recordings) > MAX_SERVERS:
            raise CassetteError(f"{self._file.shown} would have more than {MAX_SERVERS} servers.")
        if recordings:
            self._file.write(render(recordings).encode())
        self.is_saved = True

    def _read(self) -> None:
        content = self._file.read()
        if content is None and self.mode == "replay":
            raise CassetteError(f"Recording not found: {self._file.shown}. Record it with {VARIABLE}=record.")
        self._there = {} if content is None else parse(content, self._file.shown)

    def record(
        self, alias: str, opening: Opening, kept: Callable[[], None], place: str | None = None
    ) -> Recorder:
        """Return the recorder for a connection to a server.

        The earlier recording of this server stays in the file until the new one has a call with its result.

        Parameters
        ----------
        alias : str
            The server's name.
        opening : Opening
            How the connection was opened, without secrets.
        kept : function
            Called whenever there is something to save.
        place : str, optional
            See `track`.
        """
        known = self._recorders.get(alias)
        if known is not None:
            known.go_on(opening, kept, place)
            return known
        before = self.recordings.get(alias)
        if before is not None:
            self._there[alias] = before  # until the new recording has a call
        made = self._recorders[alias] = Recorder(alias, opening, before, self.redactor, kept, place)
        return made

    def replayer(self, alias: str, place: str | None = None) -> Replayer:
        """Return the replayer of a server: the current one, or a new one when `place` connects again."""
        made, places = self._replayers.get(alias, (None, set()))
        if made is None or place in places:
            made, places = Replayer(alias, self._there[alias], self.redactor), set()
            self._replayers[alias] = made, places
        if place is not None:
            places.add(place)
        return made


class Track:
    """One server in a cassette, from `Cassette.track`. Each client needs its own.

    Attributes
    ----------
    alias : str
        The server's name.
    drift : list of str
        In a recording track, how the tools differ from those recorded before, one line each.
    """

    def __init__(self, cassette: Cassette, alias: str, place: str | None = None) -> None:
        self.alias = alias
        self._place = place
        self._cassette = cassette
        self._recorder: Recorder | None = None

    @property
    def mode(self) -> Mode:
        """The cassette's mode."""
        return self._cassette.mode

    @property
    def drift(self) -> list[str]:
        return [] if self._recorder is None else list(self._recorder.drift)

    @property
    def recording(self) -> Recording | None:
        """The recording of this server, or None."""
        return self._cassette.recordings.get(self.alias)

    def keep_secret(self, text: str) -> None:
        """Redact `text` from now on, also in what was recorded but is written later."""
        if self._recorder is None:
            self._cassette.redactor.keep(text)
        else:
            self._recorder.keep_secret(text)

    @asynccontextmanager
    async def connected(self, connect: _Connect, new_session: SessionFactory) -> AsyncIterator[Opened]:
        """Open a session that records or replays, in place of the client's own.

        Parameters
        ----------
        connect : callable
            Opens the connection to the real server. Not called for a replay.
        new_session : callable
            Makes a session from a channel pair.
        """
        opening: AbstractAsyncContextManager[Opened]
        if self.mode == "replay":
            opening = self._replayed(new_session)
        elif self.mode == "record":
            opening = self._recorded(connect)
        else:
            opening = connect()
        async with opening as opened:
            yield opened

    @asynccontextmanager
    async def _recorded(self, connect: _Connect) -> AsyncIterator[Opened]:
        cassette = self._cassette
        saver = _Saver(cassette)
        try:
            async with owned_tasks() as tasks, connect() as opened:
                version = opened.session.protocol_version
                assert version is not None, "a session that was opened has one"
                is_legacy = isinstance(opened.result, types.InitializeResult)
                method = "initialize" if is_legacy else "server/discover"
                result = cassette.redactor.value(plain(opened.result))
                opening = Opening(method, version, result, plain(opened.session.capabilities))
                self._recorder = cassette.record(self.alias, opening, saver.want, self._place)
                opened.session.intercept(self._recorder)
                tasks.start_soon(saver.run)
                yield opened
        finally:
            with anyio.CancelScope(shield=True):  # bounded by the wait for the lock
                await saver.finish()

    @asynccontextmanager
    async def _replayed(self, new_session: SessionFactory) -> AsyncIterator[Opened]:
        recording = self.recording
        assert recording is not None, "checked when the track was made"
        async with new_session(*halves(NoServer())) as session:
            replayer = self._cassette.replayer(self.alias, self._place)
            yield _opened(session, recording.opening, replayer, self.alias)


def _opened(session: ClientSession, opening: Opening, replayer: Replayer, alias: str) -> Opened:
    model = types.InitializeResult if opening.method == "initialize" else types.DiscoverResult
    try:
        result = model.from_wire(opening.result)
    except ValidationError as exc:
        raise CassetteError(malformed(f"The recorded opening of {safe_line(alias)!r} is", exc)) from None
    session.resume(result, opening.version)
    session.intercept(replayer)
    return Opened(session, result)


class _Saver:
    """Writes a growing cassette in the background, with pauses. It runs as a task of the recording client."""

    def __init__(self, cassette: Cassette) -> None:
        self._wanted = anyio.Event()
        self._cassette = cassette

    def want(self) -> None:
        """Request a save, which `run` makes soon."""
        self._cassette.is_saved = False
        self._wanted.set()

    async def finish(self) -> None:
        """Save if anything is unsaved, for instance after a failed save."""
        if not self._cassette.is_saved:
            await self._save()

    async def run(self) -> None:
        """Save whenever something was recorded, until cancelled."""
        rest = SAVE_SECONDS
        while True:
            await self._wanted.wait()
            # Calls that end during the pause share one write.
            await anyio.sleep(rest)
            self._wanted = anyio.Event()
            began = time.monotonic()
            await self._save()
            rest = max(SAVE_SECONDS, REST_PER_SAVE * (time.monotonic() - began))

    async def _save(self) -> None:
        """Save now. A failure is logged only, so that calls go on."""
        try:
            await self._cassette.save_async()
        except CassetteError as exc:
            log.warning("The recording is not saved: %s", exc)


# -- pruning -------------------------------------------------------------------------------------


def pruned(
    recordings: Mapping[str, Recording], servers: Collection[str]
) -> tuple[dict[str, Recording], list[str]]:
    """Remove whole recordings, and calls that a replay does not need.

    A replay repeats the last recorded result of calls with the same params. So the last call is not needed
    when the call before it with the same params has the same result.

    Parameters
    ----------
    recordings : mapping
        Recordings by alias; not changed.
    servers : collection of str
        Aliases of the servers whose recordings are removed.

    Returns
    -------
    recordings : dict
        The remaining recordings.
    gone : list of str
        A line for each removed recording or call.
    """
    left: dict[str, Recording] = {}
    gone: list[str] = []
    for alias, recording in recordings.items():
        if alias in servers:
            gone.append(f"{alias}: the whole recording, {len(recording.interactions)} calls")
            continue
        needed = _needed(recording.interactions)
        left[alias] = Recording(recording.opening, needed)
        kept = {id(call) for call in needed}
        gone += [
            f"{alias}: {_named(call)} again, with the same answer"
            for call in recording.interactions
            if id(call) not in kept
        ]
    return left, gone


def _needed(calls: list[Interaction]) -> list[Interaction]:
    spare: set[int] = set()
    groups: dict[str, list[Interaction]] = {}
    for call in calls:
        groups.setdefault(key_of(call.method, call.params), []).append(call)
    for group in groups.values():
        while len(group) > 1 and _said(group[-1]) == _said(group[-2]):
            spare.add(id(group.pop()))
    return [call for call in calls if id(call) not in spare]


def _said(call: Interaction) -> dict[str, Any]:
    return call.to_dict() | {"params": None}


def _named(call: Interaction) -> str:
    name = call.params.get("name", call.params.get("uri"))
    return f"{call.method} {name}" if isinstance(name, str) else call.method


# -- file ----------------------------------------------------------------------------------------
#
# A cassette on disk. It is read up to a maximum size, replaced as a whole, and readable by its owner only.

_State = tuple[int, int, int]


class CassetteFile:
    """A cassette's file, and its state when it was last read or written here.

    Parameters
    ----------
    path : Path
        The file. Its folder must exist before it is written.

    Attributes
    ----------
    shown : str
        The file's name in messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = safe_line(os.fspath(path), MAX_MESSAGE_CHARS)
        self._seen: _State | None = None

    @property
    def is_changed(self) -> bool:
        """Whether another process has written the file since it was last read or written here."""
        try:
            return _state(self.path.lstat()) != self._seen
        except FileNotFoundError:
            return self._seen is not None
        except (OSError, ValueError):
            return True

    def read(self) -> bytes | None:
        """Return the contents, or None when there is no such file.

        Raises
        ------
        CassetteError
            The file cannot be read, is a link or not a plain file, or has more than `MAX_CASSETTE_BYTES`.
        """
        try:
            content, status = read_plain(self.path, MAX_CASSETTE_BYTES)
        except FileNotFoundError:
            self._seen = None
            return None
        except (OSError, ValueError) as exc:
            raise CassetteError(f"{self.shown} is not read: {_why(exc)}.") from None
        self._seen = _state(status)
        return content

    def check_writable(self) -> None:
        """Raise if the file cannot be written, before anything is recorded.

        Raises
        ------
        CassetteError
            The folder does not exist, or the file is read-only. The system would let us replace a read-only
            file, but the user has marked it so that it stays as it is.
        """
        if not self.path.parent.is_dir():
            raise CassetteError(f"{self.shown} cannot be written: the folder does not exist.")
        with suppress(OSError, ValueError):
            if not self.path.lstat().st_mode & stat.S_IWUSR:
                raise CassetteError(
                    f"{self.shown} is read-only: nothing is recorded in it. Make it writable, or replay it."
                )

    def write(self, content: bytes) -> None:
        """Replace the file by `content` atomically, with mode 0600.

        Raises
        ------
        CassetteError
            The file cannot be written, is a link or not a plain file, or would exceed `MAX_CASSETTE_BYTES`.
        """
        self.check_writable()
        if len(content) > MAX_CASSETTE_BYTES:
            raise CassetteError(
                f"{self.shown} would have more than {MAX_CASSETTE_BYTES} bytes; it is not written."
            )
        with self.writing():
            self._seen = _state(replace_file(self.path, content))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn errors of locking or writing the file in the body into `CassetteError`."""
        try:
            yield
        except (OSError, ValueError) as exc:
            raise CassetteError(f"{self.shown} is not written: {_why(exc)}.") from None


def _state(status: os.stat_result) -> _State:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
