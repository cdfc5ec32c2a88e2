# SPDX-License-Identifier: BSD-3-Clause
"""The exceptions under the first-generation SDK's names."""

from ..errors import McpError
from ..errors import UrlElicitationRequired as UrlElicitationRequiredError

__all__ = ["McpError", "UrlElicitationRequiredError"]
