"""p values of several tests at once."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjusted p values, in the given order (Holm 1979, Scand. J. Stat. 6:65-70).

    The k-th smallest of m becomes the maximum of (m - j + 1) p_(j) over j <= k, capped at 1.
    """
    p = np.asarray(p_values, float)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values must lie in [0, 1], not {list(p_values)}")
    rising = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[rising] = np.minimum(1.0, np.maximum.accumulate(p[rising] * np.arange(p.size, 0, -1)))
    return tuple(adjusted.tolist())
