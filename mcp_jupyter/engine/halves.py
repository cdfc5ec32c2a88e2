# SPDX-License-Identifier: BSD-3-Clause
"""A channel as the pair (read, write) that the first-generation SDK's transports give. Knows nothing else.

The two are one `Channel` cut in half; a session or a server joins them again, and nobody looks inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from .channel import Channel

__all__ = ["ReadHalf", "WriteHalf", "halves", "joined"]


@dataclass(frozen=True, slots=True)
class ReadHalf:
    """What the other side sends; opaque."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class WriteHalf:
    """What this side sends; opaque."""

    channel: Channel


def halves(channel: Channel) -> tuple[ReadHalf, WriteHalf]:
    """A channel as the pair that a session or a server takes."""
    return ReadHalf(channel), WriteHalf(channel)


def joined(read: ReadHalf, write: WriteHalf) -> Channel:
    """The channel that two halves came from.

    Raises
    ------
    ValueError
        They are halves of two different connections.
    """
    if read.channel is not write.channel:
        raise ValueError("read and write belong to different connections; pass the pair of one transport.")
    return read.channel
