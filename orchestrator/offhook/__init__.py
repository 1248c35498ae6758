"""offhook: dials lists of numbers through E1 trunks, hears what happens on every line, and decides what to do next.

The public API is what this module names. It is loaded at first use, so that small commands start quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook.calls.disposition import Disposition
    from offhook.campaigns.life_messages import CampaignLife, Summary, TrialPlan
    from offhook.clock import run_virtual
    from offhook.config import Settings
    from offhook.desk import Desk, open_desk
    from offhook.errors import CampaignError, ConfigError, ListError, OffhookError, PromptError, StoreError
    from offhook.messages import CallRecord, CampaignSpec, CampaignState, CampaignUpdate, ImportReport, NodeEvent, NodeState, Reconciliation
    from offhook.node import Node
    from offhook.service import Service

__version__ = "0.1.0"

_HOME = {
    "run_virtual": "clock",
    "Settings": "config",
    "Desk": "desk",
    "open_desk": "desk",
    "Disposition": "calls.disposition",
    "CampaignError": "errors",
    "ConfigError": "errors",
    "ListError": "errors",
    "OffhookError": "errors",
    "PromptError": "errors",
    "StoreError": "errors",
    "CampaignLife": "campaigns.life_messages",
    "Summary": "campaigns.life_messages",
    "TrialPlan": "campaigns.life_messages",
    "CallRecord": "messages",
    "CampaignSpec": "messages",
    "CampaignState": "messages",
    "CampaignUpdate": "messages",
    "ImportReport": "messages",
    "NodeEvent": "messages",
    "NodeState": "messages",
    "Reconciliation": "messages",
    "Node": "node",
    "Service": "service",
}

__all__ = [
    "CallRecord",
    "CampaignError",
    "CampaignLife",
    "CampaignSpec",
    "CampaignState",
    "CampaignUpdate",
    "ConfigError",
    "Desk",
    "Disposition",
    "ImportReport",
    "ListError",
    "Node",
    "NodeEvent",
    "NodeState",
    "OffhookError",
    "PromptError",
    "Reconciliation",
    "Service",
    "Settings",
    "StoreError",
    "Summary",
    "TrialPlan",
    "open_desk",
    "run_virtual",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'offhook' has no attribute '{name}'")
    value = getattr(import_module(f"offhook.{_HOME[name]}"), name)
    globals()[name] = value
    return value
