# SPDX-License-Identifier: BSD-3-Clause
"""The notebook as a client: other servers connected by name, their tools called from cells.

The way back of `kernel`: that folder serves the notebook, this one lets it call. Both live in the kernel's
process; forms and panels are drawn in `widgets`.
"""
