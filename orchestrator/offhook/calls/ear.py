"""What a node hears by: the core as its configuration wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.tones.chosen import tone_plan
from offhook_core import Engine

if TYPE_CHECKING:
    from offhook.config import CoreSettings


def engine_of(channels: int, core: CoreSettings) -> Engine:
    """The core with the tone plan and the answer model of ``[core]``.

    Raises:
        ValueError: The model file was changed into no model since the configuration was read.
    """
    engine = Engine(channels, tone_plan(core.plan, core.plan_files))
    if core.answer_model is not None:
        engine.answer_model(core.answer_model.read_bytes())
    return engine
