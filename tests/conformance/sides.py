"""One side of a comparison: a gateway, the etcd behind it, and what its answers gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from . import variables
from .comparison import Answered
from .corpus import Step, among, expected
from .exchange import exchange
from .talk import converse

SETTLED_WITHIN = 30.0
SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 1.0


@dataclass(slots=True, kw_only=True)
class Side:
    """One gateway, its etcd, and the values that this side's answers have given."""

    address: str
    upstream: str
    flavour_of: str = ""
    """The release whose flavour it has, where it is ours."""

    values: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)

    def send(self, step: Step, address: str = "") -> Answered:
        """Send a step to this gateway and keep the values that it asks to keep."""
        if step.talk:
            at, ends = address or self.address, self._ends(step)
            answer: Answered = converse(step, at, self.values, self.send, to_the_end=ends)
        else:
            answer = self._exchange(step, address or self.address)
        self._keep(step, answer)
        return answer

    def _exchange(self, step: Step, address: str) -> Answered:
        return exchange(
            address,
            step.method,
            variables.fill(step.path, self.values),
            variables.headers(step, self.values),
            variables.body(step, self.values),
            chunked=step.chunked,
        )

    def settle(self, step: Step, address: str = "") -> Answered:
        """Repeat a step until its answer is as `until` says, or time is over."""
        end, pause = monotonic() + SETTLED_WITHIN, SHORTEST_PAUSE
        answer = self.send(step, address)
        while not is_so(answer, step.until) and monotonic() < end:
            sleep(step.pause or pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            answer = self.send(step, address)
        return answer

    def copy(self) -> Side:
        """Make a side for one case, so that its values do not reach the next."""
        return Side(
            address=self.address,
            upstream=self.upstream,
            flavour_of=self.flavour_of,
            values=dict(self.values),
            generated=dict(self.generated),
        )

    def _ends(self, step: Step) -> bool:
        """Say whether this gateway ends the conversation where the stock one may not."""
        release = self.flavour_of
        return release != "" and (
            among(release, step.ends) or expected(step.close, release) is not None
        )

    def _keep(self, step: Step, answer: Answered) -> None:
        for name, path in {**step.save, **step.generated}.items():
            self.values[name] = str(variables.look_up(answer.content, path))
        for name in step.generated:
            self.generated[self.values[name]] = name


def is_so(answer: Answered, wanted: Mapping[str, Any]) -> bool:
    """Say whether an answer is as `until` wants it: `status`, or values at paths."""
    return all(
        answer.status == value
        if path == "status"
        else variables.look_up(answer.content, path) == value
        for path, value in wanted.items()
    )
