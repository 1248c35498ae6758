"""What may be handed over as a block of audio, as a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

Block: TypeAlias = "Buffer | NDArray[Any]"
"""``bytes``, ``bytearray``, ``memoryview``, ``array.array`` or a numpy array; numpy's stubs name it a buffer only from Python 3.12."""
FRAME_SAMPLES: Final = 160
"""Samples of a channel in a tick of 20 ms."""


def view_of(block: Block) -> memoryview:
    """The block's memory, not copied.

    Raises:
        TypeError: It has none.
    """
    return memoryview(cast("Buffer", block))
