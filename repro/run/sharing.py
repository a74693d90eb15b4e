"""How many runs at a time, on which device, with how many threads and which step: as asked for, or as measured."""

import os
import time
from dataclasses import replace

import torch

from repro.errors import UserError
from repro.records.states import Planned
from repro.run import launch, ways
from repro.run.progress import Display
from repro.spec import Scale
from repro.step import compiled, method
from repro.train.loop import Settings, Stop

WORTH_MEASURING = 2000  # iterations of all runs together


def device_of(name: str) -> str:
    """ "auto" -> "cuda" where there is one, else "cpu". UserError for a device that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu" or (device.type == "cuda" and (device.index or 0) < gpus):
        return name
    numbers = "".join(f", cuda:{number}" for number in range(gpus))
    there = f"cpu, cuda{numbers}" if gpus else "cpu (no CUDA device is here)"
    raise UserError(f"--device {name} is not available; allowed: auto, {there}")


def share_out(
    planned: list[Planned], todo: list[Planned], jobs: int | str, settings: Settings, display: Display
) -> tuple[int, Settings]:
    """How many runs at a time, and the settings with each one's share of the threads. "auto" is measured where it pays.

    The share does not depend on what of `planned` is done already: the same command trains to the same bits.
    """
    if jobs == "auto" and worth_measuring(todo):
        jobs, share, told = launch.tune.best(todo[0].run, settings, cores(), len(todo))
        if told:
            display.say(told)
        return jobs, replace(settings, share=share)
    if jobs == "auto":
        jobs = cores() if settings.device == "cpu" else 1
    share = threads_for(todo[0].run.scale, min(int(jobs), len(planned)))
    return min(int(jobs), len(todo)), replace(settings, share=share)


def fastest(todo: list[Planned], settings: Settings, stop: Stop, display: Display) -> tuple[int | str, Settings]:
    """How many of `todo` at a time, and the settings with the step: as measured for the first of them (--ways auto).

    A third of the time there is until `stop` may be spent on it. The step stays "auto" where that means the fastest
    one, because runs that follow may need another.
    """
    if not worth_measuring(todo):
        return "auto", settings
    display.say("--ways auto: measuring the ways to train, for up to two minutes")
    every = ways.ways(settings, cores(), len(todo))
    if any(compiled.refusal(p.run.recipe.model) for p in todo):
        every = [way for way in every if way.step != "compiled"]
    left = stop.deadline - time.time()
    measured = list(ways.measure(todo[0].run, settings, every, ways.SECONDS, made_up_data=True, limit=left / 3))
    way = ways.best(measured)
    if not way:
        display.say(f"--ways auto could measure nothing ({measured[0].error}): one run at a time")
        return 1, settings
    told = ", ".join(f"{w.step} {w.jobs} {f'{w.rate:.4g} it/s' if w.rate else 'failed'}" for w in measured)
    display.say(f"--ways auto takes {way.step}, {way.jobs} at a time; measured: {told}")
    chosen = way.step if way.step in (*method.UNMEASURED, "plain") else "auto"
    return way.jobs, replace(settings, step=chosen)


def worth_measuring(todo: list[Planned]) -> bool:
    enough = sum(p.run.recipe.schedule.iterations for p in todo) >= WORTH_MEASURING
    return enough and not todo[0].run.scale.is_demo


def threads_for(scale: Scale, jobs: int) -> int:
    """The cores shared out; one for a demo, whose small networks only wait for each other on several."""
    return 1 if scale.is_demo else max(1, cores() // jobs)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
