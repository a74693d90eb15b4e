"""What a run came to, from the rows of its metrics.csv. Training records it, and `checks` computes it again."""

from repro.records.metrics import Row
from repro.records.record import Point


def outcome(rows: list[Row], fp32_error: float | None, keep: str = "last") -> dict[str, Point | None]:
    """The points `final`, `best` (lowest test error; the earliest on ties) and, with a split, `best_on_validation`.

    The last is the evaluation with the lowest validation loss if the recipe keeps that, else with the lowest error.
    `fp32_error`: test error (%) of the final network, evaluated in fp32.
    """

    def point(chosen: Row) -> Point:
        keys = ("iteration", "test_error", "test_loss", "validation_error")
        return Point(train_error=100 - chosen["train_accuracy"], **{key: chosen[key] for key in keys})

    validated = lowest(rows, "validation_loss" if keep == "lowest-validation-loss" else "validation_error")
    return {
        "final": point(rows[-1]).model_copy(update={"test_error_fp32": fp32_error}),
        "best": point(min(rows, key=lambda r: r["test_error"])),
        "best_on_validation": point(validated) if validated else None,
    }


def lowest(rows: list[Row], key: str) -> Row | None:
    """The row with the lowest value of `key`, the earliest on ties; None if no row has one."""
    return min((row for row in rows if row[key] is not None), key=lambda row: float(row[key]), default=None)
