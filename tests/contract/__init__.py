# SPDX-License-Identifier: BSD-3-Clause
"""What holds of a server and a client of ours, whatever carries their messages."""
