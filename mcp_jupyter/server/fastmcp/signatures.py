# SPDX-License-Identifier: BSD-3-Clause
"""Derive the JSON Schema of a function's arguments from its signature, and validate arguments.

Schemas are JSON Schema 2020-12 as pydantic writes them, without the titles that it derives from names. They
are built at registration, and again when the function or a class in its annotations is redefined.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial, reduce
from operator import or_
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import typing_extensions
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict

from ..._util.names import module_of
from ...errors import ToolError
from ...protocol.frames import has_too_many_containers
from ..content import plain
from ..content import values as models
from ..models import describe
from .docstrings import Docstring, docstring_of

__all__ = [
    "Places",
    "Signature",
    "Untitled",
    "adapter_of",
    "mentions",
    "now",
    "places",
    "plain_function",
    "renewed",
    "signature_of",
]


_JSON_BEGINS: Final = ("[", "{", "n")
"""First characters of a list, an object and null."""


class Untitled(GenerateJsonSchema):
    """Schemas without the titles that pydantic derives from field names: they only repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _Taken(Untitled):
    """Schemas of arguments as clients send them."""

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of bytes: base64 with the URL-safe alphabet, as in results. Both are accepted."""
        return {"type": "string", "format": "base64url", "contentEncoding": "base64"}


class Signature:
    """A function's parameters as a JSON object.

    Parameters
    ----------
    function : callable
        The user's function.
    injected : type
        A parameter annotated with this class is filled by the server and hidden from the caller.
    before : Signature, optional
        The function's previous signature, when a class in its annotations was redefined.

    Attributes
    ----------
    name : str or None
        The function's name; None for a lambda.
    doc : Docstring
        The function's parsed docstring.
    schema : dict
        JSON Schema of the arguments.
    injected : str or None
        Name of the parameter that the server fills.
    returns : Any
        The return annotation; `inspect.Signature.empty` when there is none.
    aliases : dict
        Name of each parameter for callers: its own name, or the alias of its `Field`.
    names_classes : bool
        Whether an annotation refers to a class that may be redefined (see `current`).

    Raises
    ------
    ValueError
        A parameter cannot come from JSON; the message names it and says what to do.
    """

    def __init__(self, function: Callable[..., Any], injected: type, before: Signature | None = None) -> None:
        self.name = _name_of(function)
        self._shown = self.name or "the function"
        self.doc: Docstring = docstring_of(function)
        signature = self._read(function)
        self._function, self._injected = function, injected
        self._plain = plain_function(function)
        self._code = getattr(self._plain, "__code__", None)
        self._places: Places = places(function, signature) if before is None else before._places
        self._classes: Mapping[type, type] = now(self._places, {} if before is None else before._classes)
        self.names_classes = bool(self._places)
        signature = renewed(signature, self._classes)
        self.returns = signature.return_annotation
        self.injected: str | None = None
        self.aliases: dict[str, str] = {}
        self._defaults: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        for parameter in signature.parameters.values():
            if mentions(parameter.annotation, injected):
                if self.injected is not None:
                    both = f"{self.injected} and {parameter.name} are both a {injected.__name__}"
                    raise ValueError(f"{self._shown}: {both}; leave one out.")
                self.injected = parameter.name
            else:
                fields[parameter.name] = self._field(parameter)
        try:
            self._adapter = self._build(fields, function)
            self._has_bytes = models.has_bytes(self._adapter.core_schema)
            self.schema = self._schema()
        except PydanticUserError as exc:
            raise ValueError(f"{self._shown}: {self._explain(fields, function, exc)}") from None

    def _read(self, function: Callable[..., Any]) -> inspect.Signature:
        try:
            return signature_of(function, eval_str=True)
        except NameError as exc:
            raise ValueError(f"{self._shown}: the annotation {exc.name!r} is not defined.") from None
        except (AttributeError, SyntaxError, TypeError, ValueError) as exc:
            raise ValueError(f"{self._shown}: its signature cannot be read: {exc}") from None

    def _field(self, parameter: inspect.Parameter) -> Any:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            shown = str(parameter).partition(":")[0]
            raise ValueError(
                f"{self._shown}: parameter {shown} cannot be filled from a call by name; "
                "give each parameter a name of its own."
            )
        hint = Any if parameter.annotation is parameter.empty else parameter.annotation
        described = self.doc.parameters.get(parameter.name)
        if described:
            # Put it before the hint's own metadata: pydantic lets later metadata win.
            base, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            hint = Annotated[(base, Field(description=described), *metadata)]
        default = parameter.default
        declared = isinstance(default, FieldInfo)
        if declared:
            hint = Annotated[hint, default]  # pydantic applies the `Field`'s default and constraints
        alias = _alias(hint) or parameter.name
        if alias in self.aliases.values():
            raise ValueError(f"{self._shown}: two parameters are called {alias!r}; give one another alias.")
        self.aliases[parameter.name] = alias
        if default is parameter.empty or (declared and default.is_required()):
            return hint
        if not declared:
            self._defaults[alias] = default
        return NotRequired[hint]

    @staticmethod
    def _build(fields: dict[str, Any], function: Callable[..., Any]) -> TypeAdapter[dict[str, Any]]:
        make: Any = TypedDict
        shape = make("Arguments", fields)
        shape.__module__ = getattr(function, "__module__", __name__)  # where pydantic resolves names in hints
        shape.__pydantic_config__ = ConfigDict(extra="forbid")
        return TypeAdapter(shape)

    def _schema(self) -> dict[str, Any]:
        schema = self._adapter.json_schema(schema_generator=_Taken)
        schema.pop("title", None)
        schema.setdefault("properties", {})
        for name, default in self._defaults.items():
            with suppress(Exception):  # a default without a JSON form still applies, but the schema omits it
                shown = plain(default)
                if name in schema["properties"] and (shown is not None or default is None):
                    schema["properties"][name].setdefault("default", shown)
        return schema

    def _explain(self, fields: dict[str, Any], function: Callable[..., Any], error: Exception) -> str:
        """Return the reason: which parameter cannot come from JSON, and what to do."""
        for name, hint in fields.items():
            try:
                self._build({name: hint}, function).json_schema()
            except PydanticUserError as exc:
                reason = str(exc).partition("\n")[0].partition(". Set ")[0]
                if exc.code == "class-not-fully-defined":
                    reason = "a name in its annotation is not defined"
                return (
                    f"parameter {name} cannot come from JSON ({reason}). Use str, int, float, bool, list, "
                    "dict, Literal, enums, dates or pydantic models, and look larger objects up by name "
                    "inside the function."
                )
        return str(error)

    @property
    def can_ask(self) -> bool:
        """Whether the function gets a `Context`: without one it cannot ask the client."""
        try:
            return self.current().injected is not None
        except ValueError:  # the call itself will report it
            return False

    def current(self) -> Signature:
        """Return this signature, or a new one if the function or a class in its annotations was redefined.

        A cell that is run again makes a new class of the same name. The annotation still holds the old class,
        but the function's code finds the new one, so arguments must be instances of the new one.

        Raises
        ------
        ValueError
            A parameter of the new signature cannot come from JSON.
        """
        same = getattr(self._plain, "__code__", None) is self._code
        if same and (not self._places or now(self._places, self._classes) is self._classes):
            return self
        # A function whose code was replaced (`%autoreload` does that) may have other parameters.
        return Signature(self._function, self._injected, self if same else None)

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Validate arguments and convert them to the types of the parameters. Defaults are not added.

        Raises
        ------
        ToolError
            An argument does not fit; the message names each of them.
        """
        try:
            if self._has_bytes:
                return self._as_json(arguments)
            return self._adapter.validate_python(arguments)
        except ValidationError as exc:
            wrong = _wrong(exc)
        # Second try. Some hosts send lists, objects and null as JSON text; and a strict model accepts values
        # from JSON that it refuses from Python (a date as text).
        read = {name: _read(value) if name in wrong else value for name, value in arguments.items()}
        try:
            return self._as_json(read)
        except ValidationError as exc:
            wrong = _wrong(exc)
        # Third try. Some hosts send null for an argument that they mean to leave out.
        optional = self.schema["properties"].keys() - self.schema.get("required", ())
        left_out = {name for name in wrong & optional if name in read and read[name] is None}
        try:
            return self._as_json({name: value for name, value in read.items() if name not in left_out})
        except ValidationError as exc:
            raise ToolError(f"Invalid arguments for {self._shown}: {describe(exc)}") from None

    def _as_json(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        # Write and read again: a client in the same process may pass bytes objects.
        found: dict[str, Any] = self._reader.validate_json(to_json(arguments, bytes_mode="base64"))
        return found

    @cached_property
    def _reader(self) -> Any:
        """Validator of arguments as JSON; made at first use."""
        return models.validator(self._adapter.core_schema) if self._has_bytes else self._adapter.validator


def _wrong(error: ValidationError) -> set[Any]:
    """Return the names of the arguments that do not fit."""
    return {problem["loc"][0] for problem in error.errors(include_url=False) if problem["loc"]}


def _read(value: Any) -> Any:
    """Parse a text that is a JSON list, object or null; return any other value unchanged."""
    if not isinstance(value, str) or value.lstrip()[:1] not in _JSON_BEGINS or has_too_many_containers(value):
        return value
    try:
        return from_json(value.strip())
    except ValueError:
        return value


def _alias(hint: Any) -> str | None:
    """Return the alias that a `Field` in an annotation gives the parameter, or None."""
    if get_origin(hint) is not Annotated:
        return None
    alias = FieldInfo.from_annotation(hint).validation_alias
    return alias if isinstance(alias, str) else None


def _name_of(function: Callable[..., Any]) -> str | None:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return None if name == "<lambda>" else name


def mentions(annotation: Any, *wanted: type) -> bool:
    """Tell whether an annotation is one of the classes, or a union or generic of one."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None:
        return issubclass(annotation, wanted)
    if isinstance(origin, type) and issubclass(origin, wanted):
        return True
    return any(mentions(argument, *wanted) for argument in get_args(annotation))


# -- hints ---------------------------------------------------------------------------------------
#
# Find the current classes of a function's annotations.
#
# In a notebook a class is redefined when its cell is run again, but an annotation holds the class that
# existed when the function was defined. `places` finds the namespace and name of each class, `now` looks up
# what has that name now, and `renewed` puts the new classes into a signature.

Places = Mapping[type, tuple[Mapping[str, Any], str]]
"""For each class, the namespace and the name under which it was found."""


MAX_WRAPPERS: Final = 100
"""Decorators around one function: an object's `__wrapped__` may lead to a new object without end."""


def signature_of(function: Callable[..., Any], *, eval_str: bool = False) -> inspect.Signature:
    """Return a function's signature without the arguments that `functools.partial` has bound.

    `inspect` shows an argument bound by keyword as one with a default, and shows all arguments if
    `functools.update_wrapper` was applied to the partial object.

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
    """Return the function below partial objects, methods and decorators that set `__wrapped__`."""
    for _ in range(MAX_WRAPPERS):
        if isinstance(function, partial):
            function = function.func
        elif (wrapped := getattr(function, "__wrapped__", None)) is not None:
            function = wrapped
        else:
            break
    return getattr(function, "__func__", function)


def places(function: Callable[..., Any], signature: inspect.Signature) -> Places:
    """Find the classes of a signature's annotations: in the function's globals, or in the class's module.

    Classes that neither holds under their name are left out, so they are never replaced.
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
    """Return the current class for each class; the same object as `before` if none has changed since.

    A class stays as it was if its name is deleted or now refers to something that is not a class.
    """
    changed = {
        kind: value
        for kind, (namespace, name) in found.items()
        if (value := namespace.get(name)) is not before.get(kind, kind) and isinstance(value, type)
    }
    return {**before, **changed} if changed else before


def renewed(signature: inspect.Signature, classes: Mapping[type, type]) -> inspect.Signature:
    """Replace classes in a signature's annotations."""
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


# -- annotations ---------------------------------------------------------------------------------
#
# Convert return annotations that pydantic cannot read: `typing.TypedDict` before Python 3.12, and plain
# classes with annotated attributes.

_QUALIFIERS = (typing_extensions.Required, typing_extensions.NotRequired)


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """Return a pydantic adapter that validates and serialises values of an annotation.

    Raises
    ------
    pydantic.PydanticUserError
        The annotation has no schema.
    """
    if _is_plain(annotation) and (fields := _fields(annotation)):
        config = ConfigDict(from_attributes=True)
        create: Any = create_model
        return TypeAdapter(
            create(annotation.__name__, __config__=config, __doc__=annotation.__doc__, **fields)
        )
    return TypeAdapter(_readable(annotation))


def _is_plain(annotation: Any) -> bool:
    """Tell whether the annotation is a plain class without bases, and not one that pydantic can read."""
    known = ("__pydantic_validator__", "__get_pydantic_core_schema__", "__dataclass_fields__")
    return (
        isinstance(annotation, type)
        and annotation.__bases__ == (object,)
        and not any(hasattr(annotation, name) for name in known)
    )


def _fields(annotation: type) -> dict[str, Any]:
    """Return the annotated attributes as fields; empty if one of them cannot be a field of a model."""
    if "__annotations__" not in vars(annotation):
        return {}
    try:
        hints = get_type_hints(annotation, include_extras=True)
    except (NameError, TypeError, AttributeError):  # e.g. a name that is imported for type checkers only
        return {}
    fields = {name: (kind, ...) for name, kind in hints.items() if get_origin(kind) is not ClassVar}
    return {} if any(name.startswith("_") or hasattr(BaseModel, name) for name in fields) else fields


def _readable(annotation: Any) -> Any:
    """Replace each `typing.TypedDict` in an annotation by one of `typing_extensions`."""
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
