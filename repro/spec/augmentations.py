"""The frozen, strict models of augmentations beyond crops and flips.

Their order is fixed: colour-jitter and rand-augment change the pixels as they are stored; then come resizing, crop,
flip and normalisation; then cutout and random-erasing; last mixup or cutmix, which mix the images of a batch. Of two of
one stage, the first in the spec goes first. Of mixed images, the training loss is that of both labels by their shares,
and the training accuracy counts the label with the larger one.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from repro.fields import AUGMENTATION, Frozen, Positive

Share = Annotated[float, Field(ge=0, le=1)]


class ColourJitter(Frozen):
    """torchvision's ColorJitter, drawn for each image: each factor from 1 - x to 1 + x, the hue shifted by up to x."""

    name: Literal["colour-jitter"]
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class RandAugment(Frozen):
    """Cubuk et al. 2019 (arXiv:1909.13719), as torchvision's RandAugment, drawn for each image."""

    name: Literal["rand-augment"]
    operations: Annotated[int, Field(gt=0, le=100)] = 2
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9


class Cutout(Frozen):
    """DeVries & Taylor 2017 (arXiv:1708.04552): zeros in a square around a random pixel, clipped at the edges."""

    name: Literal["cutout"]
    side: Positive


class RandomErasing(Frozen):
    """Zhong et al. 2017 (arXiv:1708.04896), as torchvision's RandomErasing, with zeros: a rectangle of random shape."""

    name: Literal["random-erasing"]
    probability: Share = 0.5
    least_area: Share = 0.02
    most_area: Share = 0.33

    @model_validator(mode="after")
    def _in_order(self) -> "RandomErasing":
        if self.least_area > self.most_area:
            raise ValueError(f"least_area = {self.least_area} must not be above most_area = {self.most_area}")
        return self


class Mixup(Frozen):
    """Zhang et al. 2017 (arXiv:1710.09412), as torchvision's MixUp: one share per batch, of each image's neighbour.

    Where a recipe has cutmix too, each batch takes one of the two, with equal chances.
    """

    name: Literal["mixup"]
    alpha: Annotated[float, Field(gt=0)]
    probability: Share = 1.0


class Cutmix(Frozen):
    """Yun et al. 2019 (arXiv:1905.04899), as torchvision's CutMix: one box per batch, each image with its neighbour."""

    name: Literal["cutmix"]
    alpha: Annotated[float, Field(gt=0)] = 1.0
    probability: Share = 1.0


AUGMENTATIONS: dict[str, type[Frozen]] = {  # by the name in a spec
    "colour-jitter": ColourJitter,
    "rand-augment": RandAugment,
    "cutout": Cutout,
    "random-erasing": RandomErasing,
    "mixup": Mixup,
    "cutmix": Cutmix,
}
TEXT = "text"  # the tag of a crop or flip, which has no table
Change = ColourJitter | RandAugment | Cutout | RandomErasing | Mixup | Cutmix


def _kind(value: Any) -> Any:
    if isinstance(value, str):
        return TEXT
    return value.get("name") if isinstance(value, dict) else getattr(value, "name", None)


Augmentation = Annotated[
    Annotated[str, Field(pattern=AUGMENTATION), Tag(TEXT)]
    | Annotated[ColourJitter, Tag("colour-jitter")]
    | Annotated[RandAugment, Tag("rand-augment")]
    | Annotated[Cutout, Tag("cutout")]
    | Annotated[RandomErasing, Tag("random-erasing")]
    | Annotated[Mixup, Tag("mixup")]
    | Annotated[Cutmix, Tag("cutmix")],
    Discriminator(_kind),
]
