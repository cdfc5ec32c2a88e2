# SPDX-License-Identifier: BSD-3-Clause
"""The wire types of all five protocol versions, under the names of the first-generation SDK.

Each file below owns one feature of the protocol; every public name of theirs is found here. Knows no rules:
a model says what a message looks like, `protocol` says when it may be sent.
"""

# Star imports: each file lists its own names, and the list here is the sum of theirs.
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
    """Find pydantic's types of URLs, which the first-generation SDK has here; their module takes 20 ms."""
    if name not in ("AnyUrl", "FileUrl"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pydantic

    return getattr(pydantic, name)
