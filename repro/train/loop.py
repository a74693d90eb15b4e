"""The training loop: iterate, evaluate, checkpoint, resume. Takes a run, fills its folder and yields its progress.

Does not parse commands, talk to W&B or compute statistics over runs. One update is in `learner`.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils import deterministic

from repro import models, records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.records.outcome import lowest, outcome
from repro.records.record import Session, Status, new_record
from repro.spec import Run, freeze
from repro.step.plain import Evaluation
from repro.train import checkpoint, provenance, reuse
from repro.train.learner import Learner

CHECK_EVERY = 50  # iterations between reads of the loss, each of which makes the host wait for the device
PROGRESS_SECONDS = 20.0  # progress is yielded at least this often, even if CHECK_EVERY iterations take longer


@dataclass(frozen=True)
class Settings:
    """How and where to train; results depend on these only through rounding."""

    device: str = "cpu"
    threads: int | None = None  # CPU threads; None = those a resumed run has had, `default_threads` for a new run
    default_threads: int | None = None  # None = torch's default
    data_dir: Path | None = None
    checkpoint_every: int = 1000  # iterations
    # minimum between two checkpoints: writing one takes 0.04 to 0.08 s, as long as 150 iterations on a GPU
    checkpoint_seconds: float = 30.0
    precision: str = "auto"  # see repro.step.method
    step: str = "auto"
    root: Path | None = None  # the project folder, which holds the registry of frozen claims; None = no registry


@dataclass
class Stop:
    """Queried before every iteration; a non-empty reason makes the run save a checkpoint and stop, to be resumed."""

    deadline: float = math.inf  # as time.monotonic(), which all processes share and nobody sets
    reason: str = ""

    def requested(self) -> str:
        if not self.reason and time.monotonic() > self.deadline:
            self.reason = "time limit"
        return self.reason


@dataclass(frozen=True)
class Progress:
    """How far a run has got. Loss in nats, error in %; NaN if not measured yet. `note`: a message for the user."""

    iteration: int
    iterations: int
    status: Status = "running"
    loss: float = math.nan
    test_error: float = math.nan
    iterations_per_second: float = math.nan
    note: str = ""


@dataclass
class Clock:
    """Seconds that a run has taken, summed over its sessions."""

    wall: float = 0.0
    window: float = 0.0  # spent training since the last evaluation
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, training: bool) -> None:
        """Add the time since the last lap, which was spent training or on something else."""
        now = time.perf_counter()
        self.wall += now - self._last
        self.window += (now - self._last) * training
        self._last = now


def train(run: Run, folder: Path, settings: Settings, stop: Stop) -> Iterator[Progress]:
    """Train `run` until it ends or `stop` requests it, resuming from the newest intact checkpoint in `folder`.

    Writes run.json, metrics.csv, predictions.npz and checkpoint.pt into `folder`, which the caller has locked. Copies
    the record instead of training if another experiment has trained the same run (repro.train.reuse).
    Yields progress every CHECK_EVERY iterations and at each evaluation. The status of the last one is how the run
    ended: done, diverged or interrupted. The result depends only on the run, the method, the device and the threads.
    """
    recipe, end = run.recipe, run.recipe.schedule.iterations
    checksum = catalog.describe(recipe.dataset, settings.data_dir).checksum
    fingerprints = spec.fingerprints(run, checksum)  # one per precision that the run may have
    existing = records.read_run(folder)
    if existing and existing.fingerprint in fingerprints and existing.is_finished:
        yield Progress(end, end, existing.status, note="another process has already finished this run")
        return

    notes: list[str] = []
    saved = checkpoint.load(folder, fingerprints, notes.append)
    settings = resume_settings(run, settings, saved)
    device = prepare(settings)
    learner, clock = (
        Learner(run, device, settings.data_dir, settings.precision, settings.step, root=settings.root),
        Clock(),
    )
    run = spec.in_precision(run, learner.method.precision)
    fingerprint = spec.fingerprint(run, checksum)
    if existing and existing.fingerprint not in fingerprints:  # only now, when no error can prevent the new run
        why, aside = records.difference(existing, run, checksum), records.set_aside(folder, existing.fingerprint)
        notes.append(f"its record is stale ({why}) and was moved to {aside.name}; training restarts")
    if learner.note:
        notes.append(learner.note)

    rows: list[dict[str, Any]] = []  # of metrics.csv
    sessions: tuple[Session, ...] = ()
    frozen = freeze.Registry(settings.root).in_force(run.experiment) if settings.root else None
    if saved:
        learner.restore(saved["learner"])
        rows, frozen = saved["rows"], saved["frozen"]
        sessions = tuple(Session.model_validate(session) for session in saved["sessions"])
        clock.wall, clock.window = saved["wall_seconds"], saved["window_seconds"]
    diverged = bool(saved and saved.get("diverged"))
    saved_at = learner.iteration if saved else None  # the iteration of the newest checkpoint
    session = Session(iteration=learner.iteration, **provenance.collect(device, learner.method))
    record = new_record(
        run,
        sessions=(*sessions, session),
        fingerprint=fingerprint,
        recipe_version=spec.RECIPE_VERSION,
        data_checksum=checksum,
        frozen=frozen,
        parameters=models.parameters(learner.model),
    )

    if not saved and (copied := reuse.copy_finished_run(folder, record, settings.root)):
        for note in notes:
            yield Progress(0, end, note=note)
        yield Progress(end, end, copied.status, note=f"same run as {copied.trained_as}: its record was copied")
        return

    def progress(**fields: Any) -> Progress:
        return Progress(learner.iteration, end, test_error=rows[-1]["test_error"] if rows else math.nan, **fields)

    def write_record(status: Status = "running", **fields: Any) -> None:
        clock.lap(training=False)
        fields = {"iteration": learner.iteration, "wall_seconds": round(clock.wall, 2)} | fields
        records.write_run(folder, record.replace(status=status, **fields))

    def save_checkpoint() -> str:
        """Returns "", or why it failed: a full disk does not end the run, and the previous checkpoint stays."""
        nonlocal saved_at
        clock.lap(training=True)
        state = {
            "fingerprint": fingerprint,
            "precision": learner.method.precision,
            "learner": learner.state(),
            "rows": rows,
            "sessions": [session.model_dump(mode="json") for session in record.sessions],
            "frozen": record.frozen,
            "wall_seconds": clock.wall,
            "window_seconds": clock.window,
            "diverged": diverged,
        }
        try:
            checkpoint.save(folder, state)
            saved_at = learner.iteration
            records.write_metrics(folder, rows)
        except OSError as error:
            last = (
                "there is no checkpoint yet" if saved_at is None else f"the last checkpoint is of iteration {saved_at}"
            )
            return f"iteration {learner.iteration}: cannot write {error.filename}: {error.strerror}; {last}"
        finally:
            clock.lap(training=False)
        return ""

    write_record()
    for note in notes:
        yield progress(note=note)
    test = None
    last_progress = last_checkpoint = time.monotonic()
    speed_from, speed_begin = learner.iteration, time.perf_counter()  # speed is measured since the last evaluation
    while learner.iteration < end and not diverged:
        if reason := stop.requested():
            if note := save_checkpoint():
                yield progress(note=note)
            write_record("interrupted", reason=reason, iteration=saved_at or 0)
            yield progress(status="interrupted")
            return

        learner.iterate()

        evaluating = learner.iteration % recipe.evaluate_every == 0 or learner.iteration == end
        checking = evaluating or learner.iteration % CHECK_EVERY == 0
        if checking or time.monotonic() - last_progress > PROGRESS_SECONDS:
            yield progress()  # before waiting for the device, so that the caller can advance runs interleaved with this
            diverged = checking and learner.diverged()  # at fixed iterations only: results must not depend on the clock
            loss, _ = learner.meters.read()
            clock.lap(training=True)
            speed = (learner.iteration - speed_from) / (time.perf_counter() - speed_begin)
            yield progress(loss=loss, iterations_per_second=speed)
            last_progress = time.monotonic()
        if evaluating or diverged:
            test = learner.test()
            rows.append(metrics_row(learner, clock, test, learner.validate()))
            if recipe.keep == "lowest-validation-loss" and lowest(rows, "validation_loss") is rows[-1]:
                learner.keep()
            records.write_metrics(folder, rows)
            learner.meters.reset()
            clock.lap(training=False)
            clock.window = 0.0
            speed_from, speed_begin = learner.iteration, time.perf_counter()
            yield progress()
        due = learner.iteration % settings.checkpoint_every == 0
        if (due and time.monotonic() - last_checkpoint >= settings.checkpoint_seconds) or learner.iteration == end:
            last_checkpoint = time.monotonic()
            if note := save_checkpoint():
                yield progress(note=note)
            else:
                write_record()

    if test is None:  # this session resumed after the last iteration, perhaps on other hardware
        test = learner.test()
        rows[-1] |= {"test_loss": finite(test.loss), "test_error": test.error}
    fp32 = test if learner.method.precision == "fp32" else learner.test_in_fp32()
    kept = learner.test_kept() if learner.kept else test
    records.write_predictions(folder, kept.predictions.numpy(), learner.splits.test.labels.cpu().numpy())
    records.write_metrics(folder, rows)
    checkpoint.drop_previous(folder)
    status: Status = "diverged" if diverged else "done"
    ended = {"finished": provenance.now(), "digests": records.digests(folder)}
    write_record(status, **ended, **outcome(rows, fp32.error, recipe.keep))
    yield progress(status=status)


def prepare(settings: Settings) -> torch.device:
    """Set torch's threads and determinism for this process; returns the device."""
    if threads := settings.threads or settings.default_threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    device = torch.device(settings.device)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # streams and graphs take the current device
    return device


def resume_settings(run: Run, settings: Settings, saved: dict[str, Any] | None) -> Settings:
    """`settings` with the recipe's precision, and for a resumed run the precision and threads of its `saved` state.

    The number of threads may be overridden; another precision raises UserError.
    """
    fixed = run.recipe.precision or (saved["precision"] if saved else None)
    why = "its recipe requires" if run.recipe.precision else "it was started in"
    if fixed == "tf32" and settings.device == "cpu":
        raise UserError(f"--device cpu: {run.name}: {why} tf32, which the CPU does not have; allowed: cuda")
    if fixed and settings.precision not in ("auto", fixed):
        raise UserError(f"--precision {settings.precision}: {run.name}: {why} {fixed}; allowed: auto, {fixed}")
    last = saved["sessions"][-1] if saved else {}
    threads = last.get("threads") if last.get("device") == settings.device == "cpu" else None
    return replace(settings, precision=fixed or settings.precision, threads=settings.threads or threads)


def metrics_row(learner: Learner, clock: Clock, test: Evaluation, validation: Evaluation | None) -> dict[str, Any]:
    """One row of metrics.csv; None for a loss that is not finite, and for validation without a validation split."""
    loss, accuracy = learner.meters.read()
    return {
        "iteration": learner.iteration,
        "lr": learner.rate,
        "train_loss": finite(loss),
        "train_accuracy": accuracy,
        "test_loss": finite(test.loss),
        "test_error": test.error,
        "validation_loss": finite(validation.loss) if validation else None,
        "validation_error": validation.error if validation else None,
        "images_per_second": round(learner.meters.images / clock.window, 1) if clock.window else None,
    }


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
