"""The shift simulator: it conserves calls, repeats itself, and says what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhook import pacing, shift
from offhook.pacing import AgentState, LineState, Outcome

EXAMPLES = Path(__file__).parent.parent / "examples" / "shifts"


def scenario(agents: int = 10, hours: float = 1.0, person: float = 0.25, **more: object) -> shift.Scenario:
    data = {"shift": {"hours": hours}, "list": {"person": person}, "agents": {"group": [{"count": agents}]}, **more}
    return shift.parse(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda p: p.stem)
def test_every_example_reads(path: Path) -> None:
    assert shift.load(path).shift.name


@pytest.mark.parametrize("mode", ["manual", "preview", "progressive", "ratio", "precise", "predictive", "level", "weights"])
def test_calls_and_people_reconcile_in_every_mode(mode: str) -> None:
    s = scenario(pacing={"mode": mode})
    in_flight = {}

    def keep(state: pacing.PacingState, _: int) -> None:
        in_flight["lines"] = int(np.count_nonzero((state.line_state >= LineState.SETUP) & (state.line_state <= LineState.ANALYSIS)))

    r = shift.Simulator(s, shift.paced(s), 1, on_decision=keep).run()
    assert r.connected > 0
    assert 0 <= r.people - r.connected - r.abandoned <= 3  # those still waiting at the end
    assert abs(r.dialled - sum(r.outcomes.values()) - in_flight["lines"]) <= 12
    assert 0 < r.utilisation < 1


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    one, two, other = (shift.Simulator(scenario(), pacing.make("predictive"), seed).run().as_dict() for seed in (5, 5, 6))
    assert one == two
    assert one["dialled"] != other["dialled"]


@pytest.mark.parametrize("mode", ["preview", "manual", "progressive", "precise"])
def test_modes_that_do_not_predict_abandon_nobody(mode: str) -> None:
    """D12."""
    assert shift.simulate(scenario(), pacing={"mode": mode})["days"][0]["abandoned"] == 0


def test_predictive_keeps_the_rule_and_beats_the_plain_modes() -> None:
    """D16, D19, D21."""
    s = scenario(agents=20, hours=1.0, person=0.1)
    rows = shift.whatif(s, [{"mode": "preview"}, {"mode": "progressive"}, {"mode": "predictive"}], days=2)
    preview, progressive, predictive = rows
    assert predictive["abandon_share"][0] <= 0.03
    assert predictive["utilisation"][0] > progressive["utilisation"][0] + 0.3
    assert predictive["connects_per_agent_h"][0] > 3 * preview["connects_per_agent_h"][0]


@pytest.mark.parametrize("name", ["list-collapse", "oscillating-list", "mass-login", "cold-start", "machine-heavy"])
def test_the_first_hour_of_hard_shifts_keeps_the_rule(name: str) -> None:
    s = shift.load(EXAMPLES / f"{name}.toml")
    s = s.model_copy(update={"shift": s.shift.model_copy(update={"hours": min(0.9, s.shift.hours)})})
    r = shift.Simulator(s, pacing.make("predictive"), 3).run()
    assert r.abandoned <= 0.03 * r.people + 1.5  # the loan of the first people of a window; a whole shift pays it back


def test_broadcast_uses_every_line() -> None:
    """D02: 240 lines at 60 s a call are 14,400 calls an hour."""
    r = shift.simulate(EXAMPLES / "broadcast.toml")["days"][0]
    assert r["calls_per_h"] >= 0.99 * 14_400
    assert r["lines_used"] > 0.99


def test_an_agent_who_asks_to_leave_finishes_first() -> None:
    s = shift.parse({"shift": {"hours": 1.0}, "agents": {"group": [{"count": 6, "to_h": 0.5}, {"count": 2, "breaks": [[0.2, 6.0]]}]}})
    gone = []

    def watch(state: pacing.PacingState, _: int) -> None:
        gone.append((state.t, int(np.count_nonzero(state.agent_state != AgentState.OUT)), int(np.count_nonzero(state.agent_leaving))))

    shift.Simulator(s, pacing.make("predictive"), 1, on_decision=watch).run()
    assert max(n for t, n, _ in gone if t > 0) == 8
    assert any(leaving for t, _, leaving in gone if 1800 < t < 2100)
    assert gone[-1][1] == 2


def test_preview_calls_run_inside_a_predictive_campaign() -> None:
    """D13."""
    s = scenario(list={"person": 0.25, "preview": 0.2})
    reserved = []
    shift.Simulator(
        s,
        pacing.make("predictive"),
        1,
        on_decision=lambda state, _: reserved.append(bool((state.agent_state == AgentState.RESERVED).any())),
    ).run()
    assert any(reserved)


def test_a_wider_clock_waits_longer_before_it_abandons() -> None:
    waits = [shift.simulate(scenario(rule={"seconds": s}), pacing={"mode": "weights"})["mean"]["person_wait_s"][0] for s in (1.0, 8.0)]
    assert waits[1] > waits[0]


def test_a_rolling_window_is_measured_over_every_window() -> None:
    s = scenario(hours=2.0, rule={"name": "us-ftc", "window_s": 1800.0})
    r = shift.Simulator(s, pacing.make("ratio", calls_per_agent=3.0), 1).run()
    assert r.worst_window > r.abandon_share > 0.03
    assert not r.kept


def test_yesterday_with_other_agents() -> None:
    records = [shift.Record(i / 100, Outcome.PERSON, 2.0, 9.0, 1.2, 60.0, 10.0) for i in range(0, 100, 4)]
    records += [shift.Record(i / 100, Outcome.NO_ANSWER, 2.0, 20.0) for i in range(75)]
    s = shift.measured(records, agents=12, hours=1.0)
    assert s.list.person[0][1] == pytest.approx(0.25)
    assert s.network.no_answer_s == 20.0
    assert shift.simulate(s, pacing={"mode": "progressive"})["mean"]["utilisation"][0] > 0.3


def test_a_distribution_has_the_mean_it_says() -> None:
    rng = np.random.default_rng(1)
    for kind in ("constant", "lognormal", "gamma", "exponential"):
        drawn = shift.scenario.Distribution(kind=kind, mean=30.0, cv=0.5).draw(rng, 20_000)
        assert drawn.mean() == pytest.approx(30.0, rel=0.03)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[shift]\nhours = -1", "shift.hours"),
        ("[shift]\nhuors = 8", "wrong.toml:2: unknown key 'shift.huors': did you mean 'hours'"),
        ('plan = "cn"\n[[behaviour]]\nkind = "busy"\nshare = 1', "a scenario of the software card, not a shift"),
        ("[list]\nperson = 0.9\nmachine = 0.5", "more than 1"),
        ('[agents]\ntalk = { kind = "values" }', "at least one"),
        ('[rule]\nname = "mars"', "mars"),
        ("[rule]\nshaer = 0.03", "shaer"),
        ("[shift", "not TOML"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(shift.ScenarioError, match=says) as error:
        shift.load(path)
    assert "wrong.toml" in str(error.value)


def test_a_wrong_pacing_setting_is_named() -> None:
    with pytest.raises(shift.ScenarioError, match="calls_per_agent"):
        shift.simulate(scenario(), pacing={"mode": "ratio", "calls_per_agent": -1})


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shift.simulate(scenario(hours=0.5), plot=tmp_path / "day.png")
    assert (tmp_path / "day.png").read_bytes()[:4] == b"\x89PNG"


def test_d15_d16_predictive_follows_a_target_below_what_the_rule_allows() -> None:
    s = scenario(agents=20, hours=2.0, person=0.3)

    def played(**target: object) -> dict[str, float]:
        return dict(shift.simulate(s, seed=3, pacing={"mode": "predictive", **target})["days"][0])

    rule = played()
    abandon = played(target="abandon", target_value=0.01)
    assert abandon["abandon_share"] <= 0.01 < rule["abandon_share"]
    wait = played(target="wait", target_value=25)
    assert wait["agent_wait_s"] == pytest.approx(25, abs=3)
    assert rule["agent_wait_s"] < 22
    contact = played(target="contact", target_value=0.71)
    assert contact["utilisation"] * 120 / 140 == pytest.approx(0.71, abs=0.03)  # 120 s of 140 are talk


@pytest.mark.parametrize(("target", "value", "seen", "within"), [("wait", 45, "agent_wait_s", 5.0), ("contact", 0.6, "talking", 0.03)])
def test_d15_targets_are_met_on_a_steady_shift_down_to_one_call_per_free_agent(target: str, value: float, seen: str, within: float) -> None:
    """D15, D16: how long agents wait, or how many of them talk; nearly nobody is abandoned for it. Progressive: 82 s, 0.53."""
    s = scenario(agents=20, shift={"hours": 2.5, "warmup_min": 60})
    day = shift.simulate(s, seed=2, pacing={"mode": "predictive", "target": target, "target_value": value})["days"][0]
    day["talking"] = day["utilisation"] * 120 / 140  # of talk and wrap-up
    assert day[seen] == pytest.approx(value, abs=within)
    assert day["abandon_share"] < 0.01
