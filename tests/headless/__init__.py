# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks without a Jupyter Server, in real kernels."""
