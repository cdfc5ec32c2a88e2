# SPDX-License-Identifier: BSD-3-Clause
"""A function's annotations, and the classes that they name now.

In a notebook a class is defined anew when its cell is run again. What an annotation holds is the class of the
moment in which the function was defined; `places` finds where such a class has its name, `now` what has that
name now. Knows `inspect` and `typing`; does not know what a tool is.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from ..kinds import module_of

__all__ = ["Places", "now", "places", "plain_function", "renewed", "signature_of"]

Places = Mapping[type, tuple[Mapping[str, Any], str]]
"""Of each class: the namespace and the name that it was found under."""


MAX_WRAPPERS: Final = 100
"""Decorators around one function: an object may say of itself, without end, that it wraps another."""


def signature_of(function: Callable[..., Any], *, eval_str: bool = False) -> inspect.Signature:
    """A function's signature, without what `functools.partial` has bound.

    `inspect` would show what is bound by keyword as an argument with a default, and everything when
    `functools.update_wrapper` made the partial object look like its function.

    Raises
    ------
    NameError, ValueError, ...
        As `inspect.signature`.
    """
    found = inspect.unwrap(
        function, stop=lambda each: isinstance(each, partial) or hasattr(each, "__signature__")
    )
    if not isinstance(found, partial):
        return inspect.signature(function, eval_str=eval_str)

    def inner() -> None: ...

    inner.__signature__ = signature_of(found.func, eval_str=eval_str)  # type: ignore[attr-defined]
    left = inspect.signature(partial(inner, *found.args, **found.keywords))
    return left.replace(
        parameters=[each for each in left.parameters.values() if each.name not in found.keywords]
    )


def plain_function(function: Callable[..., Any]) -> Any:
    """The function below partial objects, methods and decorators that say what they wrap."""
    for _ in range(MAX_WRAPPERS):
        if isinstance(function, partial):
            function = function.func
        elif (wrapped := getattr(function, "__wrapped__", None)) is not None:
            function = wrapped
        else:
            break
    return getattr(function, "__func__", function)


def places(function: Callable[..., Any], signature: inspect.Signature) -> Places:
    """Where the classes in a signature's annotations have their names: with the function, or in a module.

    Classes that are found under their name in neither have no place, and stay what they are.
    """
    around = getattr(plain_function(function), "__globals__", {})
    found: dict[type, tuple[Mapping[str, Any], str]] = {}
    for annotation in _annotations(signature):
        for kind in _classes_in(annotation):
            module = sys.modules.get(module_of(kind))
            for namespace in (around, {} if module is None else vars(module)):
                if namespace.get(kind.__name__) is kind:
                    found[kind] = namespace, kind.__name__
                    break
    return found


def now(found: Places, before: Mapping[type, type]) -> Mapping[type, type]:
    """What has the name of each class now; `before`, the same at an earlier time, where nothing has changed.

    A name that is gone, or stands for something else than a class, has changed nothing.
    """
    changed = {
        kind: value
        for kind, (namespace, name) in found.items()
        if (value := namespace.get(name)) is not before.get(kind, kind) and isinstance(value, type)
    }
    return {**before, **changed} if changed else before


def renewed(signature: inspect.Signature, classes: Mapping[type, type]) -> inspect.Signature:
    """A signature with other classes in the place of those in its annotations."""
    if all(kind is found for kind, found in classes.items()):
        return signature
    return signature.replace(
        parameters=[
            each.replace(annotation=_renewed(each.annotation, classes))
            for each in signature.parameters.values()
        ],
        return_annotation=_renewed(signature.return_annotation, classes),
    )


def _annotations(signature: inspect.Signature) -> Iterator[Any]:
    yield from (each.annotation for each in signature.parameters.values())
    yield signature.return_annotation


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if module_of(annotation) != "builtins" and annotation is not inspect.Signature.empty:
            yield annotation
        return
    for part in get_args(annotation):
        yield from _classes_in(part)


def _renewed(annotation: Any, classes: Mapping[type, type]) -> Any:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return classes.get(annotation, annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_renewed(parts[0], classes), *parts[1:])]
    fresh = tuple(_renewed(part, classes) for part in parts)
    if origin is Literal or all(new is old for new, old in zip(fresh, parts, strict=True)):
        return annotation
    if origin in (Union, UnionType):
        return Union[fresh]  # noqa: UP007 - of any number
    return origin[fresh if len(fresh) != 1 else fresh[0]]
