"""Two etcds of one release started alike: one asked through its own gateway, one through ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from etcd_asgi import Gateway
from etcd_asgi.testing import EtcdServer

from . import comparison, variables
from .comparison import Answered
from .corpus import Case, Step, expected
from .groups import Group
from .serving import Loop
from .sides import Side, is_so
from .talk import Heard

# The same advertised URLs give both etcds the same cluster ID and member ID.
IDENTITY = (
    "--name=default",
    "--advertise-client-urls=http://127.0.0.1:2379",
    "--initial-advertise-peer-urls=http://127.0.0.1:2380",
    "--initial-cluster=default=http://127.0.0.1:2380",
    "--unsafe-no-fsync",
)
PROBE = Step(path="/v3/maintenance/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A step, both answers to it, and what is wrong with them."""

    step: Step
    stock: Answered
    ours: Answered
    surprises: list[str]
    differences: list[str]
    broken: list[str]
    """What ours does not keep, though the stock gateway has nothing like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The stock gateway and ours, each in front of its own etcd, both etcds in the same state."""

    release: str
    stock: Side
    ours: Side
    pool: ThreadPoolExecutor
    has_ours: bool

    def play(self, case: Case) -> list[Turn]:
        """Send the steps of a case to both sides, one step at a time on both at once."""
        stock, ours = self.stock.copy(), self.ours.copy()
        return [self._turn(step, stock, ours) for step in case.steps]

    def set_up(self, steps: Sequence[Step]) -> None:
        """Send steps straight to both etcds; they must succeed."""
        for step in steps:
            for side in (self.stock, self.ours):
                answer = side.settle(step, side.upstream)
                if answer.status != step.status:
                    raise RuntimeError(f"setup step {step.path}: {answer}")

    def in_step(self) -> bool:
        """Say whether both etcds still stand at the same revision."""
        answers = [side.copy().send(PROBE, side.upstream) for side in (self.stock, self.ours)]
        revisions = [variables.look_up(a.content, "header.revision") for a in answers]
        return bool(revisions[0] == revisions[1])

    def _turn(self, step: Step, stock: Side, ours: Side) -> Turn:
        answers = list(self.pool.map(lambda side: side.settle(step), (stock, ours)))
        views = [
            comparison.view(answer, step, side.generated)
            for answer, side in zip(answers, (stock, ours), strict=True)
        ]
        return Turn(
            step=step,
            stock=answers[0],
            ours=answers[1],
            surprises=surprises(step, self.release, answers[0]),
            differences=comparison.differences(*views),
            broken=unpromised(step, self.release, answers[1]) if self.has_ours else [],
        )


def surprises(step: Step, release: str, stock: Answered) -> list[str]:
    """Say where the stock gateway itself does not answer as the corpus says it does."""
    wanted = {
        "status": (expected(step.status, release), stock.status),
        "message": (expected(step.message, release), comparison.message(stock)),
    }
    found = [f"{k}: {s!r}, not {w!r}" for k, (w, s) in wanted.items() if w is not None and w != s]
    settled = step.until and not is_so(stock, step.until)
    return found + ([f"never came to be as {dict(step.until)}"] if settled else [])


def unpromised(step: Step, release: str, ours: Answered) -> list[str]:
    """Say where our close of a WebSocket is not the one that the corpus promises."""
    if not isinstance(ours, Heard) or ours.end is None or ours.status != 101:
        return []
    wanted = expected(step.close, release)
    if ours.end.how == "echo":
        return []
    return [] if ours.end.code == wanted else [f"closed with {ours.end.code}, not {wanted}"]


@contextmanager
def open_pair(
    release: str, binary: Path, group: Group, loop: Loop, *, against: str
) -> Iterator[Pair]:
    """Start an etcd twice and, unless `against` is "stock", our gateway in front of the second."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        etcds = [_etcd(binary, group), _etcd(binary, group)]
        stack.callback(lambda: list(pool.map(_end, etcds)))
        list(pool.map(EtcdServer.start, etcds))
        stock, upstream = (etcd.endpoint.removeprefix("http://") for etcd in etcds)
        front = upstream
        if against == "ours":
            flavour = release.rpartition(".")[0]
            gateway = Gateway(f"http://{upstream}", versions={"v3": flavour, "v3beta": flavour})
            front = stack.enter_context(loop.serve(gateway))
        pair = Pair(
            release=release,
            stock=Side(address=stock, upstream=stock),
            ours=Side(
                address=front,
                upstream=upstream,
                flavour_of=release if against == "ours" else "",
            ),
            pool=pool,
            has_ours=against == "ours",
        )
        pair.set_up(group.setup)
        yield pair


def _etcd(binary: Path, group: Group) -> EtcdServer:
    return EtcdServer(binary, args=(*IDENTITY, *group.args))


def _end(etcd: EtcdServer) -> None:
    """End an etcd at once: nothing in it is worth an orderly stop."""
    etcd.kill()
    etcd.close()
