# SPDX-License-Identifier: BSD-3-Clause
"""One connection: requests both ways, cancellation, progress, time-outs; what a handler cannot break."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anyio
import pytest

from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    ConnectionClosed,
    FrameError,
    McpError,
    RequestTimeout,
)
from mcp_jupyter.protocol.frames import Message, Request
from mcp_jupyter.protocol.limits import MAX_CONTAINERS, MAX_IN_FLIGHT

pytestmark = pytest.mark.anyio


class Echo:
    """Answers with its params; `methods` gives some methods an answer of their own."""

    def __init__(self, **methods):
        self.methods = methods
        self.heard = []

    async def request(self, call):
        method = self.methods.get(call.method)
        return dict(call.params) if method is None else await method(call)

    def notification(self, notification):
        self.heard.append(notification)


@asynccontextmanager
async def connected(server, client=None):
    ours, theirs = memory_pair()
    left, right = Connection(ours, client or Echo()), Connection(theirs, server)
    async with anyio.create_task_group() as tasks:
        await tasks.start(right.serve)
        await tasks.start(left.serve)
        try:
            with anyio.fail_after(10):
                yield left, right
        finally:
            left.close()


async def test_a_request_gets_its_answer():
    async with connected(Echo()) as (client, _):
        assert await client.request("echo", {"a": 1}) == {"a": 1}


async def test_requests_in_flight_together_get_their_own_answers():
    async def later(call):
        for _ in range(10 - call.params["n"]):
            await anyio.lowlevel.checkpoint()
        return {"n": call.params["n"]}

    async with connected(Echo(later=later)) as (client, _):
        got = []

        async def ask(n):
            got.append((n, (await client.request("later", {"n": n}))["n"]))

        async with anyio.create_task_group() as tasks:
            for n in range(10):
                tasks.start_soon(ask, n)
        assert sorted(got) == [(n, n) for n in range(10)]


async def test_a_handler_may_ask_back_without_a_deadlock():
    async def ask(call):
        return await call.request("echo", {"asked": True})

    async with connected(Echo(ask=ask)) as (client, _):
        assert await client.request("ask", {}) == {"asked": True}


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("secret"),
        SystemExit(1),
        KeyboardInterrupt(),
        GeneratorExit(),
        BaseExceptionGroup("g", [SystemExit()]),
    ],
    ids=lambda exc: type(exc).__name__,
)
async def test_whatever_a_handler_raises_is_one_answer_and_the_connection_goes_on(raised):
    async def boom(call):
        raise raised

    async with connected(Echo(boom=boom)) as (client, _):
        with pytest.raises(McpError) as caught:
            await client.request("boom", {})
        assert caught.value.code == INTERNAL_ERROR
        assert "secret" not in caught.value.message
        assert await client.request("echo", {"still": "here"}) == {"still": "here"}


@pytest.mark.parametrize("result", [object(), {"a": object()}], ids=["object", "nested"])
async def test_a_result_that_has_no_json_form_costs_one_answer(result):
    async def bad(call):
        return result

    async with connected(Echo(bad=bad)) as (client, _):
        with pytest.raises(McpError) as caught:
            await client.request("bad", {})
        assert caught.value.code == INTERNAL_ERROR


async def test_an_error_of_the_protocol_arrives_as_it_was_raised():
    async def refuse(call):
        raise McpError(-32602, "no", {"why": 1})

    async with connected(Echo(refuse=refuse)) as (client, _):
        with pytest.raises(McpError) as caught:
            await client.request("refuse", {})
        assert (caught.value.code, caught.value.message, caught.value.data) == (-32602, "no", {"why": 1})


async def test_an_error_about_an_unknown_method_names_the_method():
    """Also when the other side's words do not (2: slow or odd)."""

    async def terse(call):
        raise McpError(METHOD_NOT_FOUND, "Method not found", {"more": 1})

    async def wordy(call):
        raise McpError(METHOD_NOT_FOUND, "What is wordy?")

    async with connected(Echo(terse=terse, wordy=wordy)) as (client, _):
        with pytest.raises(McpError) as caught:
            await client.request("terse", {})
        assert str(caught.value) == "Method not found (method: terse)"
        assert (caught.value.code, caught.value.data) == (METHOD_NOT_FOUND, {"more": 1})
        with pytest.raises(McpError, match=r"^What is wordy\?$"):
            await client.request("wordy", {})


async def test_error_data_without_a_json_form_is_left_out():
    async def refuse(call):
        raise McpError(-32602, "no", object())

    async with connected(Echo(refuse=refuse)) as (client, _):
        with pytest.raises(McpError, match="no"):
            await client.request("refuse", {})


async def test_a_request_out_of_time_is_cancelled_on_the_other_side():
    started, ended = anyio.Event(), anyio.Event()

    async def slow(call):
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with connected(Echo(slow=slow)) as (client, _):
        with pytest.raises(RequestTimeout, match="No answer to slow within"):
            await client.request("slow", {}, timeout=0.05)
        await ended.wait()


async def test_a_cancelled_caller_cancels_the_work_and_no_answer_comes():
    ended = anyio.Event()

    async def slow(call):
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with connected(Echo(slow=slow)) as (client, _):
        with anyio.move_on_after(0.05):
            await client.request("slow", {})
        await ended.wait()
        assert await client.request("echo", {}) == {}


async def test_initialize_cannot_be_cancelled():
    release = anyio.Event()

    async def initialize(call):
        await release.wait()
        return {"done": True}

    ours, theirs = memory_pair()
    right = Connection(theirs, Echo(initialize=initialize))
    sink = Collect()
    async with anyio.create_task_group() as tasks:
        await tasks.start(right.serve)
        ours.start(sink)
        ours.send(Message.of(Request(1, "initialize")))
        ours.send(Message.of(cancel(1)))
        release.set()
        with anyio.fail_after(5):
            assert (await sink.next()).frame.result == {"done": True}
        ours.close()


async def test_progress_reaches_the_caller_in_order_and_in_its_own_task():
    async def work(call):
        token = call.meta["progressToken"]
        for n in range(100):
            call.notify("notifications/progress", {"progressToken": token, "progress": n, "total": 99})
        return {}

    seen = []

    async def on_progress(progress, total, message):
        seen.append((progress, total, message))

    async with connected(Echo(work=work)) as (client, _):
        await client.request("work", {"_meta": {"kept": 1}}, on_progress=on_progress)
    assert seen == [(n, 99, None) for n in range(100)]


@pytest.mark.parametrize("timeout", [None, 5])
async def test_a_time_out_of_the_callers_own_stays_that(timeout):
    async def work(call):
        call.notify("notifications/progress", {"progressToken": call.meta["progressToken"], "progress": 1})
        await anyio.sleep_forever()

    async def on_progress(progress, total, message):
        raise TimeoutError("of a database")

    async with connected(Echo(work=work)) as (client, _):
        with pytest.raises(TimeoutError, match="of a database"):
            await client.request("work", {}, on_progress=on_progress, timeout=timeout)


async def test_malformed_progress_and_cancellation_are_ignored():
    async with connected(Echo()) as (client, server):
        for params in ({}, {"progressToken": []}, {"progressToken": 1, "progress": "x"}):
            server.notify("notifications/progress", params)
        for params in ({}, {"requestId": {}}, {"requestId": True}, {"requestId": 99}):
            client.notify("notifications/cancelled", params)
        assert await client.request("echo", {}) == {}


async def test_an_id_in_use_is_refused_and_the_first_request_untouched():
    release = anyio.Event()

    async def hold(call):
        await release.wait()
        return {"first": True}

    ours, theirs = memory_pair()
    right = Connection(theirs, Echo(hold=hold))
    sink = Collect()
    async with anyio.create_task_group() as tasks:
        await tasks.start(right.serve)
        ours.start(sink)
        for id_ in (7, "7", 7):
            ours.send(Message.of(Request(id_, "hold")))
        with anyio.fail_after(5):
            refused = (await sink.next()).frame
            assert (refused.id, refused.error["code"]) == (7, INVALID_REQUEST)
            release.set()
            answers = {(await sink.next()).frame.id for _ in range(2)}
        assert answers == {7, "7"}
        ours.close()


async def test_more_requests_than_the_limit_are_refused_one_by_one():
    release = anyio.Event()

    async def hold(call):
        await release.wait()
        return {}

    ours, theirs = memory_pair()
    right = Connection(theirs, Echo(hold=hold))
    sink = Collect()
    async with anyio.create_task_group() as tasks:
        await tasks.start(right.serve)
        ours.start(sink)
        for n in range(MAX_IN_FLIGHT + 1):
            ours.send(Message.of(Request(n, "hold")))
        with anyio.fail_after(10):
            assert (await sink.next()).frame.id == MAX_IN_FLIGHT
            release.set()
            assert len({(await sink.next()).frame.id for _ in range(MAX_IN_FLIGHT)}) == MAX_IN_FLIGHT
        ours.close()


async def test_what_is_no_message_is_answered_where_it_stands():
    ours, theirs = memory_pair()
    right = Connection(theirs, Echo())
    sink = Collect()
    async with anyio.create_task_group() as tasks:
        await tasks.start(right.serve)
        ours.start(sink)
        right.fault(FrameError(INVALID_REQUEST, "no", 3))
        with anyio.fail_after(5):
            frame = (await sink.next()).frame
        assert (frame.id, frame.error["code"]) == (3, INVALID_REQUEST)
        ours.close()


async def test_when_the_other_side_leaves_waiting_requests_fail_at_once():
    async def leave(call):
        call.connection.close()
        await anyio.sleep_forever()

    async with connected(Echo(leave=leave)) as (client, _):
        with pytest.raises(ConnectionClosed):
            await client.request("leave", {})
        with pytest.raises(ConnectionClosed):
            await client.request("echo", {})


async def test_when_a_connection_ends_its_handlers_have_ended():
    ended = []

    async def hold(call):
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(call.id)

    async with connected(Echo(hold=hold)) as (client, _), anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ignore_close, client, "hold")
        await anyio.wait_all_tasks_blocked()
        client.close()
    assert len(ended) == 3


async def ignore_close(client, method):
    with pytest.raises(ConnectionClosed):
        await client.request(method, {})


async def test_notifications_arrive_in_order():
    echo = Echo()
    async with connected(echo) as (client, _):
        for n in range(20):
            client.notify("note", {"n": n})
        await client.request("echo", {})
    assert [notification.params["n"] for notification in echo.heard] == list(range(20))


class Collect:
    """A sink that keeps what arrives."""

    def __init__(self):
        self.send, self.receive = anyio.create_memory_object_stream(1000)

    def message(self, message):
        self.send.send_nowait(message)

    def fault(self, error):
        raise AssertionError(error)

    def closed(self):
        self.send.close()
        self.receive.close()

    async def next(self):
        return await self.receive.receive()


def cancel(id_):
    from mcp_jupyter.protocol.frames import Notification

    return Notification("notifications/cancelled", {"requestId": id_})


async def test_what_a_request_says_after_its_answer_goes_nowhere():
    kept = []

    async def work(call):
        kept.append(call)
        return {}

    ears = Echo()
    async with connected(Echo(work=work), ears) as (client, server):
        await client.request("work", {})
        kept[0].notify("late", {})
        server.notify("other", {})
        await client.request("echo", {})
    assert [notification.method for notification in ears.heard] == ["other"]


async def test_params_without_a_json_form_are_the_callers_error_and_nothing_is_sent():
    echo = Echo()
    async with connected(echo) as (client, _):
        with pytest.raises(TypeError):
            await client.request("echo", {"a": object()})
        assert await client.request("echo", {}) == {}
    assert echo.heard == []


async def test_a_result_that_a_client_would_refuse_is_one_error():
    """A client that counts lists and objects ends the connection where it meets too many (1.26)."""

    async def bomb(call):
        return {"lists": [[] for _ in range(MAX_CONTAINERS)]}

    async with connected(Echo(bomb=bomb)) as (client, _):
        with pytest.raises(McpError, match=r"more than 100,000 lists and objects, and was not sent"):
            await client.request("bomb", {})
        assert await client.request("echo", {"a": 1}) == {"a": 1}
