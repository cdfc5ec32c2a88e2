# SPDX-License-Identifier: BSD-3-Clause
"""Tokens that name a notebook by its path: what they open, and what ends when it is renamed."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from mcp_jupyter.extension.renames import RenameFollower
from mcp_jupyter.extension.tokens import BoundNotebook
from mcp_jupyter.ipc.owner_link import tell_moved
from tests.conftest import JupyterDirs

from .support import OTHER_KERNEL_ID, Served, initialize, legacy, modern, open_client, serve_notebook

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10.0


@pytest.fixture
def folder(jupyter_dirs: JupyterDirs) -> str:
    return os.path.realpath(jupyter_dirs.notebooks)


@pytest.fixture
def private(folder: str) -> str:
    return os.path.join(folder, "private", "z.ipynb")


@pytest.fixture
def public(folder: str) -> str:
    return os.path.join(folder, "public", "z.ipynb")


@pytest.fixture
def token(served: Served, private: str) -> str:
    """A token of private/z.ipynb."""
    return served.token(servers=[], notebooks=[BoundNotebook(path=private)])


@pytest.fixture
async def client(served: Served, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with open_client(served, token) as client:
        yield client


async def lists(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    return await client.post(f"mcp-jupyter/{name}", **modern("tools/list"))


def error_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 404
    return str(answer.json()["error"]["message"])


async def test_a_token_does_not_open_another_notebook_of_the_same_name(
    client: httpx2.AsyncClient, private: str, public: str
) -> None:
    """private/z.ipynb is closed, public/z.ipynb is called z: the token of the first stays outside (1.2)."""
    async with serve_notebook("z", path=private):
        assert (await lists(client, "z")).status_code == 200
    async with serve_notebook("z", OTHER_KERNEL_ID, path=public):
        assert "does not open it" in error_of(await lists(client, "z"))
        assert (await client.get("mcp-jupyter/z/sse")).status_code == 404
        assert (await client.post("mcp-jupyter/z", content=legacy("ping"))).status_code in (404, 415)


async def test_which_names_there_are_is_not_given_away(
    client: httpx2.AsyncClient, private: str, public: str
) -> None:
    async with serve_notebook("other", OTHER_KERNEL_ID, path=public):
        assert error_of(await lists(client, "other")) == error_of(await lists(client, "nothing"))


async def test_a_token_goes_with_its_notebook(
    served: Served, client: httpx2.AsyncClient, private: str, folder: str
) -> None:
    """Under the old name the client hears what the notebook is called now (1.2)."""
    new = os.path.join(folder, "sales.ipynb")
    follower = RenameFollower(served.app, served.extension.store, Path(os.environ["JUPYTER_RUNTIME_DIR"]))
    async with serve_notebook("z", path=private):
        assert (await lists(client, "z")).status_code == 200
        await follower.renamed(private, new)
        assert (await lists(client, "sales")).status_code == 200
        assert error_of(await lists(client, "z")).endswith("What it opens is called 'sales' now.")
    (kept,) = served.extension.store.tokens()
    assert kept.notebooks == (BoundNotebook(path=new),)


async def test_a_token_of_a_closed_notebook_goes_with_it_too(
    served: Served, client: httpx2.AsyncClient, private: str, public: str
) -> None:
    follower = RenameFollower(served.app, served.extension.store, Path(os.environ["JUPYTER_RUNTIME_DIR"]))
    await follower.renamed(os.path.dirname(private), os.path.dirname(public))
    async with serve_notebook("z", path=public):
        assert (await lists(client, "z")).status_code == 200


async def test_a_notebook_that_was_renamed_while_its_kernel_restarted_gives_up_its_name(
    served: Served, client: httpx2.AsyncClient, private: str, folder: str
) -> None:
    """The new process has the new path at once: nothing is kept under the old name (1.2)."""
    new = os.path.join(folder, "sales.ipynb")
    async with serve_notebook("z", path=private):
        assert (await lists(client, "z")).status_code == 200
    served.extension.store.move(private, new)
    async with serve_notebook("sales", path=new):
        assert (await lists(client, "sales")).status_code == 200
        assert error_of(await lists(client, "z")).endswith("What it opens is called 'sales' now.")


async def until_ended(client: httpx2.AsyncClient, change: Any) -> None:
    """Open a session and a stream at z, make a change, and wait until both have ended."""
    async with client.stream("GET", "mcp-jupyter/z/sse") as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "event: endpoint"
        await change()
        with anyio.fail_after(PATIENCE_SECONDS):
            async for _ in lines:
                pass


async def test_what_is_open_ends_when_the_kernel_gets_another_notebook(
    client: httpx2.AsyncClient, private: str, public: str
) -> None:
    """A name that the user chose stays the same: the token is asked again all the same (1.2)."""
    async with serve_notebook("Untitled", path=private) as listener:
        await listener.rename("z")
        await until_ended(client, lambda: tell_moved(listener.info, public))
        assert (await lists(client, "z")).status_code == 404


async def test_what_is_open_ends_when_the_token_is_moved_to_another_notebook(
    served: Served, client: httpx2.AsyncClient, private: str, public: str
) -> None:
    async def move() -> None:
        await anyio.to_thread.run_sync(served.extension.store.move, private, public)

    async with serve_notebook("z", path=private):
        await until_ended(client, move)
        assert (await lists(client, "z")).status_code == 404


async def test_a_session_stays_when_its_notebook_moves_without_another_name(
    served: Served, client: httpx2.AsyncClient, token: str, private: str, public: str
) -> None:
    follower = RenameFollower(served.app, served.extension.store, Path(os.environ["JUPYTER_RUNTIME_DIR"]))
    async with serve_notebook("z", path=private):
        session = await initialize(client, "mcp-jupyter/z", token)
        await follower.renamed(private, public)
        assert (await session.call("ping")).status_code == 200


async def test_the_endpoint_of_all_shows_what_a_path_opens(
    client: httpx2.AsyncClient, private: str, public: str
) -> None:
    """Of two notebooks the token sees that of its path, whatever they are called (1.2)."""
    async with (
        serve_notebook("z", path=private) as first,
        serve_notebook("y", OTHER_KERNEL_ID, path=public) as second,
    ):
        assert await names_at_aggregate(client) == {"z_total", "z_erase", "z_wait"}
        await first.rename("w")
        await second.rename("z")
        with anyio.fail_after(PATIENCE_SECONDS):
            while (names := await names_at_aggregate(client)) != {"w_total", "w_erase", "w_wait"}:
                assert names <= {"w_total", "w_erase", "w_wait", "z_total", "z_erase", "z_wait"}
                await anyio.sleep(0.05)


async def names_at_aggregate(client: httpx2.AsyncClient) -> set[str]:
    answer = await client.post("mcp-jupyter/", **modern("tools/list"))
    names = {tool["name"] for tool in json.loads(answer.text)["result"]["tools"]}
    return names - {"find_tools", "use_tool", "read_more"}  # the aggregate's own
