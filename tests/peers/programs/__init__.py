# SPDX-License-Identifier: BSD-3-Clause
"""Programs that run in the environments of the peers; the tests import nothing of them but the table."""
