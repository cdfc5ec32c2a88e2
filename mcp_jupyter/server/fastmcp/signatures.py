# SPDX-License-Identifier: BSD-3-Clause
"""From a function's signature: the JSON Schema of its arguments, and their validation.

Schemas are JSON Schema 2020-12 as pydantic writes them, less the titles it makes up from names. Built once,
at registration. Knows pydantic and `inspect`; does not know what a tool is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import Annotated, Any, Final, NotRequired, get_args, get_origin

from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict

from ...errors import ToolError
from ...protocol.frames import has_too_many_containers
from ..content import models, plain
from ..parameters import describe
from . import hints
from .docstrings import Docstring, docstring_of

__all__ = ["Signature", "Untitled", "mentions"]

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
        self._plain = hints.plain_function(function)
        self._code = getattr(self._plain, "__code__", None)
        self._places: hints.Places = hints.places(function, signature) if before is None else before._places
        self._classes: Mapping[type, type] = hints.now(
            self._places, {} if before is None else before._classes
        )
        self.names_classes = bool(self._places)
        signature = hints.renewed(signature, self._classes)
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
            return hints.signature_of(function, eval_str=True)
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
        if same and (not self._places or hints.now(self._places, self._classes) is self._classes):
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
