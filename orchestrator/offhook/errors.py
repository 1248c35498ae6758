"""Errors that a person can mend. Each message names the place and the mend."""

from __future__ import annotations


class OffhookError(Exception):
    """Anything offhook refuses to do; the text says what, where and how to mend it."""


class ConfigError(OffhookError):
    """A configuration file or environment variable is wrong."""


class ListError(OffhookError):
    """A list of numbers cannot be read; nothing of it was kept."""


class CampaignError(OffhookError):
    """A campaign is unknown, exists already, or cannot do what was asked of it in its present state."""


class AgentError(OffhookError):
    """An agent is unknown, or cannot do what was asked in the present state."""


class PromptError(OffhookError):
    """A prompt file is missing, is not audio, or is longer than a prompt may be."""


class StoreError(OffhookError):
    """The database cannot be opened, is of a newer offhook, or has failed for longer than the retries last."""
