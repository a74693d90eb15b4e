"""The interface of a network family: its settings, and what specs, tables, figures and steps need to know about it.

To add one, subclass `Network` in a file in `repro/models/` and add it to `repro.models.FAMILIES`. Specs, tables and
figures import that file, so it must import torch only inside `modules`.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

from repro.fields import Frozen

if TYPE_CHECKING:
    import torch
    from torch import nn

# the keys of repro.models.init.SCHEMES
Init = Literal["he-fan-in", "he-fan-out", "glorot", "normal-0.1", "torch-default"]


class Shape(NamedTuple):
    """What a network is built for; see `Network.build`."""

    channels: int
    size: int
    classes: int
    bn_batch: int | None


class Network(Frozen):
    """A network as a spec's `model` table describes it.

    Subclasses declare `name` as a Literal, their family's name, and `init` with its default.
    """

    name: str
    if TYPE_CHECKING:  # declared where its default is, so that a spec's settings keep their order
        init: Init

    @property
    def layers(self) -> int | None:
        """The number of layers with weights, as papers count them; None excludes the network from plots over depth."""
        return None

    @property
    def kind(self) -> str:
        """The kind of network regardless of depth, by which figures group."""
        return self.name

    @property
    def line(self) -> str:
        """The line that the network belongs to in plots over depth: networks that differ only in depth share one."""
        return self.kind

    @property
    def steps(self) -> tuple[str, ...]:
        """The fast steps (repro.step.method) that support this network, besides those that support any."""
        return ()

    @property
    def torchvision_name(self) -> str:
        """The name of the same network in torchvision.models, whose weights it can take; "" if there is none."""
        return ""

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        """Why the network does not fit a recipe; "" if it does.

        `size`: pixels per side of the images, None if not known yet; `bn_batch`: the recipe's.
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

        bn_batch: images that batch norm normalises together in training; None for the whole batch.
        generator: draws the initial weights. masks: draws dropout masks, on the device that will train the network.
        """
        import torch

        from repro.models.init import initialise

        # torch draws weights on construction: initialise() overwrites them, fork_rng restores the global generator
        with torch.random.fork_rng(devices=[]):
            model = self.modules(Shape(channels, size, classes, bn_batch), masks)
        initialise(model, self.init, generator)
        return model

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """The network with weights of no importance; those with dropout draw their masks from `masks`."""
        raise NotImplementedError
