"""How many runs at a time, on which device, with how many threads and which step: as given, or as measured."""

import os
import time
from dataclasses import replace

import torch

from repro.errors import UserError
from repro.records.states import Planned
from repro.run import launch, ways
from repro.run.progress import Display
from repro.spec import Scale
from repro.step import method
from repro.train.control import Settings, Stop
from repro.wording import plural

MIN_ITERATIONS_TO_MEASURE = 2000  # of all runs together; below this, measuring would take longer than it saves


def resolve_device(name: str) -> str:
    """ "auto" -> "cuda" if available, else "cpu". UserError for a device that is not available."""
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
    available = f"cpu, cuda{numbers}" if gpus else "cpu (this machine has no CUDA device)"
    raise UserError(f"--device {name} is not available; allowed: auto, {available}")


def allocate(
    planned: list[Planned], todo: list[Planned], jobs: int | str, settings: Settings, display: Display
) -> tuple[int, Settings]:
    """How many runs at a time, and the settings with the threads per run. "auto" is measured if there is much to train.

    The threads do not depend on which runs of `planned` are done, so the same command always gives the same bits.
    """
    if jobs == "auto" and worth_measuring(todo):
        jobs, threads, message = launch.tune.best(todo[0].run, settings, cores(), len(todo))
        if message:
            display.print(message)
        return jobs, replace(settings, default_threads=threads)
    if jobs == "auto":
        jobs = cores() if settings.device == "cpu" else 1
    threads = threads_per_run(todo[0].run.scale, min(int(jobs), len(planned)))
    return min(int(jobs), len(todo)), replace(settings, default_threads=threads)


def choose_fastest(todo: list[Planned], settings: Settings, stop: Stop, display: Display) -> tuple[int | str, Settings]:
    """--ways auto: how many of `todo` at a time, and the settings with the step, as measured for the first run.

    Measuring takes at most a third of the time left until `stop`. The step stays "auto" if "auto" means the fastest
    one, because later runs may need another.
    """
    if not worth_measuring(todo):
        return "auto", settings
    display.print("--ways auto: measuring which step and how many jobs are fastest, for up to two minutes")
    every = ways.ways(settings, cores(), len(todo))
    for step, refusal in method.FOR_BLOCKS.items():
        if any(refusal(p.run.recipe.model) for p in todo):
            every = [way for way in every if way.step != step]
    left = stop.deadline - time.monotonic()
    measured = list(ways.measure(todo[0].run, settings, every, ways.SECONDS_PER_WAY, made_up_data=True, limit=left / 3))
    way = ways.best(measured)
    if not way:
        display.print(f"--ways auto: no measurement succeeded ({measured[0].error}); training one run at a time")
        return 1, settings
    rates = ", ".join(f"{w.step} x{w.jobs} {f'{w.rate:.4g} it/s' if w.rate else 'failed'}" for w in measured)
    display.print(f"--ways auto: using step {way.step} and {plural(way.jobs, 'job')} (measured {rates})")
    chosen = way.step if way.step in (*method.UNMEASURED, "plain") else "auto"
    return way.jobs, replace(settings, step=chosen)


def worth_measuring(todo: list[Planned]) -> bool:
    enough = sum(p.run.recipe.schedule.iterations for p in todo) >= MIN_ITERATIONS_TO_MEASURE
    return enough and not todo[0].run.scale.is_demo


def threads_per_run(scale: Scale, jobs: int) -> int:
    """All cores divided among the jobs; one for a demo, whose networks are too small to gain from more."""
    return 1 if scale.is_demo else max(1, cores() // jobs)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
