"""The plain step with its residual blocks compiled, for the GPU: fewer passes for norm, addition and ReLU."""

import time

import torch
from torch import nn

from repro.errors import UserError
from repro.models.residual import Block
from repro.spec import Model
from repro.step.plain import PlainStep

SHAPES = 256  # kinds of block, precisions and batch sizes that one process may meet; torch gives up after 8


def refusal(model: Model) -> str:
    """Why nothing of a network (a spec's) would be compiled; "" where something is."""
    return "" if "compiled" in model.steps else f"only the blocks of ResNets are compiled, and {model.name} has none"


class CompiledStep(PlainStep):
    """`PlainStep`, each block of the network through torch.compile. Equal to it but for rounding.

    Blocks of one shape share their code, so compiling takes as long for 110 layers as for 20 (torch calls it regional
    compilation). No order of summation is chosen by timing: the same bits in each process. What a block does in
    evaluation is not compiled.
    """

    def __init__(self, model: nn.Module, precision: str, backend: str = "inductor") -> None:
        super().__init__(model, precision)
        torch._dynamo.config.recompile_limit = SHAPES
        options = {"deterministic": True} if backend == "inductor" else None
        for module in model.modules():
            if isinstance(module, Block):
                module.compile(backend=backend, dynamic=False, fullgraph=True, options=options)

    def compile(self, images: torch.Tensor, labels: torch.Tensor) -> str:
        """The first batch's gradients, for which torch.compile works; what that took, in words.

        UserError where it fails, for want of a compiler, say.
        """
        begin = time.perf_counter()
        try:
            self.gradients(images, labels)
        except torch._dynamo.exc.TorchDynamoException as error:
            why = " ".join(str(error).split("\n\n")[0].split())
            raise UserError(f"--step compiled: torch.compile cannot: {why}; allowed: auto, plain, graph") from error
        return f"torch.compile took {time.perf_counter() - begin:.0f} s"

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        with torch.compiler.set_stance("force_eager"):
            return super().logits(images)
