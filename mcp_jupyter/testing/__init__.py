# SPDX-License-Identifier: BSD-3-Clause
"""Test notebooks and MCP servers: the pytest plugin and the functions behind its fixtures.

pytest loads `plugin` wherever this package is installed, so that module imports only pytest; the rest is
imported by the first test that uses it.
"""
