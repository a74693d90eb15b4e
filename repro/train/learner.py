"""The state of one run in training (model, optimizer, random streams, meters) and one iteration of it.

Does not decide when to evaluate or checkpoint, or write files: that is `loop`.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from repro import models, random_streams, spec
from repro.data.batches import Draws, Sampler, Transform
from repro.data.load import Images, Splits, load
from repro.errors import UserError
from repro.models.layers import Dropout
from repro.spec import Run
from repro.step import method
from repro.step.compiled import CompiledStep
from repro.step.cuda_graph import Graph, restoring
from repro.step.kernels.network import FastNetwork
from repro.step.kernels.ops import Augmentation
from repro.step.kernels.sequential import SequentialStep
from repro.step.matmul import MatrixStep
from repro.step.plain import Evaluation, Meters, PlainStep, Step, evaluate
from repro.train import optim, weights
from repro.train.average import Average

if TYPE_CHECKING:
    from repro.data.augmentations import Augmentations


class Learner:
    """A run's training state on one device; after i iterations it depends only on the run and the method.

    `precision` and `step` are requests, "auto" among them; `method` holds the precision and step in use, and `note`
    what the user should know about the choice (see repro.step.method).
    `splits` replaces the recipe's data set; its images must be on the device. `root`: the project folder, for a run
    that starts from the weights of another. `specs`: experiment -> the folder of its file, for weights from a file.
    """

    def __init__(
        self,
        run: Run,
        device: torch.device,
        data_dir: Path | None = None,
        precision: str = "fp32",
        step: str = "plain",
        splits: Splits | None = None,
        root: Path | None = None,
        specs: Mapping[str, Path] | None = None,
    ) -> None:
        recipe = run.recipe
        self.run, self.device = run, device
        self.splits = splits or load(recipe, device, data_dir)
        self.transform = Transform.fit(recipe, self.splits.train)
        self.image = self.transform.image(self.splits.train.pixels)
        self.method, self.note = method.choose(run, self.image, device, precision, step)
        self.sampler = Sampler(recipe, len(self.splits.train), run.seed, device)
        self.dropout = random_streams.generator(run.seed, "dropout", device=device)
        model = self.build_model(run, self.image, len(self.splits.classes), self.dropout)
        weights.start_from(model, spec.in_precision(run, self.method.precision), root, specs)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.step = self._step()
        self.augmentation = self._augmentation()
        self.changes = self._changes()
        self.optimizer = optim.build(recipe, self.model, fused=self.method.step != "plain")
        self.meters = self._meters()
        graphed = self.method.step in ("graph", "triton", "compiled")
        self.graph = Graph(self.update, self.tensors, self.dropout, recipe.batch_size) if graphed else None
        self.average = Average(self.model, recipe.ema.decay) if recipe.ema else None
        self.iteration = 0  # updates made so far
        self.rate = 0.0  # learning rate of the last update
        self.kept: dict[str, torch.Tensor] | None = None  # the weights to keep in place of the last, see the recipe
        if isinstance(self.step, CompiledStep):
            self.note = "; ".join(filter(None, [self.note, self._compile(self.step)]))

    @staticmethod
    def build_model(run: Run, image: tuple[int, int, int], classes: int, dropout: torch.Generator) -> torch.nn.Module:
        """The run's network for images (channels, height, width), on the CPU, initialised from the run's seed."""
        return models.build(
            **run.recipe.model.model_dump(),
            channels=image[0],
            size=image[1],
            classes=classes,
            bn_batch=run.recipe.bn_batch,
            seed=run.seed,
            masks=dropout,
        )

    def iterate(self) -> None:
        """One update: draw and augment the next batch, compute its gradients, and step the optimizer."""
        rate = optim.learning_rate(self.run.recipe.schedule, self.run.recipe.optimizer.lr, self.iteration)
        if rate != self.rate or self.iteration == 0:  # setting a GPU's rate, a tensor, costs a kernel launch
            optim.set_learning_rate(self.optimizer, rate)
        self.rate = rate
        draws = self.sampler.batch(self.iteration)
        if self.graph:
            self.graph.run(draws)
        else:
            self.update(draws)
        if self.average:
            self.average.update()
        self.meters.images += len(draws)
        self.iteration += 1

    def _step(self) -> Step:
        if self.method.step in ("kernels", "sequential"):
            assert isinstance(self.model, torch.nn.Sequential)
            if self.method.step == "sequential":
                return SequentialStep(self.model)
            return FastNetwork(self.model, self.method.precision)
        if self.method.step == "triton":
            from repro.step.triton.network import TritonStep

            return TritonStep(self.model, self.method.precision)
        steps: dict[str, type[PlainStep]] = {"compiled": CompiledStep, "matrices": MatrixStep}
        if step := steps.get(self.method.step):
            return step(self.model, self.method.precision)
        recipe = self.run.recipe
        return PlainStep(self.model, self.method.precision, recipe.label_smoothing, recipe.clip_norm)

    def _augmentation(self) -> Callable[[Draws], torch.Tensor] | None:
        """Makes a batch's images in one pass; None where only torch's operations can."""
        train = self.splits.train.pixels
        if self.method.step in ("kernels", "sequential"):
            return Augmentation(self.transform, train)
        if self.method.step == "triton" and self.run.recipe.resize != "per-batch":
            from repro.step.triton.batch import Augmentation as TritonAugmentation

            return TritonAugmentation(self.transform, train)
        return None

    def _changes(self) -> "Augmentations | None":
        """What the recipe has beyond crops and flips."""
        if not self.run.recipe.changes:
            return None
        from repro.data.augmentations import Augmentations  # torchvision takes a second to import

        return Augmentations(self.run.recipe.changes, self.run.seed, len(self.splits.classes))

    def _meters(self) -> Meters:
        if self.method.step == "triton":
            from repro.step.triton.batch import TritonMeters

            return TritonMeters(self.device)
        return Meters(self.device)

    def _compile(self, step: CompiledStep) -> str:
        draws = self.sampler.batch(0)
        with restoring(self.tensors, self.dropout):
            return step.compile(self._images(draws), self.splits.train.labels[draws.index])

    def update(self, draws: Draws) -> None:
        """One update by these draws, at the learning rate that is set."""
        labels = self.splits.train.labels[draws.index]
        if self.changes:
            self._update_changed(draws, labels, self.changes)
            return
        loss, logits = self.step.update(self._images(draws), labels, self.optimizer)
        self.meters.add(loss, logits, labels)

    def _update_changed(self, draws: Draws, labels: torch.Tensor, changes: "Augmentations") -> None:
        """An update with augmentations beyond crops and flips; of mixed labels, the larger share counts as a hit."""
        pixels = changes.recolour(self.splits.train.pixels[draws.index], self.iteration)
        images = changes.erase(self.transform.augment(pixels, draws), self.iteration)
        images, targets = changes.mix(images, labels, self.iteration)
        loss, logits = self.step.update(images, targets, self.optimizer)
        self.meters.add(loss, logits, targets.argmax(1) if targets.dim() > 1 else labels)

    def _images(self, draws: Draws) -> torch.Tensor:
        if self.augmentation:
            return self.augmentation(draws)
        return self.transform.augment(self.splits.train.pixels[draws.index], draws)

    def tensors(self) -> list[torch.Tensor]:
        """Every tensor that an update changes."""
        state = [v for s in self.optimizer.state.values() for v in s.values() if isinstance(v, torch.Tensor)]
        meters = [self.meters.loss_sum, self.meters.worst_loss, self.meters.hits]
        return [*self.model.state_dict().values(), *state, *meters]

    def diverged(self) -> bool:
        """Whether any loss since the meters were reset exceeded the recipe's bound or was NaN; waits for the device."""
        return not self.meters.worst_loss.item() <= self.run.recipe.diverge_above

    def test(self) -> Evaluation:
        return self._evaluate(self.splits.test)

    def test_in_fp32(self) -> Evaluation:
        """The test evaluation in fp32, whatever precision the network is trained in."""
        return self._evaluate(self.splits.test, PlainStep(self.model, "fp32"))

    def validate(self) -> Evaluation | None:
        """None if the recipe has no validation split."""
        return None if self.splits.validation is None else self._evaluate(self.splits.validation)

    def _evaluate(self, images: Images, step: Step | None = None) -> Evaluation:
        """Of the averaged weights if the recipe has an average."""
        with self.average.in_place() if self.average else nullcontext():
            return evaluate(self.model, step or self.step, images, self.transform)

    def keep(self) -> None:
        """Keep a copy of the present weights, or of their average."""
        present = self.average.values if self.average else self.model.state_dict()
        self.kept = {name: value.clone() for name, value in present.items()}

    def test_kept(self) -> Evaluation:
        """The test evaluation of the weights that were kept. The model has them afterwards."""
        assert self.kept is not None
        self.model.load_state_dict(self.kept)
        return evaluate(self.model, self.step, self.splits.test, self.transform)

    def state(self) -> dict[str, Any]:
        """Everything that an exact resume needs; the sampler's random streams follow from `iteration`."""
        return {
            "iteration": self.iteration,
            "rate": self.rate,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "dropout": self.dropout.get_state(),
            "meters": self.meters.state(),
            "kept": self.kept,
            "average": self.average.values if self.average else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.iteration, self.rate = state["iteration"], state["rate"]
        self.model.load_state_dict(state["model"])
        options = self.optimizer.state_dict()["param_groups"]  # of this step: the saved ones may be of another
        self.optimizer.load_state_dict({"state": state["optimizer"]["state"], "param_groups": options})
        optim.set_learning_rate(self.optimizer, self.rate)
        if self.graph:
            self.graph.discard()
        self._restore_dropout(state["dropout"])
        if kept := state.get("kept"):
            self.kept = {name: value.to(self.device) for name, value in kept.items()}
        if self.average and (average := state["average"]):
            self.average.values = {name: value.to(self.device) for name, value in average.items()}
        self.meters.restore(state["meters"])

    def _restore_dropout(self, state: torch.Tensor) -> None:
        """UserError if the network has dropout and its masks were drawn on another type of device."""
        if state.shape == self.dropout.get_state().shape:
            self.dropout.set_state(state)
        elif any(isinstance(module, Dropout) and module.rate for module in self.model.modules()):
            saved_on = {"cpu": "cuda", "cuda": "cpu"}[self.device.type]
            why = f"was started on {saved_on}, whose random generator draws its dropout masks"
            raise UserError(f"--device {self.device.type}: {self.run.name} {why}; allowed: {saved_on}")
