"""Where the time of an iteration goes: `python -m repro.bench.profile [--step plain|kernels] [--precision fp32|bf16]`.

Prints each operation's share of the time of an iteration of ResNet-20, batch 128, on CIFAR-10, on one CPU thread. The
tables in docs/performance.md come from it.
"""

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import torch
from torch.profiler import profile

from repro import spec
from repro.step.kernels import ops
from repro.train.control import Settings
from repro.train.learner import Learner
from repro.train.loop import prepare

ROOT = Path(__file__).resolve().parents[2]
ITERATIONS = 10
LINES = 12


def plain(learner: Learner) -> tuple[float, dict[str, float]]:
    """Seconds of ITERATIONS iterations: in total, and by torch operation."""
    with profile() as recorded:
        for _ in range(ITERATIONS):
            learner.iterate()
    spent = {event.key: event.self_cpu_time_total / 1e6 for event in recorded.key_averages()}
    return sum(spent.values()), spent


def kernels(learner: Learner) -> tuple[float, dict[str, float]]:
    """Seconds of ITERATIONS iterations: in total, and by kernel and shape of its input."""
    spent: dict[str, float] = defaultdict(float)
    call = ops.call

    def timed(name: str, *arguments: ops.Argument) -> None:
        first = next(a for a in arguments if isinstance(a, torch.Tensor))
        begin = time.perf_counter()
        call(name, *arguments)
        spent[name if name.startswith("pack") else f"{name} {tuple(first.shape[1:])}"] += time.perf_counter() - begin

    ops.call = timed
    try:
        begin = time.perf_counter()
        for _ in range(ITERATIONS):
            learner.iterate()
        return time.perf_counter() - begin, spent
    finally:
        ops.call = call


@click.command()
@click.option("--step", default="kernels", type=click.Choice(["plain", "kernels"]))
@click.option("--precision", default="bf16", type=click.Choice(["fp32", "bf16"]))
def main(**asked: Any) -> None:
    run = spec.resolve(spec.load("resnet-depth", ROOT), [0], arms=["resnet20"])[0]
    learner = Learner(run, prepare(Settings(threads=1)), None, asked["precision"], asked["step"])
    for _ in range(3):
        learner.iterate()
    total, spent = (plain if asked["step"] == "plain" else kernels)(learner)
    click.echo(f"{1e3 * total / ITERATIONS:.0f} ms per iteration (n = {ITERATIONS})")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1])[:LINES]:
        click.echo(f"{100 * seconds / total:5.1f} %  {name}")
    if asked["step"] == "kernels":
        click.echo(f"{100 * (1 - sum(spent.values()) / total):5.1f} %  outside the kernels")


if __name__ == "__main__":
    main()
