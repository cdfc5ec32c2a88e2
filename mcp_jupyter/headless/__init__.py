# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks that run without a Jupyter Server: in a kernel of their own, which stays and serves."""
