"""The frozen, strict model of the weights that a recipe starts from. Loading them is in repro.train.weights."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.fields import SHA256, Frozen


class Weights(Frozen):
    """The weights that training starts from, in place of random ones.

    source: the kept network of another run, as EXPERIMENT/ARM (the run with the same seed) or EXPERIMENT/ARM/seed-N; a
        .safetensors or .pt file; or the name of a set of torchvision's weights, such as "IMAGENET1K_V2".
    sha256: of the file.
    head: whether the last linear layer starts from the source too, or is "new" and random.
    train: "all" layers, or only the "head"; the others then keep their weights and batch-norm statistics.
    """

    source: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=SHA256)] = ""
    head: Literal["new", "loaded"] = "new"
    train: Literal["all", "head"] = "all"

    @model_validator(mode="after")
    def _identified(self) -> "Weights":
        if self.is_file != bool(self.sha256):
            raise ValueError(f"sha256 is required for a file of weights, and only for that; source = {self.source!r}")
        if not (self.is_file or self.run or re.fullmatch(r"[A-Z0-9_]+", self.source)):
            raise ValueError(
                f"source = {self.source!r}; allowed: EXPERIMENT/ARM, EXPERIMENT/ARM/seed-N, a .safetensors or .pt "
                "file, or the name of torchvision's weights, such as IMAGENET1K_V2"
            )
        return self

    @property
    def is_file(self) -> bool:
        return self.source.endswith((".safetensors", ".pt", ".pth"))

    @property
    def run(self) -> tuple[str, str, int | None] | None:
        """(experiment, arm, seed) if the source is a run; seed None = the same seed."""
        name = r"[a-z0-9][a-z0-9.-]*"
        found = None if self.is_file else re.fullmatch(rf"({name})/({name})(?:/seed-(\d{{1,9}}))?", self.source)
        return (found[1], found[2], int(found[3]) if found[3] else None) if found else None
