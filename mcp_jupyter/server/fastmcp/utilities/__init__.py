# SPDX-License-Identifier: BSD-3-Clause
"""Names that programs written for the first-generation SDK import from here; all are defined elsewhere."""
