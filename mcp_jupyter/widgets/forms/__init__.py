# SPDX-License-Identifier: BSD-3-Clause
"""Forms from any JSON Schema, on core ipywidgets.

`schema` reads a schema and checks values, and `form` chooses a class of field for each part of it. A field
(`fields`, `containers`) holds the entered value and draws its widgets, with what `page` shares. `SchemaForm`
is the whole form. Texts of a server are shown, never interpreted.
"""

from .form import SchemaForm
from .values import FormError, Problem

__all__ = ["FormError", "Problem", "SchemaForm"]
