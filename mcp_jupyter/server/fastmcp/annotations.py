# SPDX-License-Identifier: BSD-3-Clause
"""Return annotations that pydantic does not read as they are, as ones that it does.

These are `typing.TypedDict` before Python 3.12, and plain classes whose attributes have annotations. Values
stay as they are. Knows no tool.
"""

from __future__ import annotations

import sys
import types
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints, is_typeddict

import typing_extensions
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

__all__ = ["adapter_of"]

_QUALIFIERS = (typing_extensions.Required, typing_extensions.NotRequired)


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """The annotation, ready to validate values and to write them.

    Raises
    ------
    pydantic.PydanticUserError
        It has no schema.
    """
    if _is_plain(annotation) and (fields := _fields(annotation)):
        config = ConfigDict(from_attributes=True)
        create: Any = create_model
        return TypeAdapter(
            create(annotation.__name__, __config__=config, __doc__=annotation.__doc__, **fields)
        )
    return TypeAdapter(_readable(annotation))


def _is_plain(annotation: Any) -> bool:
    """Whether it is a class of the user's own making, and nothing that pydantic knows."""
    known = ("__pydantic_validator__", "__get_pydantic_core_schema__", "__dataclass_fields__")
    return (
        isinstance(annotation, type)
        and annotation.__bases__ == (object,)
        and not any(hasattr(annotation, name) for name in known)
    )


def _fields(annotation: type) -> dict[str, Any]:
    """The attributes with annotations; none where one of them cannot be the field of a model."""
    if "__annotations__" not in vars(annotation):
        return {}
    try:
        hints = get_type_hints(annotation, include_extras=True)
    except (NameError, TypeError, AttributeError):  # a name that exists for type checkers only
        return {}
    fields = {name: (kind, ...) for name, kind in hints.items() if get_origin(kind) is not ClassVar}
    return {} if any(name.startswith("_") or hasattr(BaseModel, name) for name in fields) else fields


def _readable(annotation: Any) -> Any:
    """The annotation with each `typing.TypedDict` in it replaced."""
    if sys.version_info >= (3, 12):
        return annotation
    if is_typeddict(annotation) and type(annotation).__module__ == "typing":
        return _typed_dict(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    inner = tuple(map(_readable, args))
    if origin is None or inner == args:
        return annotation
    if origin in (Union, types.UnionType):
        return reduce(or_, inner)
    return origin[inner] if isinstance(annotation, types.GenericAlias) else annotation.copy_with(inner)


def _typed_dict(annotation: Any) -> Any:
    members = {}
    for name, kind in get_type_hints(annotation, include_extras=True).items():
        qualifier = get_origin(kind)
        inner = _readable(get_args(kind)[0] if qualifier in _QUALIFIERS else kind)
        is_required = name in annotation.__required_keys__ and qualifier is not typing_extensions.NotRequired
        members[name] = inner if is_required else typing_extensions.NotRequired[inner]
    create: Any = typing_extensions.TypedDict
    made = create(annotation.__name__, members)
    made.__doc__ = annotation.__doc__
    return made
