"""A node: one driver, one core, one database, and the campaigns that use them.

::

    async with Node(Settings.load(Path("offhook.toml"))) as node:
        await node.create_campaign(CampaignSpec(name="notice", prompt="notice.wav"))
        await node.import_list("notice", Path("customers.csv"))
        await node.start_campaign("notice")
        print(await node.wait_campaign("notice"))
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

from offhook.agents.floor import Floor
from offhook.agents.headset import Headset
from offhook.announce.live import LiveAnnouncements
from offhook.calls.call import Call
from offhook.calls.carrier import Carrier
from offhook.calls.ear import engine_of
from offhook.calls.line import NodeLine
from offhook.calls.prompts import PromptBook
from offhook.calls.recordings import Recordings
from offhook.calls.voicemail import Recorder, recorder
from offhook.campaigns.dialer import Dialer
from offhook.campaigns.life_desk import none_such
from offhook.campaigns.quota import Pacer
from offhook.clock import Clock, Uuid7, VirtualLoop, loop_clock
from offhook.config import Settings
from offhook.contacts.calling_rules import calling_rules
from offhook.contacts.model import Suppressed, Suppression
from offhook.desk import Desk
from offhook.errors import CampaignError, StoreError
from offhook.feeds.start import open_feeds
from offhook.grid import LETTERS
from offhook.health import judge
from offhook.lines.blocks import block
from offhook.lines.channels import ChannelPool
from offhook.lines.inbound import Inbound
from offhook.lines.linecare import LINE_ERRORS, LineCare
from offhook.lines.messages import ChannelsBlocked
from offhook.lines.trunks import Trunks
from offhook.lists.handed import dealing
from offhook.messages import (
    CallPhase,
    CallRecord,
    CampaignChanged,
    CampaignState,
    Health,
    LineState,
    NodeAlarm,
    NodeEvent,
    NodeHealth,
    NodeState,
    Phase,
    Reconciliation,
    SpanChanged,
    SpanState,
    TrunkState,
)
from offhook.numbers import Number
from offhook.reconcile import Running, reconcile
from offhook.recover import recover
from offhook.stops import Stops
from offhook.store import Lead, Store, StoreStatus
from offhook_core import Alarm as AlarmBit
from offhook_core import CoreError, Engine
from offhook_core import Event as Sound
from offhook_core.answer import AnswerSettings
from offhook_drivers import open_driver
from offhook_drivers.contract import Alarm, Cleared, Driver, Event, Link, Offered

log = logging.getLogger(__name__)

CLOSE_S = 10.0
"""Longest wait for lines to become free when the node is left."""
CHANGED_S = 1.0
"""Shortest time between two CampaignChanged events that report progress alone."""


class Node(Desk):
    """Lines, calls, campaigns and their database, inside ``async with``; what it can be asked is :class:`~offhook.service.Service`.

    Args:
        settings: All of them.
        clock: None takes the running loop's: real, or virtual under :class:`~offhook.clock.VirtualLoop`.
        driver: None makes the one that the settings name.
    """

    store: Store
    clock: Clock

    def __init__(self, settings: Settings, *, clock: Clock | None = None, driver: Driver | None = None) -> None:
        self.settings = settings
        self._given_clock = clock
        self._given_driver = driver
        self._spawned: set[asyncio.Task[None]] = set()
        self.driver: Driver
        self.engine: Engine | None = None
        self.stops = Stops(self)
        self.announcements: LiveAnnouncements | None = None
        self.pool: ChannelPool
        self.trunks: Trunks
        self.prompts: PromptBook
        self.recorder: Recorder | None = None
        self.new_id: Callable[[], str]
        self.pacer = Pacer(settings.limits.calls_per_second)
        self._dialers: dict[str, Dialer] = {}
        self.at_work: set[str] = set()  # campaigns that are wanted to run
        self.carrier = Carrier(self)
        self.inbound = Inbound(self)
        self.headsets: dict[int, Headset] = {}  # agents' own telephones, by channel
        self.answer_settings: dict[int, AnswerSettings] = {}  # by channel, as the core was told
        self._alarms: dict[int, int] = {}
        self._subscribers: list[Callable[[NodeEvent], None]] = []
        self._tasks: asyncio.TaskGroup
        self._services: list[asyncio.Task[None]] = []
        self._stopped = asyncio.Event()
        self._health = Health.STARTING
        self._reason = ""
        self._store_reason = ""
        self._dirty: set[str] = set()
        self._core_told = -1e9
        self._cleared = 0
        self._reconciled = True
        self._threaded = False  # the core runs by itself, in real time
        self._refreshing = asyncio.Lock()

    @property
    def name(self) -> str:
        """The node's name, as in the MQTT topics."""
        return self.settings.node.name

    @property
    def stopping(self) -> bool:
        """Is the node on its way down?"""
        return self._health is Health.STOPPING

    @property
    def floor(self) -> Floor:
        """The agents."""
        return self._floor

    # -- life -----------------------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.clock = self._given_clock or loop_clock()
        self.new_id = Uuid7(self.clock)
        self._floor = Floor(self)
        self._started = self.clock.now()
        data = self.settings.node.data_dir
        database = self.settings.database
        self.store = await Store.open(
            self.settings.database_url,
            self.clock,
            spool=data / f"{self.name}.spool",
            retry_s=database.retry_s,
            linger_s=database.commit_ms / 1000,
            durable=database.durable,
        )
        try:
            await self._open()
        except BaseException:
            await self._close_hardware()
            await self.store.close()
            raise
        return self

    async def _open(self) -> None:
        self.store.on_status = self._store_status
        self.store.rules, self.store.approval = calling_rules(self.settings.rules), self.settings.approval
        await recover(self.store, self.name, self.clock)
        self.driver = self._given_driver or open_driver(self.settings.driver)
        self.pool = ChannelPool(self.driver.channels, self.driver.channels_per_span, self.settings.limits.channels, self.pacer)
        self.trunks = Trunks(self.settings.dial.tables(), self.settings.dial, self.pool, self.clock, self._rests)
        self.lines = LineCare(self.driver, self.pool.spans, self.clock, self._line_trouble, self._span_changed)
        media = self.driver.media
        if media is not None:
            self.engine = engine_of(self.driver.channels, self.settings.core)
            folder = self.settings.node.data_dir / "announcements"
            kept = Recordings(self.settings.node.data_dir / "recordings", self.settings.recordings, self.store.recorded)
            self.announcements = LiveAnnouncements(self.engine, folder, self.settings.core.capture_s, self.clock, kept)
            await self.announcements.refresh()
        self.prompts = PromptBook(self.engine, self.clock)
        self.recorder = recorder(self.engine, self.settings.core.capture_s, self.mails)
        await self.driver.start(self._on_signal)
        if self.engine is not None and media is not None:
            self.engine.listen(self._on_sound)
            loop = asyncio.get_running_loop()
            if isinstance(loop, VirtualLoop):
                engine = self.engine
                loop.run_ticks = lambda ticks: engine.run(media, ticks)
            else:
                self.engine.start(media, self.settings.core.fifo)
                self._threaded = True
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._services.append(self._tasks.create_task(self._follow_wishes(), name="wishes"))
        if not self.clock.virtual:  # in virtual time nobody else writes
            self._services.append(self._tasks.create_task(self.stops.run(), name="suppressions"))
        await self.refresh()
        folder = self.settings.node.data_dir / "feeds"
        for feed in open_feeds(self.settings.feeds, self, self.store, self.clock, folder, lambda text: self.alarm("feed", text)):
            self._services.append(self._tasks.create_task(feed.run(), name=f"feed[{feed.settings.name}]"))
        self._health = Health.HELD  # from here on the links say how it is
        self._judge_health()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._enter_health(Health.STOPPING, "")
        for task in self._services:
            task.cancel()
        try:
            for call in list(self.carrier.calls.values()):
                call.cancel("node stopping")
            self.floor.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    while self.carrier.owners or self.headsets:  # noqa: ASYNC110 - a poll needs no bookkeeping in the busy part
                        await asyncio.sleep(0.02)
            except TimeoutError:
                log.error("node: %d lines are still in use after %g s", len(self.carrier.owners), CLOSE_S)
            for spawned in list(self._spawned):  # what waits for a telephone waits no longer
                spawned.cancel()
            if kind is not None and issubclass(kind, asyncio.CancelledError):  # perhaps a task of ours failed: the group knows
                await self._tasks.__aexit__(kind, error, trace)
            else:  # the caller's own error goes on as it is
                await self._tasks.__aexit__(None, None, None)
            if self.store.status is StoreStatus.UP:
                await self.store.recover(self.name)  # leads that were being reserved when the dial loops ended
        finally:
            await self._close_hardware()
            await self.store.close()

    async def _close_hardware(self) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            loop.run_ticks = None
        if self.engine is not None:
            self.engine.unlisten()
            self.engine.stop()
        if hasattr(self, "driver"):
            await self.driver.close()
        if self.engine is not None:
            self.engine.close()

    async def run(self) -> None:
        """Serve until :meth:`stop` is called."""
        await self._stopped.wait()

    def stop(self) -> None:
        """Ask :meth:`run` to return; leaving the node's context then hangs up and closes everything."""
        self._stopped.set()

    # -- campaigns ------------------------------------------------------------------------------------------------------------------

    async def _follow_wishes(self) -> None:
        """Other processes set wishes and import lists through the database; look every second."""
        every = self.settings.node.poll_s * (600 if self.clock.virtual else 1)  # nobody else works in virtual time
        while True:
            await asyncio.sleep(every)
            self._judge_health()
            self.lines.look()
            if self.announcements is not None:
                await self.announcements.refresh()
            if self.store.status is StoreStatus.DOWN:
                continue
            try:
                found = await self.store.revisions()
            except StoreError as error:
                log.warning("node: %s", error)
                continue
            if found != {name: dialer.revision for name, dialer in self._dialers.items()}:
                await self.refresh()

    async def refresh(self, names: Collection[str] | None = None) -> None:
        """Take over what was changed in the database: of the campaigns named, or of all."""
        async with self._refreshing:
            if names is None:
                known = {name: dialer.revision for name, dialer in self._dialers.items()}
                names = [name for name, revision in (await self.store.revisions()).items() if known.get(name) != revision]
            for stored in await self.store.campaigns(names) if names else ():
                dialer = self._dialers.get(stored.spec.name)
                if dialer is not None and dialer.revision == stored.revision:
                    continue
                counts = await self.store.counts(stored.id)
                if dialer is None:
                    dialer = self._dialers[stored.spec.name] = Dialer(self, stored, counts)
                    self._services.append(self._tasks.create_task(dialer.run(), name=f"dial[{dialer.name}]"))
                else:
                    dialer.update(stored, counts)
                (self.at_work.add if dialer.wants_calls else self.at_work.discard)(dialer.name)

    async def _changed(self, name: str) -> CampaignState:
        await self.refresh([name])
        return await self.campaign(name)

    def _dealing(self, name: str) -> AbstractAsyncContextManager[None]:
        return dealing(self, self.dialer(name))

    async def campaigns(self) -> list[CampaignState]:
        """All campaigns, by name."""
        return [self._dialers[name].state() for name in sorted(self._dialers)]

    async def campaign(self, name: str) -> CampaignState:
        """One campaign."""
        return self.dialer(name).state()

    def dialer(self, name: str) -> Dialer:
        """The dial loop of a campaign. CampaignError when there is no such campaign."""
        if name not in self._dialers:
            raise CampaignError(none_such(name, self._dialers))
        return self._dialers[name]

    def staffed(self) -> list[Dialer]:
        """Campaigns that work with agents, by name."""
        return [self._dialers[name] for name in sorted(self._dialers) if self._dialers[name].gate is not None]

    async def wait_campaign(self, name: str) -> CampaignState:
        """Return when it is finished or stopped and its last call is disposed and stored."""
        dialer = self.dialer(name)
        while dialer.active or dialer.phase not in (Phase.FINISHED, Phase.STOPPED):
            await dialer.changed.wait()
        await self._settle()
        return dialer.state()

    async def calls(self, campaign: str | None = None, limit: int = 100) -> list[CallRecord]:
        """The latest calls, newest first, without evidence. *limit* 1 to 10,000."""
        await self._settle()
        return await super().calls(campaign, limit)

    async def call(self, call_id: str) -> CallRecord:
        """One call with its evidence."""
        await self._settle()
        return await super().call(call_id)

    async def _settle(self) -> None:
        """Results on their way to the database arrive first, so that a call that has ended can be read."""
        if self.store.status is StoreStatus.UP:
            await self.store.flush()

    def campaign_changed(self, dialer: Dialer) -> None:
        """Tell subscribers, at most once a second."""
        if self._subscribers and dialer.name not in self._dirty:
            self._dirty.add(dialer.name)
            asyncio.get_running_loop().call_later(CHANGED_S, self._tell_changed, dialer)

    def _tell_changed(self, dialer: Dialer) -> None:
        self._dirty.discard(dialer.name)
        self.emit(CampaignChanged(at=self.clock.now(), state=dialer.state()))

    def dialers(self) -> list[Dialer]:
        """Every campaign's dial loop."""
        return list(self._dialers.values())

    def live_calls(self) -> list[Call]:
        """Calls that are on a line."""
        return list(self.carrier.calls.values())

    async def suppress(self, wanted: Suppression) -> Suppressed:
        """Never call somebody again: what is queued, reserved or ringing anywhere is taken out at once (L12)."""
        return await self.stops.suppress(wanted)

    def cancel_unanswered(self, dialer: Dialer, reason: str) -> None:
        """Hang up the calls of a campaign that nobody has answered yet."""
        for call in list(self.carrier.calls.values()):
            if self.carrier.owners.get(call.id) is dialer and not call.facts.answered:
                call.cancel(reason)

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    def line(self, channel: int) -> NodeLine:
        """What can be done to a channel."""
        return NodeLine(self, channel)

    def call_on(self, channel: int) -> Call | None:
        """The call on a channel."""
        return self.carrier.calls.get(channel)

    def owner(self, call: Call) -> Dialer | None:
        """The campaign that made a call."""
        return self.carrier.owners.get(call.id)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run *work* as a task of the node."""
        task = self._tasks.create_task(work, name=name)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    def ask_line(self, priority: int, dialer: Dialer, lead: Lead) -> asyncio.Future[int | None]:
        """A channel that the lead's route allows, when one is free."""
        number = Number(lead.e164, lead.region, lead.kind, lead.zones)
        allowed = self.trunks.allowed(number, lead.id, dialer.name, dialer.spec.caller_id)
        return self.pool.ask(priority, allowed, dialer.account if priority == dialer.spec.priority else None)

    # -- what the line says ---------------------------------------------------------------------------------------------------------

    def _on_signal(self, event: Event) -> None:
        match event:
            case Link(span=span, up=up):
                self.pool.set_up(span, up)
                self._judge_health()
                self._span_changed(span)
            case Alarm(span=span, bits=bits):
                self._alarms[span] = bits
                self._span_changed(span)
            case Offered():
                self.inbound.refuse(event)
            case _:
                self._cleared += isinstance(event, Cleared)
                call = self.carrier.calls.get(event.channel)
                headset = self.headsets.get(event.channel)
                if call is not None and call.id == event.call_id:
                    call.on_signal(event)
                elif headset is not None and headset.id == event.call_id:
                    headset.on_signal(event)
                else:
                    log.warning("channel %d: %s of call %s, which is not there", event.channel, type(event).__name__, event.call_id)

    def _on_sound(self, event: Sound) -> None:
        call = self.carrier.calls.get(event.channel)
        if call is not None:
            call.on_sound(event)

    def _rests(self, channel: int, rest_s: float, why: str) -> None:
        self.alarm("channel", f"channel {channel} rests {rest_s:g} s: {why}", channel=channel)

    def _line_trouble(self, span: int, kind: str, count: int) -> None:
        what, mend = LINE_ERRORS[kind]
        self.alarm("line", f"span {span}: {count} {what} within a minute; {mend}", span=span)

    def core_failed(self, channel: int, error: CoreError) -> None:
        """The core would not take an order; told at most once a minute."""
        now = self.clock.monotonic()
        log.error("channel %d: %s", channel, error)
        if now - self._core_told > 60:
            self._core_told = now
            self.alarm("core", str(error), channel=channel)

    # -- health ---------------------------------------------------------------------------------------------------------------------

    @property
    def held_reason(self) -> str:
        """Why nothing is dialled, empty while dialling goes on."""
        return self._reason if self._health is Health.HELD else ""

    def _store_status(self, status: StoreStatus, reason: str) -> None:
        self._store_reason = f"the database is away: {reason}" if status is StoreStatus.DOWN else ""
        if status is StoreStatus.DOWN:
            self.alarm("store", self._store_reason)
        self._judge_health()

    def _judge_health(self) -> None:
        if self._health in (Health.STARTING, Health.STOPPING):
            return
        ended = self._threaded and self.engine is not None and not self.engine.running
        down = [span for span in range(self.pool.spans) if not self.pool.up(span)]
        self._enter_health(*judge(self._store_reason, ended, down, self.pool.spans, self._reconciled))

    def _enter_health(self, health: Health, reason: str) -> None:
        if (health, reason) == (self._health, self._reason):
            return
        self._health, self._reason = health, reason
        log.info("node: %s%s", health, f", {reason}" if reason else "")
        self.emit(NodeHealth(at=self.clock.now(), health=health, reason=reason))
        for dialer in self._dialers.values():
            dialer.wake()

    def alarm(self, what: str, text: str, **data: Any) -> None:
        """Tell something that a person must look at."""
        log.error("node: %s: %s", what, text)
        self.emit(NodeAlarm(at=self.clock.now(), what=what, text=text, data=data))

    # -- reporting ------------------------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[NodeEvent], None]) -> Callable[[], None]:
        """Call *callback* in the running loop for every event; the function returned ends it. A callback must not block."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    @property
    def heard(self) -> bool:
        """Does anybody listen to events?"""
        return bool(self._subscribers)

    def emit(self, event: NodeEvent) -> None:
        """Tell every subscriber."""
        for callback in list(self._subscribers):
            try:
                callback(event)
            except Exception:
                log.exception("node: a subscriber failed on %s", type(event).__name__)

    def _span_changed(self, span: int) -> None:
        if self._subscribers:
            self.emit(SpanChanged(at=self.clock.now(), state=self._span(span)))

    def _span(self, span: int) -> SpanState:
        first = span * self.driver.channels_per_span
        last = min(first + self.driver.channels_per_span, self.driver.channels)
        up = self.pool.up(span)
        bits = self._alarms.get(span, 0)
        return SpanState(
            span=span,
            up=up,
            alarms=(*((bit.name or "").lower() for bit in AlarmBit if bits & bit), *self.lines.troubles(span)),
            errors=self.lines.errors(span),
            lines="".join(self._letter(at, up) for at in range(first, last)),
        )

    def _letter(self, channel: int, up: bool) -> LineState:
        if channel in self.carrier.calls:
            return LETTERS[self.carrier.calls[channel].phase]
        if channel in self.headsets:
            return LineState.TALKING if self.headsets[channel].up else LineState.SEIZED
        if channel in self.pool.blocked:
            return LineState.BLOCKED
        return LineState.FREE if up else LineState.DOWN

    def state(self) -> NodeState:
        """The node now. Cheap; no database."""
        from offhook import __version__

        stats = self.engine.stats() if self.engine is not None else None
        return NodeState(
            node=self.name,
            version=__version__,
            health=self._health,
            reason=self._reason,
            at=self.clock.now(),
            started=self._started,
            driver=self.driver.name,
            audio=self.engine is not None,
            spans=tuple(self._span(span) for span in range(self.pool.spans)),
            channels=self.driver.channels,
            channels_in_use=self.pool.in_use,
            channels_peak=self.pool.peak,
            attempts=self.carrier.attempts,
            inbound_refused=self.inbound.refused,
            calls_per_second=self.carrier.rate.per_second(self.clock.monotonic()),
            ticks=stats.ticks if stats else 0,
            late_ticks=stats.late_ticks if stats else 0,
            events_lost=stats.overruns if stats else 0,
            spooled=self.store.spooled,
            reconciled=self._reconciled,
        )

    async def trunk_states(self) -> list[TrunkState]:
        """How each trunk group does."""
        return self.trunks.status()

    async def block(self, channels: Sequence[int]) -> ChannelsBlocked:
        """Take B-channels out of use; calls on them go on."""
        return block(self, channels, True)

    async def unblock(self, channels: Sequence[int]) -> ChannelsBlocked:
        """Put B-channels into use again."""
        return block(self, channels, False)

    async def reconcile(self) -> Reconciliation:
        """Check that the books add up; a broken sum raises an alarm event."""
        before = self._running()
        await self._settle()
        books = await self.store.books()
        now = self._running()
        found = reconcile(
            books,
            Running(
                calls=max(before.calls, now.calls) + self.store.spooled,
                reserved=max(before.reserved, now.reserved) + sum(len(d.hopper) + d.pending for d in self._dialers.values()),
                dials=now.dials,
                cleared=now.cleared,
                in_progress=now.in_progress,
            ),
        )
        self._reconciled = found.ok
        if not found.ok:
            self.alarm("reconciliation", "; ".join(found.problems), **found.model_dump(mode="json"))
        self._judge_health()
        return found

    def _running(self) -> Running:
        dialled = sum(call.phase is not CallPhase.DISPOSED and not call.facts.refused for call in self.carrier.calls.values())
        return Running(
            calls=len(self.carrier.owners),
            reserved=sum(len(d.hopper) + d.pending for d in self._dialers.values()),
            dials=self.carrier.dials,
            cleared=self._cleared,
            in_progress=dialled + len(self.headsets),
        )
