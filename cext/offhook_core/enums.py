"""The header's enums and bit masks as Python types; a test keeps them equal to ``offhook.h``."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Law(IntEnum):
    """Coding of samples; values match ``enum oh_law``."""

    ALAW = 0
    ULAW = 1
    LINEAR = 2


class Layout(IntEnum):
    """Order of the samples in a frame; values match ``enum oh_layout``."""

    CHANNEL = 0
    TIMESLOT = 1


class Valid(IntEnum):
    """What a driver says of one channel's 20 ms; values match ``enum oh_valid``."""

    MISSING = 0
    GOOD = 1
    CONCEALED = 2
    OVERRUN = 3


class Tone(IntEnum):
    """Signals by their names in E.180, Q.35, T.30, V.8, V.21, V.18, Q.724 and Q.441; values match ``enum oh_tone``.

    The name in lower case is the name used in events, MQTT and JSON: ``Tone.BUSY`` is ``"busy"`` (忙音).
    """

    NONE = 0
    DIAL = 1
    DIAL_SPECIAL = 2
    DIAL_SECOND = 3
    DIAL_RECALL = 4
    RINGBACK = 5
    BUSY = 6
    CONGESTION = 7
    UNOBTAINABLE = 8
    SIT = 9
    SIT_US = 10
    CALL_WAITING = 11
    RECORD = 12
    CONFIRMATION = 13
    PAYPHONE = 14
    INTRUSION = 15
    HOWLER = 16
    HOLDING = 17
    WARNING = 18
    FAX_CNG = 19
    FAX_CED = 20
    ANS_PR = 21
    ANSAM = 22
    ANSAM_PR = 23
    V21_PREAMBLE = 24
    BELL_ANS = 25
    TTY = 26
    COT2010 = 27
    COT2000 = 28
    DTMF = 29
    R2_FWD = 30
    R2_BWD = 31
    BEEP = 32


class Sit(IntEnum):
    """Codings of the US special information tones; values match ``enum oh_sit``."""

    NONE = 0
    IC = 1
    VC = 2
    RO = 3
    NC = 4
    RO2 = 5
    NC2 = 6
    IO = 7
    FU = 8


class EventKind(IntEnum):
    """What sort of thing was heard; values match ``enum oh_event_kind``."""

    TONE = 1
    TONE_END = 2
    SPEECH = 3
    SPEECH_END = 4
    SILENCE = 5
    MUSIC = 6
    MUSIC_END = 7
    PROMPT_DONE = 8
    LOST = 9
    LINE = 10
    ANSWER = 11
    ANNOUNCEMENT = 12


class LineFault(IntEnum):
    """What is wrong with a line; values match ``enum oh_line_fault``."""

    ONE_WAY = 1
    CLIPPING = 2
    DC = 3
    HUM = 4
    NOISE = 5


class Answer(IntEnum):
    """Who or what answered; values match ``enum oh_answer``."""

    UNKNOWN = 0
    PERSON = 1
    MACHINE = 2
    IVR = 3
    FAX = 4
    MODEM = 5
    ANNOUNCEMENT = 6
    SCREENING = 7
    SILENCE = 8


class Detect(IntFlag):
    """Detectors to arm; values match ``OH_DETECT_*``."""

    TONES = 0x1
    SIT = 0x2
    DTMF = 0x4
    FAX = 0x8
    TTY = 0x10
    COT = 0x20
    BEEP = 0x40
    MUSIC = 0x80
    SPEECH = 0x100
    LINE = 0x200
    R2_FWD = 0x400
    R2_BWD = 0x800
    ANSWER = 0x1000
    ANNOUNCE = 0x2000


class Profile:
    """What to arm in each phase of a call; values match ``OH_PROFILE_*``."""

    OFF = Detect(0)
    PRE_ANSWER = Detect(0x23AF)
    ANSWERED = Detect(0x33DF)
    REGISTER = Detect(0xC00)
    MESSAGE = Detect(0x144)
    ALL = Detect(0x33FF)


class Alarm(IntFlag):
    """Span alarms; values match ``OH_ALARM_*``."""

    RECOVER = 1
    LOOPBACK = 2
    YELLOW = 4
    RED = 8
    BLUE = 16
    LOS = 32
    LFA = 64
    LMFA = 128
