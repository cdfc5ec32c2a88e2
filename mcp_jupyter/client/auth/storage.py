# SPDX-License-Identifier: BSD-3-Clause
"""Keep registrations and tokens between requests and between sessions: in memory, or in private files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio.to_thread
from pydantic import BaseModel

from ..._util.private_files import PrivateJsonFile
from ...errors import AuthorizationFailed
from ...protocol.limits import MAX_PRIVATE_FILE_BYTES
from .metadata import ClientInformation, Tokens

__all__ = ["FileStorage", "MemoryStorage", "Storage"]

T = TypeVar("T")


class Storage(Protocol):
    """Keeps registrations by the issuer they belong to, and tokens by the server they are for."""

    async def get_client(self, issuer: str) -> ClientInformation | None:
        """Return the registration with an authorization server; None if there is none."""

    async def set_client(self, issuer: str, client: ClientInformation | None) -> None:
        """Keep a registration; None removes it."""

    async def get_tokens(self, server_url: str) -> Tokens | None:
        """Return the tokens for a server; None if there are none."""

    async def set_tokens(self, server_url: str, tokens: Tokens | None) -> None:
        """Keep tokens; None removes them."""


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


class _Content(BaseModel):
    """What a file holds: the record, and the key whose digest is the file's name."""

    key: str
    record: dict[str, Any]


class FileStorage:
    """Keeps each record in a file of its own, which only this user can read.

    Parameters
    ----------
    directory : path
        Created with mode 0700 if it is missing. Keep it out of folders that are shared or committed.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    async def get_client(self, issuer: str) -> ClientInformation | None:
        return await self._read("client", issuer, ClientInformation.from_dict)

    async def set_client(self, issuer: str, client: ClientInformation | None) -> None:
        await self._write("client", issuer, None if client is None else client.to_dict())

    async def get_tokens(self, server_url: str) -> Tokens | None:
        return await self._read("tokens", server_url, Tokens.from_dict)

    async def set_tokens(self, server_url: str, tokens: Tokens | None) -> None:
        await self._write("tokens", server_url, None if tokens is None else tokens.to_dict())

    def _file(self, kind: str, key: str) -> PrivateJsonFile[_Content]:
        path = self._directory / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
        return PrivateJsonFile(path, _Content, MAX_PRIVATE_FILE_BYTES, AuthorizationFailed, is_renewable=True)

    async def _read(self, kind: str, key: str, made: Callable[[Mapping[str, Any]], T]) -> T | None:
        content = await anyio.to_thread.run_sync(self._file(kind, key).read)
        if content is None or content.key != key:
            return None
        try:
            return made(content.record)
        except (KeyError, TypeError, ValueError):
            return None  # written by another version: the next sign-in replaces it

    async def _write(self, kind: str, key: str, record: dict[str, Any] | None) -> None:
        file = self._file(kind, key)
        if record is None:
            await anyio.to_thread.run_sync(file.remove)
        else:
            await anyio.to_thread.run_sync(file.write, _Content(key=key, record=record))
