"""What keeps a published number from being compared with ours as it stands: data set, protocol, selection."""

from repro.spec import Published


def differences(number: Published, metric: str = "final") -> list[str]:
    """In words, each of them; none where it may stand beside our `metric` ("final" or "best")."""
    found = []
    if number.dataset is not None:
        found.append(f"on {number.dataset}, not comparable")
    if not number.same_protocol:
        found.append("different protocol")
    if selected_otherwise(number.selection, metric):
        found.append(f"selected: {number.selection}")
    return found


def selected_otherwise(selection: str, metric: str = "final") -> bool:
    """Whether a published number was selected otherwise than `metric`; an unstated selection is not known to differ."""
    return selection not in ("unstated", {"best": "best-test"}.get(metric, metric))
