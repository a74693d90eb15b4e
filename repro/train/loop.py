"""The one loop: iterate, evaluate, checkpoint, resume. A run in, its folder filled, progress out as values.

No command line, no wandb, no tables, no experiment names. Statistics over runs are elsewhere; so is the step itself.
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
from repro.records.record import Point, Session, Status, new_record
from repro.spec import Run, freeze
from repro.step.plain import Evaluation
from repro.train import checkpoint, provenance, reuse
from repro.train.learner import Learner

CHECK_EVERY = 50  # iterations between looks at the loss: the host waits for the device no more often than that
TELL_EVERY = 20.0  # seconds between words of progress, where those iterations take longer


@dataclass(frozen=True)
class Settings:
    """How and where to train; no result depends on these beyond rounding."""

    device: str = "cpu"
    threads: int | None = None  # CPU threads; None = those a resumed run has had, `default_threads` for a new run
    default_threads: int | None = None  # None = torch's default
    data_dir: Path | None = None
    checkpoint_every: int = 1000  # iterations
    # at least, between two checkpoints: one takes 0.04 to 0.08 s, time for 150 iterations on a GPU
    checkpoint_seconds: float = 30.0
    precision: str = "auto"  # see repro.step.method
    step: str = "auto"
    root: Path | None = None  # where the registry of frozen claims lies; None = nowhere


@dataclass
class Stop:
    """Asked before every iteration; a reason ends the run with a checkpoint, to be gone on with later."""

    deadline: float = math.inf  # on time.time()'s clock, which other machines share
    reason: str = ""

    def requested(self) -> str:
        if not self.reason and time.time() > self.deadline:
            self.reason = "time limit"
        return self.reason


@dataclass(frozen=True)
class Progress:
    """How far a run is. Loss in nats, error in %; NaN where there is none yet. `note`: what the user must know."""

    iteration: int
    iterations: int
    status: Status = "running"
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

    A run that another experiment has trained is not trained again (repro.train.reuse): its record is taken over.
    Writes run.json, metrics.csv, predictions.npz and checkpoint.pt into `folder`, which the caller has locked.
    Yields progress every CHECK_EVERY iterations and at each evaluation; the last has the status the run ended with:
    done, diverged or interrupted. The result depends on the run, the device type and the threads alone.
    """
    recipe, end = run.recipe, run.recipe.schedule.iterations
    checksum = catalog.describe(recipe.dataset, settings.data_dir).checksum
    identities = spec.fingerprints(run, checksum)
    before = records.read_run(folder)
    if before and before.fingerprint in identities and before.is_finished:
        yield Progress(end, end, before.status, note="another process has finished it meanwhile")
        return
    rows: list[dict[str, Any]] = []  # of metrics.csv
    notes: list[str] = []
    state = checkpoint.load(folder, identities, notes.append)
    settings = resume_settings(run, settings, state)
    device = prepare(settings)
    learner, clock = Learner(run, device, settings.data_dir, settings.precision, settings.step), Clock()
    run = spec.in_precision(run, learner.method.precision)
    identity = spec.fingerprint(run, checksum)
    if before and before.fingerprint not in identities:  # nothing refuses the run any more, so it really begins
        why, aside = records.difference(before, run, checksum), records.set_aside(folder, before.fingerprint)
        notes.append(f"its record is stale ({why}) and kept as {aside.name}; it is trained from the start")
    frozen = freeze.Registry(settings.root).in_force(run.experiment) if settings.root else None
    sessions: tuple[Session, ...] = ()
    if learner.note:
        notes.append(learner.note)
    if state:
        learner.restore(state["learner"])
        rows, frozen = state["rows"], state["frozen"]
        sessions = tuple(Session.model_validate(session) for session in state["sessions"])
        clock.wall, clock.window = state["wall_seconds"], state["window_seconds"]
    diverged = bool(state and state.get("diverged"))
    session = Session(iteration=learner.iteration, **provenance.collect(device, learner.method))
    record = new_record(
        run,
        sessions=(*sessions, session),
        fingerprint=identity,
        recipe_version=spec.RECIPE_VERSION,
        data_checksum=checksum,
        frozen=frozen,
        parameters=models.parameters(learner.model),
    )

    if not state and (taken := reuse.take_over(folder, record, settings.root)):
        for note in notes:
            yield Progress(0, end, note=note)
        yield Progress(end, end, taken.status, note=f"the same run as {taken.trained_as}, whose record is taken over")
        return

    def progress(**what: Any) -> Progress:
        return Progress(learner.iteration, end, test_error=rows[-1]["test_error"] if rows else math.nan, **what)

    def write(status: Status = "running", **what: Any) -> None:
        clock.lap(training=False)
        seconds = round(clock.wall, 2)
        records.write_run(
            folder, record.replace(status=status, iteration=learner.iteration, wall_seconds=seconds, **what)
        )

    def save() -> str:
        """A checkpoint; a full disk is told, not fatal: the checkpoint before it stays."""
        clock.lap(training=True)
        state = {
            "fingerprint": identity,
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
            records.write_metrics(folder, rows)
        except OSError as error:
            return f"no checkpoint at iteration {learner.iteration}: {error.strerror}; the one before it stays"
        finally:
            clock.lap(training=False)
        return ""

    write()
    for note in notes:
        yield progress(note=note)
    test, told = None, time.monotonic()
    since, begun = learner.iteration, time.perf_counter()  # the last evaluation, or where this session began
    saved = time.monotonic()
    while learner.iteration < end and not diverged:
        if reason := stop.requested():
            note = save()
            write("interrupted", reason=reason)
            yield progress(status="interrupted", note=note)
            return

        learner.iterate()

        evaluating = learner.iteration % recipe.evaluate_every == 0 or learner.iteration == end
        checking = evaluating or learner.iteration % CHECK_EVERY == 0
        if checking or time.monotonic() - told > TELL_EVERY:
            yield progress()  # a device works on while its host serves the run beside this one
            diverged = checking and learner.diverged()  # looked at where the recipe says, not where the clock does
            loss, _ = learner.meters.read()
            clock.lap(training=True)
            speed = (learner.iteration - since) / (time.perf_counter() - begun)
            yield progress(loss=loss, iterations_per_second=speed)
            told = time.monotonic()
        if evaluating or diverged:
            test = learner.test()
            rows.append(row(learner, clock, test, learner.validate()))
            records.write_metrics(folder, rows)
            learner.meters.reset()
            clock.lap(training=False)
            clock.window = 0.0
            since, begun = learner.iteration, time.perf_counter()
            yield progress()
        due = learner.iteration % settings.checkpoint_every == 0
        if (due and time.monotonic() - saved >= settings.checkpoint_seconds) or learner.iteration == end:
            note = save()
            write()
            saved = time.monotonic()
            if note:
                yield progress(note=note)

    test = test or learner.test()  # where a run was stopped between its last iteration and its end
    records.write_predictions(folder, test.predictions.numpy(), learner.splits.test.labels.cpu().numpy())
    checkpoint.drop_previous(folder)
    status: Status = "diverged" if diverged else "done"
    fp32 = test if learner.method.precision == "fp32" else learner.test_in_fp32()
    write(status, finished=provenance.now(), **outcome(rows, fp32.error))
    yield progress(status=status)


def prepare(settings: Settings) -> torch.device:
    """Set threads and determinism; the device."""
    if threads := settings.threads or settings.default_threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    device = torch.device(settings.device)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # what names no device, a stream or a graph, means this one
    return device


def resume_settings(run: Run, settings: Settings, state: dict[str, Any] | None) -> Settings:
    """The settings with the recipe's precision; a resumed run keeps its precision and threads.

    UserError if another precision is asked for. Another number of threads is allowed.
    """
    earlier = state["precision"] if state else None
    fixed = run.recipe.precision or earlier
    why = "its recipe says" if run.recipe.precision else "it was started in"
    if fixed == "tf32" and settings.device == "cpu":
        raise UserError(f"--device cpu: {run.name}: {why} tf32, which the CPU does not have; allowed: cuda")
    if fixed and settings.precision not in ("auto", fixed):
        raise UserError(f"--precision {settings.precision}: {run.name}: {why} {fixed}; allowed: auto, {fixed}")
    last = state["sessions"][-1] if state else {}
    threads = last.get("threads") if last.get("device") == settings.device == "cpu" else None
    return replace(settings, precision=fixed or settings.precision, threads=settings.threads or threads)


def row(learner: Learner, clock: Clock, test: Evaluation, validation: Evaluation | None) -> dict[str, Any]:
    """One line of metrics.csv; None stands where a loss is not finite, or there is no validation split."""
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


def outcome(rows: list[dict[str, Any]], fp32_error: float) -> dict[str, Point | None]:
    """`final`, `best` (lowest test error, the first of equals) and, with a validation split, best on that.

    `fp32_error`: the final network's test error in %, evaluated in fp32.
    """

    def point(chosen: dict[str, Any]) -> Point:
        keys = ("iteration", "test_error", "test_loss", "validation_error")
        return Point(train_error=100 - chosen["train_accuracy"], **{key: chosen[key] for key in keys})

    validated = [r for r in rows if r["validation_error"] is not None]
    return {
        "final": point(rows[-1]).model_copy(update={"test_error_fp32": fp32_error}),
        "best": point(min(rows, key=lambda r: r["test_error"])),
        "best_on_validation": point(min(validated, key=lambda r: r["validation_error"])) if validated else None,
    }
