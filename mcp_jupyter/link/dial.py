# SPDX-License-Identifier: BSD-3-Clause
"""To reach a kernel: open a channel to it, or find out whether it is there.

Knows the connection information, not where it comes from or who is let in.
"""

from __future__ import annotations

import asyncio
import enum
import os
import sys
from typing import Final, TypeVar

import anyio

from ..errors import LinkError
from ..private_files import is_own
from .channel import LinkChannel
from .files import ConnectionInfo
from .wire import greeting

__all__ = ["DIAL_SECONDS", "PROBE_SECONDS", "Liveness", "dial", "probe"]

DIAL_SECONDS: Final = 5.0
"""A kernel whose interpreter is held by one long call accepts late; the system accepts for it."""

PROBE_SECONDS: Final = 1.0
"""The system answers for a live kernel in microseconds; a silent address is not worth more."""

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.Protocol)


class Liveness(enum.Enum):
    """What a look at a kernel's socket showed."""

    LIVE = "somebody listens"
    GONE = "nobody will ever listen there again"
    SILENT = "nothing can be said now"


async def _connect(info: ConnectionInfo, protocol: type[_ProtocolT]) -> tuple[asyncio.Transport, _ProtocolT]:
    loop = asyncio.get_running_loop()
    if isinstance(info.address, tuple):
        return await loop.create_connection(protocol, *info.address)
    if sys.platform == "win32":
        raise LinkError("This platform has no Unix sockets.")
    # Where a dead kernel's directory was cleaned away, somebody else may listen at its path now.
    if not is_own(os.stat(info.address)):
        raise FileNotFoundError("The socket belongs to another user.")
    return await loop.create_unix_connection(protocol, info.address)


async def dial(info: ConnectionInfo, timeout: float = DIAL_SECONDS) -> LinkChannel:
    """Open a channel to a kernel.

    Parameters
    ----------
    timeout : float
        Seconds.

    Raises
    ------
    LinkError
        When the kernel cannot be reached. (A key it does not accept shows later: it hangs up.)
    """
    try:
        with anyio.fail_after(timeout):
            transport, channel = await _connect(info, LinkChannel)
    except TimeoutError:
        reason = f"no answer within {timeout:g} s"
    except OSError as exc:
        reason = exc.strerror or str(exc)
    else:
        transport.write(greeting(info.key))
        return channel
    raise LinkError(f"The kernel of notebook {info.name!r} cannot be reached: {reason}.")


async def probe(info: ConnectionInfo, timeout: float = PROBE_SECONDS) -> Liveness:
    """Whether somebody listens at a kernel's address. Shows no key and says nothing."""
    try:
        with anyio.fail_after(timeout):
            transport, _ = await _connect(info, asyncio.Protocol)
    except (FileNotFoundError, ConnectionRefusedError):
        return Liveness.GONE
    except (OSError, LinkError):
        return Liveness.SILENT
    transport.abort()
    return Liveness.LIVE
