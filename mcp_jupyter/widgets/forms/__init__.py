# SPDX-License-Identifier: BSD-3-Clause
"""Forms from any JSON Schema, on core ipywidgets.

Two halves. The model is pure: `schemas` reads a schema, `building` chooses a kind of entry for each part,
`entries`, `choices` and `groups` hold what was entered, `rules` checks it. The drawing shows a model and
writes into it: `page`, `choosers`, `drawing`, `drawing_groups`, `texts`. `form` is the whole.
A server's texts are shown, never interpreted.
"""

from .fields import FormError, Problem
from .form import SchemaForm

__all__ = ["FormError", "Problem", "SchemaForm"]
