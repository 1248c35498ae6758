"""What a node can be asked to do. The commands, MQTT and the live view are written against this, :class:`offhook.node.Node` does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from offhook.agents.messages import AgentLevel, AgentShown
from offhook.calls.labels import Label, NewLabel
from offhook.calls.mail_messages import VoiceMail
from offhook.campaigns.learning import Counts, Rates
from offhook.campaigns.life_messages import CampaignLife, Summary, TrialPlan
from offhook.contacts.model import (
    CallBack,
    Contact,
    ContactIn,
    Listed,
    ListEntry,
    PolicyShown,
    Promised,
    Refusal,
    Suppressed,
    Suppression,
    TakeOff,
    WhichPromises,
    Whom,
)
from offhook.contacts.policy import ContactPolicy
from offhook.lines.messages import ChannelsBlocked
from offhook.messages import (
    CallRecord,
    CampaignSpec,
    CampaignState,
    CampaignUpdate,
    ImportReport,
    NodeEvent,
    NodeState,
    Reconciliation,
    TrunkState,
)


class Persons(Protocol):
    """What can be asked about persons; a desk does it too."""

    async def put_contact(self, given: ContactIn) -> Contact:
        """Store a contact, or replace what is known of it."""

    async def contact(self, whom: Whom) -> Contact:
        """One contact."""

    async def list_add(self, entry: ListEntry) -> Listed:
        """Put somebody on a list."""

    async def list_remove(self, which: TakeOff) -> int:
        """Take somebody off a list."""

    async def lists_of(self, whom: Whom) -> list[Listed]:
        """The lists that somebody is on."""

    async def suppress(self, wanted: Suppression) -> Suppressed:
        """Never call somebody again, from now on."""

    async def note(self, what: Refusal) -> None:
        """Enter a refusal, or a contact by other means, into the ledger."""

    async def promises(self, which: WhichPromises) -> list[Promised]:
        """Calls and visits that were promised, the next first."""
        ...

    async def call_back(self, wanted: CallBack) -> Promised:
        """Promise somebody a call at a time."""

    async def policy(self) -> PolicyShown:
        """The contact policy in force."""

    async def set_policy(self, policy: ContactPolicy) -> PolicyShown:
        """Another policy from the next check on."""


class AgentDesk(Protocol):
    """What agents ask; every answer is the agent as it then stands."""

    def agents(self) -> list[AgentShown]:
        """Who is logged in."""

    def agent(self, name: str) -> AgentShown:
        """One agent who is logged in."""

    def log_in(self, name: str, campaigns: Mapping[str, AgentLevel], ready: bool = True, telephone: str = "") -> AgentShown:
        """Log in to campaigns, each at a level; with *telephone* the agent is called and held on a channel."""

    def log_out(self, name: str, at_once: bool = False) -> AgentShown:
        """Leave."""

    def ready(self, name: str) -> AgentShown:
        """Take calls."""

    def pause(self, name: str, reason: str) -> AgentShown:
        """Take no calls."""

    def done(self, name: str) -> AgentShown:
        """End the talk."""

    def pass_on(self, name: str) -> AgentShown:
        """Hand the person to the prompt."""

    def take_message(self, name: str) -> AgentShown:
        """Let the person leave a voice mail."""

    async def hear(self, name: str, call_id: str) -> float:
        """Play a voice mail to an agent; its length, s."""

    def dial(self, name: str) -> AgentShown:
        """Dial the lead that is shown."""

    def skip(self, name: str) -> AgentShown:
        """Show another lead."""

    def ask(self, name: str, campaign: str, preview: bool = False) -> AgentShown:
        """Ask for a call."""

    async def ask_number(self, name: str, campaign: str, number: str, whom: str = "", preview: bool = False) -> AgentShown:
        """Dial a number typed in."""


class Service(Persons, Protocol):
    """A node, seen from above. Every method that cannot do what was asked raises :class:`offhook.errors.OffhookError`."""

    @property
    def name(self) -> str:
        """The node's name, as in the MQTT topics."""

    @property
    def floor(self) -> AgentDesk:
        """The agents."""

    def state(self) -> NodeState:
        """The node now. Cheap; no database."""

    def subscribe(self, callback: Callable[[NodeEvent], None]) -> Callable[[], None]:
        """Call *callback* in the running loop for every event; the function returned ends it. A callback must not block."""

    async def create_campaign(self, spec: CampaignSpec) -> CampaignState:
        """Store a new campaign, idle. CampaignError when the name is taken; PromptError when a prompt cannot be used."""

    async def update_campaign(self, name: str, update: CampaignUpdate) -> CampaignState:
        """Change a campaign, running or not; effective with its next call."""

    async def rates(self, name: str) -> Rates:
        """Connect, person and response rates of a campaign by segment and hour."""

    async def counted(self) -> dict[str, Counts]:
        """Counters of every campaign that was called for, over all segments and hours."""

    async def import_list(self, campaign: str, path: Path, mapping: Mapping[str, str] | None = None) -> ImportReport:
        """Read a CSV or XLSX list into a campaign (D31), all lines or none.

        *mapping* names the list's columns: ``{"number": "联系电话", "name": "客户"}``; none finds them by their usual names.
        """

    async def approve_campaign(self, name: str, by: str, note: str = "", digest: str = "") -> CampaignState:
        """Approve the plan and the lists as they stand."""

    async def trial_campaign(self, name: str, plan: TrialPlan, by: str = "", why: str = "") -> CampaignState:
        """Dial the first calls, then stop with a report."""

    async def start_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Want it running."""

    async def pause_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial no more; calls in progress go on."""

    async def resume_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial again. CampaignError unless it is paused or its trial is over."""

    async def stop_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial no more and hang up what has not been answered yet."""

    async def summarise_campaign(self, name: str, by: str = "", why: str = "") -> Summary:
        """Close a campaign and keep its sums."""

    async def campaign_summary(self, name: str) -> Summary:
        """The sums of a campaign, kept or as they stand."""

    async def campaign_life(self, name: str) -> CampaignLife:
        """Its journal, who approved it, and what may come next."""

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

    async def label(self, label: NewLabel) -> Label:
        """Store what a call really was, as an agent or another program says."""

    async def voice_mails(self, campaign: str | None = None, limit: int = 100) -> list[VoiceMail]:
        """Messages that people left, newest first."""

    async def remove_voice_mail(self, call_ids: Sequence[str]) -> int:
        """Take messages away; how many."""

    async def trunk_states(self) -> list[TrunkState]:
        """How each trunk group does; empty where no lines are."""

    async def block(self, channels: Sequence[int]) -> ChannelsBlocked:
        """Take B-channels out of use for calls in both directions; what is blocked now. OffhookError: no such channel."""

    async def unblock(self, channels: Sequence[int]) -> ChannelsBlocked:
        """Put B-channels into use again; what is still blocked."""

    async def reconcile(self) -> Reconciliation:
        """Check that the books add up."""

    async def run(self) -> None:
        """Serve until :meth:`stop` is called."""

    def stop(self) -> None:
        """Ask :meth:`run` to return; leaving the node's context then hangs up and closes everything."""
