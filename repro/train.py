"""The one loop: iterate, evaluate, checkpoint, resume. A run in, its folder filled, progress out as values.

No command line, no wandb, no tables, no experiment names. Statistics over runs are elsewhere; so is the step itself.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from repro import checkpoint, models, optim, provenance, records, spec, streams
from repro.data import catalog
from repro.data.batches import Order, Pixels
from repro.data.load import Splits, load
from repro.spec import Run
from repro.step import Evaluation, Meters, evaluate, plain_step

CHECK_EVERY = 50  # iterations between looks at the loss: the host waits for the device no more often than that
PRECISION = "fp32"


@dataclass(frozen=True)
class Settings:
    """How and where to train; no result depends on these beyond rounding."""

    device: str = "cpu"
    threads: int | None = None  # of the processor; None = torch's default
    data_dir: Path | None = None
    checkpoint_every: int = 1000  # iterations


@dataclass
class Stop:
    """Asked before every iteration; a reason ends the run with a checkpoint, to be gone on with later."""

    deadline: float = math.inf  # on time.monotonic()'s clock
    reason: str = ""

    def requested(self) -> str:
        if not self.reason and time.monotonic() > self.deadline:
            self.reason = "time limit"
        return self.reason


@dataclass(frozen=True)
class Progress:
    """How far a run is. Loss in nats, error in %; NaN where there is none yet. `note`: what the user must know."""

    iteration: int
    iterations: int
    status: str = "running"
    loss: float = math.nan
    test_error: float = math.nan
    iterations_per_second: float = math.nan
    note: str = ""


@dataclass
class Clock:
    """Seconds of a run over all its sessions."""

    wall: float = 0.0
    window: float = 0.0  # of training since the last evaluation
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, training: bool) -> None:
        now = time.perf_counter()
        self.wall += now - self._last
        self.window += (now - self._last) * training
        self._last = now


def train(run: Run, folder: Path, settings: Settings, stop: Stop) -> Iterator[Progress]:
    """Train `run` to its end, or until `stop`, going on from the folder's newest sound checkpoint.

    Writes run.json, metrics.csv, predictions.npz and checkpoint.pt into `folder`, which the caller has locked.
    Yields progress every CHECK_EVERY iterations and at each evaluation; the last has the status the run ended with:
    done, diverged or interrupted. The result depends on the run, the device type and the threads alone.
    """
    recipe, schedule = run.recipe, run.recipe.schedule
    device = prepare(settings)
    splits = load(recipe, device, settings.data_dir)
    pixels = Pixels.fit(recipe, splits.train)
    order = Order(recipe, len(splits.train), run.seed, device)
    dropout = streams.generator(run.seed, "dropout", device=device)
    model = build_model(run, splits, dropout).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = optim.build(recipe, model)
    meters, clock = Meters(device), Clock()
    identity = spec.fingerprint(run, catalog.describe(recipe.dataset, settings.data_dir).checksum)
    record = new_record(run, identity, models.parameters(model), settings)
    rows: list[dict[str, Any]] = []
    iteration = 0
    notes: list[str] = []

    if state := checkpoint.load(folder, identity, notes.append):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        dropout.set_state(state["dropout"])
        meters.restore(state["meters"])
        iteration, rows = state["iteration"], state["rows"]
        clock.wall, clock.window = state["wall_seconds"], state["window_seconds"]
        record["sessions"] = state["sessions"]
    record["sessions"].append({"iteration": iteration, **provenance.collect(device, PRECISION)})
    records.write_run(folder, record | {"iteration": iteration})

    def progress(**what: Any) -> Progress:
        latest = rows[-1]["test_error"] if rows else math.nan
        return Progress(iteration, schedule.iterations, test_error=latest, **what)

    def save() -> str:
        """Write a checkpoint; a full disk is told, not fatal: the checkpoint before it stays."""
        clock.lap(training=True)
        state = {
            "fingerprint": identity,
            "iteration": iteration,  # the position of every stream but dropout's follows from it
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "dropout": dropout.get_state(),
            "meters": meters.state(),
            "rows": rows,
            "wall_seconds": clock.wall,
            "window_seconds": clock.window,
            "sessions": record["sessions"],
        }
        try:
            checkpoint.save(folder, state)
            records.write_metrics(folder, rows)
            records.write_run(folder, record | {"iteration": iteration, "wall_seconds": clock.wall})
        except OSError as error:
            return f"no checkpoint at iteration {iteration}: {error.strerror}; the one before it stays"
        return ""

    for note in notes:
        yield progress(note=note)
    clock.lap(training=False)
    status, last_test = "running", None
    while status == "running" and iteration < schedule.iterations:
        if reason := stop.requested():
            note = save()
            records.write_run(
                folder,
                record
                | {
                    "status": "interrupted",
                    "reason": reason,
                    "iteration": iteration,
                    "wall_seconds": clock.wall,
                },
            )
            yield progress(status="interrupted", note=note)
            return

        rate = optim.learning_rate(schedule, recipe.optimizer.lr, iteration)
        optim.set_learning_rate(optimizer, rate)
        draws = order.batch(iteration)
        images = pixels.augment(splits.train.pixels[draws.index], draws)
        images = images.contiguous(memory_format=torch.channels_last)
        plain_step(model, optimizer, images, splits.train.labels[draws.index], meters)
        iteration += 1

        evaluating = iteration % recipe.evaluate_every == 0 or iteration == schedule.iterations
        if evaluating or iteration % CHECK_EVERY == 0:
            diverged = not meters.worst_loss.item() <= recipe.diverge_above  # NaN is not
            status = "diverged" if diverged else "running"
            clock.lap(training=True)
            yield progress(loss=meters.read()[0], iterations_per_second=speed(meters, clock, recipe.batch_size))
        if evaluating or status == "diverged":
            last_test = evaluate(model, splits.test, pixels)
            validation = evaluate(model, splits.validation, pixels) if splits.validation else None
            rows.append(row(iteration, rate, meters, clock, last_test, validation))
            records.write_metrics(folder, rows)
            meters.reset()
            clock.lap(training=False)
            clock.window = 0.0
            yield progress(loss=rows[-1]["train_loss"] or math.nan)
        if iteration % settings.checkpoint_every == 0 or iteration == schedule.iterations:
            note = save()
            clock.lap(training=False)
            if note:
                yield progress(note=note)

    last_test = last_test or evaluate(model, splits.test, pixels)  # resumed at the very end
    records.write_predictions(folder, last_test.predictions.numpy(), splits.test.labels.cpu().numpy())
    checkpoint.drop_previous(folder)
    status = status if status == "diverged" else "done"
    clock.lap(training=False)
    ending = {
        "status": status,
        "iteration": iteration,
        "wall_seconds": clock.wall,
        "finished": provenance.now(),
    }
    records.write_run(folder, record | outcome(rows) | ending)
    yield progress(status=status)


def prepare(settings: Settings) -> torch.device:
    """Set threads and determinism; the device."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic cuBLAS asks for
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch.device(settings.device)


def build_model(run: Run, splits: Splits, dropout: torch.Generator) -> torch.nn.Module:
    channels, size = splits.train.pixels.shape[1:3]
    return models.build(
        **run.recipe.model.model_dump(),
        channels=channels,
        size=size,
        classes=len(splits.classes),
        bn_batch=run.recipe.bn_batch,
        seed=run.seed,
        dropout=dropout,
    )


def new_record(run: Run, fingerprint: str, parameters: int, settings: Settings) -> dict[str, Any]:
    """What run.json says of a run that has just begun."""
    return {
        "experiment": run.experiment,
        "arm": run.arm,
        "seed": run.seed,
        "scale": run.scale,
        "status": "running",
        "reason": "",
        "iteration": 0,
        "final": None,
        "best": None,
        "best_on_validation": None,
        "wall_seconds": 0.0,
        "finished": None,
        "parameters": parameters,
        "fingerprint": fingerprint,
        "recipe_version": spec.RECIPE_VERSION,
        "data_checksum": catalog.describe(run.recipe.dataset, settings.data_dir).checksum,
        "run": run.model_dump(mode="json"),
        "sessions": [],
    }


def row(
    iteration: int, rate: float, meters: Meters, clock: Clock, test: Evaluation, validation: Evaluation | None
) -> dict[str, Any]:
    """One line of metrics.csv; None stands where a loss is not finite, or there is no validation split."""
    loss, accuracy = meters.read()
    return {
        "iteration": iteration,
        "lr": rate,
        "train_loss": finite(loss),
        "train_accuracy": accuracy,
        "test_loss": finite(test.loss),
        "test_error": test.error,
        "validation_loss": finite(validation.loss) if validation else None,
        "validation_error": validation.error if validation else None,
        "images_per_second": round(meters.images / clock.window, 1) if clock.window else None,
    }


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def speed(meters: Meters, clock: Clock, batch_size: int) -> float:
    """Iterations/s of training since the last evaluation."""
    return meters.images / batch_size / clock.window if clock.window else math.nan


def outcome(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`final`, `best` (lowest test error, the first of equals) and, with a validation split, best on that."""

    def point(chosen: dict[str, Any]) -> dict[str, Any]:
        keys = ("iteration", "test_error", "test_loss", "validation_error")
        return {key: chosen[key] for key in keys} | {"train_error": 100 - chosen["train_accuracy"]}

    validated = [r for r in rows if r["validation_error"] is not None]
    return {
        "final": point(rows[-1]),
        "best": point(min(rows, key=lambda r: r["test_error"])),
        "best_on_validation": point(min(validated, key=lambda r: r["validation_error"])) if validated else None,
    }
