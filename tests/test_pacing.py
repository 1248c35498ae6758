"""Pacing: rules, modes, guards, what is learned, allocation. Requirement ids stand at the tests that carry them."""

from __future__ import annotations

import numpy as np
import pytest

from offhook import pacing
from offhook.pacing import AgentState, EventKind, Level, Limits, LineState, Outcome, PacingEvent, PacingState

FREE, SETUP, RINGING, TALKING = LineState.FREE, LineState.SETUP, LineState.RINGING, LineState.TALKING
READY, BUSY, WRAP = AgentState.READY, AgentState.TALKING, AgentState.WRAP


def state(t: float = 100.0, *, lines: list[int] | None = None, agents: list[int] | None = None, **more: object) -> PacingState:
    return PacingState.of(t, line_state=lines or [FREE] * 30, agent_state=agents or [READY] * 4, **more)  # type: ignore[arg-type]


# ---- abandon rules


def test_ofcom_example_of_29_drops_9_live_calls_and_7_machines_is_64_44_percent() -> None:
    counts = pacing.Counts(abandoned=29, connected=9, machines_connected=7)
    assert round(100 * pacing.rule("gb-ofcom").rate(counts), 2) == 64.44


def test_detection_errors_out_leaves_the_plain_rate() -> None:
    counts = pacing.Counts(abandoned=3, connected=97, machines_connected=50, false_positives=20)
    assert pacing.rule("us-ftc").rate(counts) == pytest.approx(0.03)
    assert pacing.rule("us-ftc", detection_errors=True).rate(counts) > 0.15


def test_denominators_differ() -> None:
    counts = pacing.Counts(abandoned=5, connected=95, machines_caught=100)
    rates = {d: pacing.AbandonRule(denominator=d).rate(counts) for d in pacing.Denominator}
    assert rates == pytest.approx({"people": 5 / 100, "connected": 5 / 95, "answered": 5 / 200})


def test_confidence_bound_and_allowance_agree() -> None:
    rule = pacing.AbandonRule(confidence=0.95)
    for people in (200, 1000, 20_000):
        allowed = rule.allowed(people)
        assert rule.bound(pacing.Counts(abandoned=allowed, connected=people - allowed)) == pytest.approx(rule.share, abs=2e-4)
    assert rule.allowed(20) == 0.0


def test_a_rule_out_of_range_names_the_field() -> None:
    with pytest.raises(ValueError, match="share"):
        pacing.AbandonRule(share=3.0)
    with pytest.raises(ValueError, match="window_s"):
        pacing.rule("us-ftc", window_s=0)
    with pytest.raises(ValueError, match="nowhere"):
        pacing.rule("nowhere")


def test_a_rolling_window_forgets_what_is_older() -> None:
    window = pacing.Window(3600.0)
    window.add(0.0, people=10, abandoned=1)
    window.add(1800.0, people=20)
    assert window.totals(3000.0)[:2] == (30, 1)
    assert window.totals(3700.0)[:2] == (20, 0)
    assert window.totals(9000.0)[:2] == (0, 0)


# ---- the state


def test_state_arrays_are_read_only() -> None:
    s = state()
    with pytest.raises(ValueError, match="read-only"):
        s.line_state[0] = SETUP


def test_state_refuses_arrays_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="agent_since"):
        state(agent_since=[1.0, 2.0])


# ---- modes


def test_make_names_the_modes_and_the_wrong_setting() -> None:
    with pytest.raises(ValueError, match="progressive"):
        pacing.make("clairvoyant")
    with pytest.raises(ValueError, match="speed"):
        pacing.make("ratio", speed=3)
    with pytest.raises(ValueError, match="calls_per_agent"):
        pacing.make("ratio", calls_per_agent=0)


@pytest.mark.parametrize("mode", sorted(pacing.MODES))
def test_every_mode_is_a_policy_and_keeps_to_the_lines(mode: str) -> None:
    policy = pacing.make(mode)
    assert isinstance(policy, pacing.Policy)
    assert policy.tick_s > 0
    lines = [TALKING] * 28 + [FREE] * 2
    for t in range(20):
        assert 0 <= policy.decide(state(float(t), lines=lines, agents=[READY] * 50)) <= 2


def test_manual_dials_what_agents_ask_for() -> None:
    """D07."""
    policy = pacing.Manual()
    assert policy.decide(state()) == 0
    policy.ask(2)
    assert policy.decide(state(lines=[FREE] + [TALKING] * 9)) == 1  # the other call waits for a line
    assert policy.decide(state()) == 1
    assert policy.decide(state()) == 0


def test_preview_reserves_an_agent_for_each_call() -> None:
    """D08, D12: nobody can be abandoned."""
    policy = pacing.make("preview", review_s=10)
    assert policy.reserves
    assert policy.review_s == 10
    assert policy.decide(state(agents=[READY, READY, BUSY, AgentState.RESERVED])) == 2


def test_progressive_counts_calls_in_flight() -> None:
    assert pacing.make("progressive").decide(state(lines=[SETUP] + [FREE] * 9, agents=[READY, READY, BUSY])) == 1


def test_precise_keeps_one_agent_idle() -> None:
    """D10."""
    policy = pacing.make("precise")
    assert policy.decide(state(agents=[READY] * 4)) == 3
    assert policy.decide(state(agents=[READY, BUSY, BUSY])) == 0
    assert policy.decide(state(agents=[READY])) == 1


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.25])
def test_ratio_keeps_its_decimals_on_average(ratio: float) -> None:
    """D09, D14."""
    policy = pacing.make("ratio", calls_per_agent=ratio)
    launched = []
    for i in range(400):
        policy.decide(state(float(2 * i), agents=[BUSY, BUSY]))
        launched.append(policy.decide(state(float(2 * i + 1), agents=[READY, BUSY])))
    assert np.mean(launched) == pytest.approx(ratio, abs=0.02)


def test_ratio_per_agent_logged_in_counts_conversations() -> None:
    policy = pacing.make("ratio", calls_per_agent=2.0, per="logged_in")
    assert policy.decide(state(lines=[TALKING] * 3 + [SETUP] + [FREE] * 26, agents=[BUSY] * 3 + [READY])) == 4


def test_broadcast_fills_the_lines_it_may_use() -> None:
    assert pacing.make("broadcast").decide(state(agents=[])) == 30
    assert pacing.make("broadcast", lines=12).decide(state(lines=[TALKING] * 5 + [FREE] * 25, agents=[])) == 7


def test_calls_per_second_and_campaign_lines_bind_every_mode() -> None:
    policy = pacing.make("broadcast")
    limits = Limits(calls_per_s=4.0)
    launched = sum(policy.decide(state(i / 10, agents=[], limits=limits)) for i in range(101))
    assert 38 <= launched <= 42
    assert "calls per second" in policy.view.reason
    assert pacing.make("broadcast").decide(state(lines=[TALKING] * 8 + [FREE] * 22, agents=[], limits=Limits(lines=10))) == 2


def test_an_agent_who_is_leaving_is_not_dialled_for() -> None:
    assert pacing.make("progressive").decide(state(agents=[READY, READY], agent_leaving=[True, False])) == 1


def test_switching_keeps_what_was_learned_even_through_a_mode_that_learns_nothing() -> None:
    first = pacing.make("predictive", answer_share=0.05)
    between = pacing.switch(first, "progressive")
    last = pacing.switch(between, "predictive")
    assert isinstance(first, pacing.Predictive)
    assert isinstance(last, pacing.Predictive)
    assert last.answers is first.answers


# ---- predictive


def test_small_team_guard_dials_one_call_per_agent_and_says_so() -> None:
    """D20."""
    policy = pacing.make("predictive", min_agents=3)
    assert policy.decide(state(agents=[READY, READY])) == 2
    assert "needs 3" in policy.view.reason


def test_cold_start_is_named() -> None:
    policy = pacing.make("predictive")
    policy.decide(state(agents=[READY] * 5))
    assert "cold start" in policy.view.reason


def test_predictive_dials_more_on_a_poor_list_than_on_a_good_one() -> None:
    launched = [
        pacing.make("predictive", answer_share=share).decide(state(lines=[FREE] * 240, agents=[READY] * 10)) for share in (0.1, 0.25, 0.5)
    ]
    assert launched[0] > launched[1] > launched[2] >= 10


def test_agents_in_wrap_up_count_more_than_agents_in_talk_and_those_leaving_not_at_all() -> None:
    def launched(agents: list[int], leaving: list[bool]) -> int:
        policy = pacing.make("predictive", answer_share=0.3)
        s = state(lines=[FREE] * 240, agents=agents, agent_since=[85.0] * len(agents), agent_leaving=leaving)
        return policy.decide(s)

    talk, wrap = launched([BUSY] * 10, [False] * 10), launched([WRAP] * 10, [False] * 10)
    assert wrap > talk
    assert launched([WRAP] * 10, [True] * 10) == 0


def test_an_overspent_budget_brings_it_back_to_one_call_per_agent() -> None:
    policy = pacing.make("predictive", answer_share=0.25)
    many = policy.decide(state(agents=[READY] * 3, people=1000, abandoned=10))
    few = pacing.make("predictive", answer_share=0.25).decide(state(agents=[READY] * 3, people=1000, abandoned=60))
    assert many > few == 3


def _chances(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, (n, 1)) * np.linspace(0.2, 1.0, 5)


@pytest.mark.parametrize(("spare", "calls", "talking", "wrapping"), [(1, 4, 3, 1), (0, 10, 15, 3), (2, 30, 8, 2), (3, 120, 80, 12)])
def test_the_risk_agrees_with_throwing_the_coins(spare: int, calls: int, talking: int, wrapping: int) -> None:
    from offhook.pacing.predictive import coming, none_left

    rng = np.random.default_rng(7)
    c, t, w = _chances(rng, calls, 0.02, 0.25), _chances(rng, talking, 0.02, 0.2), _chances(rng, wrapping, 0.3, 0.95)
    fresh = 0.2 * np.linspace(0.2, 1.0, 5)
    more = np.array([0, 2])
    risk = none_left(spare, coming(c, np.concatenate((t, w))), w, fresh, more, 0.0)
    for k, got in zip(more, risk, strict=True):
        left = np.full((20_000, 5), float(spare))
        for chances, sign in ((c, -1), (t, 1), (w, 1), (np.tile(fresh, (k, 1)), -1)):
            left += sign * (rng.random((20_000, len(chances), 5)) < chances).sum(axis=1)
        assert got == pytest.approx(float((left <= 0).mean()), abs=0.02)


# ---- learning


def test_the_answer_share_is_learned_without_a_bias_from_calls_still_ringing() -> None:
    """D17, D18: people answer before a no-answer is known, so finished calls alone would say too much."""
    model = pacing.AnswerModel(share=0.5)
    rng = np.random.default_rng(3)
    due: list[tuple[float, PacingEvent]] = []
    dialled = 0
    for step in range(240):
        t = step * 0.5
        events = [e for at, e in due if at <= t]
        due = [(at, e) for at, e in due if at > t]
        model.update(state(t, events=events, dialled=dialled))
        for _ in range(4):
            dialled += 1
            setup, ring = 2.5, float(rng.gamma(1 / 0.36, 11 * 0.36))
            if rng.random() < 0.15 and ring < 25:
                due.append((t + setup + ring + 1.4, PacingEvent(EventKind.OUTCOME, t, Outcome.PERSON, setup, ring, 1.4)))
            else:
                due.append((t + setup + 25, PacingEvent(EventKind.OUTCOME, t, Outcome.NO_ANSWER, setup, 25.0)))
    assert model.share == pytest.approx(0.15, abs=0.03)


def test_the_rest_of_a_talk_depends_on_how_long_it_has_lasted() -> None:
    """Most talks last 10 s, the others 300 s: after 30 s nobody ends soon."""
    model = pacing.AgentModel()
    events = [PacingEvent(EventKind.TALK_END, 0.0, agent=0, seconds=10.0 if i % 3 else 300.0) for i in range(600)]
    events += [PacingEvent(EventKind.WRAP_END, 0.0, agent=0, seconds=2.0) for i in range(600)]
    model.update(state(events=events))
    young, old = (model.coming_free(state(100.0, agents=[BUSY], agent_since=[100.0 - s]), np.array([20.0]))[0][0, 0] for s in (1.0, 40.0))
    assert young > 0.4
    assert old < 0.1


def test_a_slow_agent_is_known_after_some_talks() -> None:
    model = pacing.AgentModel()
    events = [PacingEvent(EventKind.TALK_END, 0.0, agent=i % 2, seconds=60.0 if i % 2 else 180.0) for i in range(200)]
    model.update(state(events=events))
    slow, quick = model.coming_free(state(100.0, agents=[BUSY, BUSY], agent_since=[60.0, 60.0]), np.array([30.0]))[0][:, 0]
    assert quick > slow


# ---- several campaigns


def test_no_agent_is_promised_twice_and_levels_decide() -> None:
    """D23, D24."""
    levels = np.array([[1, 2], [1, 2], [2, 1], [0, 2], [2, 0], [3, 0]], np.int8)
    promised = pacing.promise(levels, [1.0, 1.0], [READY] * 6)
    assert promised.tolist() == [0, 0, 1, 1, 0, 0]
    assert pacing.seen_by(1, [READY] * 6, promised).tolist() == [0, 0, 1, 1, 0, 0]


def test_overflow_agents_help_only_when_their_own_campaign_has_no_work() -> None:
    levels = np.array([[Level.OVERFLOW, Level.STANDARD]], np.int8)
    assert pacing.promise(levels, [1.0, 1.0], [READY]).tolist() == [1]
    assert pacing.promise(levels, [1.0, 0.0], [READY]).tolist() == [0]


def test_promises_follow_the_weights_and_do_not_swing() -> None:
    levels = np.full((12, 2), Level.STANDARD, np.int8)
    first = pacing.promise(levels, [2.0, 1.0], [READY] * 12)
    assert np.bincount(first).tolist() == [8, 4]
    assert pacing.promise(levels, [2.0, 1.0], [READY] * 12, first).tolist() == first.tolist()


def test_a_person_gets_a_promised_agent_first_and_any_other_before_being_abandoned() -> None:
    levels = np.array([[2, 2], [1, 2], [3, 2]], np.int8)
    promised = np.array([1, 0, 1])
    since = [0.0, 50.0, 1.0]
    assert pacing.route(0, levels, [READY, READY, READY], since, promised) == 1
    assert pacing.route(0, levels, [READY, BUSY, READY], since, promised) == 0
    assert pacing.route(0, levels, [BUSY, BUSY, READY], since, promised) == 2
    assert pacing.route(0, levels, [BUSY, BUSY, BUSY], since, promised) == -1


def test_lines_are_shared_by_weight_and_nothing_is_left_over() -> None:
    assert pacing.share_lines([10, 10, 1], 12, [2.0, 1.0, 1.0]).tolist() == [7, 4, 1]
    assert pacing.share_lines([3, 2], 12, [1.0, 1.0]).tolist() == [3, 2]
