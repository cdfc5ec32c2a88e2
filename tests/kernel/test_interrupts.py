# SPDX-License-Identifier: BSD-3-Clause
"""The gate alone, on this process's main thread: signals reach a call's code and nothing else."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mcp_jupyter.kernel import calls as interrupts
from mcp_jupyter.kernel.calls import BRIEF_SECONDS, InterruptGate


class Call:
    interrupted = False


@pytest.fixture
def stops() -> list[str]:
    return []


@pytest.fixture
def gate(stops: list[str]) -> Iterator[InterruptGate]:
    """As in a kernel between cells: where SIGINT was ignored, the gate stands."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    gate = InterruptGate(idle=lambda: stops.append("idle"))
    gate.install()
    yield gate
    gate.uninstall()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, before)


def beside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def press_stop() -> None:
    """A person's interrupt, in the midst of a call's code."""
    signal.raise_signal(signal.SIGINT)
    time.sleep(60)


def until(fact: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.0005)


def test_code_runs_and_answers(gate: InterruptGate) -> None:
    assert gate.run(Call(), divmod, 7, 2) == (3, 1)
    assert gate.current is None


def test_its_exceptions_pass(gate: InterruptGate) -> None:
    with pytest.raises(ZeroDivisionError):
        gate.run(Call(), divmod, 1, 0)
    assert gate.current is None


def interrupt_until_it_ends(gate: InterruptGate, call: Call, ended: threading.Event) -> None:
    """Ask again, as the runner does: a signal just before the thread falls asleep does not wake it."""
    until(lambda: gate.interrupt(call))
    while not ended.wait(0.02):
        gate.interrupt(call)


@pytest.mark.parametrize("sleep", [time.sleep, lambda seconds: time.sleep(seconds)])
def test_running_code_is_interrupted(gate: InterruptGate, sleep: Callable[[float], None]) -> None:
    call, ended = Call(), threading.Event()
    thread = beside(lambda: interrupt_until_it_ends(gate, call, ended))
    with pytest.raises(KeyboardInterrupt):
        gate.run(call, lambda: sleep(60))
    ended.set()
    thread.join()
    assert not call.interrupted


def test_what_does_not_run_is_not_interrupted(gate: InterruptGate) -> None:
    call = Call()
    assert not gate.interrupt(call)
    assert gate.run(Call(), gate.interrupt, call) is False


def test_a_persons_interrupt_is_known_as_such(gate: InterruptGate, stops: list[str]) -> None:
    call = Call()
    with pytest.raises(KeyboardInterrupt):
        gate.run(call, press_stop)
    assert call.interrupted
    assert stops == ["idle"]


def test_between_calls_an_interrupt_is_told_and_raises_nothing(gate: InterruptGate, stops: list[str]) -> None:
    signal.raise_signal(signal.SIGINT)
    assert stops == ["idle"]


def test_a_handler_that_stood_there_hears_of_a_persons_interrupt(
    gate: InterruptGate, stops: list[str]
) -> None:
    def cell(*_: object) -> None:
        stops.append("cell")

    def long() -> None:
        time.sleep(2 * BRIEF_SECONDS)
        press_stop()

    between = signal.signal(signal.SIGINT, cell)
    call = Call()
    with pytest.raises(KeyboardInterrupt):
        gate.run(call, long)
    assert signal.getsignal(signal.SIGINT) is cell
    signal.signal(signal.SIGINT, between)
    assert stops == ["cell"]
    assert call.interrupted


def test_beside_an_async_cell_brief_code_is_not_what_a_person_interrupts(
    gate: InterruptGate, stops: list[str]
) -> None:
    between = signal.signal(signal.SIGINT, lambda *_: stops.append("cell"))
    call = Call()
    gate.run(call, signal.raise_signal, signal.SIGINT)
    signal.signal(signal.SIGINT, between)
    assert stops == ["cell"]
    assert not call.interrupted


def test_code_with_a_handler_of_its_own_is_left_alone(gate: InterruptGate) -> None:
    call = Call()

    def code() -> bool:
        mine = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return gate.interrupt(call)
        finally:
            signal.signal(signal.SIGINT, mine)

    assert gate.run(call, code) is False


def test_code_run_within_code_is_interrupted_alone(gate: InterruptGate) -> None:
    outer, inner = Call(), Call()

    def code() -> str:
        def within() -> None:
            assert gate.interrupt(inner)
            time.sleep(60)

        assert not gate.interrupt(inner)
        with pytest.raises(KeyboardInterrupt):
            gate.run(inner, within)
        assert not gate.interrupt(inner)
        assert gate.current is outer
        return "goes on"

    assert gate.run(outer, code) == "goes on"


@pytest.mark.parametrize("what_follows", ["the loop", "code that a late one would hit"])
def test_no_interrupt_of_ours_comes_late(gate: InterruptGate, what_follows: str) -> None:
    between = signal.getsignal(signal.SIGINT)
    if what_follows != "the loop":
        signal.signal(signal.SIGINT, signal.default_int_handler)
    race(gate, gate.interrupt)
    signal.signal(signal.SIGINT, between)


def test_no_interrupt_of_a_person_gets_out_of_a_call(gate: InterruptGate) -> None:
    main = threading.main_thread().ident
    assert main is not None
    race(gate, lambda _: signal.pthread_kill(main, signal.SIGINT))


def race(gate: InterruptGate, interrupt: Callable[[Call], object]) -> None:
    """Let interrupts race with the end of short calls: none must be felt outside of one."""
    over = threading.Event()
    calls = [Call() for _ in range(2000)]
    running = calls[0]

    def work() -> None:
        for _ in range(5):
            time.sleep(0)  # lets the other thread in

    def interrupt_all() -> None:
        while not over.is_set():
            interrupt(running)
            time.sleep(0)

    interrupted = 0
    thread = beside(interrupt_all)
    try:
        for running in calls:
            try:
                gate.run(running, work)
            except KeyboardInterrupt:
                interrupted += 1
            time.sleep(0)
    finally:
        over.set()
        thread.join()
    assert interrupted > 0
    assert gate.current is None


def test_a_signal_that_woke_nobody_is_sent_again(
    gate: InterruptGate, stops: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def send() -> None:
        if sent:
            send_sigint()
        sent.append(len(sent))

    send_sigint = interrupts._send_sigint
    monkeypatch.setattr(interrupts, "_send_sigint", send)
    call, ended = Call(), threading.Event()
    thread = beside(lambda: interrupt_until_it_ends(gate, call, ended))
    with pytest.raises(KeyboardInterrupt):
        gate.run(call, time.sleep, 60)
    ended.set()
    thread.join()
    assert len(sent) > 1
    assert not call.interrupted


def test_the_second_signal_is_taken_for_nobodys(gate: InterruptGate, stops: list[str]) -> None:
    call, ready = Call(), threading.Event()

    def twice() -> None:
        ready.wait(10)
        with gate._lock:  # the handler waits: as where the thread was about to wake
            gate.interrupt(call)
            gate.interrupt(call)

    def caught() -> str:
        try:
            ready.set()
            # Short naps: a signal that comes just before one is seen after it (1.42).
            end = time.monotonic() + 10
            while time.monotonic() < end:
                time.sleep(0.001)
        except KeyboardInterrupt:
            return "went on"
        return "slept"

    for _ in range(20):
        ready.clear()
        thread = beside(twice)
        assert gate.run(call, caught) == "went on"
        thread.join()
    assert stops == []
    assert not call.interrupted
