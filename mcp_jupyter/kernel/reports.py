# SPDX-License-Identifier: BSD-3-Clause
"""Reports to the caller of a call: what the call waits for, and heartbeats while its function runs.

The engine's thread sends them, so they go on while the function blocks the thread that it runs on. Knows
nothing of progress tokens or of the wire.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from .calls import Call, State

__all__ = ["FIRST_REPORT_SECONDS", "HEARTBEAT_SECONDS", "REPORT_SECONDS", "Reports"]

FIRST_REPORT_SECONDS: Final = 0.5
"""A call that waits this long tells its caller why; most never wait so long."""

REPORT_SECONDS: Final = 5.0
"""Then this often: well within the shortest time-outs of clients (30 s to 60 s)."""

HEARTBEAT_SECONDS: Final = 10.0
"""A call that runs says so this often: well within the silence that hosts allow (30 s and more)."""


class Reports:
    """The reports of one call, from now until `cancel`. The engine's thread.

    Parameters
    ----------
    call : Call
        Not started yet.
    obstacle : callable
        Says what the call waits for.
    heartbeat : float
        Seconds between two reports of a call that runs.
    """

    def __init__(self, call: Call, obstacle: Callable[[Call], str], heartbeat: float) -> None:
        self._call = call
        self._obstacle = obstacle
        self._heartbeat = heartbeat
        self._timer = call.loop.call_later(min(FIRST_REPORT_SECONDS, heartbeat), self._report)

    def cancel(self) -> None:
        """Send no more reports."""
        self._timer.cancel()

    def _report(self) -> None:
        call, pause = self._call, REPORT_SECONDS
        if call.state is State.WAITING:
            call.invocation.report(f"waiting for {self._obstacle(call)}")
        elif call.state is State.RUNNING:
            pause = self._heartbeat
            spent = time.monotonic() - call.since
            if spent < pause:
                pause -= spent
            else:
                call.invocation.running(spent, call.output.last_line)
        self._timer = call.loop.call_later(pause, self._report)
