"""All feeds of a node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from offhook.clock import Clock
from offhook.feeds.incoming import FolderFeed, Importer, QueryFeed
from offhook.feeds.outgoing import Delivery, Outbox, feeds_of
from offhook.feeds.settings import FeedSettings
from offhook.store import Store


def open_feeds(
    settings: FeedSettings, importer: Importer, store: Store, clock: Clock, folder: Path, complain: Callable[[str], None]
) -> list[FolderFeed | QueryFeed | Delivery]:
    """All feeds of the settings, to be run as tasks; from now on the store queues results for those that go out."""
    store.feeds_of = feeds_of(settings.result)
    queue = Outbox(store)
    return [
        *(FolderFeed(one, importer, clock, complain) for one in settings.folder),
        *(QueryFeed(one, importer, clock, folder, complain) for one in settings.query),
        *(Delivery(one, queue, clock, complain) for one in settings.result),
    ]
