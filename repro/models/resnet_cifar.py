"""The ResNets for small images of He et al. 2015, arXiv:1512.03385, section 4.2, and their plain
counterparts; with the block designs of He et al. 2016, arXiv:1603.05027, Figure 4. ImageNet's ResNets
(bottlenecks, projections) stay out.

A 3x3 convolution, then three stages of n blocks of two 3x3 convolutions each, with width, 2*width and 4*width
channels at full, half and quarter resolution; global average pooling; one linear layer: 6n + 2 layers with
weights. Modules are registered in the order in which they act, so other implementations' weights load by
position.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import layers
from .init import initialise
from .layers import lookup

# He et al. 2016, Figure 4 (a)-(e): what acts before the first convolution, in the rest of the residual
# branch, and after the addition.
DESIGNS: dict[str, tuple[str, str, str]] = {
    "original": ("", "conv bn relu conv bn", "relu"),
    "bn-after-add": ("", "conv bn relu conv", "bn relu"),
    "relu-before-add": ("", "conv bn relu conv bn relu", ""),
    "relu-only-preact": ("relu", "conv bn relu conv bn", ""),
    "full-preact": ("bn relu", "conv bn relu conv", ""),
}

# Of the zero channels that a widening shortcut adds: the share that comes before its input's own channels.
SHORTCUTS: dict[str, float | None] = {"identity": 0.0, "identity-centred": 0.5, "none": None}

SUBSAMPLINGS = {"in-block": False, "separate-conv": True}  # is there a convolution between the stages?


def conv3x3(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    """Without a bias: batch normalisation follows, and would take it away."""
    return nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)


def stack(ops: str, in_channels: int, channels: int, stride: int, bn_batch: int | None) -> nn.Sequential:
    """The layers that `ops` spells out; the first convolution has the stride and goes up to `channels`."""
    sequence = nn.Sequential()
    for op in ops.split():
        if op == "conv":
            sequence.append(conv3x3(in_channels, channels, stride))
            in_channels, stride = channels, 1
        elif op == "bn":
            sequence.append(layers.batch_norm(in_channels, bn_batch))
        else:
            assert op == "relu"
            sequence.append(nn.ReLU())
    return sequence


class Block(nn.Module):
    """One residual unit, after(shortcut(x) + residual(x)); in a plain net two layers, after(residual(x)).

    The shortcut has no parameters (option A of He et al. 2015): it takes every second pixel where the block's
    first convolution has stride 2, and zeros as the missing channels.

    A pre-activation design treats the ends of a chain of units as He et al. 2016 do (appendix): the
    activation of the convolution before the chain is the `first` unit's, shared by both of its paths; the
    `last` has one more after its addition.
    """

    def __init__(
        self,
        design: str,
        in_channels: int,
        channels: int,
        stride: int,
        shortcut: str,
        bn_batch: int | None,
        *,
        first: bool,
        last: bool,
    ) -> None:
        super().__init__()
        before, branch, after = DESIGNS[design]
        if not first:
            branch = f"{before} {branch}"
        if last:
            after = f"{after} {before}"
        self.residual = stack(branch, in_channels, channels, stride, bn_batch)
        self.after = stack(after, channels, channels, 1, bn_batch)

        new, share_before = channels - in_channels, SHORTCUTS[shortcut]
        self.has_shortcut = share_before is not None
        self.zeros_before = int(new * (share_before or 0))
        self.zeros_after = new - self.zeros_before
        self.stride = stride

    def shortcut(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.zeros_before + self.zeros_after > 0:
            x = F.pad(x, (0, 0, 0, 0, self.zeros_before, self.zeros_after))
        return x

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)
        if self.has_shortcut:
            y = self.shortcut(x) + y
        return self.after(y)  # type: ignore[no-any-return]


def resnet_cifar(
    *,
    depth: int,
    block: str,
    shortcut: str,
    subsample: str,
    width: int,
    init: str,
    bn_batch: int | None,
    channels: int,
    classes: int,
    generator: torch.Generator,
) -> nn.Module:
    """A network from (N, channels, H, W) images to (N, classes) logits, with weights from `generator`.

    depth: 6n + 2; the paper's are 20, 32, 44, 56, 110 and 1202.
    block: a key of DESIGNS.
    shortcut: "identity" or "none" (a plain net, which has the block "original"). The paper does not say where
        option A's zeros go; they come after the input's channels, as in the authors' Torch code
        (fb.resnet.torch, models/resnet.lua: Concat of Identity and MulConstant(0)). "identity-centred" puts
        half of them on either side, as many PyTorch ports do: the same network but for the numbering of its
        channels, and what it takes to use those ports' weights.
    subsample: "in-block", the paper's: the first convolution of a stage has stride 2. "separate-conv", a
        reproduction's reading: all blocks keep the size, and between the stages a 3x3 convolution of
        stride 2, followed by batch normalisation and ReLU, doubles the channels. That is two more layers with
        weights than `depth` says, and each stage is then a chain of units of its own (see Block).
    width: channels of the first stage, 16 in the paper.
    init: a key of init.SCHEMES.
    bn_batch: how many images are normalised together in training; None for all of the batch.

    In every design the first convolution is followed by batch normalisation and ReLU. Figure 4 does not show
    that, but for (a)-(c) it is the network of 2015, and for (e) it is the first unit's activation; for (d) it
    is our choice, since there too batch normalisation follows every convolution. The shortcut of a
    pre-activation unit starts before the activation.

    ValueError: an argument out of range, with what is allowed.
    """
    if depth < 8 or (depth - 2) % 6 != 0:
        raise ValueError(f"depth {depth} is not allowed; it must be 6n + 2 with n >= 1: 8, 14, 20, 26, 32, ...")
    lookup(DESIGNS, "block", block)
    lookup(SHORTCUTS, "shortcut", shortcut)
    separate = lookup(SUBSAMPLINGS, "subsample", subsample)
    if shortcut == "none" and block != "original":
        raise ValueError(f"block {block!r} is not allowed with shortcut 'none'; plain nets have the block 'original'")
    if width < 1:
        raise ValueError(f"width {width} is not allowed; it must be at least 1")

    blocks = (depth - 2) // 6  # a stage; the paper's n
    net: OrderedDict[str, nn.Module] = OrderedDict()
    # torch draws weights on construction: initialise() overwrites them, fork_rng hides that from other draws
    with torch.random.fork_rng(devices=[]):
        net["conv1"] = conv3x3(channels, width)
        net["bn1"] = layers.batch_norm(width, bn_batch)
        net["relu1"] = nn.ReLU()
        in_channels = width
        for stage in (1, 2, 3):
            out_channels = width * 2 ** (stage - 1)
            stride = 1 if stage == 1 else 2
            if separate and stage > 1:
                net[f"down{stage}"] = stack("conv bn relu", in_channels, out_channels, stride, bn_batch)
                in_channels, stride = out_channels, 1
            units = nn.Sequential()
            for i in range(blocks):
                first = i == 0 and (separate or stage == 1)
                last = i == blocks - 1 and (separate or stage == 3)
                ends = {"first": first, "last": last}
                units.append(Block(block, in_channels, out_channels, stride, shortcut, bn_batch, **ends))
                in_channels, stride = out_channels, 1
            net[f"stage{stage}"] = units
        net["pool"] = layers.GlobalAveragePool()
        net["linear"] = nn.Linear(in_channels, classes)
        model = nn.Sequential(net)
    initialise(model, init, generator)
    return model
