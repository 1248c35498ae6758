"""Announcements of networks: which are known, what they mean, and how unknown ones become known."""

from __future__ import annotations

from offhook.announce.classes import AnnouncementClass, class_of
from offhook.announce.store import Announcement, AnnouncementError, AnnouncementStore
from offhook.announce.unknown import Cluster, UnknownStore

__all__ = ["Announcement", "AnnouncementClass", "AnnouncementError", "AnnouncementStore", "Cluster", "UnknownStore", "class_of"]
