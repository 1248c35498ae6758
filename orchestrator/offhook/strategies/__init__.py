"""Strategies: named groups of campaign settings, kept once and followed by many campaigns (D29).

There are four kinds: connect (接通) says how people are reached, routing (路由) who comes first and how, time (时间) when, and protection
(客保) what protects a person. A campaign that follows a strategy has its settings in its own description, so that a description always
says what holds; when the strategy changes, so do all that follow it, running or not.
"""

from offhook.strategies.strategy import (
    GOVERNS,
    Strategy,
    StrategyError,
    apply,
    builtin_strategies,
    governed,
    load_strategies,
    parse_strategies,
)

__all__ = [
    "GOVERNS",
    "Strategy",
    "StrategyError",
    "apply",
    "builtin_strategies",
    "governed",
    "load_strategies",
    "parse_strategies",
]
