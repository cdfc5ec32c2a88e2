# SPDX-License-Identifier: BSD-3-Clause
"""An assistant that calls a notebook's tools over HTTP while a test looks at the page. Asserts nothing."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import anyio

from mcp_jupyter.client import Client
from mcp_jupyter.types import Implementation, TextContent

from .conftest import Jupyter

CALL_SECONDS = 60


class Assistant:
    """A client named Claude Code; each call is a connection of its own, on a thread.

    Without a credential it makes a token for itself, named "laptop".
    """

    def __init__(self, jupyter: Jupyter, notebook: str, credential: str = "") -> None:
        self._url = f"{jupyter.url}mcp-jupyter/{notebook}"
        self._headers = {"Authorization": credential or f"Bearer {jupyter.token_for('laptop')}"}
        self._threads = ThreadPoolExecutor(4)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    def call(self, tool: str, **arguments: Any) -> Future[str]:
        """Begin a call; the future has the text of its result."""
        return self._threads.submit(anyio.run, self._call, tool, arguments)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> str:
        info = Implementation(name="Claude Code", version="2.1.0")
        with anyio.fail_after(CALL_SECONDS):
            async with Client(self._url, headers=self._headers, client_info=info) as client:
                result = await client.call_tool(tool, arguments)
        return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
