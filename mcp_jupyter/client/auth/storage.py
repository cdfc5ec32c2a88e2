# SPDX-License-Identifier: BSD-3-Clause
"""Where registrations and tokens are kept between requests, and between sessions.

Owns two stores, in memory and in private files. Knows nothing of how a token is had.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import anyio.to_thread

from ..._util.private_files import make_private_directory, read_private, write_private
from ...errors import AuthorizationFailed
from .metadata import ClientInformation, Tokens

__all__ = ["FileStorage", "MemoryStorage", "Storage"]

MAX_FILE_BYTES: Final = 1 << 18
"""A record is a few KiB."""


class Storage(Protocol):
    """Keeps registrations by the issuer they belong to, and tokens by the server they are for."""

    async def get_client(self, issuer: str) -> ClientInformation | None:
        """The registration with an authorization server."""

    async def set_client(self, issuer: str, client: ClientInformation | None) -> None:
        """Keep a registration, or forget it."""

    async def get_tokens(self, server_url: str) -> Tokens | None:
        """The tokens for a server."""

    async def set_tokens(self, server_url: str, tokens: Tokens | None) -> None:
        """Keep tokens, or forget them."""


class MemoryStorage:
    """Keeps everything until the process ends."""

    def __init__(self) -> None:
        self._clients: dict[str, ClientInformation | None] = {}
        self._tokens: dict[str, Tokens | None] = {}

    async def get_client(self, issuer: str) -> ClientInformation | None:
        return self._clients.get(issuer)

    async def set_client(self, issuer: str, client: ClientInformation | None) -> None:
        self._clients[issuer] = client

    async def get_tokens(self, server_url: str) -> Tokens | None:
        return self._tokens.get(server_url)

    async def set_tokens(self, server_url: str, tokens: Tokens | None) -> None:
        self._tokens[server_url] = tokens


class FileStorage:
    """Keeps each record in a file of its own, which only this user can read.

    Parameters
    ----------
    directory : path
        Made with mode 0700 when it is missing. Keep it out of what is shared or committed.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    async def get_client(self, issuer: str) -> ClientInformation | None:
        data = await self._read("client", issuer)
        return None if data is None else _made(ClientInformation.from_dict, data)

    async def set_client(self, issuer: str, client: ClientInformation | None) -> None:
        await self._write("client", issuer, None if client is None else client.to_dict())

    async def get_tokens(self, server_url: str) -> Tokens | None:
        data = await self._read("tokens", server_url)
        return None if data is None else _made(Tokens.from_dict, data)

    async def set_tokens(self, server_url: str, tokens: Tokens | None) -> None:
        await self._write("tokens", server_url, None if tokens is None else tokens.to_dict())

    def _path(self, kind: str, key: str) -> Path:
        return self._directory / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    async def _read(self, kind: str, key: str) -> Mapping[str, Any] | None:
        return await anyio.to_thread.run_sync(_load, self._path(kind, key), key)

    async def _write(self, kind: str, key: str, record: Mapping[str, Any] | None) -> None:
        await anyio.to_thread.run_sync(_save, self._path(kind, key), key, record)


def _made(make: Any, data: Mapping[str, Any]) -> Any:
    try:
        return make(data)
    except (KeyError, TypeError, ValueError):
        return None  # of another version: a new sign-in writes it anew


def _load(path: Path, key: str) -> Mapping[str, Any] | None:
    try:
        content = json.loads(read_private(path, MAX_FILE_BYTES))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise AuthorizationFailed(f"{path} cannot be read: {exc.strerror}. Remove it.") from None
    except ValueError:
        return None
    record = content.get("record") if isinstance(content, dict) and content.get("key") == key else None
    return record if isinstance(record, dict) else None


def _save(path: Path, key: str, record: Mapping[str, Any] | None) -> None:
    try:
        if record is None:
            path.unlink(missing_ok=True)
            return
        make_private_directory(path.parent)
        write_private(path, json.dumps({"key": key, "record": record}).encode())
    except OSError as exc:
        raise AuthorizationFailed(f"{path} cannot be written: {exc.strerror}.") from None
