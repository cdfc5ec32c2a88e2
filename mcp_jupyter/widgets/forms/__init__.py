# SPDX-License-Identifier: BSD-3-Clause
"""Forms from any JSON Schema, on core ipywidgets.

The model is pure: `schema` reads a schema and checks values, `fields` and `containers` hold the entered
values. The view, `layout`, shows a model and writes into it. `form` builds the model and is the whole form.
Texts of a server are shown, never interpreted.
"""

from .fields import FormError, Problem
from .form import SchemaForm

__all__ = ["FormError", "Problem", "SchemaForm"]
