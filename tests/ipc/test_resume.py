# SPDX-License-Identifier: BSD-3-Clause
"""A session outlives its kernel: what the client is told, and what the new kernel is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_jupyter.errors import ConnectionClosed, LinkError
from mcp_jupyter.ipc import session as session_module
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.ipc.files import read, write
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.ipc.reconnecting_channel import ResumingLink
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, PROTOCOL_VERSION, SUBSCRIPTION_ID
from mcp_jupyter.protocol.frames import ErrorResponse, Message, Notification, Request, Response

from ..engine.channel_contract import BOUND, Recorder
from .client import CHANGED, INITIALIZE, KERNEL, Client, Kernel, absent, start, until_served

pytestmark = pytest.mark.anyio

MODERN = {"_meta": {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}}


@pytest.fixture
def kernel(runtime_dir: Path) -> Kernel:
    return Kernel(runtime_dir)


# -- with a real process that is killed ------------------------------------------------------------


async def test_a_session_goes_on_after_the_kernel_was_killed_and_started_again(
    start_kernel: Any, runtime_dir: Path
) -> None:
    process = start_kernel(KERNEL, "analysis")
    discovery = Discovery(runtime_dir)
    async with anyio.create_task_group() as owner:
        client = Client(await ResumingLink.open(await discovery.find("analysis"), discovery, owner))
        await client.initialize()
        assert (await client.ask("heard"))["pid"] == process.pid
        running = client.send("forever")
        process.kill()
        assert "The kernel of notebook 'analysis' went away" in await client.answer(running)
        await client.noticed(*CHANGED)
        assert await client.ask("tools/list") == {"tools": []}
        process = await anyio.to_thread.run_sync(start_kernel, KERNEL, "analysis")
        await client.noticed(*CHANGED)
        assert (await client.ask("heard"))["pid"] == process.pid
        assert await client.ask("tools/list") == {"tools": [{"name": "a_tool"}]}
        client.link.close()


async def test_no_session_is_opened_to_nothing(start_kernel: Any, runtime_dir: Path) -> None:
    process = start_kernel(KERNEL)
    info = read(runtime_dir / f"mcp-{KERNEL}.json")
    process.kill()
    process.wait(timeout=BOUND)
    async with anyio.create_task_group() as owner:
        with pytest.raises(LinkError):
            await ResumingLink.open(info, Discovery(runtime_dir), owner)


# -- while the kernel is there ------------------------------------------------------------------------


async def test_messages_pass_unchanged_while_the_kernel_serves(kernel: Kernel) -> None:
    async with kernel.running(), kernel.client() as client:
        assert await client.ask("echo", {"a": [1, None]}) == {"a": [1, None]}
        id_ = client.send("related")
        await client.answer(id_)
        assert [m.related for m in client.messages if isinstance(m.frame, Notification)] == [id_]


async def test_an_answer_that_is_no_message_is_an_error_to_who_waits_for_it(runtime_dir: Path) -> None:
    class Garbling(Recorder):
        def message(self, message: Message) -> None:
            channel = channels[-1]
            raw = b'{"jsonrpc":"2.0","id":%d,"result":5}' % message.frame.id
            channel.send(Message(message.frame, raw))

    async def serve(channel: Any) -> None:
        channels.append(channel)
        channel.start(Garbling())
        await anyio.sleep_forever()

    channels: list[Any] = []
    kernel = Kernel(runtime_dir)
    listen = Listener.open(serve, name="n", kernel_id=KERNEL, runtime_dir=runtime_dir)
    async with listen, kernel.client() as client:
        assert await client.ask("echo") == "A result must be a JSON object."


# -- while it is away ---------------------------------------------------------------------------------


async def test_every_request_in_flight_fails_at_once_and_no_other(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            running = [client.send("forever") for _ in range(3)]
            cancelled = client.send("forever")
            client.notify("notifications/cancelled", {"requestId": cancelled})
            await client.ask("echo")
            before = len(client.messages)
            stop.set()
            await client.until(lambda: len(client.messages) == before + 3 + len(CHANGED))
            for id_ in running:
                assert "went away while this request was running" in await client.answer(id_)
            errors = [m.frame.error["code"] for m in client.messages if isinstance(m.frame, ErrorResponse)]
            assert errors == [-32603] * 3


async def test_lists_are_empty_and_pings_answered_while_nobody_serves(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            stop.set()
            await absent(client)
            assert await client.ask("ping") == {}
            assert await client.ask("tools/list") == {"tools": []}
            assert await client.ask("resources/list") == {"resources": []}
            assert await client.ask("resources/templates/list") == {"resourceTemplates": []}
            assert await client.ask("prompts/list") == {"prompts": []}
            for method in ("tools/call", "resources/read", "initialize", "server/discover"):
                error = await client.ask(method, MODERN if method == "server/discover" else {})
                assert "notebook 'analysis' is not serving" in error
                assert "%load_ext mcp_jupyter" in error
            client.link.send(Message.of(Response(1, {})))
            await client.link.drain()


async def test_modern_lists_are_complete_while_nobody_serves(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            stop.set()
            await absent(client)
            result = await client.ask("tools/list", MODERN)
            assert result["tools"] == []
            assert result["resultType"] == "complete"
            assert result["ttlMs"] == 0
            assert "params._meta" in await client.ask("tools/list", {"_meta": {PROTOCOL_VERSION: 5}})


async def test_without_a_handshake_nothing_is_told_unasked(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            running = client.send("initialize-not")  # echoed
            await client.answer(running)
            waiting = client.send("forever")
            stop.set()
            await client.answer(waiting)
            assert client.notices == []
            again = await start(kernel, tasks)
            await until_served(client)
            assert client.notices == []
            assert kernel.echoes[1].heard == []
            again.set()


async def question(client: Client) -> Message:
    """The newest question of a kernel to the client."""
    await client.until(lambda: any(isinstance(frame, Request) for frame in client.frames))
    return [message for message in client.messages if isinstance(message.frame, Request)][-1]


async def test_an_answer_for_a_kernel_that_is_gone_never_reaches_the_new_one(kernel: Kernel) -> None:
    """Questions of a kernel have ids of their own, and stale answers are dropped (1.3)."""
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            client.send("ask", {"message": "delete A?"})
            old = (await question(client)).frame
            stop.set()
            await client.until(lambda: CHANGED[-1] in client.notices)
            client.messages.clear()
            again = await start(kernel, tasks)
            await client.noticed(*CHANGED)
            asked = client.send("ask", {"message": "delete B?"})
            new = (await question(client)).frame
            assert isinstance(old, Request)
            assert isinstance(new, Request)
            assert old.id != new.id
            client.link.send(Message.of(Response(old.id, {"action": "accept"})))
            client.link.send(Message.of(ErrorResponse(old.id, {"code": 1, "message": "no"})))
            assert await client.ask("echo", {"after": 1}) == {"after": 1}  # both have been dealt with
            assert not any(isinstance(f, Response) and f.id == asked for f in client.frames)
            client.link.send(Message.of(Response(new.id, {"action": "decline"})))
            assert await client.answer(asked) == {"answer": {"action": "decline"}}
            again.set()


async def test_open_questions_of_a_kernel_are_cancelled_when_it_goes(kernel: Kernel) -> None:
    """The client hears that its form is no longer wanted, in the stream where it was asked (1.3)."""
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            answered, waiting = client.send("ask"), client.send("ask")
            await client.until(lambda: len([f for f in client.frames if isinstance(f, Request)]) == 2)
            questions = {m.related: m.frame.id for m in client.messages if isinstance(m.frame, Request)}
            client.link.send(Message.of(Response(questions[answered], {"action": "cancel"})))
            await client.answer(answered)
            stop.set()
            await client.until(lambda: CHANGED[-1] in client.notices)
            (cancelled,) = [
                m
                for m in client.messages
                if isinstance(m.frame, Notification) and m.frame.method == "notifications/cancelled"
            ]
            assert isinstance(cancelled.frame, Notification)
            assert cancelled.frame.params["requestId"] == questions[waiting]
            assert cancelled.related == waiting
            answers = [m.frame.id for m in client.messages if isinstance(m.frame, ErrorResponse)]
            assert answers == [waiting]
            # before the error, which ends the stream
            assert client.frames.index(cancelled.frame) < client.frames.index(
                next(frame for frame in client.frames if isinstance(frame, ErrorResponse))
            )


async def test_ids_of_questions_differ_over_two_links_to_one_kernel(kernel: Kernel) -> None:
    """A link that was made anew to the same process asks with new ids, too (1.3)."""
    ids = set()
    async with kernel.running():
        for _ in range(2):
            async with kernel.client() as client:
                client.send("ask")
                ids.add((await question(client)).frame.id)  # type: ignore[union-attr]
    assert len(ids) == 2


# -- when it comes back -------------------------------------------------------------------------------


async def test_the_new_kernel_hears_what_the_old_one_was_told(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            await client.ask("logging/setLevel", {"level": "debug"})
            await client.ask("logging/setLevel", {"level": "info"})
            for uri in ("data:a", "data:b", "data:c", "no:such"):
                await client.ask("resources/subscribe", {"uri": uri})
            await client.ask("resources/unsubscribe", {"uri": "data:b"})
            stop.set()
            await absent(client)
            assert await client.ask("resources/subscribe", {"uri": "data:d"}) == {}
            assert await client.ask("resources/unsubscribe", {"uri": "data:a"}) == {}
            assert await client.ask("logging/setLevel", {"level": "error"}) == {}
            before = len(client.messages)
            again = await start(kernel, tasks)
            await client.noticed(*CHANGED)
            assert (await client.ask("heard"))["heard"] == [
                ["initialize", INITIALIZE],
                ["notifications/initialized", {}],
                ["logging/setLevel", {"level": "error"}],
                ["resources/subscribe", {"uri": "data:c"}],
                ["resources/subscribe", {"uri": "data:d"}],
            ]
            assert len(client.messages) == before + 1  # answers to the link's own requests end in the link
            again.set()


async def test_initialized_may_be_said_while_the_kernel_is_away(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.ask("initialize", INITIALIZE)
            waiting = client.send("forever")
            stop.set()
            await client.answer(waiting)
            client.notify("notifications/initialized")
            again = await start(kernel, tasks)
            await client.noticed(*CHANGED)
            heard = (await client.ask("heard"))["heard"]
            assert [method for method, _ in heard] == ["initialize", "notifications/initialized"]
            again.set()


async def test_a_kernel_that_comes_back_with_another_name_keeps_its_session(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            stop.set()
            await absent(client)
            kernel.name = "renamed"
            again = await start(kernel, tasks)
            await client.noticed(*CHANGED)
            assert await client.ask("echo", {"a": 1}) == {"a": 1}
            assert client.link.name == "renamed"
            again.set()


async def test_a_session_survives_many_restarts(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            for n in range(4):
                stop.set()
                await absent(client)
                stop = await start(kernel, tasks)
                await client.noticed(*CHANGED)
                assert await client.ask("echo", {"n": n}) == {"n": n}
            stop.set()


async def test_a_kernel_that_speaks_another_version_ends_the_session(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            stop.set()
            await absent(client)
            kernel.version = "2024-11-05"
            again = await start(kernel, tasks)
            await client.end()
            with pytest.raises(ConnectionClosed):
                client.send("ping")
            again.set()


async def test_a_file_that_leads_nowhere_does_not_stop_the_search(kernel: Kernel, runtime_dir: Path) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            info = read(runtime_dir / f"mcp-{KERNEL}.json")
            stop.set()
            await absent(client)
            write(info, runtime_dir)
            assert await client.ask("tools/list") == {"tools": []}
            again = await start(kernel, tasks)
            await client.noticed(*CHANGED)
            again.set()


async def test_what_a_modern_client_listens_to_stands_through_a_restart(kernel: Kernel) -> None:
    wishes = {"notifications": {"toolsListChanged": True, "promptsListChanged": False}}
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            listen = client.send("subscriptions/listen", MODERN | wishes)
            given_up = client.send("subscriptions/listen", MODERN | wishes)
            client.notify("notifications/cancelled", {"requestId": given_up})
            await client.ask("echo")
            stop.set()
            await client.noticed("notifications/tools/list_changed")
            later = client.send("subscriptions/listen", MODERN | {"notifications": {}})
            again = await start(kernel, tasks)
            await client.until(lambda: len(client.notices) == 1)
            (told,) = [m for m in client.messages if isinstance(m.frame, Notification)]
            assert told.related == listen
            assert told.frame.params == {"_meta": {SUBSCRIPTION_ID: listen}}
            heard = (await client.ask("heard"))["heard"]
            assert heard == [
                ["subscriptions/listen", MODERN | wishes],
                ["subscriptions/listen", MODERN | {"notifications": {}}],
            ]
            errors = [frame for frame in client.frames if isinstance(frame, ErrorResponse)]
            assert errors == []
            assert later
            again.set()


async def test_more_subscriptions_than_can_be_remembered_are_refused(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "MAX_SUBSCRIPTIONS", 1)
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as client:
            await client.initialize()
            stop.set()
            await absent(client)
            assert await client.ask("resources/subscribe", {"uri": "data:a"}) == {}
            assert await client.ask("resources/subscribe", {"uri": "data:a"}) == {}
            assert "subscriptions" in await client.ask("resources/subscribe", {"uri": "data:b"})


# -- the end ------------------------------------------------------------------------------------------


async def test_closing_ends_the_session_whether_or_not_the_kernel_serves(kernel: Kernel) -> None:
    async with anyio.create_task_group() as tasks:
        stop = await start(kernel, tasks)
        async with kernel.client() as here, kernel.client() as away:
            await here.initialize()
            here.link.close()
            await here.end()
            await away.initialize()
            stop.set()
            await absent(away)
            away.link.close()
            await away.end()
            for client in (here, away):
                with pytest.raises(ConnectionClosed):
                    client.send("ping")
    # both task groups have ended: no task is left


async def test_a_link_closes_with_the_task_group_that_owns_it(kernel: Kernel) -> None:
    async with kernel.running():
        async with anyio.create_task_group() as owner:
            info = await kernel.discovery.by_kernel(KERNEL)
            client = Client(await ResumingLink.open(info, kernel.discovery, owner))
            await client.initialize()
            owner.cancel_scope.cancel()
        await client.end()
