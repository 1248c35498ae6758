"""Several lists in one campaign, mixed by weight so that nobody talks about the same thing all day (D45)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aio import in_loop
from nodes import settings
from pydantic import ValidationError

from offhook.clock import Uuid7, loop_clock
from offhook.desk import Desk
from offhook.lists.mix import ListMix
from offhook.messages import CampaignSpec, CampaignUpdate
from offhook.store import Store, mixing

ZONES = [("Asia/Shanghai",)]


def a_list(folder: Path, name: str, first: int, count: int, product: str = "") -> Path:
    path = folder / name
    lines = "".join(f"{13_900_000_000 + n},{name[0]}{n},{product}\n" for n in range(first, first + count))
    path.write_text("电话,姓名,product\n" + lines, encoding="utf-8")
    return path


async def desk(folder: Path, url: str, mix: ListMix | None) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1", mix=mix))
    return made


async def dealt(made: Desk, count: int, at_once: int = 3, zones: list[tuple[str, ...]] = ZONES) -> str:
    """First letters of the names of the next leads, as a dial loop takes them."""
    spec, ids, found = await made.campaign_spec("c1"), Uuid7(loop_clock()), ""
    while len(found) < count:
        taken = await made.store.reserve("node1", 1, zones, min(at_once, count - len(found)), ids, spec)
        assert taken
        found += "".join(lead.name[0] for lead in taken)
    return found


@in_loop
async def test_without_a_mix_lists_come_one_after_the_other(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, None)
    await made.import_list("c1", a_list(tmp_path, "a.csv", 0, 4))
    await made.import_list("c1", a_list(tmp_path, "b.csv", 100, 4))
    assert await dealt(made, 8) == "aaaabbbb"
    await made.store.close()


@in_loop
async def test_lists_are_dealt_in_the_shares_of_their_weights_d45(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, ListMix(weights={"a": 2, "b.csv": 1}))
    await made.import_list("c1", a_list(tmp_path, "a.csv", 0, 40))
    await made.import_list("c1", a_list(tmp_path, "b.csv", 100, 40))
    order = await dealt(made, 45)
    assert Counter(order) == {"a": 30, "b": 15}
    for at in range(0, 45, 3):
        assert abs(order[: at + 3].count("b") - (at + 3) / 3) <= 1  # at every moment, not only in the end
    await made.store.close()


@in_loop
async def test_a_list_that_comes_later_joins_where_the_mix_is_and_is_not_dialled_alone_until_it_has_caught_up(
    tmp_path: Path, database_url: str
) -> None:
    made = await desk(tmp_path, database_url, ListMix())
    await made.import_list("c1", a_list(tmp_path, "a.csv", 0, 60))
    assert await dealt(made, 20) == "a" * 20
    await made.import_list("c1", a_list(tmp_path, "b.csv", 100, 60))
    order = await dealt(made, 40)
    assert abs(order[:10].count("a") - 5) <= 1
    assert Counter(order) == {"a": 20, "b": 20}
    await made.store.close()


@in_loop
async def test_leads_are_mixed_by_a_column_too_d45(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, ListMix(by="product", weights={"gold": 3}))
    path = tmp_path / "all.csv"
    rows = [f"{13_900_000_000 + n},{'g' if n < 30 else 's'}{n},{'gold' if n < 30 else 'silver'}\n" for n in range(60)]
    path.write_text("电话,姓名,product\n" + "".join(rows), encoding="utf-8")
    await made.import_list("c1", path)
    order = await dealt(made, 40, at_once=8)
    assert Counter(order[:20]) == {"g": 15, "s": 5}
    await made.store.close()


@in_loop
async def test_weights_are_changed_while_it_runs_and_calls_that_were_made_stay_where_they_are(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "AT_ONCE", 7)  # in many transactions
    made = await desk(tmp_path, database_url, None)
    await made.import_list("c1", a_list(tmp_path, "a.csv", 0, 30))
    await made.import_list("c1", a_list(tmp_path, "b.csv", 100, 30))
    assert await dealt(made, 6) == "aaaaaa"
    await made.update_campaign("c1", CampaignUpdate(mix=ListMix(weights={"b": 4})))
    assert Counter(await dealt(made, 20)) == {"a": 4, "b": 16}
    await made.update_campaign("c1", CampaignUpdate(mix=None))
    assert Counter(await dealt(made, 20)) == {"a": 20}  # as they came
    await made.store.close()


@in_loop
async def test_lists_of_several_zones_are_mixed_over_all_of_them(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, ListMix())
    for name, first in (("a.csv", "+8613900000"), ("n.csv", "+12125550"), ("l.csv", "+442079460")):
        rows = "".join(f"{first}{100 + n},{name[0]}\n" for n in range(40))
        (tmp_path / name).write_text("phone,name\n" + rows, encoding="utf-8")
        await made.import_list("c1", tmp_path / name)
    zones = [one.zones for one in await made.store.due(1)]
    assert len(zones) == 3
    order = await dealt(made, 60, at_once=5, zones=zones)
    for at in range(0, 60, 12):
        assert all(abs(order[: at + 12].count(name) - (at + 12) / 3) <= 1 for name in "anl")
    await made.store.close()


def test_a_weight_out_of_bounds_is_refused_with_its_list() -> None:
    with pytest.raises(ValidationError, match=r"weight 0 of 'a' is outside 0.01 to 100; to hold a list back, filter it out"):
        ListMix(weights={"a": 0})
