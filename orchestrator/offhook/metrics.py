"""Figures for Prometheus: the node, its campaigns, their pacing, the agents.

The node's loop takes a picture every second; the HTTP server, a thread of its own, only ever hands out the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from offhook.agents.messages import AgentShown, AgentStatus
from offhook.campaigns.learning import Counts
from offhook.config import MetricsSettings
from offhook.errors import ConfigError
from offhook.lines.messages import TrunkState
from offhook.messages import CampaignState, Health, NodeState
from offhook.service import Service

log = logging.getLogger(__name__)

PICTURE_S = 1.0
RESULTS_EACH = 10
"""Pictures between two looks at the counters in the database."""

_PACING = {
    # field of PacingShown: what
    "level": "Calls in flight per agent logged in.",
    "waiting": "People who wait for an agent now.",
    "in_flight": "Calls not yet known to be a person or not.",
    "answer_share": "Share of calls expected to be a person.",
    "answer_share_seen": "People per call launched in the rule's window.",
    "risk": "Predicted chance that the next call would be abandoned.",
    "risk_limit": "The most that the budget allows now.",
    "people": "Calls judged to be a person in the window of the rule.",
    "abandoned": "Of these, abandoned.",
    "abandon_share": "Abandoned calls per person counted.",
    "budget_left": "Calls that could still be abandoned without breaking the rule.",
}

ALARMS = ("red", "yellow", "blue", "los", "lfa", "lmfa", "loopback", "recover", "slip", "crc4")
_TRUNKS = {
    # figure of a trunk group over its latest 200 calls: what
    "attempts": "Calls that the trunk's figures are made from, 200 at most.",
    "answer_seizure_ratio": "Share of the trunk's attempts that were answered.",
    "post_dial_delay_seconds": "Median from the seizure to ringing, or to the answer.",
    "false_answers": "Share of the trunk's answers behind which was an announcement or a tone.",
    "channels_resting": "Timeslots in quarantine, because their calls went wrong one after another.",
    "channels_blocked": "Timeslots that an operator took out of use.",
}


def lines(state: NodeState, trunks: Sequence[TrunkState]) -> tuple[Metric, ...]:
    """Spans and trunk groups. A span is named by its number from 0, as in the control topics."""
    link = GaugeMetricFamily("offhook_span_up", "1 while the span's D-channel is in service.", labels=["span"])
    alarm = GaugeMetricFamily(
        "offhook_span_alarm", "1 while the span has the alarm, or too many slips or CRC4 errors.", labels=["span", "alarm"]
    )
    errors = CounterMetricFamily("offhook_span_errors", "Errors of the span's line, as its card counts them.", labels=["span", "kind"])
    for span in state.spans:
        link.add_metric([str(span.span)], float(span.up))
        for name in ALARMS:
            alarm.add_metric([str(span.span), name], float(name in span.alarms))
        for kind, count in span.errors.items():
            errors.add_metric([str(span.span), kind], count)
    by_trunk = {name: GaugeMetricFamily(f"offhook_trunk_{name}", what, labels=["trunk"]) for name, what in _TRUNKS.items()}
    for trunk in trunks:
        figures = {
            "attempts": trunk.attempts,
            "answer_seizure_ratio": trunk.answer_seizure_ratio,
            "post_dial_delay_seconds": trunk.post_dial_delay_s,
            "false_answers": trunk.false_answers,
            "channels_resting": len(trunk.resting),
            "channels_blocked": len(trunk.blocked),
        }
        for name, value in figures.items():
            if value is not None:
                by_trunk[name].add_metric([trunk.name], value)
    inbound = CounterMetricFamily("offhook_inbound_refused", "Calls from outside, refused.", value=state.inbound_refused)
    return (link, alarm, errors, *by_trunk.values(), inbound)


def picture(
    state: NodeState, campaigns: Sequence[CampaignState], agents: Sequence[AgentShown], trunks: Sequence[TrunkState] = ()
) -> tuple[Metric, ...]:
    """All figures at one moment."""
    health = GaugeMetricFamily("offhook_health", "1 for the health that the node is in.", labels=["health"])
    for one in Health:
        health.add_metric([one.value], float(state.health is one))
    outcomes = CounterMetricFamily("offhook_calls", "Calls ended, over all runs of the node.", labels=["campaign", "outcome"])
    leads = GaugeMetricFamily("offhook_campaign_leads", "Leads of a campaign.", labels=["campaign", "state"])
    active = GaugeMetricFamily("offhook_campaign_calls_active", "Calls in progress.", labels=["campaign"])
    pacing = {name: GaugeMetricFamily(f"offhook_pacing_{name}", what, labels=["campaign", "mode"]) for name, what in _PACING.items()}
    for campaign in campaigns:
        for outcome, count in campaign.outcomes.items():
            outcomes.add_metric([campaign.name, outcome.value], count)
        leads.add_metric([campaign.name, "open"], campaign.open)
        leads.add_metric([campaign.name, "closed"], campaign.closed)
        active.add_metric([campaign.name], campaign.active)
        if campaign.pacing is not None:
            for name, family in pacing.items():
                value = getattr(campaign.pacing, name)
                if value is not None:
                    family.add_metric([campaign.name, campaign.pacing.mode], value)
    by_status = Counter(agent.status for agent in agents)
    people = GaugeMetricFamily("offhook_agents", "Agents logged in.", labels=["status"])
    for status in AgentStatus:
        if status is not AgentStatus.OUT:
            people.add_metric([status.value], by_status[status])
    plain = (
        GaugeMetricFamily("offhook_channels", "B-channels of the node.", value=state.channels),
        GaugeMetricFamily("offhook_channels_in_use", "Of these, in use.", value=state.channels_in_use),
        GaugeMetricFamily("offhook_calls_per_second", "Call attempts a second over the last ten seconds.", value=state.calls_per_second),
        CounterMetricFamily("offhook_attempts", "Calls ended since the node started.", value=state.attempts),
        CounterMetricFamily("offhook_media_ticks", "Media ticks run, 20 ms each.", value=state.ticks),
        CounterMetricFamily("offhook_media_ticks_late", "Media ticks that came too late.", value=state.late_ticks),
        CounterMetricFamily("offhook_events_lost", "Events dropped because the ring was full.", value=state.events_lost),
        GaugeMetricFamily("offhook_results_spooled", "Results kept outside the database until it is back.", value=state.spooled),
        GaugeMetricFamily("offhook_reconciled", "1 while the books add up.", value=float(state.reconciled)),
    )
    return (*plain, health, outcomes, leads, active, people, *pacing.values(), *lines(state, trunks))


def learnt(results: Mapping[str, Counts]) -> Metric:
    """What the calls of each campaign gave; segments and hours are told by ``offhook campaign rates``, they would be too many here."""
    what = "Calls whose number was sent; of these: answered, by a person, with a response, with success; persons who hung up soon."
    family = CounterMetricFamily("offhook_campaign_results", what, labels=["campaign", "what"])
    for campaign, counts in results.items():
        for name in ("calls", "reached", "persons", "responses", "successes", "early"):
            family.add_metric([campaign, name], getattr(counts, name))
    return family


class _Last(Collector):
    """The last picture, for the HTTP thread."""

    def __init__(self) -> None:
        self.families: tuple[Metric, ...] = ()

    def collect(self) -> Iterable[Metric]:
        return self.families


@contextlib.asynccontextmanager
async def serving_metrics(settings: MetricsSettings, node: Service) -> AsyncIterator[int]:
    """Serve figures of *node* over HTTP while the context lasts; the port in use, 0 when switched off.

    Raises:
        ConfigError: The port cannot be used.
    """
    if not settings.port:
        yield 0
        return
    last = _Last()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(last)

    async def take() -> tuple[Metric, ...]:
        return picture(node.state(), await node.campaigns(), node.floor.agents(), await node.trunk_states())

    results = learnt(await node.counted())
    last.families = (*await take(), results)
    try:
        server, thread = start_http_server(settings.port, settings.address, registry)
    except OSError as error:
        raise ConfigError(f"[metrics] {settings.address}:{settings.port}: {error.strerror}; choose another port, or 0 for none") from error

    async def look() -> None:
        seen = results
        for pictures in itertools.count(1):
            await asyncio.sleep(PICTURE_S)
            if pictures % RESULTS_EACH == 0:
                seen = learnt(await node.counted())
            last.families = (*await take(), seen)

    looking = asyncio.create_task(look(), name="metrics")
    try:
        yield int(server.server_port)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)
