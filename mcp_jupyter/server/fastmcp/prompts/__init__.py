# SPDX-License-Identifier: BSD-3-Clause
"""Prompts: functions that return messages."""

from .base import AssistantMessage, Message, Prompt, UserMessage

__all__ = ["AssistantMessage", "Message", "Prompt", "UserMessage"]
