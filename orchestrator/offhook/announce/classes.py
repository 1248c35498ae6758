"""What an announcement means: the classes that are told apart, their Chinese terms, and the disposition each one points to."""

from __future__ import annotations

from enum import StrEnum

from offhook.calls.disposition import Disposition


class AnnouncementClass(StrEnum):
    """Meaning of an announcement; the values are used in events, JSON and file names."""

    VACANT = "vacant"  # 空号
    POWERED_OFF = "powered_off"  # 关机
    SUSPENDED = "suspended"  # 停机
    SERVICE_PAUSED = "service_paused"  # 暂停服务
    UNPAID = "unpaid"  # 欠费
    UNREACHABLE = "unreachable"  # 无法接通
    BUSY = "busy"  # 用户正忙
    TALKING = "talking"  # 正在通话中
    REJECTED = "rejected"  # 用户拒接
    NO_ANSWER = "no_answer"  # 无人接听
    CANNOT_ANSWER = "cannot_answer"  # 无法接听
    INCOMING_BARRED = "incoming_barred"  # 呼入限制
    CALL_LIMIT = "call_limit"  # 呼叫限次: the network lets no more calls to this number through
    NUMBER_CHANGED = "number_changed"  # 改号
    MISDIALLED = "misdialled"  # 拨号方式不正确
    MISSED_CALL_ALERT = "missed_call_alert"  # 来电提醒
    FORWARDING = "forwarding"  # 呼叫转移
    FORWARD_FAILED = "forward_failed"  # 呼叫转移失败
    VOICEMAIL = "voicemail"  # 语音信箱, 通信助理
    NETWORK_BUSY = "network_busy"  # 网络忙
    LINE_FAULT = "line_fault"  # 线路故障
    TRY_LATER = "try_later"  # 稍后再拨, and no reason given
    CALLER_BLOCKED = "caller_blocked"  # 主叫停机: our own number is suspended
    HOLD = "hold"  # 接通中, 请不要挂机
    OTHER = "other"  # known, and none of these

    @property
    def term(self) -> str:
        """The field's Chinese word."""
        return _TERMS[self]

    @property
    def disposition(self) -> Disposition | None:
        """What the announcement alone says of the call; None when it says nothing.

        A vacant number needs a second sign, so one announcement gives no more than SUSPECT_VACANT (S05).
        """
        return _DISPOSITIONS[self]


C, D = AnnouncementClass, Disposition

_TERMS = {
    C.VACANT: "空号",
    C.POWERED_OFF: "关机",
    C.SUSPENDED: "停机",
    C.SERVICE_PAUSED: "暂停服务",
    C.UNPAID: "欠费",
    C.UNREACHABLE: "无法接通",
    C.BUSY: "用户正忙",
    C.TALKING: "正在通话中",
    C.REJECTED: "用户拒接",
    C.NO_ANSWER: "无人接听",
    C.CANNOT_ANSWER: "无法接听",
    C.INCOMING_BARRED: "呼入限制",
    C.CALL_LIMIT: "呼叫限次",
    C.NUMBER_CHANGED: "改号",
    C.MISDIALLED: "拨号方式不正确",
    C.MISSED_CALL_ALERT: "来电提醒",
    C.FORWARDING: "呼叫转移",
    C.FORWARD_FAILED: "呼叫转移失败",
    C.VOICEMAIL: "语音信箱",
    C.NETWORK_BUSY: "网络忙",
    C.LINE_FAULT: "线路故障",
    C.TRY_LATER: "稍后再拨",
    C.CALLER_BLOCKED: "主叫停机",
    C.HOLD: "接通中",
    C.OTHER: "其他",
}

_DISPOSITIONS: dict[AnnouncementClass, Disposition | None] = {
    C.VACANT: D.SUSPECT_VACANT,
    C.POWERED_OFF: D.UNREACHABLE,
    C.SUSPENDED: D.UNREACHABLE,
    C.SERVICE_PAUSED: D.UNREACHABLE,
    C.UNPAID: D.UNREACHABLE,
    C.UNREACHABLE: D.UNREACHABLE,
    C.BUSY: D.BUSY,
    C.TALKING: D.BUSY,
    C.REJECTED: D.REJECTED,
    C.NO_ANSWER: D.NO_ANSWER,
    C.CANNOT_ANSWER: D.NO_ANSWER,
    C.INCOMING_BARRED: D.REJECTED,
    C.CALL_LIMIT: D.UNREACHABLE,  # not again after minutes, as after a fault: the network would refuse that, too
    C.NUMBER_CHANGED: D.SUSPECT_VACANT,
    C.MISDIALLED: D.FAILED,
    C.MISSED_CALL_ALERT: D.UNREACHABLE,
    C.FORWARDING: None,
    C.FORWARD_FAILED: D.UNREACHABLE,
    C.VOICEMAIL: D.NO_ANSWER,
    C.NETWORK_BUSY: D.CONGESTION,
    C.LINE_FAULT: D.FAILED,
    C.TRY_LATER: D.UNREACHABLE,
    C.CALLER_BLOCKED: D.FAILED,
    C.HOLD: None,
    C.OTHER: None,
}

_WORDS = {  # other words that file names use
    "power-off": C.POWERED_OFF,
    "poweroff": C.POWERED_OFF,
    "switched-off": C.POWERED_OFF,
    "congestion": C.NETWORK_BUSY,
    "empty": C.VACANT,
    "正忙": C.BUSY,
    "通话中": C.TALKING,
    "停机": C.SUSPENDED,
    "网络繁忙": C.NETWORK_BUSY,
    "系统繁忙": C.NETWORK_BUSY,
}


def class_of(name: str) -> AnnouncementClass | None:
    """The class that an announcement's or file's name speaks of; None when it names none.

    ``vacant:china-mobile``, ``announcement-zh-power-off`` and ``空号-联通`` are understood; the longest word that fits counts.
    """
    head = name.partition(":")[0]
    if head in C.__members__.values():
        return C(head)
    if head == C.OTHER.term:  # alone; inside a file's name it says nothing
        return C.OTHER
    text = name.lower().replace("_", "-").replace(" ", "-")
    words: list[tuple[str, AnnouncementClass]] = list(_WORDS.items())
    for one in C:
        if one is not C.OTHER:
            words += [(one.value.replace("_", "-"), one), (one.term, one)]
    found = [(len(word), one) for word, one in words if word in text]
    return max(found, key=lambda pair: pair[0])[1] if found else None
