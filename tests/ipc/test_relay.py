# SPDX-License-Identifier: BSD-3-Clause
"""A host is answered before there is a kernel, once for each request, and the kernel hears all it must."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from mcp_jupyter.engine.channel import MemoryChannel, memory_pair
from mcp_jupyter.ipc import stdio_proxy as starting_module
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.stdio_proxy import MAX_WAITING, Relay, StartingNotebook
from mcp_jupyter.protocol.frames import ErrorResponse, Frame, Message, Notification, Request, Response

from ..engine.channel_contract import BOUND, Recorder
from .client import Kernel

pytestmark = pytest.mark.anyio

VERSION = "2025-11-25"
EARLY, FROM_KERNEL = {"protocolVersion": VERSION, "by": "relay"}, {"protocolVersion": VERSION, "by": "kernel"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # as the link


def answer(request: Request) -> Response | ErrorResponse | None:
    if request.method == "initialize":
        return Response(request.id, EARLY)
    return Response(request.id, {}) if request.method == "ping" and not request.params else None


class End(Recorder):
    """One end of a connection."""

    def __init__(self, channel: MemoryChannel) -> None:
        super().__init__()
        self.channel = channel
        channel.start(self)

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self.channel.send(Message.of(frame))

    @property
    def heard(self) -> list[Any]:
        """Methods of requests and notifications, and (id, result or error's message) of answers."""
        return [
            (frame.id, frame.result)
            if isinstance(frame, Response)
            else (frame.id, frame.error["message"])
            if isinstance(frame, ErrorResponse)
            else frame.method
            for frame in self.frames
        ]


class RelayPeers:
    """A relay between a host's end and a kernel's."""

    def __init__(self) -> None:
        self._link, kernel = memory_pair()
        outer, host = memory_pair()
        self.relay = Relay(outer, answer)
        self.host, self.kernel = End(host), End(kernel)
        self.relay.start()

    def connect(self) -> None:
        self.relay.connect(self._link)


async def test_an_opening_is_answered_and_the_rest_waits_for_the_kernel() -> None:
    """The kernel hears the handshake first, and all else in order after its answer (2: opening)."""
    talk = RelayPeers()
    talk.host.send(Request(1, "initialize"), Notification("notifications/initialized"))
    talk.host.send(Request(2, "tools/list"), Request(3, "ping"), Request(4, "resources/list"))
    assert talk.host.heard == [(1, EARLY), (3, {})]
    talk.connect()
    assert talk.kernel.heard == ["initialize"]
    talk.kernel.send(Response(1, FROM_KERNEL))
    assert talk.kernel.heard[1:] == ["notifications/initialized", "tools/list", "resources/list"]
    talk.kernel.send(Response(2, {"tools": []}))
    assert talk.host.heard[2:] == [(2, {"tools": []})]


async def test_a_request_that_is_cancelled_while_it_waits_never_runs() -> None:
    """What a host gave up is dropped before the kernel is up (2: opening)."""
    talk = RelayPeers()
    talk.host.send(Request(1, "tools/call"), Request(2, "tools/call"), Response(9, {}))
    talk.host.send(Notification("notifications/cancelled", {"requestId": 1}))
    talk.connect()
    assert [frame.id for frame in talk.kernel.frames if isinstance(frame, Request)] == [2]
    assert talk.host.heard == []


async def test_no_more_than_a_limit_waits() -> None:
    """A host that floods gets errors, and costs no memory (2: opening)."""
    talk = RelayPeers()
    talk.host.send(*[Request(number, "tools/call") for number in range(MAX_WAITING + 1)])
    talk.host.send(*[Notification("notifications/roots/list_changed")] * 3)
    ((number, reason),) = talk.host.heard
    assert (number, "Send this one later." in reason) == (MAX_WAITING, True)
    talk.connect()
    assert len(talk.kernel.heard) == MAX_WAITING


async def test_the_second_of_two_handshakes_counts() -> None:
    """A gateway that sends one of its own first is served (2: opening)."""
    talk = RelayPeers()
    talk.host.send(Request(1, "initialize", {"n": 1}), Request(2, "initialize", {"n": 2}))
    talk.connect()
    assert [frame.params for frame in talk.kernel.frames if isinstance(frame, Request)] == [{"n": 2}]
    talk.kernel.send(Response(2, FROM_KERNEL))
    assert talk.host.heard == [(1, EARLY), (2, EARLY)]


async def test_a_late_kernel_is_answered_for_and_its_own_answer_dropped() -> None:
    """While C code holds the kernel, a host still hears that the server is there (2: opening)."""
    talk = RelayPeers()
    talk.connect()
    talk.host.send(Request(1, "initialize"), Request(2, "ping"), Request(3, "ping", {"_meta": {}}))
    assert talk.kernel.heard == ["initialize", "ping", "ping"]
    talk.kernel.send(Response(2, {"in": "time"}))
    await talk.host.until(lambda: len(talk.host.heard) == 2)
    assert talk.host.heard == [(2, {"in": "time"}), (1, EARLY)]
    talk.kernel.send(Response(1, FROM_KERNEL), Response(3, {"late": "but its own"}))
    assert talk.host.heard[2:] == [(3, {"late": "but its own"})]
    assert not talk.relay.over.is_set()


OTHER, REFUSED = (
    Response(1, {"protocolVersion": "2024-11-05"}),
    ErrorResponse(1, {"code": 1, "message": "No."}),
)


@pytest.mark.parametrize("answered", [OTHER, REFUSED])
async def test_a_kernel_that_disagrees_ends_the_connection(answered: Response | ErrorResponse) -> None:
    """What waits gets the reason (2: opening)."""
    talk = RelayPeers()
    talk.host.send(Request(1, "initialize"), Request(2, "tools/list"))
    talk.connect()
    talk.kernel.send(answered)
    assert talk.relay.over.is_set()
    assert talk.host.heard[1][0] == 2
    assert talk.host.heard[1][1] == "No." or "2024-11-05" in talk.host.heard[1][1]


async def test_a_notebook_that_runs_for_long_says_so(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for a bounded time; later ones are served when the kernel is up (2: opening)."""
    monkeypatch.setattr(starting_module, "WAIT_SECONDS", 0.05)
    outer, inner = memory_pair()
    host, notebook = End(inner), StartingNotebook("analysis.ipynb", answer)
    with anyio.fail_after(BOUND):
        async with kernel.running(), notebook.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(notebook.serve, outer)
            host.send(Request(1, "ping"), Request(2, "echo"))
            await host.until(lambda: len(host.heard) == 2)
            assert host.heard[0] == (1, {})
            assert "'analysis.ipynb' has been running its cells" in host.heard[1][1]
            notebook.ready(await kernel.discovery.by_kernel("k-1"), kernel.discovery)
            for number in itertools.count(3):
                host.send(Request(number, "echo"))
                await host.until(lambda: len(host.heard) == number)  # noqa: B023 - it ends in this round
                if isinstance(host.frames[-1], Response):
                    break
                await anyio.lowlevel.checkpoint()
            host.channel.close()


async def test_a_host_that_closed_its_end_gets_the_answer_to_what_waited(kernel: Kernel) -> None:
    """A kernel that has just started may take longer than the end of input allows (2: opening)."""
    outer, inner = memory_pair()
    host, notebook = End(inner), StartingNotebook("analysis.ipynb", answer)
    with anyio.fail_after(BOUND):
        async with kernel.running(), notebook.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(notebook.serve, outer)
            host.send(Request(1, "ask"))
            notebook.ready(await kernel.discovery.by_kernel("k-1"), kernel.discovery)
            await host.until(lambda: host.heard == ["elicitation/create"])
            assert outer.is_patient
            host.send(Response(host.frames[0].id, {"action": "decline"}))
            await host.until(lambda: len(host.heard) == 2)
            while outer.is_patient:
                await anyio.lowlevel.checkpoint()
            host.channel.close()


async def test_a_kernel_that_cannot_be_reached_is_an_error_for_all_that_waits(kernel: Kernel) -> None:
    """So is one that has gone between its start and the first message (2: opening)."""
    async with kernel.running():
        info = await kernel.discovery.by_kernel("k-1")
    outer, inner = memory_pair()
    host, notebook = End(inner), StartingNotebook("analysis.ipynb", answer)
    with anyio.fail_after(BOUND):
        async with notebook.running():
            host.send(Request(1, "echo"))
            notebook.ready(info, kernel.discovery)
            await notebook.serve(outer)
    assert notebook.failure is not None
    assert host.heard == [(1, str(notebook.failure))]


@pytest.fixture
def kernel(runtime_dir: Any) -> Kernel:
    made = Kernel(runtime_dir)
    assert isinstance(made.discovery, Discovery)
    return made
