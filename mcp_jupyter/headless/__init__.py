# SPDX-License-Identifier: BSD-3-Clause
"""Run notebooks in kernels of their own, without a Jupyter Server; export notebooks as scripts."""
