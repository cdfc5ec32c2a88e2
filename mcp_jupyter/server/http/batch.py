# SPDX-License-Identifier: BSD-3-Clause
"""JSON-RPC batches, and the bytes of a message on one line.

A rule without I/O. It does not know when a batch is allowed.

Source: JSON-RPC 2.0 section 6; spec 2025-03-26, basic ("Batching") and basic/lifecycle ("initialize
MUST NOT be part of a batch").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ...errors import FrameError
from ...protocol.codes import INVALID_REQUEST
from ...protocol.frames import ErrorResponse, Frame, Message, Request, classify, dumps
from .access import Refusal

__all__ = ["MAX_BATCH", "Batch", "one_line", "split"]

MAX_BATCH: Final = 100
"""Entries of one batch: each may hold a task; the size of a body alone would allow 100,000."""

_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")


class Batch(NamedTuple):
    """The entries of a batch: those to hand on, with their JSON, and the answers to the others."""

    accepted: list[tuple[Frame, bytes]]
    refused: list[Message]

    @property
    def answers(self) -> int:
        """How many answers there will be in all."""
        return len(self.refused) + sum(isinstance(frame, Request) for frame, _ in self.accepted)


def split(entries: list[Any], authorise: Callable[[Frame], None]) -> Batch:
    """Look at each entry by itself.

    Parameters
    ----------
    authorise : callable
        Raises `Refusal` for a frame its sender may not send.

    Raises
    ------
    Refusal
        400: there are no entries, or too many.
    """
    if not 0 < len(entries) <= MAX_BATCH:
        raise Refusal(400, f"A batch must have 1 to {MAX_BATCH} messages.")
    batch = Batch([], [])
    for entry in entries:
        try:
            frame = classify(entry)
            if isinstance(frame, Request) and frame.method == "initialize":
                raise FrameError(INVALID_REQUEST, "initialize must not be part of a batch.", frame.id)
            authorise(frame)
            batch.accepted.append((frame, dumps(entry)))
        except (FrameError, Refusal) as exc:
            batch.refused.append(Message.of(ErrorResponse(exc.request_id, exc.to_dict())))
    return batch


def one_line(body: bytes) -> bytes:
    """JSON text without line ends: in valid JSON they stand between tokens only."""
    return body.translate(_LINE_ENDS) if b"\n" in body or b"\r" in body else body
