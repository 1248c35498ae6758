"""The processor's vector code that the core uses."""

from __future__ import annotations

import errno

from offhook_core._native import ffi, lib
from offhook_core.errors import CoreError

_NAMES = ("base", "avx2", "avx512", "neon")


def isa() -> str:
    """Vector code in use: ``"base"``, ``"avx2"``, ``"avx512"`` or ``"neon"``."""
    return str(ffi.string(lib.oh_isa()), "utf-8")


def force_isa(name: str) -> None:
    """Use this vector code for all cores made from now on; for tests and benchmarks.

    Raises:
        ValueError: The name is unknown.
        CoreError: The processor lacks it.
    """
    status = lib.oh_isa_force(name.encode())
    if status == -errno.EINVAL:
        raise ValueError(f"unknown instruction set {name!r}: use one of {', '.join(_NAMES)}")
    if status < 0:
        raise CoreError(f"this processor has no {name}")
