"""Looks: the p over them against draws, and the verdicts of growing records."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from helpers import REPO

from repro import spec
from repro.claims import stats
from repro.claims.judge import Judged, judge
from repro.claims.rules import Levels
from repro.claims.stats import looks
from repro.records.results import Results
from repro.show.verdicts import account, label
from repro.spec import freeze

Record = Callable[..., Path]
Edit = Callable[..., Path]


# --- the p over the looks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planned", "level"),
    [((3, 5), 0.0279), ((5, 10), 0.0280), ((3, 5, 10), 0.0191), ((3, 5, 10, 20), 0.0147), ((5,), 0.05), ((), 0.05)],
)
def test_the_levels_of_the_page(planned: tuple[int, ...], level: float) -> None:
    assert stats.level(0.05, planned) == pytest.approx(level, abs=6e-5)
    assert stats.over_looks(stats.level(0.05, planned), planned) == pytest.approx(0.05)


@pytest.mark.parametrize("planned", looks.stored())
def test_the_stored_table_is_that_of_fewer_draws(planned: tuple[int, ...]) -> None:
    draws, stored = 50_000, np.array(looks.stored()[planned]) / looks.DRAWS
    found = np.array(looks.hits(planned, draws)) / draws
    assert np.all(np.abs(found - stored) <= 5 * np.sqrt(stored * (1 - stored) / draws) + 2 / draws)


def test_every_set_of_looks_of_the_shipped_specs_is_stored() -> None:
    planned = {claim.looks for name in spec.names(REPO) for claim in spec.load(name, REPO).claims}
    assert {each for each in planned if len(each) > 1} <= looks.stored().keys()


def test_other_looks_are_drawn_when_needed() -> None:
    """Between one look's and Bonferroni's; the exact chance of two looks far apart is near that of two tests."""
    level = stats.level(0.05, (2, 40))
    assert 0.0253 <= level < 0.0265
    assert stats.over_looks(1e-9, (2, 40)) < 1e-4 and stats.over_looks(1.0, (2, 40)) == pytest.approx(1.0)


@pytest.mark.parametrize("planned", [(), (3, 5), (3, 5, 10)])
@pytest.mark.parametrize("of", [1, 3])
def test_p_and_level_agree(planned: tuple[int, ...], of: int) -> None:
    levels = Levels(0.05, planned, of)
    for p in np.geomspace(1e-5, 0.5, 200):
        if abs(p / levels.t - 1) > 1e-6:
            assert (p <= levels.t) == (levels.p_of_t(p) <= 0.05)
        assert (p <= levels.exact) == (levels.p_of_exact(p) <= 0.05)


# --- the verdicts of growing records ---------------------------------------------------------------------------------

LOOKS = {"margin = 0.3": "margin = 0.3\nlooks = [3, 5, 10]"}
GOOD = [8.0, 8.2, 8.1, 8.3, 7.9, 8.0, 8.1, 8.2, 8.0, 8.1]
WORSE = [9.9, 10.1, 10.3, 10.0, 9.8, 10.2, 10.0, 10.1, 9.9, 10.2]
NEAR = [8.05, 8.4, 8.0, 8.6, 8.2, 8.3, 8.2, 8.5, 8.1, 8.4]


@pytest.fixture
def train(record: Record) -> Callable[..., None]:
    def write(arm: str, errors: list[float], seeds: range, **changes: object) -> None:
        for seed in seeds:
            record(arm, seed, errors=[50.0, errors[seed]], **changes)

    return write


def judged(root: Path, claim: str = "bn-after-add-is-worse") -> Judged:
    return {each.claim.id: each for each in judge(Results.load(root, "tiny"))}[claim]


def test_before_the_first_look_there_is_no_verdict(train: Callable[..., None], small_root: Path, edit: Edit) -> None:
    edit(LOOKS)
    train("original", GOOD, range(3))
    train("bn-after-add", WORSE, range(2))
    found = judged(small_root)
    assert (found.verdict.outcome, found.verdict.p, found.look, found.next_look) == ("no verdict", None, None, 3)
    assert account(found).startswith(
        "No verdict: Original 8.10 ± 0.10 % (n = 3); BN after addition 10.00 ± 0.14 % (n = 2). The first look is at "
        "3 seeds per arm and lacks 1 seed of bn-after-add. Outside the looks, over all seeds: +1.90 points."
    )


def test_a_look_waits_for_a_missing_or_stale_seed_and_not_for_later_ones(
    train: Callable[..., None], record: Record, small_root: Path, edit: Edit
) -> None:
    edit(LOOKS)
    train("original", GOOD, range(5))
    train("bn-after-add", WORSE, range(1, 5))
    record("bn-after-add", 0, errors=[9.9], fingerprint="0" * 16)
    found = judged(small_root)
    assert (found.look, found.next_look, found.lacks) == (None, 3, (("bn-after-add", 1),))


def test_the_first_look_that_decides_settles_it(train: Callable[..., None], small_root: Path, edit: Edit) -> None:
    """Whatever later seeds show."""
    edit(LOOKS)
    train("original", GOOD[:3] + [30.0] * 7, range(10))
    train("bn-after-add", WORSE, range(10))
    found = judged(small_root)
    assert (found.verdict.outcome, found.look, found.next_look) == ("reproduced", 3, None)
    assert found.verdict.runs == (3, 3) and len(found.runs) == 6
    p = scipy.stats.ttest_ind(GOOD[:3], WORSE[:3], equal_var=False).pvalue
    assert found.verdict.p == pytest.approx(p)
    assert found.verdict.p_looks == found.verdict.p_adjusted == pytest.approx(stats.over_looks(p, (3, 5, 10)))
    assert found.verdict.interval is not None and found.verdict.interval.level == pytest.approx(1 - 0.01914, abs=1e-4)
    assert found.overall is not None and found.overall.estimate == pytest.approx(10.05 - 23.43, abs=0.01)
    text = account(found)
    assert "Settled by the look at 3 seeds (looks: 3, 5, 10)." in text
    assert "Outside the looks, over all seeds: Original 23.43 ± " in text


def test_until_then_the_last_look_stands(train: Callable[..., None], small_root: Path, edit: Edit) -> None:
    edit(LOOKS)
    train("original", GOOD, range(7))
    train("bn-after-add", NEAR, range(7))
    found = judged(small_root)
    assert (found.verdict.outcome, found.look, found.next_look) == ("inconclusive", 5, 10)
    assert found.lacks == (("original", 3), ("bn-after-add", 3)) and found.verdict.p_adjusted is None
    assert "As of the look at 5 seeds (looks: 3, 5, 10); the next look is at 10 seeds per arm" in account(found)
    train("original", GOOD, range(7, 10))
    train("bn-after-add", NEAR, range(7, 10))
    assert judged(small_root).look == 10 and judged(small_root).next_look is None


def test_a_claim_without_looks_is_judged_at_every_n_and_says_so(
    train: Callable[..., None], small_root: Path, edit: Edit
) -> None:
    train("original", GOOD, range(4))
    train("bn-after-add", WORSE, range(3))
    found = judged(small_root)
    assert (found.verdict.outcome, found.look) == ("reproduced", 3)
    assert found.verdict.p == found.verdict.p_looks
    assert "Judged at any number of seeds, here 3: repeated looks are not corrected for." in account(found)
    assert "Outside the looks, over all seeds: Original 8.15 ± 0.13 % (n = 4)" in account(found)


def test_a_look_alone_would_have_decided_what_its_level_does_not(
    train: Callable[..., None], small_root: Path, edit: Edit
) -> None:
    """p = 0.03 at the first of three looks: enough at 0.05, not at 0.0191."""
    worse = [8.19, 8.55, 8.31]
    p = scipy.stats.ttest_ind(GOOD[:3], worse, equal_var=False).pvalue
    assert 0.0191 < p
    edit({"margin = 0.3": "margin = 0.01\nalpha = 0.15"})
    train("original", GOOD, range(3))
    train("bn-after-add", worse, range(3))
    assert p < 0.15 and judged(small_root).verdict.outcome == "reproduced"
    edit({"margin = 0.01": "margin = 0.01\nlooks = [3, 5, 10]"})
    found = judged(small_root)
    assert stats.over_looks(p, (3, 5, 10)) > 0.15 and found.verdict.outcome == "inconclusive"


# --- Holm ------------------------------------------------------------------------------------------------------------


def claim(name: str, published: str, margin: float = 0.2, primary: bool = True) -> str:
    return (
        f'\n[[claim]]\nid = "{name}"\nkind = "value"\narms = ["{published}"]\nmargin = {margin}\nwhy_margin = "w"\n'
        f'says = "s"\norigin = "own"\nlooks = [3, 5, 10]\nprimary = {str(primary).lower()}\n'
    )


HOLM = {
    "test_error = 40.0": "test_error = 8.1",
    'label = "BN after addition"': 'label = "BN after addition"\n'
    'published = { test_error = 10.0, reference = "nobody", where = "Table 1" }',
    "primary = true": "",
}


def test_holm_withdraws_what_its_own_test_decides_and_gives_it_back_later(
    train: Callable[..., None], small_root: Path, edit: Edit
) -> None:
    """Alone, `a` is reproduced at 3 seeds; beside an undecided `b`, twice its p is over alpha. At 5 both are."""
    a, b = [8.0, 8.2, 8.1, 8.1, 8.1], [9.7, 10.3, 10.0, 10.0, 10.0]
    edit(HOLM, more=claim("a", "original", 0.42) + claim("b", "bn-after-add", 1.2))
    train("original", a, range(3))
    train("bn-after-add", [9.0, 11.0, 10.0], range(3))
    found = judged(small_root, "a")
    p = found.verdict.p_looks
    assert p is not None and 0.025 < p <= 0.05 and found.verdict.p_adjusted == pytest.approx(2 * p)
    assert label(found).startswith("inconclusive, reproduced before Holm") and found.next_look == 5
    assert "after Holm over the primary claims p = " in account(found)
    assert judged(small_root, "b").verdict.p_adjusted is None
    train("original", a, range(3, 5))
    train("bn-after-add", b, range(3, 5))
    assert judged(small_root, "a").verdict.outcome == "reproduced" and judged(small_root, "a").look == 5


def test_a_secondary_claim_is_not_corrected_and_says_so(
    train: Callable[..., None], small_root: Path, edit: Edit
) -> None:
    edit(HOLM, more=claim("a", "original", 0.42, primary=False) + claim("b", "bn-after-add", 1.2))
    train("original", [8.0, 8.2, 8.1], range(3))
    train("bn-after-add", [9.0, 11.0, 10.0], range(3))
    found = judged(small_root, "a")
    assert found.verdict.outcome == "reproduced" and found.verdict.p_adjusted is None
    assert "secondary: not corrected for other claims." in account(found)


def test_a_settled_claim_keeps_its_p(train: Callable[..., None], small_root: Path, edit: Edit) -> None:
    """`a` is settled at 3 seeds. What its arm does at 5 changes neither its p nor what Holm makes of `b`."""
    edit(HOLM, more=claim("a", "original", 0.8) + claim("b", "bn-after-add", 0.42))
    train("original", [8.0, 8.2, 8.1, 30.0, 30.0], range(5))
    train("bn-after-add", [9.0, 11.0, 10.0], range(3))
    before = judged(small_root, "a")
    assert (before.verdict.outcome, before.look) == ("reproduced", 3)
    train("bn-after-add", [0.0] * 3 + [10.0, 10.0], range(3, 5))
    assert judged(small_root, "a").verdict == before.verdict


# --- post hoc --------------------------------------------------------------------------------------------------------


def test_the_older_form_of_a_claim_is_judged_at_its_own_looks(
    train: Callable[..., None], small_root: Path, edit: Edit
) -> None:
    freeze.freeze(small_root, [])
    train("original", GOOD, range(3))
    train("bn-after-add", WORSE, range(3))
    edit({"margin = 0.3": "margin = 0.3\nlooks = [2, 5]"})
    (late,) = judged(small_root).post_hoc
    assert judged(small_root).look == 2 and late.runs == 4 and late.then is not None
    assert late.then.outcome == "reproduced" and late.then.runs == (2, 2)
