"""A trial on the node that makes its calls: how many more may go out. Pure counts."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.disposition import Disposition


@dataclass(slots=True)
class Trial:
    """The first calls of a campaign.

    A trial counted in answers lets no more calls out than could all be answered, so that it never has one answer too many.
    """

    calls: int | None  # wanted; one of the two
    answers: int | None
    ended: int = 0  # so far
    answered: int = 0

    def room(self, active: int) -> int:
        """Calls that may still go out while *active* are in progress."""
        if self.calls is not None:
            return max(0, self.calls - self.ended - active)
        assert self.answers is not None
        return max(0, self.answers - self.answered - active)

    def count(self, disposition: Disposition | None) -> None:
        """A call is over. One that was never sent does not count."""
        if disposition is None or disposition is Disposition.NOT_DIALLED:
            return
        self.ended += 1
        self.answered += disposition.reached

    @property
    def complete(self) -> bool:
        """Is the number wanted reached?"""
        return not self.room(0)
