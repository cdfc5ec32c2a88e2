# SPDX-License-Identifier: BSD-3-Clause
"""IPython code that `kernel` and `notebook_client` share: arguments of magics, cards, identity, questions."""
