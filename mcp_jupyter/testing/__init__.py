# SPDX-License-Identifier: BSD-3-Clause
"""Notebooks and servers in tests: the pytest plugin and what it is made of.

pytest loads `plugin` wherever this package is installed, so that module imports nothing; the rest is
imported by the first test that wants it.
"""
