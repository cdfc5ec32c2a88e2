# SPDX-License-Identifier: BSD-3-Clause
"""The file that tokens are kept in: who may have written it, and that no write is ever half done.

Shared by every Jupyter Server and command line of one user: a lock keeps writers apart, an atomic
replace keeps readers from seeing half a file, and each look at a token asks first whether the file
changed, so what one process revokes the others refuse at their next request. The rules about tokens
themselves are in `tokens`.

Not in the configuration directory: people commit that one.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import McpJupyterError
from .tokens import Token, TokenRefused, authenticate, mint, split

__all__ = ["TokenFileError", "TokenStore", "UnknownToken", "default_path"]

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""Thousands of tokens; a larger file is not one of ours."""

MAX_TOKENS: Final = 1000
"""Each is read at every change of the file."""

KEEP_ENDED: Final = timedelta(days=30)
"""For so long a list still shows that a token was revoked or expired."""

LOCK_SECONDS: Final = 5.0
"""Writing takes milliseconds: a lock held longer than this is held by a process that hangs."""

LOCK_POLL_SECONDS: Final = 0.01

LAST_USED_EVERY: Final = timedelta(minutes=1)
"""How exact "last used" is: a busy client must not mean a busy disk."""

_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)


class TokenFileError(McpJupyterError):
    """The token file cannot be used; the message names it and says why, and what to do."""


class UnknownToken(McpJupyterError):
    """There is no token with that id."""


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    tokens: list[Token]


def default_path() -> Path:
    """Where the tokens of this user are."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "tokens.json"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TokenStore:
    """The tokens of one user.

    `verify`, `get` and `tokens` are quick and may be called on an event loop; `create`, `revoke`, `move` and
    `save_last_used` wait for the lock, so a server calls them on a worker thread.

    Parameters
    ----------
    path : Path, optional
        The file; `default_path` when left out. It need not exist.
    clock : callable, optional
        The time, aware of its zone.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], datetime] = _utc_now) -> None:
        self.path = path or default_path()
        self._clock = clock
        self._tokens: Mapping[str, Token] = {}
        self._seen: tuple[int, ...] | None = None  # identity of the file as it was read; None: not there
        self._writing = threading.Lock()
        self._used: dict[str, datetime] = {}

    def now(self) -> datetime:
        """The time by which tokens expire."""
        return self._clock()

    # -- looking ---------------------------------------------------------------------------------

    def tokens(self) -> list[Token]:
        """All tokens, those lately revoked or expired too, oldest first.

        Raises
        ------
        TokenFileError
            The file cannot be trusted.
        """
        used = dict(self._used)
        fresh = [
            token.model_copy(update={"last_used": used[token.id]}) if token.id in used else token
            for token in self._current().values()
        ]
        return sorted(fresh, key=lambda token: token.created)

    def get(self, token_id: str) -> Token | None:
        """The token with that id, good or not.

        Raises
        ------
        TokenFileError
            The file cannot be trusted.
        """
        return self._current().get(token_id)

    def verify(self, text: str, audience: str | None = None) -> Token:
        """The token whose text this is.

        Parameters
        ----------
        audience : str, optional
            The base URL of the server that asks.

        Raises
        ------
        TokenRefused
            It is none, or no longer good.
        TokenFileError
            The file cannot be trusted, so no token is good.
        """
        parts = split(text)
        if parts is None:
            raise TokenRefused("That is not a token for MCP clients.")
        id_, secret = parts
        now = self._clock()
        token = authenticate(secret, self._current().get(id_), audience=audience, now=now)
        self._used[token.id] = now
        return token

    @property
    def version(self) -> object:
        """Differs whenever the tokens do.

        Raises
        ------
        TokenFileError
            The file cannot be trusted.
        """
        self._current()
        return self._seen

    def _current(self) -> Mapping[str, Token]:
        seen = _identity(self.path)
        if seen != self._seen:
            self._tokens = {} if seen is None else _load(self.path)
            self._seen = seen
        return self._tokens

    # -- changing --------------------------------------------------------------------------------

    def create(self, **wishes: Any) -> tuple[Token, str]:
        """Make a token and keep it; parameters, returned values and errors as in `tokens.mint`.

        Raises
        ------
        TokenFileError
            The file cannot be trusted or written, or holds too many tokens.
        """
        token, text = mint(now=self._clock(), **wishes)
        with self._rewriting() as tokens:
            if len(tokens) >= MAX_TOKENS:
                raise TokenFileError(
                    f"{self.path} holds {MAX_TOKENS} tokens, which is the limit. Remove it and begin anew."
                )
            tokens[token.id] = token
        return token, text

    def revoke(self, token_id: str) -> Token:
        """End a token's life for good. Revoking it again changes nothing.

        Raises
        ------
        UnknownToken
            There is none with that id.
        TokenFileError
            The file cannot be trusted or written.
        """
        with self._rewriting() as tokens:
            token = tokens.get(token_id)
            if token is None:
                raise UnknownToken("There is no token with that id.")
            if token.revoked is None:
                token = tokens[token_id] = token.model_copy(update={"revoked": self._clock()})
        return token

    def move(self, old: str, new: str) -> list[Token]:
        """Let tokens of the notebooks at or below one path open them at another.

        Parameters
        ----------
        old, new : str
            Real paths.

        Returns
        -------
        list of Token
            Those that were changed, as they are now.

        Raises
        ------
        TokenFileError
            The file cannot be trusted or written.
        """
        if all(token.moved(old, new) is token for token in self._current().values()):
            return []
        with self._rewriting() as tokens:
            changed = {id_: token.moved(old, new) for id_, token in tokens.items()}
            moved = [token for id_, token in changed.items() if token is not tokens[id_]]
            tokens.update(changed)
        return moved

    def save_last_used(self) -> None:
        """Write down when tokens were used, those of which that is not known well enough yet.

        Raises
        ------
        TokenFileError
            The file cannot be trusted or written.
        """
        used, self._used = self._used, {}
        news = {id_: when for id_, when in used.items() if _is_news(self._current().get(id_), when)}
        if not news:
            return
        with self._rewriting() as tokens:
            for id_, when in news.items():
                token = tokens.get(id_)
                if token is not None and _is_news(token, when):
                    tokens[id_] = token.model_copy(update={"last_used": when})

    @contextmanager
    def _rewriting(self) -> Iterator[dict[str, Token]]:
        """The tokens as they are now, to be changed; written back at the end of the block."""
        with self._writing, _directory_lock(self.path.parent):
            tokens = dict(_load(self.path)) if _identity(self.path) is not None else {}
            yield tokens
            now = self._clock()
            kept = [token for token in tokens.values() if _is_kept(token, now)]
            _replace(self.path, _Content(tokens=kept).model_dump_json().encode())


def _is_news(token: Token | None, when: datetime) -> bool:
    return token is not None and (token.last_used is None or when - token.last_used >= LAST_USED_EVERY)


def _is_kept(token: Token, now: datetime) -> bool:
    ended = token.ended(now)
    return ended is None or now - ended < KEEP_ENDED


# -- the file --------------------------------------------------------------------------------------


def _identity(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file does, or who may use its directory; None when there is no file."""
    try:
        status, directory = path.lstat(), path.parent.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise TokenFileError(f"{path} cannot be read: {exc.strerror}.") from None
    file = status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return *file, directory.st_ino, directory.st_mode, directory.st_uid


def _load(path: Path) -> dict[str, Token]:
    """Read the file, once it is certain that nobody else can have written or read it."""
    try:
        _check_private(path.parent, path.parent.lstat(), "directory")
        # O_NONBLOCK: a named pipe in its place must not make us wait.
        with open(os.open(path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK), "rb") as file:
            _check_private(path, os.fstat(file.fileno()), "file")
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        reason = "it is a symbolic link" if path.is_symlink() else exc.strerror
        raise TokenFileError(f"{path} cannot be read: {reason}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise TokenFileError(f"{path} is larger than {MAX_FILE_BYTES} bytes: that is no token file.")
    try:
        content = _Content.model_validate_json(data)
    except ValidationError as exc:
        # Without the input: it may hold what is not for logs.
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TokenFileError(
            f"{path} is damaged or was written by another version ({where or 'content'}: {first['msg']}). "
            "Remove it and make new tokens."
        ) from None
    return {token.id: token for token in content.tokens}


def _check_private(path: Path, status: os.stat_result, kind: Literal["file", "directory"]) -> None:
    is_right = stat.S_ISREG if kind == "file" else stat.S_ISDIR
    if not is_right(status.st_mode):
        raise TokenFileError(f"{path} is not a plain {kind}. Remove it.")
    if sys.platform == "win32":  # owners and modes do not mean there what they mean here
        return
    if status.st_uid != os.geteuid():
        raise TokenFileError(f"{path} belongs to another user. Remove it.")
    if status.st_mode & _OTHERS_MAY:
        wanted = "600" if kind == "file" else "700"
        raise TokenFileError(
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):o}). "
            f"Look at what it holds, then: chmod {wanted} '{path}'"
        )


def _replace(path: Path, data: bytes) -> None:
    """Put a new file in the place of the old one. Call it with the lock held."""
    from jupyter_core.paths import secure_write

    new = path.with_name(path.name + ".new")
    try:
        # Whatever a killed process left behind is removed by secure_write itself.
        with secure_write(str(new), binary=True) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as exc:
        raise TokenFileError(f"{path} cannot be written: {exc}.") from None


@contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    """Keep other processes from writing in `directory`, which is made if need be."""
    try:
        if not directory.exists():
            directory.parent.mkdir(parents=True, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
        _check_private(directory, directory.lstat(), "directory")
        descriptor = os.open(directory / "tokens.lock", os.O_RDWR | os.O_CREAT | _NOFOLLOW, 0o600)
    except OSError as exc:
        raise TokenFileError(f"{directory} cannot be written: {exc.strerror}.") from None
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise TokenFileError(f"Another process holds the lock on {directory}; try again.")
            time.sleep(LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)  # which gives the lock back


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
