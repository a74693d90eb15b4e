"""The ResNets for small images of He et al. 2015, arXiv:1512.03385, section 4.2, and their plain counterparts.

Includes the block designs of He et al. 2016, arXiv:1603.05027, Figure 4. Does not include the ResNets for ImageNet
(bottlenecks, projections).

A 3x3 convolution, then three stages of n blocks of two 3x3 convolutions each, with width, 2*width and 4*width
channels at full, half and quarter resolution; global average pooling; one linear layer: 6n + 2 layers with
weights. Modules are registered in the order in which they act, so weights of other implementations can be loaded by
position.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from repro.fields import Positive
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

KERNELS_WIDTH = 16  # the width that repro.step.kernels supports
TRITON_WIDTH = 64  # the largest that repro.step.triton supports


class ResNetCifar(Network):
    """He et al. 2015, section 4.2: 6n+2 layers for small images; without shortcuts, a plain net.

    depth: the paper's are 20, 32, 44, 56, 110 and 1202.
    block: a key of residual.DESIGNS.
    shortcut: "identity" or "none" (a plain net, which requires the block "original"). The paper does not say
        where the zeros of option A go; here they follow the input's channels, as in the authors' Torch code
        (fb.resnet.torch, models/resnet.lua: Concat of Identity and MulConstant(0)). "identity-centred" puts
        half of them on either side, as many PyTorch ports do: the same network up to the numbering of its
        channels, needed to load the weights of such ports.
    subsample: "in-block", as in the paper: the first convolution of a stage has stride 2. "separate-conv", the
        interpretation of a reproduction: all blocks keep the size, and between the stages a 3x3 convolution of
        stride 2, followed by batch normalisation and ReLU, doubles the channels. The network then has two more
        layers with weights than `depth`, and each stage is a chain of units of its own (see residual.Block).
    width: channels of the first stage, 16 in the paper.

    In every design the first convolution is followed by batch normalisation and ReLU. Figure 4 does not show
    this, but for (a)-(c) it is the network of 2015, and for (e) it is the first unit's activation. For (d) it
    is our choice, since there too batch normalisation follows every convolution. The shortcut of a
    pre-activation unit starts before the activation.
    """

    name: Literal["resnet-cifar"]
    depth: Annotated[int, Field(ge=8, le=10_000)]
    block: Literal["original", "bn-after-add", "relu-before-add", "relu-only-preact", "full-preact"] = "original"
    shortcut: Literal["identity", "identity-centred", "none"] = "identity"
    subsample: Literal["in-block", "separate-conv"] = "in-block"
    width: Positive = 16
    init: Init = "he-fan-in"

    @field_validator("depth")
    @classmethod
    def _six_n_plus_two(cls, depth: int) -> int:
        if (depth - 2) % 6:
            raise ValueError("a CIFAR ResNet has 6n+2 layers: 8, 14, 20, 26, 32, ...")
        return depth

    @model_validator(mode="after")
    def _plain_is_original(self) -> "ResNetCifar":
        if self.shortcut == "none" and self.block != "original":
            raise ValueError('shortcut = "none" (a plain net) goes with block = "original" only')
        return self

    @property
    def layers(self) -> int:
        return self.depth

    @property
    def kind(self) -> str:
        return "plain nets" if self.shortcut == "none" else "residual nets"

    @property
    def line(self) -> str:
        return self.kind + ("" if self.block == "original" else f", {self.block}")

    @property
    def steps(self) -> tuple[str, ...]:
        fast = {"kernels": self.width == KERNELS_WIDTH, "triton": self.width <= TRITON_WIDTH, "compiled": True}
        return tuple(step for step, supported in fast.items() if supported)

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        """For images of any size."""
        from torch import nn

        from repro.models import layers
        from repro.models.residual import Block, conv3x3, stack

        channels, _, classes, bn_batch = shape
        blocks = (self.depth - 2) // 6  # per stage; the paper's n
        separate = self.subsample == "separate-conv"
        net: OrderedDict[str, nn.Module] = OrderedDict()
        net["conv1"] = conv3x3(channels, self.width)
        net["bn1"] = layers.batch_norm(self.width, bn_batch)
        net["relu1"] = nn.ReLU()
        in_channels = self.width
        for stage in (1, 2, 3):
            out_channels = self.width * 2 ** (stage - 1)
            stride = 1 if stage == 1 else 2
            if separate and stage > 1:
                net[f"down{stage}"] = stack("conv bn relu", in_channels, out_channels, stride, bn_batch)
                in_channels, stride = out_channels, 1
            units = nn.Sequential()
            for i in range(blocks):
                first = i == 0 and (separate or stage == 1)
                last = i == blocks - 1 and (separate or stage == 3)
                ends = {"first": first, "last": last}
                units.append(Block(self.block, in_channels, out_channels, stride, self.shortcut, bn_batch, **ends))
                in_channels, stride = out_channels, 1
            net[f"stage{stage}"] = units
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(in_channels, classes)
        return nn.Sequential(net)
