"""Model files of the answer analysis and the C table of the built-in one. Layout as in ``core/src/answer_net.h``."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook_core.answer import FEATURES

DENSE = 32
ACTIVE = 22
"""Feature: seconds of sound so far."""
TIME = 16
"""Feature: seconds since the answer, at most 4."""
KNOTS = (-6.0, -3.0, -1.5, 0.0, 1.5, 3.0, 6.0)
"""Log odds of a person, as the network says, for which the calibration has a number."""
TIMES_S = (1.0, 1.5, 2.5, 4.0)
"""Seconds after the answer for which it has them."""
SORTS = ("person", "machine", "ivr", "announcement", "other")
"""What the model tells apart, in the order of its outputs."""
SHAPES = {
    "w1": (FEATURES, DENSE),
    "b1": (DENSE,),
    "w2": (DENSE, len(SORTS)),
    "b2": (len(SORTS),),
    "odds": (len(TIMES_S), len(KNOTS)),
}
"""Arrays in file order; input first, output second."""

_MAGIC = b"OHANSWER"
_VERSION = 3

Weights = Mapping[str, NDArray[np.float32]]


def pack(weights: Weights) -> bytes:
    """A model file for ``oh_core_answer_model()``.

    Raises:
        ValueError: An array is missing or has another shape.
    """
    body = b""
    for name, shape in SHAPES.items():
        array = np.asarray(weights[name], "<f4") if name in weights else None
        if array is None or array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"weights {name}: a finite array of shape {shape} is wanted")
        body += array.tobytes()
    return _MAGIC + struct.pack("<III", _VERSION, len(body) // 4, _checksum(body)) + body


def unpack(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The arrays of a model file.

    Raises:
        ValueError: This is no model file of this version, or it is damaged.
    """
    total = sum(int(np.prod(shape)) for shape in SHAPES.values())
    if len(data) < 20 or data[:8] != _MAGIC:
        raise ValueError("this is no model of the answer analysis")
    version, count, checksum = struct.unpack("<III", data[8:20])
    if version != _VERSION:
        raise ValueError(f"this model is of version {version}, {_VERSION} is wanted")
    if count != total or len(data) != 20 + 4 * total or checksum != _checksum(data[20:]):
        raise ValueError("this model is damaged")
    weights, at = {}, 20
    for name, shape in SHAPES.items():
        size = int(np.prod(shape))
        weights[name] = np.frombuffer(data, "<f4", size, at).reshape(shape).astype(np.float32)
        at += 4 * size
    return weights


def _checksum(body: bytes) -> int:
    total = 2166136261  # FNV-1a
    for octet in body:
        total = ((total ^ octet) * 16777619) & 0xFFFFFFFF
    return total


def write_c(weights: Weights, path: Path, note: str) -> None:
    """Write the built-in model's table; nine digits keep every bit."""
    lines = [f"/* Weights of the answer analysis, written by `offhook amd train`: do not edit. {note} */", '#include "answer_net.h"', ""]
    lines += ["/* clang-format off */", "const struct oh_answer_model oh_answer_model = {"]
    for name, shape in SHAPES.items():
        rows = np.asarray(weights[name], np.float32).reshape(-1, shape[-1])
        numbers = [", ".join(_literal(v) for v in row) for row in rows]
        body = ",\n".join("        {" + row + "}" for row in numbers) if len(shape) == 2 else "        " + numbers[0]
        lines.append(f"    .{name} = {{\n{body},\n    }},")
    lines += ["};", "/* clang-format on */", ""]
    path.write_text("\n".join(lines), encoding="ascii")


def _literal(value: float) -> str:
    text = f"{float(value):.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")
