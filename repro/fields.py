"""The base class and field types of the models of specs, networks and queues: strict and frozen."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


class Frozen(BaseModel):
    """A model in which unknown keys and values of another type are errors.

    `ADDED`: fields that were added after runs had been recorded. At its default, such a field is left out of the dump,
    from which fingerprints are computed, so that older records keep theirs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    ADDED: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_added_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        for name in self.ADDED:
            if getattr(self, name) == type(self).model_fields[name].default:
                fields.pop(name, None)
        return fields


def array(item: Any) -> Any:
    """The type of a TOML array, stored as a tuple."""
    return Annotated[tuple[item, ...], Field(strict=False)]


Positive = Annotated[int, Field(gt=0, le=10**9)]
Rate = Annotated[float, Field(ge=0, le=1e30)]  # which float32 can hold
NAME = r"^[a-z0-9][a-z0-9.-]*$"
SPLIT = r"^train([1-9]\d{0,8}k?|[1-9]\d?%|[1-9]\d{0,8}-per-class)?$"
AUGMENTATION = r"^(pad-crop-[1-9]\d?|hflip)$"
TORCH_OPTIMIZER = r"^torch\.optim\.[A-Za-z]+$"
QUESTION = r"\?$"
ADDRESS = r"^(https?://[^\s<>()\"]+)?$"
SHA256 = r"^([0-9a-f]{64})?$"
FORMS = {  # pattern -> what a text of that form is, for messages and docs/spec.md
    NAME: "lower-case letters, digits, '-' and '.', beginning with a letter or digit",
    SPLIT: "'train', 'train45k', 'train80%', 'train100-per-class' or the like",
    AUGMENTATION: "'pad-crop-N' (N pixels) and 'hflip'; the others are tables",
    TORCH_OPTIMIZER: "'torch.optim.' and the name of a class",
    QUESTION: "a question, which ends in '?'",
    ADDRESS: "a web address, http://... or https://...",
    SHA256: "64 hex digits",
}

Name = Annotated[str, Field(pattern=NAME, max_length=64)]  # part of file names
