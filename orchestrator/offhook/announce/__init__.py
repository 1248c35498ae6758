"""Announcements of networks: which are known, what they mean, and how unknown ones become known. Loaded at first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook.announce.classes import AnnouncementClass, class_of
    from offhook.announce.store import Announcement, AnnouncementError, AnnouncementStore
    from offhook.announce.unknown import Cluster, UnknownStore

_HOME = {
    "AnnouncementClass": "classes",
    "class_of": "classes",
    "Announcement": "store",
    "AnnouncementError": "store",
    "AnnouncementStore": "store",
    "Cluster": "unknown",
    "UnknownStore": "unknown",
}

__all__ = ["Announcement", "AnnouncementClass", "AnnouncementError", "AnnouncementStore", "Cluster", "UnknownStore", "class_of"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'offhook.announce' has no attribute '{name}'")
    value = getattr(import_module(f"offhook.announce.{_HOME[name]}"), name)
    globals()[name] = value
    return value
