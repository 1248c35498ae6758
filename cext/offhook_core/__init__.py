"""The thin binding to liboffhook, the part of offhook that hears every B-channel.

:class:`Engine` holds all channels of a card, :class:`CallAnalyzer` one call of any program's audio.
"""

from offhook_core.analyzer import CallAnalyzer
from offhook_core.blocks import FRAME_SAMPLES
from offhook_core.engine import Engine, Marks, Stats
from offhook_core.enums import Alarm, Answer, Detect, EventKind, Law, Layout, LineFault, Profile, Sit, Tone, Valid
from offhook_core.errors import CoreError
from offhook_core.events import Event
from offhook_core.isa import force_isa, isa
from offhook_core.library import Fingerprint, Library, LibraryClip, Match
from offhook_core.plan_file import PlanError
from offhook_core.plans import Plan, Segment, ToneSpec
from offhook_core.tone_plan import TonePlan

__all__ = [
    "FRAME_SAMPLES",
    "Alarm",
    "Answer",
    "CallAnalyzer",
    "CoreError",
    "Detect",
    "Engine",
    "Event",
    "EventKind",
    "Fingerprint",
    "Law",
    "Layout",
    "Library",
    "LibraryClip",
    "LineFault",
    "Marks",
    "Match",
    "Plan",
    "PlanError",
    "Profile",
    "Segment",
    "Sit",
    "Stats",
    "Tone",
    "TonePlan",
    "ToneSpec",
    "Valid",
    "force_isa",
    "isa",
]
