"""The VGG networks of Simonyan & Zisserman 2014, arXiv:1409.1556, Table 1, for images of any size.

The convolutional part is the paper's. The fully connected part takes the positions left after five poolings (1x1 for a
32x32 image, 7x7 for a 224x224 one). Its width is a setting, since the paper's 4096 was chosen for 1000 classes.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from repro.fields import Positive
from repro.models.family import Init, Network, Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

# The columns of Table 1, and a network that some code calls VGG11, with one convolution per stage. For each stage, the
# kernel sizes of its convolutions; "L" is local response normalisation. Each convolution is followed by ReLU, each
# stage by 2x2 max-pooling.
CONFIGS: dict[str, tuple[str, str, str, str, str]] = {
    "one-per-stage": ("3", "3", "3", "3", "3"),
    "A": ("3", "3", "33", "33", "33"),
    "A-LRN": ("3L", "3", "33", "33", "33"),
    "B": ("33", "33", "33", "33", "33"),
    "C": ("33", "33", "331", "331", "331"),
    "D": ("33", "33", "333", "333", "333"),
    "E": ("33", "33", "3333", "3333", "3333"),
}
WIDTHS = (64, 128, 256, 512, 512)  # channels in each stage
SHRINK = 2 ** len(WIDTHS)  # by which the poolings divide the image size
FULLY_CONNECTED = 3  # layers
VARIANTS = {"A-LRN": "VGG with LRN", "C": "VGG with 1x1"}  # as deep as A and D, so shown separately


class Vgg(Network):
    """Simonyan & Zisserman 2014, Table 1: five stages of convolutions, two hidden layers and the classifier.

    config: a column of Table 1, or "one-per-stage". Local response normalisation follows the ReLU, as in Krizhevsky et
        al. 2012; the table does not say where it goes.
    batch_norm: between each convolution and its ReLU; the paper has none. The convolutions then have no biases, which
        the normalisation would cancel.
    dropout: rate in the first two of the three fully connected layers (section 3.1: 0.5), after their ReLU.
    fc_width: units in those two layers; 4096 in the paper.
    width_divisor: divides all channels and fc_width.
    init: the paper's is "normal-0.1".
    """

    name: Literal["vgg"]
    config: Literal["A", "A-LRN", "B", "C", "D", "E", "one-per-stage"]
    batch_norm: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    fc_width: Positive = 512
    width_divisor: Positive = 1
    init: Init = "glorot"

    @model_validator(mode="after")
    def _divides(self) -> "Vgg":
        if WIDTHS[0] % self.width_divisor or self.fc_width % self.width_divisor:
            raise ValueError(
                f"width_divisor = {self.width_divisor} must divide {WIDTHS[0]} and fc_width = {self.fc_width}"
            )
        return self

    @property
    def layers(self) -> int:
        return FULLY_CONNECTED + sum(op.isdigit() for stage in CONFIGS[self.config] for op in stage)

    @property
    def kind(self) -> str:
        return "VGG with batch norm" if self.batch_norm else "VGG"

    @property
    def line(self) -> str:
        variant = VARIANTS.get(self.config)
        return f"{variant}{' and batch norm' * self.batch_norm}" if variant else self.kind

    @property
    def steps(self) -> tuple[str, ...]:
        """Matrix products are faster only at full width."""
        return ("matrices",) if self.width_divisor == 1 else ()

    def misfit(self, size: int | None, bn_batch: int | None) -> str:
        if size and size % SHRINK:
            return f"image_size = {size}: the five poolings of a VGG need a multiple of {SHRINK} pixels"
        if bn_batch and not self.batch_norm:
            return f"bn_batch = {bn_batch} goes with batch_norm = true"
        return ""

    def modules(self, shape: Shape, masks: "torch.Generator") -> "nn.Module":
        from torch import nn

        from repro.models import layers

        channels, size, classes, bn_batch = shape
        hidden = self.fc_width // self.width_divisor
        return nn.Sequential(
            OrderedDict(
                features=self._convolutions(channels, bn_batch),
                flatten=nn.Flatten(),
                classifier=nn.Sequential(
                    nn.Linear(WIDTHS[-1] // self.width_divisor * (size // SHRINK) ** 2, hidden),
                    nn.ReLU(),
                    layers.Dropout(self.dropout, masks),
                    nn.Linear(hidden, hidden),
                    nn.ReLU(),
                    layers.Dropout(self.dropout, masks),
                    nn.Linear(hidden, classes),
                ),
            )
        )

    def _convolutions(self, channels: int, bn_batch: int | None) -> "nn.Sequential":
        """The convolutional part: (N, channels, H, W) -> (N, 512 / width_divisor, H / 32, W / 32)."""
        from torch import nn

        from repro.models import layers

        features = nn.Sequential()
        for stage, width in zip(CONFIGS[self.config], WIDTHS, strict=True):
            width //= self.width_divisor
            for op in stage:
                if op == "L":
                    features.append(layers.LocalResponseNorm())
                    continue
                kernel = int(op)
                features.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=not self.batch_norm))
                if self.batch_norm:
                    features.append(layers.batch_norm(width, bn_batch))
                features.append(nn.ReLU())
                channels = width
            features.append(nn.MaxPool2d(2))
        return features
