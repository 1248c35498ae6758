"""Carries calls: from a reserved lead and a channel, over the journal, the driver and the call itself, to the stored result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from offhook.agents.talk import TalkCall
from offhook.calls.call import Call
from offhook.calls.disposition import Disposition
from offhook.calls.mail_messages import VoiceMailLeft
from offhook.calls.voicemail import mail_of
from offhook.campaigns.quota import Rate
from offhook.campaigns.retry import after, due
from offhook.errors import StoreError
from offhook.lines.trunks import Way, wait
from offhook.messages import CallChanged, CallEnded, CallPhase, CallStarted
from offhook.numbers import Number
from offhook.store import Lead, StoreStatus
from offhook.store.history import number_history
from offhook.store.store import result_row
from offhook.store.tables import ms
from offhook_core import Profile
from offhook_drivers.contract import Hangup

if TYPE_CHECKING:
    from offhook.campaigns.dialer import Dialer
    from offhook.node import Node

log = logging.getLogger(__name__)


class Carrier:
    """The calls in progress on a node.

    Attributes:
        calls: By channel.
        owners: The campaign of each call, from the moment its channel is taken, by call.
        rate: Starts a second.
        attempts: Calls ended since the node started.
        dials: Dial commands given.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ways: dict[str, Way] = {}
        self.calls: dict[int, Call] = {}
        self.owners: dict[str, Dialer] = {}
        self.rate = Rate()
        self.attempts = 0
        self.dials = 0

    def place(self, dialer: Dialer, lead: Lead, channel: int) -> None:
        """Call a reserved lead on a channel taken from the pool."""
        self.owners[lead.call_id] = dialer
        self._node.spawn(self._call(dialer, lead, channel), f"call[{lead.call_id}]")

    async def _call(self, dialer: Dialer, lead: Lead, channel: int) -> None:
        call: Call | None = None
        closed = False
        try:
            rest_s = 0.0
            call = await self._seize(dialer, lead, channel)
            if call is not None:
                await self._carry(call)
                await self._look_back(call)
                closed, rest_s = self._store_result(dialer, call)
                await self._learn(call)
            self._node.trunks.free(channel, rest_s)
        except Exception as error:  # a fault of ours must not end the other calls; the line is kept out of use, for its state is not known
            log.exception("channel %d: call %s", channel, lead.call_id)
            self._node.alarm("node", f"call {lead.call_id}: {error!r}", channel=channel)
            self._node.driver.send(Hangup(channel))
        finally:
            self.owners.pop(lead.call_id, None)
            self._ways.pop(lead.call_id, None)
            self._node.floor.call_ended(lead.call_id, call if isinstance(call, TalkCall) else None, dialer)
            dialer.call_ended(lead.call_id, call, closed)

    async def _seize(self, dialer: Dialer, lead: Lead, channel: int) -> Call | None:
        """Journal the seizure; None, and the lead given back, when the call may not go out after all."""
        span = channel // self._node.driver.channels_per_span
        number = Number(lead.e164, lead.region, lead.kind, lead.zones)
        way = self._node.trunks.way(number, lead.id, dialer.name, dialer.spec.caller_id, span)
        if way is None:
            self._node.store.drop([lead], "no route takes this number; `offhook route` explains")
            dialer.closed += 1
            return None
        try:
            await self._node.store.seized(lead.call_id, channel, way.dialled)  # on disk before the number goes out
        except StoreError:
            self._node.store.release([lead])
            return None
        if self._node.stopping or not dialer.wants_calls:  # it changed while the journal was written
            self._node.store.release([lead])
            return None
        if why := self._node.stops.why(dialer, lead):
            self._node.store.drop([lead], why)
            dialer.closed += 1
            return None
        self._ways[lead.call_id] = way
        given = (dialer.spec, lead, way.dialled, channel, span, self._node.line(channel), self._node.clock, dialer.prompt, dialer.message)
        if dialer.gate is not None:
            recorder = self._node.recorder
            return TalkCall(*given, self._phase_changed, agents=self._node.floor, sorry=dialer.sorry, recorder=recorder)
        return Call(*given, self._phase_changed)

    async def _carry(self, call: Call) -> None:
        """From the Dial to the Cleared."""
        channel = call.channel
        line = self._node.line(channel)
        self.calls[channel] = call
        try:
            line.reset(Profile.PRE_ANSWER)
            line.decide_by(call.campaign.answer)
            call.hearing = "" if self._node.announcements is None else self._node.announcements.hearing
            call.begin()
            self.rate.count(self._node.clock.monotonic())
            try:
                self._node.driver.send(self._ways.pop(call.id).dial(channel, call.id))
            except ValueError as error:
                call.refuse(str(error))
            else:
                self.dials += 1
                self._node.emit(CallStarted(at=self._node.clock.now(), call_id=call.id, campaign=call.campaign.name, channel=channel))
            await call.done
        finally:
            del self.calls[channel]
            line.reset(Profile.OFF)

    async def _look_back(self, call: Call) -> None:
        """A number is called vacant only when its calls in all campaigns say nothing else (S05)."""
        if call.disposition in (Disposition.VACANT, Disposition.SUSPECT_VACANT) and self._node.store.status is StoreStatus.UP:
            try:
                call.reconsider(**await number_history(self._node.store, call.lead.e164))
            except StoreError as error:
                log.error("call %s: the number's history is not known: %s", call.id, error)

    async def _learn(self, call: Call) -> None:
        """Keep an announcement that nobody knows yet, before the channel is used again; what fails here costs that recording alone."""
        if self._node.announcements is not None:
            try:
                mail = await self._node.announcements.keep(call, call if isinstance(call, TalkCall) else None)
                if mail is not None:
                    self._node.emit(VoiceMailLeft(at=self._node.clock.now(), mail=mail_of(call.record(evidence=False), mail)))
            except Exception as error:  # the disk is full, say; the result is with the store already
                log.error("announcements: call %s: %s", call.id, error)

    def _store_result(self, dialer: Dialer, call: Call) -> tuple[bool, float]:
        """Hand the result to the store; whether the lead is closed, and seconds that the channel is to rest."""
        record = call.record()
        if self._node.trunks.routes.cdr:
            record = record.model_copy(update={"dialled": self._node.trunks.stored(record.dialled)})
        assert record.disposition is not None and record.ended is not None
        tries = {**call.lead.tries, record.disposition: call.lead.tries.get(record.disposition, 0) + 1}
        following = after(call.campaign.retry, record.disposition, tries, record.cause)
        stopped = self._node.stops.why(dialer, call.lead)
        again = following.again and not stopped
        due_ms = ms(due(following, record.ended, wait(record, following.after_s), call.lead.zones))
        row = result_row(record, dialer.id, "open" if again else "closed", due_ms, tries, stopped or following.why)
        if again and following.next_number:
            row["lead"]["other"] = "must" if record.disposition is Disposition.VACANT else "may"
        self._node.store.result(row)
        self.attempts += 1
        if self._node.heard:
            self._node.emit(CallEnded(at=record.ended, call=record))
        return not again, self._node.trunks.ended(record)

    def _phase_changed(self, call: Call) -> None:
        owner = self.owners.get(call.id)
        if owner is not None and owner.gate is not None:
            owner.gate.moved(call, self._node.clock.monotonic())
        if self._node.heard and call.phase is not CallPhase.SEIZED:
            self._node.emit(
                CallChanged(at=self._node.clock.now(), call_id=call.id, campaign=call.campaign.name, channel=call.channel, phase=call.phase)
            )
