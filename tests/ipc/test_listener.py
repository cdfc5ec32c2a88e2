# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's side: where it listens, whom it lets in, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter.engine.channel import Channel
from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.errors import LinkError, RequestTimeout
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.files import ConnectionInfo, read, this_machine, write
from mcp_jupyter.ipc.listener import MAX_GREETING_BYTES, Listener
from mcp_jupyter.ipc.wire import greeting

from .conftest import EACH_LOOP
from .echo import Echo, serve

BOUND = 10.0

pytestmark = pytest.mark.anyio


@pytest.fixture(params=EACH_LOOP)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Run on each loop that the link must work with (1.24)."""
    backend: object = request.param
    return backend


@pytest.fixture
def listen(runtime_dir: Path) -> Any:
    return partial(Listener.open, serve, name="analysis", kernel_id="k-1", runtime_dir=runtime_dir)


async def ask(channel: Channel, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request over a fresh channel, which is closed after it."""
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            connection = Connection(channel, Echo())
            await tasks.start(connection.serve)
            answer = await connection.request(method, params or {})
            connection.close()
    return answer


async def call_by_hand(info: ConnectionInfo, data: bytes) -> bytes:
    """What comes back for these bytes until the other side hangs up."""
    if isinstance(info.address, str):
        reader, writer = await asyncio.open_unix_connection(info.address)
    else:
        reader, writer = await asyncio.open_connection(*info.address)
    writer.write(data)
    with anyio.fail_after(BOUND):
        with suppress(ConnectionResetError):
            answer = await reader.read()
        writer.close()
        with suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()
    return answer


@pytest.mark.parametrize("transport", ["unix", "tcp"])
async def test_a_kernel_is_reached_through_its_file(listen: Any, runtime_dir: Path, transport: str) -> None:
    async with listen(transport=transport, path="work/analysis.ipynb") as listener:
        info = read(runtime_dir / "mcp-k-1.json")
        assert info == listener.info
        assert (info.name, info.pid, info.path) == ("analysis", os.getpid(), "work/analysis.ipynb")
        assert info.transport == transport
        assert await ask(await dial(info), "echo", {"a": 1}) == {"a": 1}


@pytest.mark.parametrize("transport", ["unix", "tcp"])
async def test_nothing_is_left_at_the_end(listen: Any, runtime_dir: Path, transport: str) -> None:
    async with listen(transport=transport) as listener:
        channel = await dial(listener.info)
    assert os.listdir(runtime_dir) == []
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Connection(channel, Echo()).serve)  # returns: the other side hung up
    with pytest.raises(LinkError):
        await dial(listener.info, timeout=0.1)  # its process, this one, runs: a refusal is not the last word


async def test_socket_file_and_directory_are_private_under_any_umask(listen: Any, runtime_dir: Path) -> None:
    before = os.umask(0)
    try:
        async with listen() as listener:
            modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in runtime_dir.iterdir()}
            assert modes == {Path(listener.info.address).name: 0o600, "mcp-k-1.json": 0o600}
            assert stat.S_IMODE(runtime_dir.stat().st_mode) == 0o700
    finally:
        os.umask(before)


async def test_a_failure_of_the_body_comes_out_as_it_is(listen: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with listen():
            raise ZeroDivisionError


async def test_a_listener_works_without_anyio_having_started_the_loop(listen: Any) -> None:
    async def scenario() -> None:
        async with listen() as listener:
            assert await ask(await dial(listener.info), "echo", {"a": 1}) == {"a": 1}

    await anyio.to_thread.run_sync(asyncio.run, scenario())


# -- where it listens --------------------------------------------------------------------------------


async def test_a_path_too_long_for_a_socket_falls_back_to_a_private_directory(
    listen: Any, runtime_dir: Path
) -> None:
    deep = runtime_dir / ("x" * 60) / ("y" * 60)
    async with listen(runtime_dir=deep) as listener:
        socket_path = Path(str(listener.info.address))
        assert socket_path.parent != deep
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
        info = await Discovery(deep).only()
        assert await ask(await dial(info), "echo", {"a": 1}) == {"a": 1}
    assert not socket_path.parent.exists()


async def test_where_every_path_is_too_long_it_listens_on_loopback(
    listen: Any, runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = runtime_dir / ("x" * 60) / ("y" * 60)
    temporary = tmp_path / ("z" * 100)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    async with listen(runtime_dir=deep) as listener:
        assert listener.info.transport == "tcp"
        info = await Discovery(deep).only()
        assert await ask(await dial(info), "echo", {"a": 1}) == {"a": 1}
    assert os.listdir(temporary) == []


async def test_a_directory_that_cannot_be_made_is_a_clear_error(listen: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LinkError, match="cannot be made"):
        async with listen(runtime_dir=tmp_path / "file" / "runtime"):
            pass


async def test_a_start_that_fails_leaves_nothing(listen: Any, runtime_dir: Path) -> None:
    with pytest.raises(LinkError, match="kernel_id"):
        async with listen(kernel_id="../k"):
            pass
    (runtime_dir / "mcp-k-1.json").mkdir()
    with pytest.raises(LinkError, match="not a plain file"):
        async with listen():
            pass
    assert os.listdir(runtime_dir) == ["mcp-k-1.json"]


async def test_what_was_removed_while_it_serves_is_put_back(listen: Any, runtime_dir: Path) -> None:
    """A kernel whose connection file or socket was removed can be reached again (1.5)."""
    async with listen(file_seconds=0.01) as listener:
        files = list(runtime_dir.iterdir())
        for file in files:
            file.unlink()
        await until(lambda: all(file.exists() for file in files))
        info = await Discovery(runtime_dir).find("analysis")
        assert info == listener.info
        assert await ask(await dial(info), "echo", {"a": 1}) == {"a": 1}
        modes = {stat.S_IMODE(path.lstat().st_mode) for path in runtime_dir.iterdir()}
        assert modes == {0o600}
    assert os.listdir(runtime_dir) == []


async def test_a_kernel_touches_its_file(listen: Any, runtime_dir: Path) -> None:
    """Other machines that share the directory can tell it from one that has stopped (1.5)."""
    async with listen(file_seconds=0.01):
        file = runtime_dir / "mcp-k-1.json"
        os.utime(file, (1, 1))
        await until(lambda: file.stat().st_mtime > 1)


async def test_the_file_of_a_newer_process_is_left_alone(listen: Any, runtime_dir: Path) -> None:
    """A kernel puts its file back only where there is none (1.5)."""
    async with listen(file_seconds=0.001) as listener:
        newer = replace(listener.info, key="f" * 64)
        write(newer, runtime_dir)
        for _ in range(20):
            await anyio.sleep(0.001)
        assert read(runtime_dir / "mcp-k-1.json") == newer


async def test_the_name_of_a_notebook_on_another_machine_is_free(listen: Any, runtime_dir: Path) -> None:
    """Names are of one machine: a file of another one takes none (1.5)."""
    async with listen() as listener:
        other = replace(listener.info, machine=replace(this_machine(), boot="another"))
        write(other, runtime_dir)
        async with listen(kernel_id="bbbb-2") as here:
            assert here.info.name == listener.info.name


# -- whom it lets in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["unix", "tcp"])
@pytest.mark.parametrize(
    "opening",
    [
        greeting("0" * 64),
        greeting(""),
        b"{}\n",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"m":{"jsonrpc":"2.0","id":1,"method":"ping"},"r":null}\n',
        b"x" * (MAX_GREETING_BYTES + 1),
        '{"key":"\u00e9"}\n'.encode(),
    ],
)
async def test_without_the_key_nothing_is_answered(listen: Any, transport: str, opening: bytes) -> None:
    async with listen(transport=transport) as listener:
        assert await call_by_hand(listener.info, opening) == b""
        assert await ask(await dial(listener.info), "echo", {"a": 1}) == {"a": 1}


async def test_a_silent_connection_is_closed(listen: Any) -> None:
    async with listen(handshake_seconds=0.01) as listener:
        assert await call_by_hand(listener.info, b"") == b""
        assert await call_by_hand(listener.info, greeting(listener.info.key)[:-1]) == b""


async def test_the_key_may_come_in_pieces_and_together_with_messages(listen: Any) -> None:
    async with listen() as listener:
        data = greeting(listener.info.key)
        data += b'{"m":{"jsonrpc":"2.0","id":1,"method":"echo","params":{"n":1}},"r":null}\n'
        assert isinstance(listener.info.address, str)
        reader, writer = await asyncio.open_unix_connection(listener.info.address)
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await anyio.lowlevel.checkpoint()
        with anyio.fail_after(BOUND):
            line = await reader.readline()
        assert line == b'{"a":1,"m":{"jsonrpc":"2.0","id":1,"result":{"n":1}}}\n'
        writer.close()
        await writer.wait_closed()


async def test_connections_over_the_limit_wait_for_a_place(listen: Any) -> None:
    """A caller that finds all places taken is not told that the kernel is gone (1.5)."""
    async with listen(max_connections=2) as listener, anyio.create_task_group() as tasks:
        first, second, third = [
            Connection(await dial(listener.info), Echo()) for _ in range(3)
        ]  # the loop accepts in this order
        for connection in (first, second, third):
            await tasks.start(connection.serve)
        with pytest.raises(RequestTimeout):
            await third.request("echo", {"a": 3}, timeout=0.1)
        assert await first.request("echo", {"a": 1}, timeout=BOUND) == {"a": 1}
        assert await second.request("echo", {"a": 2}, timeout=BOUND) == {"a": 2}
        assert not third.is_closed
        second.close()
        assert await third.request("echo", {"a": 4}, timeout=BOUND) == {"a": 4}
        first.close()
        third.close()


async def until(fact: Any) -> None:
    with anyio.fail_after(BOUND):
        while not fact():
            await anyio.sleep(0.001)


async def test_a_line_without_end_closes_only_its_own_connection(listen: Any) -> None:
    import resource

    async with listen() as listener:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert isinstance(listener.info.address, str)
        _, writer = await asyncio.open_unix_connection(listener.info.address)
        writer.write(greeting(listener.info.key))
        written, chunk = 0, b"x" * 2**20
        with suppress(ConnectionResetError, BrokenPipeError), anyio.fail_after(60):
            while written < 256 * 2**20:
                writer.write(chunk)
                await writer.drain()
                written += len(chunk)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert written < 80 * 2**20
        assert grown < 4 * 64 * 2**10  # KiB: four times the longest line
        assert await ask(await dial(listener.info), "echo", {"a": 1}) == {"a": 1}
        writer.close()
        with suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()


async def test_a_connection_that_fails_ends_alone(
    runtime_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fragile(channel: Channel) -> None:
        if not broken:
            broken.append(True)
            raise RuntimeError("out of order")
        await serve(channel)

    broken: list[bool] = []
    async with Listener.open(fragile, name="a", kernel_id="k", runtime_dir=runtime_dir) as listener:
        assert await call_by_hand(listener.info, greeting(listener.info.key)) == b""
        assert await ask(await dial(listener.info), "echo", {"a": 1}) == {"a": 1}
    assert "out of order" in caplog.text
