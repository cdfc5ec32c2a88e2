# SPDX-License-Identifier: BSD-3-Clause
"""Say on which machine a process runs, so that a process id and a socket are looked for in the right place.

A runtime directory may be shared by machines (a home directory on NFS) and by containers. What another one
wrote there cannot be judged from here: its sockets refuse connections, its process ids mean other processes.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import psutil

__all__ = ["Machine", "process_runs", "this_machine"]

_ID_FILES: Final = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_BOOT_FILE: Final = "/proc/sys/kernel/random/boot_id"
_PIDS_LINK: Final = "/proc/self/ns/pid"

_NAMES: Final = ("name", "id", "boot", "pids")
_FIELD: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{0,128}", re.ASCII)
"""What a field may hold: it is shown in a terminal."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a process runs. Two are equal when a process of one can reach those of the other.

    Parameters
    ----------
    name : str
        What the machine is called; for messages, not compared.
    id : str
        A digest of the machine's id, or its name where it has no id.
    boot : str
        Which start of the machine; empty where the platform does not say.
    pids : str
        The process-id namespace (Linux): containers on one machine have different ones. Else empty.
    """

    name: str = field(compare=False)
    id: str
    boot: str
    pids: str

    @classmethod
    def from_json(cls, value: Any) -> Machine | None:
        """What a file says; None when it says nothing that can be understood."""
        if not isinstance(value, Mapping):
            return None
        said = [text for name in _NAMES if type(text := value.get(name)) is str and _FIELD.fullmatch(text)]
        return cls(*said) if len(said) == len(_NAMES) and said[1] else None

    def to_json(self) -> dict[str, str]:
        """The object that `from_json` reads."""
        return {"name": self.name, "id": self.id, "boot": self.boot, "pids": self.pids}


@cache
def this_machine() -> Machine:
    """Return where this process runs."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:128] or "unnamed"
    if sys.platform == "darwin":  # the name there changes with the network
        boot = _darwin_boot()
        return Machine(name, boot or name, boot, "")
    ids = [text for path in _ID_FILES if (text := _read(path))]
    # The id is confidential (man machine-id): only a digest of it leaves the machine.
    id_ = hashlib.sha256(b"mcp_jupyter " + ids[0].encode()).hexdigest()[:32] if ids else name
    pids = ""
    with suppress(OSError):
        pids = os.readlink(_PIDS_LINK)
    return Machine(name, id_, _read(_BOOT_FILE), pids)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()[:128]
    except (OSError, UnicodeError):
        return ""


def _darwin_boot() -> str:
    """The UUID that macOS gives to each start of the machine (`sysctl kern.bootsessionuuid`)."""
    size = ctypes.c_size_t(128)
    buffer = ctypes.create_string_buffer(size.value)
    with suppress(OSError, AttributeError):
        call = ctypes.CDLL(None).sysctlbyname
        if call(b"kern.bootsessionuuid", buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
            return buffer.value.decode("ascii", "replace")
    return ""


def process_runs(pid: int) -> bool:
    """Whether a process of this machine runs. One that has ended and waits for its parent does not."""
    try:
        return bool(psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):  # it may not be looked at, or there are no descriptors left
        return True
