"""The method that computes a run's numbers: a precision and a step, both recorded.

A resumed run keeps its precision. Two methods compute the same updates on the same batches and differ only by rounding;
docs/performance.md measures its effect.
"""

from dataclasses import dataclass
from typing import cast

import torch

from repro.errors import UserError
from repro.spec import Precision, Recipe, Run
from repro.step import compiled, matmul, triton
from repro.step.kernels import build, network, ops, sequential

# fast steps, in the order that "auto" tries
STEPS = {"cpu": ("kernels", "matrices", "sequential"), "cuda": ("graph", "triton", "compiled")}
UNMEASURED = ("triton", "compiled")  # "auto" skips these
FUSED = ("sgd", "adam", "adamw")  # optimizers that torch has as one kernel for the whole update
FOR_BLOCKS = {"triton": triton.refusal, "compiled": compiled.refusal}  # why these cannot be used for a spec's network
KERNELS_MIN_ITERATIONS = 100  # a shorter run would save less time than compiling the kernels takes


@dataclass(frozen=True)
class Method:
    """`precision`: fp32, tf32 or bf16; `step`: "plain" or one of STEPS."""

    precision: Precision = "fp32"
    step: str = "plain"


def choose(
    run: Run, image: tuple[int, int, int], device: torch.device, precision: str = "auto", step: str = "auto"
) -> tuple[Method, str]:
    """The method for `run` on images (channels, height, width), and a note for the user about the choice, or "".

    "auto" takes a fast step if one supports the run, and with it bf16 if the device has matrix units for that.
    UserError for a precision or step that the device or the run does not support.
    """
    kind = device.type
    allowed = ("auto", "plain", *STEPS[kind])
    if precision == "tf32" and kind == "cpu":
        raise UserError("--precision tf32 is not available on the CPU; allowed: auto, fp32, bf16")
    if step not in allowed:
        raise UserError(f"--step {step} is not available on {kind}; allowed: {', '.join(allowed)}")
    notes = []
    if step == "auto":
        refusals = {fast: _refusal(fast, run, image, precision) for fast in STEPS[kind] if fast not in UNMEASURED}
        step = next((fast for fast, refusal in refusals.items() if not refusal), "plain")
        if step == "plain":
            notes.append(f"the plain step: {next(iter(refusals.values()))}")
    elif refusal := _refusal(step, run, image, precision):
        others = [s for s in STEPS[kind] if s != step and not _refusal(s, run, image, precision)]
        raise UserError(f"--step {step}: {refusal}; allowed for {run.name}: {', '.join(['auto', 'plain', *others])}")
    if precision == "auto":
        precision = "bf16" if step != "plain" and _bf16_units(kind, step) else "fp32"
        if precision == "bf16":
            notes.append("--precision auto chose bf16")
    if seconds := build.just_compiled():
        notes.append(f"compiled the kernels for this machine in {seconds:.0f} s")
    return Method(cast(Precision, precision), step), "; ".join(notes)


def _refusal(step: str, run: Run, image: tuple[int, int, int], precision: str) -> str:
    """Why a step cannot train this run; "" if it can."""
    model, weights = run.recipe.model, run.recipe.weights
    if weights and weights.train == "head" and step not in ("plain", "graph"):
        return "it trains every layer, and the recipe only the head"
    if step != "plain" and (reason := _recipe_refusal(run.recipe)):
        return reason
    if step in FOR_BLOCKS:
        return FOR_BLOCKS[step](model)
    if step in ("plain", "graph"):
        return ""
    if step == "matrices":
        return matmul.refusal(model, image)
    refusal = network.refusal(model, image) if step == "kernels" else sequential.refusal(model, image)
    return refusal or _kernels_refusal(step, run, precision)


def _recipe_refusal(recipe: Recipe) -> str:
    """Why only the plain step can train this recipe, whatever its network; "" if others can."""
    if recipe.optimizer.name not in FUSED:
        return f"only the plain step has the optimizer {recipe.optimizer.name}"
    if recipe.changes:
        return f"only the plain step has {recipe.changes[0].name}"
    own = {"label_smoothing": recipe.label_smoothing, "clip_norm": recipe.clip_norm, "ema": recipe.ema}
    return next((f"only the plain step has {key}" for key, value in own.items() if value), "")


def _kernels_refusal(step: str, run: Run, precision: str) -> str:
    """Why a step of compiled kernels cannot train this run, whatever its network."""
    if run.recipe.schedule.iterations < KERNELS_MIN_ITERATIONS:
        return f"the run is shorter than {KERNELS_MIN_ITERATIONS} iterations"
    if run.recipe.resize == "per-batch":
        return "the kernels do not resize images"
    try:
        build.library()
    except build.Unavailable as error:
        return str(error)
    if step == "sequential" and not build.wide(build.processor()):
        return "the processor has no AVX-512, which it needs"
    if step == "sequential":
        return "it computes in fp32 only" if precision == "bf16" else ""
    no_units = precision == "bf16" and not ops.matrix_units()
    return "the processor has no bf16 matrix units" if no_units else ""


def _bf16_units(kind: str, step: str) -> bool:
    """Whether the device has bf16 matrix units that the step's code can use."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if step == "sequential":
        return False
    return ops.matrix_units() if step == "kernels" else bool(torch.cpu.get_capabilities().get("amx_bf16"))
