# SPDX-License-Identifier: BSD-3-Clause
"""The one place the version stands. Knows nothing else, so that every layer may import it."""

__all__ = ["__version__"]

__version__ = "0.1.0.dev0"
