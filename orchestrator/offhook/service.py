"""What a node can be asked to do. The commands, MQTT and the live view are written against this, :class:`offhook.node.Node` does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from offhook.messages import (
    CallRecord,
    CampaignSpec,
    CampaignState,
    CampaignUpdate,
    ImportReport,
    NodeEvent,
    NodeState,
    Reconciliation,
)


class Service(Protocol):
    """A node, seen from above. Every method that cannot do what was asked raises :class:`offhook.errors.OffhookError`."""

    @property
    def name(self) -> str:
        """The node's name, as in the MQTT topics."""

    def state(self) -> NodeState:
        """The node now. Cheap; no database."""

    def subscribe(self, callback: Callable[[NodeEvent], None]) -> Callable[[], None]:
        """Call *callback* in the running loop for every event; the function returned ends it. A callback must not block."""

    async def create_campaign(self, spec: CampaignSpec) -> CampaignState:
        """Store a new campaign, idle. CampaignError when the name is taken; PromptError when a prompt cannot be used."""

    async def update_campaign(self, name: str, update: CampaignUpdate) -> CampaignState:
        """Change a campaign, running or not; effective with its next call."""

    async def import_list(self, campaign: str, path: Path, mapping: Mapping[str, str] | None = None) -> ImportReport:
        """Read a CSV or XLSX list into a campaign (D31), all lines or none.

        *mapping* names the list's columns: ``{"number": "联系电话", "name": "客户"}``; none finds them by their usual names.
        """

    async def start_campaign(self, name: str) -> CampaignState:
        """Want it running."""

    async def pause_campaign(self, name: str) -> CampaignState:
        """Dial no more; calls in progress go on."""

    async def resume_campaign(self, name: str) -> CampaignState:
        """Dial again. CampaignError unless paused."""

    async def stop_campaign(self, name: str) -> CampaignState:
        """Dial no more and hang up what has not been answered yet."""

    async def campaigns(self) -> list[CampaignState]:
        """All campaigns, by name."""

    async def campaign(self, name: str) -> CampaignState:
        """One campaign."""

    async def campaign_spec(self, name: str) -> CampaignSpec:
        """One campaign as described."""

    async def wait_campaign(self, name: str) -> CampaignState:
        """Return when it is finished or stopped and its last call is disposed."""

    async def calls(self, campaign: str | None = None, limit: int = 100) -> list[CallRecord]:
        """The latest calls, newest first, without evidence. *limit* 1 to 10,000."""

    async def call(self, call_id: str) -> CallRecord:
        """One call with its evidence."""

    async def reconcile(self) -> Reconciliation:
        """Check that the books add up."""

    async def run(self) -> None:
        """Serve until :meth:`stop` is called."""

    def stop(self) -> None:
        """Ask :meth:`run` to return; leaving the node's context then hangs up and closes everything."""
