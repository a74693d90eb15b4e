"""Residual units: the block designs of He et al. 2016, arXiv:1603.05027, Figure 4, and plain nets' counterparts.

Modules are registered in the order in which they act, so other implementations' weights load by position.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from . import layers

# He et al. 2016, Figure 4 (a)-(e): the operations before the first convolution, in the rest of the residual branch, and
# after the addition.
DESIGNS: dict[str, tuple[str, str, str]] = {
    "original": ("", "conv bn relu conv bn", "relu"),
    "bn-after-add": ("", "conv bn relu conv", "bn relu"),
    "relu-before-add": ("", "conv bn relu conv bn relu", ""),
    "relu-only-preact": ("relu", "conv bn relu conv bn", ""),
    "full-preact": ("bn relu", "conv bn relu conv", ""),
}

# The share of a widening shortcut's zero channels that precedes the channels of its input; None = no shortcut.
SHORTCUTS: dict[str, float | None] = {"identity": 0.0, "identity-centred": 0.5, "none": None}


def conv3x3(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    """Without a bias, which the batch normalisation that follows would cancel."""
    return nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)


def stack(ops: str, in_channels: int, channels: int, stride: int, bn_batch: int | None) -> nn.Sequential:
    """The layers listed in `ops`; the first convolution has the stride and changes the width to `channels`."""
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
    """One residual unit, after(shortcut(x) + residual(x)); in a plain net, two layers, after(residual(x)).

    The shortcut has no parameters (option A of He et al. 2015): it takes every second pixel if the block's first
    convolution has stride 2, and pads missing channels with zeros.

    Pre-activation designs treat the ends of a chain of units as He et al. 2016 do (appendix): the `first` unit has no
    activation of its own, since both its paths share that of the convolution before the chain; the `last` unit has an
    additional activation after its addition.
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
