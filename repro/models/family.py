"""What a family of networks is: the settings of its networks, and what the rest of the package needs to know of them.

A family is a subclass of `Network` in a file of its own and a line in `repro.models.FAMILIES`. Specs, tables and
figures read it, so its file imports torch inside `build` only.
"""

from typing import TYPE_CHECKING, Literal

from repro.fields import Frozen

if TYPE_CHECKING:
    import torch
    from torch import nn

Init = Literal["he-fan-in", "he-fan-out", "glorot", "normal-0.1"]  # the keys of repro.models.init.SCHEMES


class Network(Frozen):
    """A network as a spec's `model` table describes it. Subclasses make `name` the literal name of their family."""

    name: str

    @property
    def layers(self) -> int | None:
        """Layers with weights, as the papers count them; None keeps the network out of figures against depth."""
        return None

    @property
    def kind(self) -> str:
        """The kind of network, whatever its depth: figures group by it."""
        return self.name

    @property
    def line(self) -> str:
        """What a line in the figure against depth joins: networks alike in all but depth."""
        return self.kind

    @property
    def steps(self) -> tuple[str, ...]:
        """The fast steps (repro.step.method) that are made for this network, beside those that take any."""
        return ()

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        """Why the network is not for a recipe, "" where it is.

        `size`: pixels per side of the images, None where not known yet; `bn_batch`: the recipe's.
        """
        return ""

    def build(
        self,
        *,
        channels: int,
        size: int,
        classes: int,
        bn_batch: int | None,
        generator: "torch.Generator",
        masks: "torch.Generator",
    ) -> "nn.Module":
        """A network from float32 (N, channels, size, size) to logits (N, classes), on the CPU.

        bn_batch: how many images batch norm normalises together in training; None for all of the batch.
        generator: draws the initial weights. masks: draws dropout's masks, on the device that will train it.
        """
        raise NotImplementedError
