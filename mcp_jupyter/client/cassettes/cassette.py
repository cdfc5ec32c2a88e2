# SPDX-License-Identifier: BSD-3-Clause
"""A cassette: one file beside a notebook, with a track for each server the notebook calls.

Owns the mode, when the file is written, and whose recording stands when two write it. What is recorded and
how it is played is `recorder`'s and `replayer`'s.

All of it belongs to one thread: that of the event loop whose clients are given its tracks. What two processes
record of different servers is merged in the file; of the same server the last one to write stands.
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
from ..callbacks import malformed
from ..connect import Opened, SessionFactory
from ..session import ClientSession
from .compare import key_of, plain
from .recorder import Recorder
from .recording import MAX_SERVERS, Interaction, Opening, Recording, parse, render
from .redaction import Redactor
from .replayer import NoServer, Replayer

__all__ = [
    "MAX_FILE_BYTES",
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
"""From the first call that is not saved yet to the next writing: what a crash may cost."""

REST_PER_SAVE: Final = 20
"""Times as long as a writing took nothing is written: a long recording must not keep its loop busy."""

MAX_ALIAS_CHARS: Final = 200
"""Characters of a server's name, which is a key of the file."""


def mode_from_environment() -> Mode:
    """What MCP_JUPYTER_CASSETTES says; "off" when it is not set.

    Raises
    ------
    ConfigError
        It says something else.
    """
    said = os.environ.get(VARIABLE, "").strip().lower()
    for mode in get_args(Mode):
        if said == mode or (not said and mode == "off"):
            return mode  # type: ignore[no-any-return]
    raise ConfigError(f"{VARIABLE} must be record, replay or off, not {safe_line(said)!r}.")


def cassette_path(notebook_path: Path) -> Path:
    """Where a notebook's cassette is: `analysis.cassette.json` beside `analysis.ipynb`."""
    return notebook_path.with_name(f"{notebook_path.stem}.cassette.json")


class Cassette:
    """All recordings of one notebook. Make it with `open`.

    Parameters
    ----------
    file : CassetteFile
    mode : {"off", "record", "replay"}
    redactor : Redactor

    Attributes
    ----------
    is_saved : bool
        Whether all that was recorded is in the file.
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
            "record" begins with what is there: a server's recording is replaced once that server has
            answered anew, and those of other servers stay. "replay" changes nothing.
        secrets : iterable of str
            Never written, in any of their usual encodings. What the client knows (headers, variables for a
            command, tokens) need not be repeated here, unless it is short and looks like a word.
        redact : iterable of str
            Regular expressions of more that is never written.
        no_redact : iterable of str
            Names of parameters that are written although they are called like a secret (`tokens`).

        Raises
        ------
        CassetteError
            There is no such file to replay, or what is there is no cassette.
        ConfigError
            The mode is none, or a pattern cannot be used.
        """
        if mode not in get_args(Mode):
            raise ConfigError(f"A cassette's mode must be record, replay or off, not {mode!r}.")
        return cls(CassetteFile(Path(path)), mode, Redactor(secrets, redact, no_redact))

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    @property
    def recordings(self) -> dict[str, Recording]:
        """What there is of each server, by alias."""
        mine = {alias: recorder.recording for alias, recorder in self._recorders.items()}
        return self._there | {alias: recording for alias, recording in mine.items() if recording.interactions}

    @property
    def is_current(self) -> bool:
        """Whether the file is still what was read, or written, here."""
        return not self._file.is_changed

    def track(self, alias: str, place: str | None = None) -> Track:
        """The part for one server, to be given to ``Client(cassette=...)``.

        A server that is connected a second time goes on where it was: its calls are recorded after those of
        before, and played from there.

        Parameters
        ----------
        place : str, optional
            Where in a notebook it is connected: connected there again, it is recorded, or played, anew.

        Raises
        ------
        CassetteError
            To be replayed, and there is no recording of such a server.
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
        """Write what was recorded here. Of servers that were not, what another process wrote stays.

        Clients that record see to it themselves: soon after each call, and when they close.

        Raises
        ------
        CassetteError
            It cannot be written.
        """
        if self.mode == "record":
            with self._file.writing(), FileLock(self.path):
                self._save()

    async def save_async(self) -> None:
        """Do as `save` does, for code on an event loop: other tasks run while another process writes."""
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
            raise CassetteError(
                f"There is no recording {self._file.shown}. Record it with {VARIABLE}=record."
            )
        self._there = {} if content is None else parse(content, self._file.shown)

    def record(
        self, alias: str, opening: Opening, kept: Callable[[], None], place: str | None = None
    ) -> Recorder:
        """Begin to record a server anew; what there is of it stays until the first call is answered.

        Parameters
        ----------
        kept : function
            Called whenever there is something to be saved.
        place : str, optional
            See `track`.
        """
        known = self._recorders.get(alias)
        if known is not None:
            known.go_on(opening, kept, place)
            return known
        before = self.recordings.get(alias)
        if before is not None:
            self._there[alias] = before  # until the new one has something to show
        made = self._recorders[alias] = Recorder(alias, opening, before, self.redactor, kept, place)
        return made

    def replayer(self, alias: str, place: str | None = None) -> Replayer:
        """What plays a server: the one that has played it already, unless `place` connects it again."""
        made, places = self._replayers.get(alias, (None, set()))
        if made is None or place in places:
            made, places = Replayer(alias, self._there[alias], self.redactor), set()
            self._replayers[alias] = made, places
        if place is not None:
            places.add(place)
        return made


class Track:
    """One server in a cassette. From `Cassette.track`; a client has it to itself.

    Attributes
    ----------
    alias : str
        The server's name.
    drift : list of str
        While recording: how the tools differ from those recorded before.
    """

    def __init__(self, cassette: Cassette, alias: str, place: str | None = None) -> None:
        self.alias = alias
        self._place = place
        self._cassette = cassette
        self._recorder: Recorder | None = None

    @property
    def mode(self) -> Mode:
        """The cassette's."""
        return self._cassette.mode

    @property
    def drift(self) -> list[str]:
        return [] if self._recorder is None else list(self._recorder.drift)

    @property
    def recording(self) -> Recording | None:
        """What there is of this server."""
        return self._cassette.recordings.get(self.alias)

    def keep_secret(self, text: str) -> None:
        """Leave `text` out of what is written from now on, also where it stands already."""
        if self._recorder is None:
            self._cassette.redactor.keep(text)
        else:
            self._recorder.keep_secret(text)

    @asynccontextmanager
    async def connected(self, connect: _Connect, new_session: SessionFactory) -> AsyncIterator[Opened]:
        """A session that is recorded, or one that is played: what `Client` opens in place of its own.

        Parameters
        ----------
        connect : callable
            Opens the real one. Not called for a replay.
        new_session : callable
            Makes a session of a pair.
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
    """Writes a cassette while it grows: soon, but not for each call. A task of the client's that records."""

    def __init__(self, cassette: Cassette) -> None:
        self._wanted = anyio.Event()
        self._cassette = cassette

    def want(self) -> None:
        """Have it saved soon."""
        self._cassette.is_saved = False
        self._wanted.set()

    async def finish(self) -> None:
        """Save what is not saved yet, also what could not be saved before."""
        if not self._cassette.is_saved:
            await self._save()

    async def run(self) -> None:
        """Save whenever something was recorded, until cancelled."""
        rest = SAVE_SECONDS
        while True:
            await self._wanted.wait()
            await anyio.sleep(rest)
            self._wanted = anyio.Event()
            began = time.monotonic()
            await self._save()
            rest = max(SAVE_SECONDS, REST_PER_SAVE * (time.monotonic() - began))

    async def _save(self) -> None:
        """Save now; calls go on when that fails, and what was wrong is logged."""
        try:
            await self._cassette.save_async()
        except CassetteError as exc:
            log.warning("The recording is not saved: %s", exc)


# -- pruning -------------------------------------------------------------------------------------


def pruned(
    recordings: Mapping[str, Recording], servers: Collection[str]
) -> tuple[dict[str, Recording], list[str]]:
    """Remove recordings and repeated calls.

    Parameters
    ----------
    servers : collection of str
        Aliases of the servers whose recordings go altogether. Of the others those calls go that a replay does
        not need: the last calls with the same params, if the one before has the same result, which is then
        repeated.

    Returns
    -------
    recordings : dict
        What remains.
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
# A cassette on disk: read within bounds, replaced whole, for its owner's eyes only.
#
# Owns what makes a file unfit to be read or replaced, and when another process has changed it. Does not know
# what is in it.

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""A run with a few plots has one or two MiB; more than this no repository should hold."""

_State = tuple[int, int, int]


class CassetteFile:
    """A path, and what was last seen there.

    Parameters
    ----------
    path : Path
        Its folder must exist.

    Attributes
    ----------
    shown : str
        What messages call it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = safe_line(os.fspath(path), MAX_MESSAGE_CHARS)
        self._seen: _State | None = None

    @property
    def is_changed(self) -> bool:
        """Whether somebody else has written it since it was last read or written here."""
        try:
            return _state(self.path.lstat()) != self._seen
        except FileNotFoundError:
            return self._seen is not None
        except (OSError, ValueError):
            return True

    def read(self) -> bytes | None:
        """Its contents; None when there is no such file.

        Raises
        ------
        CassetteError
            It cannot be read, is a link or not a plain file, or has more than `MAX_FILE_BYTES`.
        """
        try:
            content, status = read_plain(self.path, MAX_FILE_BYTES)
        except FileNotFoundError:
            self._seen = None
            return None
        except (OSError, ValueError) as exc:
            raise CassetteError(f"{self.shown} is not read: {_why(exc)}.") from None
        self._seen = _state(status)
        return content

    def check_writable(self) -> None:
        """Refuse what would be written for nothing.

        Raises
        ------
        CassetteError
            There is no such folder, or the file is marked as not to be written. To replace it takes no right
            to write it, but whoever marked it meant that.
        """
        if not self.path.parent.is_dir():
            raise CassetteError(f"{self.shown} cannot be written: there is no such folder.")
        with suppress(OSError, ValueError):
            if not self.path.lstat().st_mode & stat.S_IWUSR:
                raise CassetteError(
                    f"{self.shown} is read-only: nothing is recorded in it. Make it writable, or replay it."
                )

    def write(self, content: bytes) -> None:
        """Put `content` in its place, at once or not at all, with mode 0600.

        Raises
        ------
        CassetteError
            It cannot be written, or is a link or not a plain file.
        """
        self.check_writable()
        if len(content) > MAX_FILE_BYTES:
            raise CassetteError(
                f"{self.shown} would have more than {MAX_FILE_BYTES} bytes; it is not written."
            )
        with self.writing():
            self._seen = _state(replace_file(self.path, content))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise `CassetteError` for what keeps the file from being locked or written in the body."""
        try:
            yield
        except (OSError, ValueError) as exc:
            raise CassetteError(f"{self.shown} is not written: {_why(exc)}.") from None


def _state(status: os.stat_result) -> _State:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
