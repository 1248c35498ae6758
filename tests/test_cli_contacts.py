"""``offhook list``, ``contact``, ``policy`` and ``suppress`` on the command line, and the same over MQTT."""

from __future__ import annotations

from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from nodes import numbers_list
from steered import SLOW, steered


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "offhook.toml"
    path.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    return path


def test_somebody_goes_on_a_list_is_found_there_and_comes_off_again(offhook: Command, config: Path) -> None:
    more = ("category=complaint", "reason=hotline", "kinds=marketing,survey", "until=2027-01-01T00:00:00+08:00")
    done = offhook("list", "add", "black", "139 0000 0001", *more, "-c", config)
    assert done.code == 0, done.err
    assert "black  +8613900000001  complaint  hotline  marketing survey" in done.out
    assert "2026-12-31 16:00 UTC" in done.out
    found = offhook("list", "find", "13900000001", "-c", config, "--json").object["entries"]
    assert found[0]["kinds"] == ["marketing", "survey"]
    assert offhook("list", "show", "-c", config, "--json").object == {"black": 1}
    assert offhook("list", "remove", "black", "13900000001", "-c", config).out == "1 entry removed\n"
    assert offhook("list", "find", "13900000001", "-c", config).out == "on no list\n"


def test_a_file_goes_on_the_do_not_disturb_list(offhook: Command, config: Path, tmp_path: Path) -> None:
    done = offhook("list", "import", "dnd", numbers_list(tmp_path, 50), "category=register", "-c", config)
    assert done.out.startswith("list-0-50.csv: 50 lines, 50 on the dnd list, 0 repeated, 0 rejected")
    assert offhook("list", "find", "13900000049", "-c", config, "--json").object["entries"][0]["batch"] == "list-0-50.csv"


def test_a_contact_is_stored_and_shown(offhook: Command, config: Path) -> None:
    put = offhook(
        "contact", "put", "c7", "numbers=13900000001,13900000002", "name=王芳", "level=vip", 'attributes={"age": "34"}', "-c", config
    )
    assert put.out == "c7: 王芳, vip; +8613900000001, +8613900000002\n  age: 34\n"
    assert offhook("contact", "show", "13900000002", "-c", config, "--json").object["ref"] == "c7"
    assert offhook("contact", "show", "ref=c7", "-c", config).out == put.out
    assert offhook("contact", "refused", "ref=c7", "-c", config).out == "noted: refused\n"


def test_a_policy_is_set_from_a_file_and_a_wrong_one_names_the_line(offhook: Command, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[caps]]\nname = "month"\nattempts = 1\nwindow_s = 2592000\nresults = ["person"]\n', encoding="utf-8")
    assert offhook("policy", "set", file, "-c", config).out == "policy version 1: 1 caps, 3 rests\n"
    assert offhook("policy", "show", "-c", config, "--json").object["policy"]["caps"][0]["name"] == "month"
    file.write_text('[[caps]]\nname = "month"\natempts = 1\n', encoding="utf-8")
    wrong = offhook("policy", "set", file, "-c", config)
    assert wrong.code == 1
    assert "policy.toml:" in wrong.err
    assert "atempts" in wrong.err
    assert offhook("policy", "show", "-c", config, "--json").object["version"] == 1


def test_a_suppression_closes_the_leads_of_a_campaign_without_a_node(offhook: Command, config: Path, tmp_path: Path) -> None:
    assert offhook("campaign", "create", "spring", "-c", config).code == 0
    assert offhook("campaign", "import", "spring", numbers_list(tmp_path, 3), "-c", config).code == 0
    assert offhook("suppress", "13900000001", "category=paid", "-c", config).out == "suppressed (paid); 1 lead closed\n"
    assert offhook("campaign", "show", "spring", "-c", config, "--json").object["state"]["open"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("list", "add", "blue", "1"), 2, "blue"),
        (("list", "add", "black", "0453114"), 1, "digits are missing"),
        (("list", "add", "black", "13900000001", "kind=x"), 1, "did you mean 'kinds'"),
        (("list", "find", "ref=nobody"), 1, "no contact has the ref 'nobody'"),
        (("contact", "put", "c7", "numbers=12"), 1, "number '12'"),
        (("suppress", "13900000001", "until=tomorrow"), 1, "until"),
        (("list", "import", "dnd", "none.csv"), 1, "none.csv"),
    ],
)
def test_what_is_wrong_is_said(offhook: Command, config: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = offhook(*arguments, "-c", config)
    assert (done.code, says in done.err) == (code, True), done.err


@in_loop
async def test_the_same_over_mqtt_on_a_node_that_dials(tmp_path: Path) -> None:
    async with steered(tmp_path, SLOW) as it:
        added = await it.result("list.add", number="13900000000", list="black", category="complaint")
        assert added["number"] == "+8613900000000"
        await it.campaign("spring", leads=3)
        await it.result("campaign.start", campaign="spring")
        await it.until(lambda: len(it.node.live_calls()) == 2)
        told = await it.result("suppress", number="13900000001", category="paid")
        assert (told["calls"], told["leads"]) == (1, 0)
        await it.until(lambda: len(it.node.live_calls()) == 1)
        assert (await it.result("list.find", number="13900000001"))[0]["category"] == "paid"
        assert (await it.result("contact.put", ref="c7", numbers=["13900000002"]))["numbers"] == ["+8613900000002"]
        assert (await it.result("policy.set", open_wait_s=30))["version"] == 1
        assert (await it.result("policy.show"))["policy"]["open_wait_s"] == 30
        assert await it.result("contact.note", ref="c7") == {"noted": True}
        assert await it.result("list.remove", number="13900000000", list="black") == {"entries": 1}
        error = await it.error("contact.show", b'{"number": "13900000009"}')
        assert "belongs to no contact" in error["message"]
