"""The plain step with compiled residual blocks, for the GPU: fewer passes over memory for norm, addition and ReLU."""

import time

import torch
from torch import nn

from repro.errors import UserError
from repro.models.residual import Block
from repro.spec import Model
from repro.step.plain import PlainStep

RECOMPILE_LIMIT = 256  # block types x precisions x batch sizes in one process; torch's default of 8 is too few


def refusal(model: Model) -> str:
    """Why this step cannot be used for a spec's network; "" if it can."""
    return "" if "compiled" in model.steps else f"only the blocks of ResNets are compiled, and {model.name} has none"


class CompiledStep(PlainStep):
    """`PlainStep` with each residual block compiled by torch.compile; differs from it only by rounding.

    Blocks of the same shape share compiled code, so 110 layers compile as fast as 20 (regional compilation). Inductor's
    deterministic mode selects no kernel by timing, so every process computes the same bits. Evaluation is not compiled.
    """

    def __init__(self, model: nn.Module, precision: str, backend: str = "inductor") -> None:
        super().__init__(model, precision)
        torch._dynamo.config.recompile_limit = RECOMPILE_LIMIT
        options = {"deterministic": True} if backend == "inductor" else None
        for module in model.modules():
            if isinstance(module, Block):
                module.compile(backend=backend, dynamic=False, fullgraph=True, options=options)

    def compile(self, images: torch.Tensor, labels: torch.Tensor) -> str:
        """Compile by computing the gradients of a batch; returns a message with the time it took.

        UserError if torch.compile fails, for example because there is no compiler.
        """
        begin = time.perf_counter()
        try:
            self.gradients(images, labels)
        except torch._dynamo.exc.TorchDynamoException as error:
            why = " ".join(str(error).split("\n\n")[0].split())
            raise UserError(f"--step compiled: torch.compile failed: {why}; allowed: auto, plain, graph") from error
        return f"torch.compile took {time.perf_counter() - begin:.0f} s"

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        with torch.compiler.set_stance("force_eager"):
            return super().logits(images)
