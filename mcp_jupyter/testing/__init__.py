# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks and servers in tests: the pytest plugin and what it is made of."""
