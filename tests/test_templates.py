"""Templates for the kinds of campaign of D37, D38 and D39, each run on the software card."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from commands import Command
from nodes import START, numbers_list, settings, simulator, tone_file

from offhook.agents.messages import AgentLevel
from offhook.clock import run_virtual
from offhook.errors import AgentError
from offhook.messages import CampaignState, Phase
from offhook.node import Node
from offhook.templates import Template, TemplateError, builtin_templates, load_templates, parse_template

KINDS = {
    "D37": "revisit need-survey satisfaction-survey pre-launch-survey loyalty-survey care marketing account-handling information-notice",
    "D38": "telesales satisfaction-survey revisit data-verification questionnaire meeting-invitation",
    "D39": "data-cleaning telesales voice-delivery questionnaire revisit after-sales",
}
OWN = """
name = "blood"
title = "Call for blood donors"
[goals]
primary = "An appointment"
[goals.results.comes]
success = true
[campaign]
kind = "service"
mode = "preview"
[campaign.strategies]
time = "office"
"""


@pytest.mark.parametrize("row", KINDS)
def test_every_kind_of_the_row_has_its_template_d37_d38_d39(row: str) -> None:
    assert {name for name, template in builtin_templates().items() if row in template.carries} == set(KINDS[row].split())


@pytest.mark.parametrize("name", builtin_templates())
def test_a_template_says_what_is_wanted_when_to_call_and_what_protects_the_person(name: str) -> None:
    template = builtin_templates()[name]
    assert any(result.success for result in template.goals.results.values())
    assert set(template.campaign["strategies"]) >= {"routing", "time", "protection"}
    assert template.about


def needed(folder: Path, template: Template) -> dict[str, Any]:
    files = {"prompt": tone_file(folder, 2.0), "abandoned": tone_file(folder, 1.0), "caller_id": "10000"}
    return {field: files[field] for field in template.needs}


@pytest.mark.parametrize("name", builtin_templates())
def test_a_campaign_of_the_template_runs_on_the_software_card_d37_d38_d39(tmp_path: Path, name: str) -> None:
    template = builtin_templates()[name]
    person = {"kind": "person", "ring_s": 3, "greeting": ["person-zh-wei"], "hangs_up_after_s": 20, "hangs_up_after_prompt_s": 3}

    async def serve(node: Node) -> None:
        while True:
            await asyncio.sleep(1)
            try:
                node.floor.done("ann")
            except AgentError:
                continue
            await asyncio.sleep(1)
            node.floor.ready("ann")

    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(person)) as node:
            state = await node.new_campaign("c1", name, needed(tmp_path, template))
            assert isinstance(state, CampaignState)
            await node.import_list("c1", numbers_list(tmp_path, 3))
            await node.start_campaign("c1")
            agents = None
            if (await node.campaign_spec("c1")).with_agents:
                node.floor.log_in("ann", {"c1": AgentLevel.STANDARD})
                agents = asyncio.create_task(serve(node))
            state = await asyncio.wait_for(node.wait_campaign("c1"), 14 * 86400)
            if agents is not None:
                agents.cancel()
            assert state.phase is Phase.FINISHED
            assert sum(count for outcome, count in state.outcomes.items() if outcome.reached) == 3
            assert (await node.reconcile()).ok

    run_virtual(main(), START)


def test_what_a_template_needs_must_be_given_and_what_is_given_goes_over_it() -> None:
    notice = builtin_templates()["information-notice"]
    with pytest.raises(TemplateError, match="needs prompt; give prompt="):
        notice.spec("storm")
    spec = notice.spec("storm", {"prompt": "storm.wav", "lines": 7})
    assert (spec.lines, spec.kind, spec.goals.primary) == (7, "service", "The notice was heard")
    with pytest.raises(TemplateError, match="lines"):
        notice.spec("storm", {"prompt": "storm.wav", "lines": 0})


def test_a_folder_adds_templates_and_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "blood.toml").write_text(OWN, encoding="utf-8")
    (tmp_path / "care.toml").write_text(OWN.replace('"blood"', '"care"'), encoding="utf-8")
    found = load_templates(tmp_path)
    assert len(found) == len(builtin_templates()) + 1
    assert found["care"].title == "Call for blood donors"
    with pytest.raises(TemplateError, match="no such folder"):
        load_templates(tmp_path / "none")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('mode = "preview"', 'mode = "fast"', "own.toml:10: campaign.mode"),
        ('mode = "preview"', 'mod = "preview"', "own.toml:10: unknown key 'campaign.mod': did you mean 'mode'"),
        ('time = "office"', 'time = "nights"', "no time strategy 'nights'; there are daylong, evening, office"),
        ("success = true", "success = false", "no class of result has success = true"),
        ('primary = "An appointment"', "", "goals.primary is missing"),
        ('kind = "service"', 'kind = "service"\nname = "x"', "campaign.name does not belong there"),
        ("[goals]", "[goals", "not TOML"),
    ],
)
def test_a_wrong_template_is_refused_with_line_and_mend(old: str, new: str, says: str) -> None:
    with pytest.raises(TemplateError) as wrong:
        parse_template(OWN.replace(old, new), "own.toml")
    assert says in str(wrong.value)


def test_the_commands_list_show_check_and_make(offhook: Command, tmp_path: Path) -> None:
    config, own = tmp_path / "offhook.toml", tmp_path / "own"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    own.mkdir()
    (own / "blood.toml").write_text(OWN, encoding="utf-8")
    assert len(offhook("template", "list", "--json").object["templates"]) == len(builtin_templates())
    assert "primary goal: The matter is settled" in offhook("template", "show", "revisit").out
    assert "1 template right: blood" in offhook("template", "check", own / "blood.toml", "-c", config).err
    made = offhook("campaign", "new", "donors", "-t", "blood", "--folder", own, "lines=3", "-c", config)
    assert made.out.startswith("donors: Call for blood donors, draft, 0 leads; goal: An appointment"), made.err
    shown = offhook("campaign", "show", "donors", "-c", config, "--json").object["spec"]
    assert (shown["lines"], shown["mode"], len(shown["windows"]["windows"])) == (3, "preview", 2)
    wrong = offhook("campaign", "new", "x", "-t", "blod", "-c", config)
    assert (wrong.code, "no template is called 'blod'; there are account-handling" in wrong.err) == (1, True)
    assert "mode is set by" not in offhook("campaign", "new", "y", "-t", "blood", "--folder", own, "mode=lines", "-c", config).err
    clash = offhook("campaign", "new", "z", "-t", "care", "mode=lines", "-c", config)
    assert "mode is set by its connect strategy 'preview'" in clash.err
