# SPDX-License-Identifier: BSD-3-Clause
"""The wire types of all five protocol versions, under the names of the first-generation SDK.

Each file holds one feature of the protocol, and this package exports all their public names. A model says
what a message looks like; `protocol` decides when it may be sent.
"""

# Star imports: each file lists its own names, and `__all__` is the sum of these lists.
from typing import Any

from . import (
    aliases,
    base,
    content,
    interaction,
    jsonrpc,
    lifecycle,
    messages,
    prompts,
    resources,
    tasks,
    tools,
)
from .aliases import *  # noqa: F403
from .base import *  # noqa: F403
from .content import *  # noqa: F403
from .interaction import *  # noqa: F403
from .jsonrpc import *  # noqa: F403
from .lifecycle import *  # noqa: F403
from .messages import *  # noqa: F403
from .prompts import *  # noqa: F403
from .resources import *  # noqa: F403
from .tasks import *  # noqa: F403
from .tools import *  # noqa: F403

__all__ = []
__all__ += aliases.__all__
__all__ += base.__all__
__all__ += content.__all__
__all__ += interaction.__all__
__all__ += jsonrpc.__all__
__all__ += lifecycle.__all__
__all__ += messages.__all__
__all__ += prompts.__all__
__all__ += resources.__all__
__all__ += tasks.__all__
__all__ += tools.__all__


def __getattr__(name: str) -> Any:
    """Import pydantic's URL types on first use: the first-generation SDK has them here; they take 20 ms."""
    if name not in ("AnyUrl", "FileUrl"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pydantic

    return getattr(pydantic, name)
