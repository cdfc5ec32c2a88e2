# SPDX-License-Identifier: BSD-3-Clause
"""The whole way: official SDK, Jupyter Server, kernel, each a process of its own."""
