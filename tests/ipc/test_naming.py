# SPDX-License-Identifier: BSD-3-Clause
"""The name that a live notebook gets, keeps and gives up."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.errors import LinkError, McpError
from mcp_jupyter.ipc import names as remembered_names
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.files import ConnectionInfo, read, socket_name, this_machine, write
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.ipc.names import RememberedNames
from mcp_jupyter.ipc.owner_link import tell_moved

from .echo import Echo, serve

BOUND = 10.0

pytestmark = pytest.mark.anyio


def mark(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:6]


@pytest.fixture
def listen(runtime_dir: Path) -> Any:
    return partial(Listener.open, serve, name="analysis", kernel_id="k-1", runtime_dir=runtime_dir)


@pytest.fixture
def names(tmp_path: Path) -> RememberedNames:
    return RememberedNames(tmp_path / "names")


@pytest.fixture
def open_notebook(runtime_dir: Path, names: RememberedNames) -> Any:
    """Serve the notebook at a path, which it is named for."""

    def open_notebook(path: Path, kernel_id: str = "k-1") -> Any:
        return Listener.open(
            serve,
            name=path.stem,
            kernel_id=kernel_id,
            path=str(path),
            runtime_dir=runtime_dir,
            remembered=names,
        )

    return open_notebook


@pytest.fixture
def notebooks(tmp_path: Path) -> tuple[Path, Path]:
    """Two notebooks of one name."""
    found = tmp_path / "private" / "z.ipynb", tmp_path / "public" / "z.ipynb"
    for path in found:
        path.parent.mkdir()
        path.touch()
    return found


# -- live notebooks ------------------------------------------------------------------------------------


async def test_two_kernels_that_want_one_name_get_two(listen: Any, runtime_dir: Path) -> None:
    async with listen(kernel_id="a-1") as first, listen(kernel_id="b-2") as second:
        assert (first.info.name, second.info.name) == ("analysis", f"analysis-{mark('b-2')}")
        live = await Discovery(runtime_dir).live()
        assert [info.name for info in live] == ["analysis", f"analysis-{mark('b-2')}"]


async def test_kernels_that_claim_a_name_in_the_same_moment_get_different_ones(
    listen: Any, runtime_dir: Path
) -> None:
    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        ready = [anyio.Event() for _ in range(4)]
        over = anyio.Event()

        async def kernel(number: int) -> None:
            async with listen(kernel_id=f"{number}-kernel"):
                ready[number].set()
                await over.wait()

        for number in range(4):
            tasks.start_soon(kernel, number)
        stack.callback(over.set)
        for event in ready:
            await event.wait()
        names = [info.name for info in await Discovery(runtime_dir).live()]
        over.set()
    assert len(set(names)) == 4


async def test_a_restarted_kernel_gets_its_name_again(listen: Any) -> None:
    async with listen(kernel_id="a-1"):
        for _ in range(2):
            async with listen(kernel_id="b-2") as second:
                assert second.info.name == f"analysis-{mark('b-2')}"


async def test_a_kernel_can_be_renamed_while_it_serves(listen: Any, runtime_dir: Path) -> None:
    async with listen() as listener:
        await listener.rename("Sales 2026")
        assert read(runtime_dir / "mcp-k-1.json").name == listener.info.name == "Sales-2026"
        connection = Connection(await dial(listener.info), Echo())
        async with anyio.create_task_group() as tasks:
            await tasks.start(connection.serve)
            assert await connection.request("echo", {"a": 1}, timeout=BOUND) == {"a": 1}
            connection.close()


@asynccontextmanager
async def counting_kernel(runtime_dir: Path, number: int, came: list[str]) -> AsyncIterator[None]:
    """What looks like a kernel, and notes who connects."""
    name = f"other-{number}"

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(name)
        writer.close()

    address = str(runtime_dir / socket_name())
    server = await asyncio.start_unix_server(connected, address)
    where = (None, "unix", address, "0" * 64, this_machine())
    write(ConnectionInfo(name, f"o-{number}", os.getpid(), *where), runtime_dir)  # type: ignore[arg-type]
    async with server:
        yield


async def test_a_name_is_claimed_without_connecting_to_the_other_kernels(
    listen: Any, runtime_dir: Path
) -> None:
    """Only a kernel that has the wanted name is asked whether it lives (1.31)."""
    came: list[str] = []
    runtime_dir.mkdir(mode=0o700)
    async with AsyncExitStack() as stack:
        for number in range(20):
            await stack.enter_async_context(counting_kernel(runtime_dir, number, came))
        async with listen() as listener:
            assert listener.info.name == "analysis"
            await listener.rename("other-7")
            assert listener.info.name == f"other-7-{mark('k-1')}"
        with anyio.fail_after(BOUND):
            while not came:
                await anyio.sleep(0.001)
    assert set(came) == {"other-7"}


# -- the same name for the same file -------------------------------------------------------------------


async def test_a_notebook_has_its_name_after_a_restart_whatever_is_opened_first(
    open_notebook: Any, notebooks: tuple[Path, Path]
) -> None:
    """Of two z.ipynb the first is z, the second z and six characters: so it stays (1.2)."""
    private, public = notebooks
    async with open_notebook(private) as first, open_notebook(public, "k-2") as second:
        assert (first.info.name, second.info.name) == ("z", f"z-{mark(str(public))}")
        assert (
            second.naming.note == f"The name `z` belongs to {private}. This notebook is `{second.info.name}`."
        )
        assert first.naming.note == ""
    async with open_notebook(public, "k-3") as second:
        assert second.info.name == f"z-{mark(str(public))}"
        async with open_notebook(private, "k-4") as first:
            assert first.info.name == "z"


async def test_a_closed_notebooks_name_is_not_given_to_another(
    open_notebook: Any, notebooks: tuple[Path, Path]
) -> None:
    """What was set up for private/z.ipynb does not reach public/z.ipynb (1.2)."""
    private, public = notebooks
    async with open_notebook(private):
        pass
    async with open_notebook(public) as second:
        assert second.info.name == f"z-{mark(str(public))}"


async def test_the_name_of_a_notebook_that_was_deleted_is_free_and_the_others_keep_theirs(
    open_notebook: Any, notebooks: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = notebooks
    async with open_notebook(private), open_notebook(public, "k-2"):
        pass
    private.unlink()
    async with open_notebook(public) as second:
        assert second.info.name == f"z-{mark(str(public))}"
        assert "that it had before" in second.naming.note
        third = tmp_path / "z.ipynb"
        third.touch()
        async with open_notebook(third, "k-2") as other:
            assert other.info.name == "z"


async def test_a_second_kernel_of_a_notebook_does_not_change_its_name(
    open_notebook: Any, notebooks: tuple[Path, Path]
) -> None:
    private, _ = notebooks
    async with open_notebook(private) as first, open_notebook(private, "k-2") as second:
        assert (first.info.name, second.info.name) == ("z", f"z-{mark(str(private))}")
    async with open_notebook(private, "k-3") as first:
        assert first.info.name == "z"


async def test_a_name_that_the_user_chose_may_be_that_of_a_closed_notebook(
    open_notebook: Any, notebooks: tuple[Path, Path]
) -> None:
    private, public = notebooks
    async with open_notebook(private):
        pass
    async with open_notebook(public) as second:
        await second.rename("z")
        assert (second.info.name, second.naming.note) == ("z", "")
    async with open_notebook(private) as first:
        assert first.info.name == "z"


async def test_a_chosen_name_that_cannot_be_had_is_said(listen: Any) -> None:
    """The name that the user did not choose comes with the reason (1.36)."""
    async with listen() as listener:
        await listener.rename("a b/c")
        assert listener.naming.note == "`a b/c` cannot be the name of a notebook. This notebook is `a-b-c`."
        await listener.rename("api")
        assert listener.naming.note.startswith("`api` cannot be the name of a notebook.")
        async with listen(kernel_id="k-2") as other:
            await other.rename("sales")
            await listener.rename("sales")
            assert listener.naming.note.startswith("The name `sales` belongs to")


async def test_a_directory_that_cannot_be_written_costs_only_the_memory(
    open_notebook: Any, notebooks: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "names").touch()
    async with open_notebook(notebooks[0]) as listener:
        assert listener.info.name == "z"
    assert "is not remembered" in caplog.text


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"name": "z"}', b'{"name": "z", "path": 7}', b"[" * 100_000]
)
def test_a_file_that_is_damaged_reserves_nothing(
    names: RememberedNames, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "z.ipynb"
    path.touch()
    names.remember("z", str(path))
    assert names.owner("z") == str(path)
    (file,) = (tmp_path / "names").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(content)
    assert names.owner("z") is None


def test_names_that_were_not_used_for_longest_are_forgotten(
    names: RememberedNames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_names, "MAX_NAMES", 3)
    for number in range(5):
        names.remember(f"n-{number}", str(tmp_path))
        for file in (tmp_path / "names").iterdir():
            age = time.time() - 1 - (5 - number)
            if file.stat().st_mtime > age + 1:
                os.utime(file, (age, age))
    assert [number for number in range(5) if names.owner(f"n-{number}")] == [2, 3, 4]


# -- a notebook that is renamed ------------------------------------------------------------------------


async def test_a_kernel_that_is_told_of_a_rename_has_the_new_name_and_path(
    open_notebook: Any, notebooks: tuple[Path, Path], runtime_dir: Path
) -> None:
    """The connection file says the new name and path as soon as the kernel was told (1.9)."""
    private, _ = notebooks
    new = private.with_name("sales.ipynb")
    async with open_notebook(private) as listener:
        private.rename(new)
        await tell_moved(listener.info, str(new))
        info = read(runtime_dir / "mcp-k-1.json")
        assert (info.name, info.path) == ("sales", str(new))
        await tell_moved(listener.info, str(new))  # again: nothing changes
        assert read(runtime_dir / "mcp-k-1.json") == info


async def test_a_name_that_the_user_chose_stays_when_the_file_is_renamed(
    open_notebook: Any, notebooks: tuple[Path, Path]
) -> None:
    private, public = notebooks
    async with open_notebook(private) as listener:
        await listener.rename("chosen")
        await tell_moved(listener.info, str(public))
        assert (listener.info.name, listener.info.path) == ("chosen", str(public))


async def test_a_connection_with_a_client_cannot_rename_a_notebook(listen: Any) -> None:
    """Only a link that was opened for it tells a new path (1.9)."""
    async with listen() as listener, anyio.create_task_group() as tasks:
        connection = Connection(await dial(listener.info), Echo())
        await tasks.start(connection.serve)
        await connection.request("notebook/moved", {"path": "/other.ipynb"}, timeout=BOUND)  # it echoes
        connection.close()
        assert (listener.info.name, listener.info.path) == ("analysis", None)


@pytest.mark.parametrize("path", ["", "relative.ipynb", "/nul\0.ipynb", "/" + "x" * 5000])
async def test_a_path_that_cannot_be_one_is_refused(listen: Any, path: str) -> None:
    async with listen() as listener:
        with pytest.raises(LinkError, match="must be an absolute path"):
            await tell_moved(listener.info, path)
        assert listener.info.path is None


async def test_such_a_link_has_no_other_method(listen: Any) -> None:
    async with listen() as listener, anyio.create_task_group() as tasks:
        connection = Connection(await dial(listener.info, owner=True), Echo())
        await tasks.start(connection.serve)
        with pytest.raises(McpError, match="Unknown method 'tools/call'"):
            await connection.request("tools/call", {}, timeout=BOUND)
        connection.close()
