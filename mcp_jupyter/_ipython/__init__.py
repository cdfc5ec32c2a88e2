# SPDX-License-Identifier: BSD-3-Clause
"""What serving and calling share in IPython: arguments of magics, cards, the notebook's identity."""
