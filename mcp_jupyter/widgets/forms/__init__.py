# SPDX-License-Identifier: BSD-3-Clause
"""Forms from any JSON Schema, on core ipywidgets.

The model is pure: `schema` reads a schema and has its rules, `fields` and `containers` hold what was entered.
The view shows a model and writes into it: `layout`. `form` builds the model, and is the whole form.
A server's texts are shown, never interpreted.
"""

from .fields import FormError, Problem
from .form import SchemaForm

__all__ = ["FormError", "Problem", "SchemaForm"]
