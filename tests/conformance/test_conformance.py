"""Every case of the corpus, on every release that is on this machine."""

from __future__ import annotations

from .conftest import Pairs
from .corpus import Case
from .differences import Difference
from .pair import Pair, Turn


def test_the_stock_gateway_and_ours_answer_alike(
    release: str, case: Case, pair: Pair, pairs: Pairs, listed: tuple[Difference, ...]
) -> None:
    """etcd's behaviour, except where `differences.toml` lists a difference on purpose."""
    with pairs.fresh_after_a_failure():
        turns = pair.play(case)
    purpose = {d.step: d for d in listed if d.covers(case, release)}
    problems = [
        f"step {number}: {turn.step.method} {turn.step.path}: {problem}"
        for number, turn in enumerate(turns, 1)
        for problem in judge(turn, purpose.get(number))
    ]
    if problems or (purpose and not pair.in_step()):
        pairs.discard()
    assert not problems, "\n".join(["", *problems])


def judge(turn: Turn, purpose: Difference | None) -> list[str]:
    """List what is wrong with a turn; a listed difference must be there, and be as listed."""
    stock = [f"the stock gateway has {surprise}" for surprise in turn.surprises]
    stock += [f"ours has {broken}" for broken in turn.broken]
    if purpose is None:
        return stock + turn.differences
    if not turn.differences:
        return [*stock, "the difference listed in differences.toml is no longer there"]
    return stock + purpose.objections(turn.ours)
