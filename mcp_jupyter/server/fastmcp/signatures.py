# SPDX-License-Identifier: BSD-3-Clause
"""From a function's signature: the JSON Schema of its arguments, and their validation.

Schemas are JSON Schema 2020-12 as pydantic writes them, less the titles it makes up from names. Built once,
at registration. Knows pydantic and `inspect`; does not know what a tool is.
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
    """Leaves out the titles made up from the names of fields: they say nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _Taken(Untitled):
    """Arguments as they arrive."""

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        """Base64: `format` is that of our results, in the alphabet of URLs. Both alphabets are read."""
        return {"type": "string", "format": "base64url", "contentEncoding": "base64"}


class Signature:
    """A function's parameters as a JSON object.

    Parameters
    ----------
    function : callable
    injected : type
        A parameter annotated with this class is filled by us and hidden from the caller.
    before : Signature, optional
        That of the same function, when a class that it names was defined anew.

    Attributes
    ----------
    name : str or None
        The function's own name; None for one that has none.
    doc : Docstring
    schema : dict
        JSON Schema of the arguments.
    injected : str or None
        Name of the parameter that we fill.
    returns : Any
        The return annotation; `inspect.Signature.empty` when there is none.
    aliases : dict
        What callers call each parameter: its own name, or the alias of its `Field`.
    names_classes : bool
        Whether an annotation names a class that may be defined anew (see `current`).

    Raises
    ------
    ValueError
        When a parameter cannot come from JSON; the message names it and says what to do.
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
            raise ValueError(f"{self._shown}: {self._blame(fields, function, exc)}") from None

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
            # Before the hint's own metadata, which win.
            base, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            hint = Annotated[(base, Field(description=described), *metadata)]
        default = parameter.default
        declared = isinstance(default, FieldInfo)
        if declared:
            hint = Annotated[hint, default]  # pydantic fills in what it stands for
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
        shape.__module__ = getattr(function, "__module__", __name__)  # where names within hints are found
        shape.__pydantic_config__ = ConfigDict(extra="forbid")
        return TypeAdapter(shape)

    def _schema(self) -> dict[str, Any]:
        schema = self._adapter.json_schema(schema_generator=_Taken)
        schema.pop("title", None)
        schema.setdefault("properties", {})
        for name, default in self._defaults.items():
            with suppress(Exception):  # a default that JSON cannot show, for any reason, still applies
                shown = plain(default)
                if name in schema["properties"] and (shown is not None or default is None):
                    schema["properties"][name].setdefault("default", shown)
        return schema

    def _blame(self, fields: dict[str, Any], function: Callable[..., Any], error: Exception) -> str:
        """Which parameter it is that cannot come from JSON, and what to do."""
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
        """Whether the function gets a `Context`: it can ask the client through nothing else."""
        try:
            return self.current().injected is not None
        except ValueError:  # a call will fail with it
            return False

    def current(self) -> Signature:
        """The signature itself; a new one when its function, or a class that it names, was defined anew.

        A cell that is run again makes a new class of the same name. The annotation is still the old class,
        but the function's own code finds the new one: it is given instances of that.

        Raises
        ------
        ValueError
            When a parameter cannot come from JSON any more.
        """
        same = getattr(self._plain, "__code__", None) is self._code
        if same and (not self._places or now(self._places, self._classes) is self._classes):
            return self
        # Code that was replaced (`%autoreload` does) may have other parameters.
        return Signature(self._function, self._injected, self if same else None)

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments as the function wants them; the defaults are the function's own.

        Raises
        ------
        ToolError
            Naming each argument that does not fit.
        """
        try:
            if self._has_bytes:
                return self._as_json(arguments)
            return self._adapter.validate_python(arguments)
        except ValidationError as exc:
            wrong = _wrong(exc)
        # Some hosts send lists, objects and null as JSON text; and a strict model takes from JSON what it
        # does not take from Python.
        read = {name: _read(value) if name in wrong else value for name, value in arguments.items()}
        try:
            return self._as_json(read)
        except ValidationError as exc:
            wrong = _wrong(exc)
        # And null for what they leave out.
        optional = self.schema["properties"].keys() - self.schema.get("required", ())
        left_out = {name for name in wrong & optional if name in read and read[name] is None}
        try:
            return self._as_json({name: value for name, value in read.items() if name not in left_out})
        except ValidationError as exc:
            raise ToolError(f"Invalid arguments for {self._shown}: {describe(exc)}") from None

    def _as_json(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        # Bytes may come as they are from a client in the same process.
        found: dict[str, Any] = self._reader.validate_json(to_json(arguments, bytes_mode="base64"))
        return found

    @cached_property
    def _reader(self) -> Any:
        """Reads arguments as JSON; made when it is needed."""
        return models.validator(self._adapter.core_schema) if self._has_bytes else self._adapter.validator


def _wrong(error: ValidationError) -> set[Any]:
    """The arguments that do not fit."""
    return {problem["loc"][0] for problem in error.errors(include_url=False) if problem["loc"]}


def _read(value: Any) -> Any:
    """What a text says that is a JSON list, object or null; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in _JSON_BEGINS or has_too_many_containers(value):
        return value
    try:
        return from_json(value.strip())
    except ValueError:
        return value


def _alias(hint: Any) -> str | None:
    """What a `Field` in an annotation says that the parameter is called outside."""
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
    """Whether an annotation is, or is a union or generic of, one of the classes."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None:
        return issubclass(annotation, wanted)
    if isinstance(origin, type) and issubclass(origin, wanted):
        return True
    return any(mentions(argument, *wanted) for argument in get_args(annotation))


# -- hints ---------------------------------------------------------------------------------------
#
# A function's annotations, and the classes that they name now.
#
# In a notebook a class is defined anew when its cell is run again. What an annotation holds is the class of
# the moment in which the function was defined; `places` finds where such a class has its name, `now` what has
# that name now. Knows `inspect` and `typing`; does not know what a tool is.

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


# -- annotations ---------------------------------------------------------------------------------
#
# Return annotations that pydantic does not read as they are, as ones that it does.
#
# These are `typing.TypedDict` before Python 3.12, and plain classes whose attributes have annotations. Values
# stay as they are. Knows no tool.

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
