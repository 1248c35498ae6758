"""After a crash: leads whose number was never sent are free again; calls whose line was seized are UNKNOWN, their leads held a while."""

from __future__ import annotations

import logging

from offhook.calls.disposition import Disposition
from offhook.campaigns.retry import after
from offhook.clock import Clock
from offhook.messages import CallRecord
from offhook.store import Store
from offhook.store.leads import Lost
from offhook.store.store import instant, result_row

log = logging.getLogger(__name__)


async def recover(store: Store, node: str, clock: Clock) -> None:
    """Settle what an earlier run of *node* left behind, before anything is dialled."""
    await store.drop_imports()
    lost = await store.recover(node)
    if not lost:
        return
    specs = {stored.id: stored.spec for stored in await store.campaigns()}
    for call in lost:
        spec = specs[call.campaign_id]
        tries = {**call.tries, Disposition.UNKNOWN: call.tries.get(Disposition.UNKNOWN, 0) + 1}
        again = after(spec.retry, Disposition.UNKNOWN, tries)
        due = round(clock.now().timestamp() * 1000) + round(spec.unknown_hold_s * 1000)
        record = _lost_record(call, spec.name, clock)
        store.result(result_row(record, call.campaign_id, "open" if again.again else "closed", due, tries, again.why))
    await store.flush()
    log.warning("node: the results of %d calls were lost with the last run; they are stored as unknown", len(lost))


def _lost_record(call: Lost, campaign: str, clock: Clock) -> CallRecord:
    return CallRecord(
        id=call.call_id,
        campaign=campaign,
        lead_id=call.lead_id,
        number=call.number,
        dialled=call.dialled,
        attempt=call.attempts + 1,
        channel=call.channel,
        span=-1,
        started=instant(call.seized_ms),
        ended=clock.now(),
        disposition=Disposition.UNKNOWN,
        rule="result_lost",
    )
