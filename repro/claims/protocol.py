"""Why a published number is not directly comparable with ours: data set, protocol, selection."""

from repro.claims.rules import METRICS, Published


def mismatches(number: Published, metric: str = "final") -> list[str]:
    """The reasons, in words; empty if the number is comparable with our `metric`, one of rules.TEST_ERRORS."""
    found = []
    if number.dataset is not None:
        found.append(f"on {number.dataset}, not comparable")
    if not number.same_protocol:
        found.append("different protocol")
    if selected_otherwise(number.selection, metric):
        found.append(f"selected: {number.selection}")
    return found


def selected_otherwise(selection: str, metric: str = "final") -> bool:
    """Whether a published number was selected differently from `metric`; an unstated selection counts as the same."""
    return selection not in ("unstated", METRICS[metric].selection)
