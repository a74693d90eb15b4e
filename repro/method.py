"""How a run's numbers are computed: its precision, and the step that computes them. Both stand in its record.

A run keeps the method it began with. Results of two methods differ by rounding alone; docs/performance.md has what
that is worth. Which batches, which updates: none of it depends on the method.
"""

from dataclasses import dataclass

import torch

from repro import compiled
from repro.errors import UserError
from repro.fast import build, kernels, network
from repro.spec import Run

STEPS = {"cpu": ("kernels",), "cuda": ("graph", "compiled")}  # the fast ones; "auto" takes the first
SHORT = 100  # iterations: what a shorter run could win is less than compiling the kernels takes


@dataclass(frozen=True)
class Method:
    """`precision`: fp32, tf32 or bf16; `step`: plain, kernels, graph or compiled (a graph too). See `repro.step`."""

    precision: str = "fp32"
    step: str = "plain"


def choose(
    run: Run, image: tuple[int, int, int], device: torch.device, precision: str = "auto", step: str = "auto"
) -> tuple[Method, str]:
    """The method for `run` on images (channels, height, width), and what the user should know about it, or "".

    "auto" takes the fast step where there is one, and with it bf16 where the device has units for it. UserError for a
    precision or a step that the device does not have.
    """
    kind = device.type
    allowed = ("auto", "plain", *STEPS[kind])
    if precision == "tf32" and kind == "cpu":
        raise UserError("--precision tf32 is not for the CPU; allowed: auto, fp32, bf16")
    if step not in allowed:
        raise UserError(f"--step {step} is not for {kind}; allowed: {', '.join(allowed)}")
    wanted = STEPS[kind][0] if step == "auto" else step
    refusal = _refusal(wanted, run, image, precision)
    if refusal and step == wanted:
        others = ", ".join(s for s in allowed if s != step)
        raise UserError(f"--step {step}: {refusal}; allowed for {run.name}: {others}")
    if wanted == "plain" or refusal:
        note = f"the plain step: {refusal}" if refusal else ""
        return Method("fp32" if precision == "auto" else precision, "plain"), note
    if precision == "auto":
        precision = "bf16" if _bf16_units(kind) else "fp32"
    seconds = build.just_compiled()
    note = f"the kernels took {seconds:.0f} s to compile, once for this machine" if seconds else ""
    return Method(precision, wanted), note


def _bf16_units(kind: str) -> bool:
    return torch.cuda.is_bf16_supported() if kind == "cuda" else kernels.matrix_units()


def _refusal(step: str, run: Run, image: tuple[int, int, int], precision: str) -> str:
    """Why a step cannot train this run; "" where it can."""
    if step == "kernels":
        return _no_kernels(run, image, precision)
    if step == "compiled":
        return compiled.refusal(run.recipe.model)
    return ""


def _no_kernels(run: Run, image: tuple[int, int, int], precision: str) -> str:
    """Why the CPU's kernels cannot train this run; "" where they can."""
    if run.recipe.schedule.iterations < SHORT:
        return f"it is shorter than {SHORT} iterations"
    if refusal := network.refusal(run.recipe.model, image):
        return refusal
    try:
        build.library()
    except build.Unavailable as error:
        return str(error)
    return "the processor has no bf16 matrix units" if precision == "bf16" and not _bf16_units("cpu") else ""
