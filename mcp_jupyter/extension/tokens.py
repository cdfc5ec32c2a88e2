# SPDX-License-Identifier: BSD-3-Clause
"""The tokens of MCP clients: their format, their rules, and the store that keeps them in one private file.

A token's text is `mcpj_<id>_<secret>`: secret scanners find it easily, and the id finds the record without a
search. Only the SHA-256 of the secret is kept: 32 random bytes need no slow hash.

Source: RFC 6750 (bearer tokens).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from .._util.private_files import PrivateJsonFile, is_own
from ..errors import McpJupyterError
from ..ipc.names import fits_in_name
from ..protocol.limits import MAX_PATH_CHARS, MAX_URI_CHARS
from ..protocol.rights import Rights, any_matches, any_matches_uri
from ..protocol.uri_templates import UriTemplate, UriTemplateError

__all__ = [
    "DEFAULT_DAYS",
    "MAX_DAYS",
    "BoundNotebook",
    "Glob",
    "Label",
    "ServerGlob",
    "Token",
    "TokenFileError",
    "TokenRefused",
    "TokenStore",
    "UnknownToken",
    "UriGlob",
    "authenticate",
    "default_path",
    "is_glob",
    "mint",
    "moved_path",
    "split",
    "without_secrets",
]


DEFAULT_DAYS: Final = 30
"""Days. A token in a forgotten configuration file stops working within a month."""

MAX_DAYS: Final = 3650
"""Days: longer than a machine is kept. Tokens for longer are made without an expiry."""

MAX_GLOBS: Final = 64
"""Patterns of one token. Each is tried at every call, and more would amount to a list of everything."""

MAX_GLOB_CHARS: Final = 128
"""Characters, as in the longest name that a tool may have."""

MAX_LABEL_CHARS: Final = 100
"""Characters: a label must fit on one line of a list."""

_ID_BYTES: Final = 5  # 8 characters of base 32
_ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID_CHARS: Final = 8
_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(r"mcpj_([a-z2-7]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_WITHIN: Final = re.compile(r"(mcpj_[a-z2-7]{8}_)[A-Za-z0-9_-]{16,}", re.ASCII)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable text")
    return value


Label = Annotated[str, Field(max_length=MAX_LABEL_CHARS), AfterValidator(_printable)]
"""The user's name for a token."""


def _of_names(value: str) -> str:
    value = unicodedata.normalize("NFC", value)
    if not all(char in "*?/" or fits_in_name(char) for char in value):
        raise ValueError("must be the name of a notebook: letters, digits and . _ -, or * and ? for others")
    return value


ServerGlob = Annotated[str, Field(min_length=1, max_length=MAX_GLOB_CHARS), AfterValidator(_of_names)]
"""A notebook's name, with `*` for any characters and `?` for one."""

Glob = Annotated[str, Field(pattern=rf"\A[A-Za-z0-9_./*?-]{{1,{MAX_GLOB_CHARS}}}\z")]
"""A name, with `*` for any characters and `?` for one. Other wildcards are refused: names stay names."""


UriGlob = Annotated[str, Field(pattern=rf'\A[^\s\[\]"]{{1,{MAX_URI_CHARS}}}\z'), AfterValidator(_printable)]
"""The same for the URI of a resource or of a template. Brackets are refused: `fnmatch` would use them."""


class TokenRefused(McpJupyterError):
    """A text is not, or is no longer, one of our tokens. The message may be shown to its bearer."""


def is_glob(server: str) -> bool:
    """Return whether a text names notebooks by a pattern."""
    return not set(server).isdisjoint("*?")


def moved_path(path: str, old: str, new: str) -> str | None:
    """Return the new path after `old`, a file or a folder, was renamed to `new`; None if it did not move."""
    if path == old:
        return new
    return new + path[len(old) :] if path.startswith(old + os.sep) else None


def _absolute(value: str) -> str:
    if not os.path.isabs(value) or "\0" in value:
        raise ValueError("must be an absolute path")
    return value


RealPath = Annotated[str, Field(max_length=MAX_PATH_CHARS), AfterValidator(_absolute)]
"""An absolute path without symbolic links."""


class BoundNotebook(BaseModel):
    """A notebook that a token opens by its path, whatever its name.

    Attributes
    ----------
    path : str
        Its real path. It changes when the notebook is renamed in Jupyter.
    root : str or None
        The root directory of the Jupyter Server that made the token, if there was one; for display only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: RealPath
    root: RealPath | None = None

    def __str__(self) -> str:
        inside = None if self.root is None else moved_path(self.path, self.root.rstrip(os.sep), "")
        return self.path if inside is None else f"{inside.lstrip(os.sep)} (in {self.root})"

    def moved(self, old: str, new: str) -> BoundNotebook:
        """Return the same notebook after a file or a folder was renamed."""
        path = moved_path(self.path, old, new)
        return self if path is None else self.model_copy(update={"path": path})


class Token(BaseModel):
    """The record of a token: everything but the secret.

    Attributes
    ----------
    id : str
        The public part; also the key of sessions and limits.
    digest : str
        SHA-256 of the secret, in hexadecimal.
    label : str
        The name that the user gave it.
    issuer : str
        The user who made it; the token may never do more than this user.
    servers : tuple of str
        Globs of names in URLs: the token opens any notebook of such a name. Files of the first edition have
        nothing else.
    notebooks : tuple of BoundNotebook
        The notebooks that it opens whatever their names.
    tools : tuple of str
        Globs of the tools that it may call.
    resources : tuple of str
        Globs of the URIs of resources that it may read; a URI's query is ignored. Files of the first edition
        lack this field, and their tokens read all.
    prompts : tuple of str
        Globs of the prompts that it may get; missing as `resources` are.
    audience : str or None
        The base URL of the Jupyter Server that it was made for; None for any server of this user.
    created : datetime
    expires, last_used, revoked : datetime or None
    """

    # An unknown field may be a restriction by a newer version, so the file is refused.
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=rf"\A[{_ID_ALPHABET}]{{{_ID_CHARS}}}\z")
    digest: str = Field(pattern=r"\A[0-9a-f]{64}\z", repr=False)
    label: Label
    issuer: str
    servers: tuple[ServerGlob, ...] = Field(default=(), max_length=MAX_GLOBS)
    notebooks: tuple[BoundNotebook, ...] = Field(default=(), max_length=MAX_GLOBS)
    tools: tuple[Glob, ...] = Field(max_length=MAX_GLOBS)
    resources: tuple[UriGlob, ...] = Field(default=("*",), max_length=MAX_GLOBS)
    prompts: tuple[Glob, ...] = Field(default=("*",), max_length=MAX_GLOBS)
    audience: str | None = None
    created: AwareDatetime
    expires: AwareDatetime | None
    last_used: AwareDatetime | None = None
    revoked: AwareDatetime | None = None

    @model_validator(mode="after")
    def _opens_something(self) -> Self:
        if not (self.servers or self.notebooks):
            raise ValueError("a token must open a notebook")
        return self

    def opens(self, server: str, path: str | None = None) -> bool:
        """Return whether the token opens a notebook.

        Parameters
        ----------
        server : str
            The notebook's name.
        path : str, optional
            Its real path.
        """
        return any(path == bound.path for bound in self.notebooks) or any_matches(self.servers, server)

    @property
    def opened(self) -> tuple[str, ...]:
        """What it opens, for display: paths of notebooks, and names that any notebook may have."""
        by_name = (glob if is_glob(glob) else f"any notebook named {glob}" for glob in self.servers)
        return *map(str, self.notebooks), *by_name

    def moved(self, old: str, new: str) -> Token:
        """Return the same token after a file or a folder was renamed."""
        notebooks = tuple(bound.moved(old, new) for bound in self.notebooks)
        return self if notebooks == self.notebooks else self.model_copy(update={"notebooks": notebooks})

    @property
    def rights(self) -> Rights:
        """The part that a kernel needs for tools that stand for others (see `Rights`)."""
        return Rights(self.tools, self.resources)

    def uses(self, kind: Literal["tools", "resources"]) -> bool:
        """Return whether the token may use anything of a kind."""
        return bool(self.tools if kind == "tools" else self.resources)

    def may_call(self, tool: str) -> bool:
        """Return whether the token may call a tool of that name."""
        return any_matches(self.tools, tool)

    def may_get(self, prompt: str) -> bool:
        """Return whether the token may get a prompt of that name."""
        return any_matches(self.prompts, prompt)

    def may_read(self, uri: str) -> bool:
        """Return whether the token may read a resource, or every resource of a template, with any query."""
        return any_matches_uri(self.resources, uri)

    def may_read_some(self, template: str) -> bool:
        """Return whether the token may read any resource of a template.

        A pattern for one or some of these resources (`rows://2026-*` of `rows://{day}`) is itself a text that
        the template matches.
        """
        if self.may_read(template):
            return True
        parsed = _template(template)
        return parsed is not None and any(parsed.match(glob) is not None for glob in self.resources)

    def ended(self, now: datetime) -> datetime | None:
        """Return when the token was revoked or expired; None while it is valid."""
        if self.revoked is not None:
            return self.revoked
        return self.expires if self.expires is not None and self.expires <= now else None

    def refusal(self, now: datetime) -> str | None:
        """Return why the token is no longer valid, as a message for its bearer; None while it is valid."""
        if self.revoked is not None:
            return "The token has been revoked."
        return "The token has expired." if self.ended(now) is not None else None


@lru_cache(maxsize=1024)
def _template(text: str) -> UriTemplate | None:
    try:
        return UriTemplate(text)
    except UriTemplateError:
        return None


def mint(
    *,
    label: str,
    servers: Iterable[str] = (),
    notebooks: Iterable[BoundNotebook] = (),
    tools: Iterable[str] = (),
    resources: Iterable[str] = (),
    prompts: Iterable[str] = (),
    issuer: str,
    days: float | None = DEFAULT_DAYS,
    audience: str | None = None,
    now: datetime | None = None,
) -> tuple[Token, str]:
    """Make a token.

    Parameters
    ----------
    servers : iterable of str
        Names and globs: any notebook of such a name.
    notebooks : iterable of BoundNotebook
        These notebooks, whatever their names.
    tools, resources, prompts : iterable of str
        Globs; an empty one allows none of that kind.
    days : float or None
        Days for which it is valid; None for ever.

    Returns
    -------
    token, text
        The record, and the text for its bearer: the only time that the secret is available.

    Raises
    ------
    ValueError
        A glob or the label is malformed (a pydantic ValidationError).
    """
    now = now or datetime.now(UTC)
    number = int.from_bytes(secrets.token_bytes(_ID_BYTES))
    id_ = "".join(_ID_ALPHABET[number >> shift & 31] for shift in range(0, 5 * _ID_CHARS, 5))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    token = Token(
        id=id_,
        digest=_digest(secret),
        label=label,
        issuer=issuer,
        servers=tuple(servers),
        notebooks=tuple(notebooks),
        tools=tuple(tools),
        resources=tuple(resources),
        prompts=tuple(prompts),
        audience=audience,
        created=now,
        expires=None if days is None else now + timedelta(days=days),
    )
    return token, f"mcpj_{id_}_{secret}"


def split(text: str) -> tuple[str, str] | None:
    """Return the id and the secret in a token's text; None when it does not have that format."""
    match = _TEXT.fullmatch(text)
    return None if match is None else (match[1], match[2])


def without_secrets(text: str) -> str:
    """Return a text for a log, with every token in it reduced to its id."""
    return _WITHIN.sub(r"\1[secret]", text)


def authenticate(secret: str, token: Token | None, *, audience: str | None, now: datetime) -> Token:
    """Return the token if `secret` is its secret and it is valid here.

    Parameters
    ----------
    token : Token or None
        The record with the presented id, if there is one.
    audience : str or None
        The base URL of the server that checks.

    Raises
    ------
    TokenRefused
        With a wrong secret the message says only that; with the right one it says why.
    """
    # Compare in any case, so that the time does not tell whether the id exists.
    known = token.digest if token is not None else _digest("")
    if not hmac.compare_digest(_digest(secret), known) or token is None:
        raise TokenRefused("The token is not known here.")
    reason = token.refusal(now)
    if reason is None and token.audience not in (None, audience):
        reason = "The token was made for another Jupyter Server."
    if reason is not None:
        raise TokenRefused(reason)
    return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# -- store ---------------------------------------------------------------------------------------
#
# All Jupyter Servers and command lines of a user share one private JSON file. Each access checks first
# whether the file changed, so all processes refuse a token at the next request after one has revoked it.
#
# The file is not in Jupyter's configuration directory, because users commit that to repositories.

MAX_TOKEN_FILE_BYTES: Final = 4 * 1024 * 1024
"""Bytes: enough for thousands of tokens. A larger file is not ours."""

MAX_TOKENS: Final = 1000
"""Tokens in the file; all are read again whenever the file changes."""

KEEP_ENDED: Final = timedelta(days=30)
"""How long a list still shows that a token was revoked or expired."""

LAST_USED_EVERY: Final = timedelta(minutes=1)
"""The precision of "last used": a busy client must not cause constant writes."""


class TokenFileError(McpJupyterError):
    """The token file cannot be used; the message says which file, why, and what to do."""


class UnknownToken(McpJupyterError):
    """No token has that id."""


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    tokens: list[Token]


def default_path() -> Path:
    """Return the path of this user's tokens."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "mcp_jupyter" / "tokens.json"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TokenStore:
    """The tokens of one user.

    `verify`, `get` and `tokens` are quick and may be called on an event loop. `create`, `revoke`, `move` and
    `save_last_used` wait for the file's lock, so a server calls them on a worker thread.

    Parameters
    ----------
    path : Path, optional
        The file; `default_path` by default. It may be missing.
    clock : callable, optional
        Returns the time as an aware datetime.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], datetime] = _utc_now) -> None:
        self.path = path or default_path()
        remedy = f"Remove it and make new tokens; or look at what it holds, then: chmod 600 '{self.path}'"
        self._file = PrivateJsonFile(self.path, _Content, MAX_TOKEN_FILE_BYTES, TokenFileError, remedy)
        self._clock = clock
        self._tokens: Mapping[str, Token] = {}
        self._seen: tuple[int, ...] | None = None  # identity of the file at the last read; None: no file
        self._used: dict[str, datetime] = {}

    def now(self) -> datetime:
        """Return the time by which tokens expire."""
        return self._clock()

    # -- looking ---------------------------------------------------------------------------------

    def tokens(self) -> list[Token]:
        """Return all tokens, also recently revoked or expired ones, oldest first.

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
        """Return the token with that id, valid or not, or None.

        Raises
        ------
        TokenFileError
            The file cannot be trusted.
        """
        return self._current().get(token_id)

    def verify(self, text: str, audience: str | None = None) -> Token:
        """Return the token with this text, and note that it was used.

        Parameters
        ----------
        audience : str, optional
            The base URL of the server that checks.

        Raises
        ------
        TokenRefused
            The text is not a token of ours, or the token is no longer valid.
        TokenFileError
            The file cannot be trusted, so no token is accepted.
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
        """A value that differs whenever the tokens do.

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
            self._tokens = {} if seen is None else self._read()
            self._seen = seen
        return self._tokens

    # -- changing --------------------------------------------------------------------------------

    def create(self, **wishes: Any) -> tuple[Token, str]:
        """Make a token and keep it; parameters, return values and errors as in `tokens.mint`.

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
        """Revoke a token for good. Revoking it again changes nothing.

        Raises
        ------
        UnknownToken
            No token has that id.
        TokenFileError
            The file cannot be trusted or written.
        """
        with self._rewriting() as tokens:
            token = tokens.get(token_id)
            if token is None:
                raise UnknownToken("Unknown token id. `jupyter mcp token list` shows the ids.")
            if token.revoked is None:
                token = tokens[token_id] = token.model_copy(update={"revoked": self._clock()})
        return token

    def move(self, old: str, new: str) -> list[Token]:
        """Change the path of notebooks at or below `old` in all tokens that open them.

        Parameters
        ----------
        old, new : str
            Real paths.

        Returns
        -------
        list of Token
            The changed tokens, with their new paths.

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
        """Save when tokens were last used, if the saved times are older than `LAST_USED_EVERY`.

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
        """Yield the tokens for the body to change, and write them at its end, under the file's lock."""
        with self._file.locked():
            tokens = self._read()
            yield tokens
            now = self._clock()
            self._file.write(_Content(tokens=[token for token in tokens.values() if _is_kept(token, now)]))

    def _read(self) -> dict[str, Token]:
        """Read the tokens, after checking that no other user can have replaced the file."""
        _check_directory(self.path.parent)
        content = self._file.read()
        return {} if content is None else {token.id: token for token in content.tokens}


def _is_news(token: Token | None, when: datetime) -> bool:
    return token is not None and (token.last_used is None or when - token.last_used >= LAST_USED_EVERY)


def _is_kept(token: Token, now: datetime) -> bool:
    ended = token.ended(now)
    return ended is None or now - ended < KEEP_ENDED


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what changes with the file or its directory's owner and mode; None when the file is missing."""
    try:
        status, directory = path.lstat(), path.parent.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise TokenFileError(f"{path} cannot be read: {exc.strerror}.") from None
    file = status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return *file, directory.st_ino, directory.st_mode, directory.st_uid


def _check_directory(directory: Path) -> None:
    """Refuse a directory in which another user may replace files. A missing directory is fine."""
    try:
        status = directory.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        raise TokenFileError(f"{directory} is not a plain directory. Remove it.")
    if not is_own(status):
        raise TokenFileError(f"{directory} belongs to another user. Remove it.")
    if os.name == "posix" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TokenFileError(
            f"{directory} is open to other users (mode {stat.S_IMODE(status.st_mode):o}). "
            f"Look at what it holds, then: chmod 700 '{directory}'"
        )
