"""How a run's numbers are computed: its precision, and the step that computes them. Both stand in its record.

A run keeps the precision it began with. Results of two methods differ by rounding alone; docs/performance.md has
what that is worth. Which batches, which updates: none of it depends on the method.
"""

from dataclasses import dataclass
from typing import cast

import torch

from repro.errors import UserError
from repro.spec import Precision, Run
from repro.step import compiled, matmul
from repro.step.kernels import build, network, ops

STEPS = {"cpu": ("kernels", "matrices"), "cuda": ("graph", "compiled")}  # the fast ones, in the order "auto" tries
UNMEASURED = ("compiled",)  # "auto" leaves them out
SHORT = 100  # iterations: what a shorter run could win is less than compiling the kernels takes


@dataclass(frozen=True)
class Method:
    """`precision`: fp32, tf32 or bf16; `step`: plain (repro.step.plain) or fast (STEPS: each has its module)."""

    precision: Precision = "fp32"
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
            notes.append("--precision auto takes bf16")
    if seconds := build.just_compiled():
        notes.append(f"the kernels took {seconds:.0f} s to compile, once for this machine")
    return Method(cast(Precision, precision), step), "; ".join(notes)


def _refusal(step: str, run: Run, image: tuple[int, int, int], precision: str) -> str:
    """Why a step cannot train this run; "" where it can."""
    model = run.recipe.model
    if step == "compiled":
        return compiled.refusal(model)
    if step in ("plain", "graph"):
        return ""
    if step == "matrices":
        return matmul.refusal(model, image)
    return _no_kernels(run, image, precision)


def _no_kernels(run: Run, image: tuple[int, int, int], precision: str) -> str:
    if run.recipe.schedule.iterations < SHORT:
        return f"it is shorter than {SHORT} iterations"
    if refusal := network.refusal(run.recipe.model, image):
        return refusal
    try:
        build.library()
    except build.Unavailable as error:
        return str(error)
    no_units = precision == "bf16" and not ops.matrix_units()
    return "the processor has no bf16 matrix units" if no_units else ""


def _bf16_units(kind: str, step: str) -> bool:
    """Whether the device has them, and whoever computes the step can use them."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return ops.matrix_units() if step == "kernels" else bool(torch.cpu.get_capabilities().get("amx_bf16"))
