"""The VGG networks of Simonyan & Zisserman 2014, arXiv:1409.1556, Table 1, for small images too.

The convolutional part is the paper's. The fully connected part takes what is left after five poolings (1x1
positions of a 32x32 image, 7x7 of a 224x224 one), and its width is the caller's: the paper's 4096 was made
for 1000 classes.
"""

from collections import OrderedDict

import torch
from torch import nn

from . import layers
from .init import initialise
from .layers import lookup

# Table 1, a column a configuration: per stage the kernel sizes of its convolutions; "L" is local response
# normalisation. Each convolution is followed by ReLU, each stage by 2x2 max-pooling.
CONFIGS: dict[str, tuple[str, str, str, str, str]] = {
    "A": ("3", "3", "33", "33", "33"),
    "A-LRN": ("3L", "3", "33", "33", "33"),
    "B": ("33", "33", "33", "33", "33"),
    "C": ("33", "33", "331", "331", "331"),
    "D": ("33", "33", "333", "333", "333"),
    "E": ("33", "33", "3333", "3333", "3333"),
}
WIDTHS = (64, 128, 256, 512, 512)  # channels in each stage
SHRINK = 2 ** len(WIDTHS)  # the poolings together


def convolutions(
    config: str, channels: int, batch_norm: bool, width_divisor: int, bn_batch: int | None
) -> nn.Sequential:
    """The convolutional part: (N, channels, H, W) -> (N, 512 / width_divisor, H / 32, W / 32)."""
    features = nn.Sequential()
    for stage, width in zip(CONFIGS[config], WIDTHS, strict=True):
        width //= width_divisor
        for op in stage:
            if op == "L":
                features.append(layers.LocalResponseNorm())
                continue
            kernel = int(op)
            features.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=not batch_norm))
            if batch_norm:
                features.append(layers.batch_norm(width, bn_batch))
            features.append(nn.ReLU())
            channels = width
        features.append(nn.MaxPool2d(2))
    return features


def vgg(
    *,
    config: str,
    batch_norm: bool,
    dropout: float,
    init: str,
    fc_width: int,
    width_divisor: int,
    bn_batch: int | None,
    channels: int,
    size: int,
    classes: int,
    generator: torch.Generator,
    dropout_generator: torch.Generator,
) -> nn.Module:
    """A network from (N, channels, size, size) images to (N, classes) logits, with weights from `generator`.

    config: a column of Table 1: A, A-LRN, B, C, D or E (11, 11, 13, 16, 16 and 19 layers with weights). Where
        the table is silent: local response normalisation comes after the ReLU, as in Krizhevsky et al. 2012.
    batch_norm: between each convolution and its ReLU, of `bn_batch` images at a time (None: of all the
        batch). The paper, of 2014, has none. The convolutions then have no biases, which the normalisation
        would subtract again.
    dropout: rate in the first two of the three fully connected layers (section 3.1: 0.5), after their ReLU;
        the masks are drawn from `dropout_generator`, which lives on the device the network will run on.
    init: a key of init.SCHEMES; the paper's is "normal-0.1".
    fc_width: units in those two layers; 4096 in the paper.
    width_divisor: divides the channels and fc_width.
    size: pixels on a side, a multiple of 32.

    ValueError: an argument out of range, with what is allowed.
    """
    lookup(CONFIGS, "config", config)
    if size < SHRINK or size % SHRINK != 0:
        raise ValueError(
            f"size {size} is not allowed; five 2x2 poolings need a multiple of {SHRINK} pixels: 32, 64, ..."
        )
    if width_divisor < 1 or WIDTHS[0] % width_divisor != 0:
        raise ValueError(f"width_divisor {width_divisor} is not allowed; it must divide {WIDTHS[0]}: 1, 2, 4, ..., 64")
    if fc_width < width_divisor or fc_width % width_divisor != 0:
        raise ValueError(f"fc_width {fc_width} is not allowed; it must be a multiple of width_divisor, {width_divisor}")
    if bn_batch is not None and not batch_norm:
        raise ValueError(f"bn_batch {bn_batch} is not allowed without batch_norm; leave it out")

    hidden = fc_width // width_divisor
    # torch draws weights on construction: initialise() overwrites them, fork_rng hides that from other draws
    with torch.random.fork_rng(devices=[]):
        model = nn.Sequential(
            OrderedDict(
                features=convolutions(config, channels, batch_norm, width_divisor, bn_batch),
                flatten=nn.Flatten(),
                classifier=nn.Sequential(
                    nn.Linear(WIDTHS[-1] // width_divisor * (size // SHRINK) ** 2, hidden),
                    nn.ReLU(),
                    layers.Dropout(dropout, dropout_generator),
                    nn.Linear(hidden, hidden),
                    nn.ReLU(),
                    layers.Dropout(dropout, dropout_generator),
                    nn.Linear(hidden, classes),
                ),
            )
        )
    initialise(model, init, generator)
    return model
