# SPDX-License-Identifier: BSD-3-Clause
"""A server's tools as functions: read from their schemas, checked, completed, and handed to a model's API.

`schemas` reads a schema, `signatures` makes a signature of it and checks arguments, `functions` is what a
cell calls, `completion` (with `scanning`) is the Tab key, `for_models` what a model's API takes.
"""
