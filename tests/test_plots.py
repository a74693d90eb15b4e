"""repro.show.plots: what is drawn against numbers worked out by hand, and when, in which colour and in which bytes."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from repro import records, spec
from repro.data import catalog
from repro.errors import UserError
from repro.records.results import Results
from repro.show import plots
from repro.show.plots import classes, curves, hardest, pixels, plot_data, style

REPO = Path(__file__).resolve().parent.parent

Edit = Callable[..., Path]
Record = Callable[..., Path]

DEEPER = """
[[arm]]
name = "deeper"
label = "Deeper"
model = { depth = 14 }
published = { test_error = 30.0, reference = "nobody", where = "Table 1", same_protocol = false }
"""
PLAIN = '\n[[arm]]\nname = "plain"\nlabel = "Plain"\nmodel = { depth = 14, shortcut = "none" }\n'


def marks(figure: Figure) -> dict[str, Any]:
    """Everything drawn that has a name, by it."""
    return {artist.get_gid(): artist for artist in figure.findobj() if artist.get_gid()}


def xy(artist: Any) -> list[tuple[float, float]]:
    return list(zip(np.asarray(artist.get_xdata(), float), np.asarray(artist.get_ydata(), float), strict=True))


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))  # type: ignore[attr-defined]


def drawn(root: Path, kind: str, scale: spec.Scale = spec.FULL, **options: Any) -> Figure:
    figure = plots.figure(Results.load(root, "tiny", scale), kind, **options)
    assert figure is not None
    return figure


def digits_labels() -> np.ndarray:
    return pixels.read_images(catalog.BUILT_IN["digits"], Path("unused"), list(range(360)))[1].astype(np.uint8)


@pytest.fixture
def predict(record: Record) -> Callable[..., Path]:
    """predict("original", 0, {place: answer}): a record of a run that is right on every digit but those."""

    def write(arm: str, seed: int, wrong: dict[int, int], **options: Any) -> Path:
        label = digits_labels()
        top1 = label.copy()
        for place, answer in wrong.items():
            top1[place] = answer
        folder = record(arm, seed, errors=[100 * float((top1 != label).mean())], **options)
        records.write_predictions(folder, top1, label)
        return folder

    return write


# --- curves ----------------------------------------------------------------------------------------------------------


def test_curves_are_means_bands_and_drops(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[50.0, 40.0])
    record("original", 1, errors=[60.0, 20.0])
    found = marks(drawn(small_root, "curves"))
    assert xy(found["test:original"]) == [(6, 55.0), (12, 30.0)]
    assert xy(found["train:original"]) == [(6, 40.0), (12, 40.0)]  # 100 - the fixture's accuracy of 60 %
    assert found["test:original"].get_linestyle() == "-"
    assert found["train:original"].get_linestyle() == "--"
    band = found["test-band:original"].get_paths()[0].vertices
    assert {(x, y) for x, y in band} == {(6, 50), (6, 60), (12, 20), (12, 40)}
    assert [gid for gid in found if gid.startswith("drop:")] == ["drop:6", "drop:9"]
    assert xy(found["drop:9"])[0][0] == 9


def test_a_diverged_run_is_a_line_of_its_own(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[50.0, 40.0])
    record("original", 1, errors=[60.0, 90.0], status="diverged")
    figure = drawn(small_root, "curves")
    assert xy(marks(figure)["test:original"]) == [(6, 50.0), (12, 40.0)]
    assert xy(marks(figure)["diverged:original:1"]) == [(6, 60.0), (12, 90.0)]
    assert "diverged runs" in words(figure)


def test_the_range_shows_the_end_and_not_the_start() -> None:
    import pandas as pd

    falling = pd.Series([60.0, 20.0, 16.0, 8.0, 7.0], index=[1, 2, 5, 6, 10])
    frame = pd.DataFrame({"low": falling - 6.5, "mean": falling, "high": falling})
    assert curves.y_range([frame]) == (0, 20)  # 16, the highest after the first quarter, up to the next 5
    high = pd.DataFrame({"low": [84.0, 73.0], "mean": [84.5, 73.5], "high": [85.0, 74.0]}, index=[5, 10])
    assert curves.y_range([high]) == (70, 90)  # never low: shown whole
    assert curves.y_range([]) == (0, 100)
    short = pd.DataFrame({"low": [28.0, 26.0], "mean": [29.0, 27.0], "high": [30.0, 28.0]}, index=[1, 2])
    assert curves.y_range([frame, short]) == (0, 30)  # all of it lies in the first quarter of the longer one


def test_each_kind_of_network_has_its_panel_where_arms_are_many(small_root: Path, edit: Edit, record: Record) -> None:
    more = "".join(PLAIN.replace('"plain"', f'"plain{i}"') for i in range(3))
    edit({}, more)
    for arm in ("original", "bn-after-add", "plain0", "plain1", "plain2"):
        record(arm, 0, errors=[50.0])
    left, right = drawn(small_root, "curves").axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("residual nets", "plain nets")
    assert left.get_ylim() == right.get_ylim()


# --- final, peek bias ------------------------------------------------------------------------------------------------


def test_final_is_seeds_mean_interval_and_the_published_number(small_root: Path, record: Record) -> None:
    for seed, error in enumerate((8.5, 7.0, 10.0)):
        record("original", seed, errors=[20.0, error])
    record("bn-after-add", 0, errors=[12.0])
    figure = drawn(small_root, "final")
    found = marks(figure)
    assert [x for x, _ in xy(found["seeds:original"])] == [8.5, 7.0, 10.0]
    assert [x for x, _ in xy(found["mean:original"])] == [8.5]
    # t(.975, 2) = 4.3027, sd 1.5: 8.5 -+ 3.7262
    assert [x for x, _ in xy(found["interval:original"])] == pytest.approx([4.7738, 12.2262], abs=1e-4)
    assert "interval:bn-after-add" not in found  # one seed
    assert [x for x, _ in xy(found["published:original"])] == [40.0]
    assert to_hex(found["published:original"].get_markerfacecolor()) == "#000000"
    assert "published:bn-after-add" not in found
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Original", "BN after addition"]
    assert axes.get_xlim()[0] >= 0
    assert "8.50 ± 1.50 (n = 3)" in words(figure)
    assert "12.00 (n = 1)" in words(figure)
    assert "n = 1 to 3 seeds per arm; 4 runs of 12 iterations on a processor, fp32." in words(figure)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("16.61, sd = 0.16, runs = 10", "16.61 ± 0.16 (n = 10)"),
        ('16.61, statistic = "median", runs = 10', "16.61 (median of 10)"),
    ],
)
def test_a_published_number_has_its_runs(small_root: Path, record: Record, edit: Edit, number: str, shown: str) -> None:
    edit({"test_error = 40.0": f"test_error = {number}"})
    record("original", 0, errors=[8.68])
    figure = drawn(small_root, "final")
    figure.draw_without_rendering()
    (text,) = (text for text in figure.axes[0].texts if text.get_text() == shown)
    assert text.get_window_extent().x1 < figure.bbox.x1, "and is not cut at the edge"


def test_a_small_difference_does_not_fill_the_axis(small_root: Path, record: Record, edit: Edit) -> None:
    edit({"test_error = 40.0": "test_error = 8.75"})
    record("original", 0, errors=[8.68])
    low, high = drawn(small_root, "final").axes[0].get_xlim()
    assert high - low == pytest.approx(0.5) and low < 8.68 < 8.75 < high


@pytest.mark.parametrize(
    "change",
    ["same_protocol = false, ", 'selection = "best-test", ', 'dataset = "imagenet", '],
    ids=["protocol", "selection", "dataset"],
)
def test_a_number_from_elsewhere_is_hollow(small_root: Path, edit: Edit, record: Record, change: str) -> None:
    edit({"{ test_error = 40.0, ": "{ test_error = 9.0, " + change})
    record("original", 0, errors=[8.0])
    figure = drawn(small_root, "final")
    assert to_hex(marks(figure)["published:original"].get_markerfacecolor()) == "#ffffff"
    assert "Hollow" in words(figure)


def test_a_number_from_elsewhere_never_squeezes_ours(small_root: Path, edit: Edit, record: Record) -> None:
    edit({"{ test_error = 40.0, ": '{ test_error = 40.0, dataset = "imagenet", '})
    record("original", 0, errors=[8.0])
    figure = drawn(small_root, "final")
    assert "published:original" not in marks(figure)
    assert figure.axes[0].get_xlim()[1] < 12
    assert xy(marks(figure)["beyond:original"])[0][0] == figure.axes[0].get_xlim()[1]
    assert "40.00" in words(figure)


@pytest.mark.parametrize("scale", [spec.Scale.of("1/2"), spec.DEMO], ids=str)
def test_no_published_number_and_no_claim_away_from_full_scale(
    small_root: Path, edit: Edit, record: Record, scale: spec.Scale
) -> None:
    """The experiment's own title may be what the paper claims."""
    edit({}, DEEPER)
    for arm in ("original", "deeper"):
        record(arm, 0, errors=[41.0], scale=str(scale))
    for kind in ("final", "depth"):
        figure = plots.figure(Results.load(small_root, "tiny", scale), kind)
        if figure is None:  # the demo's networks are all as deep
            continue
        assert not [gid for gid in marks(figure) if gid.startswith(("published", "beyond"))]
        text = words(figure)
        assert "40.00" not in text
        assert ("DEMO" if scale == spec.DEMO else "REDUCED SCALE 1/2") in text
        assert "tiny: a check of the pipeline" in text and "Two tiny networks" not in text


def test_arms_that_diverged_have_crosses_and_no_mean(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[10.0, 9.0])
    record("original", 1, errors=[10.0, 90.0], status="diverged")
    record("bn-after-add", 0, errors=[10.0, 9.5])
    for kind, value in (("final", "90.00"), ("peek-bias", "\u221280.00")):
        figure = drawn(small_root, kind)
        assert "mean:original" not in marks(figure)
        assert len(xy(marks(figure)["seeds:original"])) == 1
        assert "diverged:original" in marks(figure)
        assert value in words(figure)
        assert "1 of 2 diverged" in words(figure)


def test_peek_bias_is_best_minus_final(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[9.0, 8.0, 8.5])
    record("original", 1, errors=[9.0, 7.0])
    record("original", 2, errors=[7.0, 7.9, 10.0])
    figure = drawn(small_root, "peek-bias")
    assert [x for x, _ in xy(marks(figure)["seeds:original"])] == pytest.approx([-0.5, 0, -3.0])
    assert [x for x, _ in xy(marks(figure)["mean:original"])] == pytest.approx([-3.5 / 3])
    assert "\u22121.17 ± 1.61 (n = 3)" in words(figure)


# --- depth -----------------------------------------------------------------------------------------------------------


def test_depth_joins_networks_of_a_kind(small_root: Path, edit: Edit, record: Record) -> None:
    edit({}, DEEPER + PLAIN)
    record("original", 0, errors=[30.0])
    record("original", 1, errors=[32.0])
    record("deeper", 0, errors=[25.0])
    record("plain", 0, errors=[35.0])
    figure = drawn(small_root, "depth")
    found = marks(figure)
    near = pytest.approx
    assert xy(found["ours:residual nets"]) == [(near(8, abs=0.2), 31.0), (near(14, abs=0.2), 25.0)]
    assert xy(found["ours:plain nets"]) == [(near(14, abs=0.2), 35.0)]
    assert [y for _, y in xy(found["seeds:original"])] == [30.0, 32.0]
    # t(.975, 1) = 12.7062, sd sqrt(2)
    assert [y for _, y in xy(found["interval:original"])] == near([31 - 12.7062, 31 + 12.7062], abs=1e-4)
    assert xy(found["published:original"]) == [(near(8, abs=0.3), 40.0)]
    assert to_hex(found["published:original"].get_markerfacecolor()) == "#000000"
    assert to_hex(found["published:deeper"].get_markerfacecolor()) == "#ffffff"
    assert [y for _, y in xy(found["published-line:residual nets"])] == [40.0, 30.0]
    assert list(figure.axes[0].get_xticks()) == [8, 14]


def test_depth_needs_arms_that_differ_in_it(small_root: Path, record: Record) -> None:
    record("original", 0, errors=[30.0])
    record("bn-after-add", 0, errors=[30.0])
    assert plots.figure(Results.load(small_root, "tiny"), "depth") is None


def test_vgg_depths_and_kinds() -> None:
    arms = spec.load("vgg-depth", REPO).arms
    depths = {arm.name: arm.recipe.model.layers for arm in arms}
    assert [depths[name] for name in ("a", "a-lrn", "b", "c", "d", "e", "e-bn")] == [11, 11, 13, 16, 16, 19, 19]
    kinds = {arm.name: arm.recipe.model.line for arm in arms}
    assert kinds["a"] == kinds["d"] == "VGG"
    assert kinds["a-bn"] == "VGG with batch norm"
    assert len({kinds[name] for name in ("a", "a-lrn", "c", "a-bn")}) == 4


# --- classes ---------------------------------------------------------------------------------------------------------


def test_confusion_matrix_by_hand() -> None:
    labels = np.array([0, 0, 1, 1], np.uint8)
    predictions = [
        plot_data.RunPredictions("a", seed, np.array(top1, np.uint8))
        for seed, top1 in enumerate(([0, 1, 1, 1], [0, 0, 0, 2]))
    ]
    matrix = classes.confusion_matrix(labels, predictions, 3)
    assert matrix[:2].tolist() == [[75, 25, 0], [25, 50, 25]]
    assert np.isnan(matrix[2]).all()  # no such images
    assert classes.class_errors(labels, predictions, 3)[:, :2].tolist() == [[50, 0], [0, 100]]


def test_confusion_and_per_class_figures(small_root: Path, predict: Callable[..., Path]) -> None:
    label = digits_labels()
    threes = np.flatnonzero(label == 3)
    share = 100 / len(threes)
    predict("original", 0, {int(threes[0]): 5})
    predict("original", 1, {int(place): 5 for place in threes[:3]})
    predict("bn-after-add", 0, {})
    figure = drawn(small_root, "confusion")
    matrix = marks(figure)["confusion:original"].get_array()
    assert matrix[3, 5] == pytest.approx(2 * share)  # (1 + 3) / 2 seeds
    assert matrix.mask.diagonal().all() and matrix.mask.sum() == 10
    assert matrix.sum() == pytest.approx(2 * share)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list("0123456789")
    per_class = marks(drawn(small_root, "per-class"))
    assert per_class["classes:original"].get_ydata()[3] == pytest.approx(2 * share)
    low, high = per_class["sd:original"].get_segments()[3][:, 1]
    assert high - low == pytest.approx(2 * np.sqrt(2) * share)  # sd of 1 and 3, ddof 1
    assert per_class["classes:bn-after-add"].get_ydata().tolist() == [0] * 10


def test_diverged_and_damaged_runs_are_left_out(small_root: Path, predict: Callable[..., Path]) -> None:
    predict("original", 0, {0: 9})
    (predict("original", 1, {}) / "predictions.npz").unlink()
    predict("bn-after-add", 0, {}, status="diverged")
    text = words(drawn(small_root, "per-class"))
    assert "Original (n = 1)" in text and "BN after addition" not in text
    assert "1 run left out" in text


def test_runs_on_other_test_images_are_a_message(small_root: Path, predict: Callable[..., Path]) -> None:
    predict("original", 0, {})
    records.write_predictions(predict("original", 1, {}), np.zeros(360), np.zeros(360))
    with pytest.raises(UserError, match="tiny/original/seed-1: its test images differ"):
        plots.figure(Results.load(small_root, "tiny"), "confusion")


# --- hardest ---------------------------------------------------------------------------------------------------------


def test_hardest_images_by_hand() -> None:
    labels = np.array([0, 1, 2, 3], np.uint8)
    rows = [[0, 2, 1, 3], [0, 2, 1, 0], [0, 3, 0, 3]]
    predictions = [plot_data.RunPredictions("a", seed, np.array(row, np.uint8)) for seed, row in enumerate(rows)]
    found = hardest.hardest_images(labels, predictions, 5)
    assert [(hard.index, hard.wrong, hard.predicted) for hard in found] == [(1, 3, 2), (2, 3, 1), (3, 1, 0)]
    assert len(hardest.hardest_images(labels, predictions, 2)) == 2


def test_hardest_shows_the_image_with_its_answers(small_root: Path, predict: Callable[..., Path]) -> None:
    label = digits_labels()
    names = {place: int(answer) for place, answer in ((7, (label[7] + 1) % 10), (20, (label[20] + 2) % 10))}
    predict("original", 0, names)
    predict("bn-after-add", 0, {7: names[7]})
    figure = drawn(small_root, "hardest")
    shown = [gid for gid in marks(figure) if gid.startswith("image:")]
    assert shown == ["image:7", "image:20"]
    text = words(figure)
    assert "2 of 2" in text and "1 of 2" in text
    assert f"true: {label[7]}" in text and f"pred: {names[7]}" in text
    from sklearn.datasets import load_digits

    assert np.array_equal(marks(figure)["image:7"].get_array(), load_digits().images[-360 + 7] * 15)


def test_hardest_needs_the_images_that_the_runs_saw(
    small_root: Path, predict: Callable[..., Path], edit: Edit, tmp_path: Path
) -> None:
    reasons: dict[str, str] = {}
    folder = predict("original", 0, {})
    options: dict[str, Any] = {"data_dir": tmp_path / "no-data", "skipped": reasons.__setitem__}
    assert plots.plot(Results.load(small_root, "tiny"), ["hardest"], tmp_path / "out", **options) == []
    assert reasons == {"hardest": "no run misclassifies a test image"}
    shutil.rmtree(folder)
    predict("original", 0, {place: 0 for place in range(360)})
    records.write_predictions(folder, np.zeros(360), 1 - np.equal(digits_labels(), 0))
    plots.plot(Results.load(small_root, "tiny"), ["hardest"], tmp_path / "out", **options)
    assert "differ from those of the runs" in reasons["hardest"]


def test_absent_data_sets_are_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="repro data fetch cifar10"):
        pixels.read_images(catalog.BUILT_IN["cifar10"], tmp_path, [0])


def test_pixels_are_those_the_networks_saw() -> None:
    import torch
    from helpers import recipe

    from repro.data import load

    shown, labels = pixels.read_images(catalog.BUILT_IN["digits"], Path("unused"), [0, 17, 359])
    test = load.load(recipe(), torch.device("cpu"), Path("unused")).test
    assert np.array_equal(shown, test.pixels[[0, 17, 359], 0].numpy())
    assert np.array_equal(labels, test.labels[[0, 17, 359]].numpy())


def test_pixels_of_idx_files(data_dir: Path) -> None:
    from torchvision.datasets import FashionMNIST

    dataset = catalog.BUILT_IN["fashion-mnist"]
    if wrong := catalog.problems(dataset, data_dir):
        pytest.skip(f"needs Fashion-MNIST in {data_dir} (REPRO_DATA_DIR): {wrong[0]}")
    shown, labels = pixels.read_images(dataset, data_dir, [0, 17, 9999])
    official = FashionMNIST(data_dir, train=False)
    assert np.array_equal(shown, official.data[[0, 17, 9999]].numpy())
    assert np.array_equal(labels, official.targets[[0, 17, 9999]].numpy())


def test_pixels_of_cifar10(cifar10: Path) -> None:
    from torchvision.datasets import CIFAR10

    shown, labels = pixels.read_images(catalog.BUILT_IN["cifar10"], cifar10, [0, 9999])
    official = CIFAR10(cifar10, train=False)
    assert np.array_equal(shown, official.data[[0, 9999]])
    assert labels.tolist() == [official.targets[0], official.targets[9999]]


def test_photographs_come_in_the_loader_s_order(tmp_path: Path) -> None:
    import torchvision
    from PIL import Image

    for part in ("train", "test"):
        for kind, shade in (("cat", 50), ("dog", 200)):
            (tmp_path / "pets" / part / kind / "z").mkdir(parents=True)
            for i, name in enumerate(("b.png", "z/a.png", "c.png")):
                Image.new("RGB", (40 + 8 * i, 32), (shade, i, 0)).save(tmp_path / "pets" / part / kind / name)
    dataset = catalog.describe("folder:pets", tmp_path)
    shown, labels = pixels.read_images(dataset, tmp_path, [0, 1, 2, 5], 16)
    official = torchvision.datasets.ImageFolder(tmp_path / "pets" / "test")
    assert shown.shape == (4, 16, 16, 3)
    for place, image, label in zip((0, 1, 2, 5), shown, labels, strict=True):
        photo, target = official[place]
        assert tuple(image[8, 8]) == photo.getpixel((16, 16))
        assert label == target


# --- colours, files --------------------------------------------------------------------------------------------------


def test_an_arm_has_one_colour(small_root: Path, edit: Edit, record: Record, predict: Callable[..., Path]) -> None:
    """In every kind, at every scale, whichever arms are drawn or have runs."""
    edit({}, DEEPER)
    for arm in ("original", "deeper"):
        predict(arm, 0, {0: 9})
        predict(arm, 1, {0: 9})
    record("deeper", 0, errors=[41.0], scale="1/2")
    seen = set()
    for kind, gids in {
        "curves": ("test:deeper", "train:deeper"),
        "final": ("seeds:deeper", "mean:deeper", "interval:deeper"),
        "peek-bias": ("seeds:deeper", "mean:deeper"),
        "depth": ("seeds:deeper", "mean:deeper"),
    }.items():
        for options in ({}, {"arms": ["original", "deeper"]}):
            found = marks(drawn(small_root, kind, **options))
            seen |= {to_hex(found[gid].get_color()) for gid in gids}
    seen.add(to_hex(marks(drawn(small_root, "per-class"))["classes:deeper"].get_color()))
    seen.add(to_hex(marks(drawn(small_root, "final", spec.Scale.of("1/2")))["seeds:deeper"].get_color()))
    assert {colour.upper() for colour in seen} == {style.PALETTE[2]}  # the third arm, though the second has no runs


def test_no_two_of_many_arms_look_alike() -> None:
    shared = len(style.PALETTE), len(style.MARKERS)
    assert len({(place % shared[0], place % shared[1]) for place in range(40)}) == 40
    assert len(set(style.PALETTE)) == shared[0] and len(set(style.MARKERS)) == shared[1]


@pytest.mark.slow
def test_the_same_records_give_the_same_bytes(
    small_root: Path, predict: Callable[..., Path], edit: Edit, tmp_path: Path
) -> None:
    """Twice here, and once in another process: no date, no random id, no setting of the user's."""
    edit({}, DEEPER)
    for arm in ("original", "deeper"):
        for seed in (0, 1):
            predict(arm, seed, {seed: 9, 5: 1})
    kinds = [
        kind for kind in plots.FIGURES if kind not in ("curve-claims", "why")
    ]  # no curve is claimed, no recipe read otherwise
    first = plots.plot(Results.load(small_root, "tiny"), None, tmp_path / "one", ("svg",))
    assert [path.relative_to(tmp_path / "one").as_posix() for path in first] == [f"tiny/{kind}.svg" for kind in kinds]
    for folder in ("one", "two"):
        both = plots.plot(Results.load(small_root, "tiny"), ["final"], tmp_path / folder)
        assert [path.name for path in both] == ["final.png", "final.svg"]
    plots.plot(Results.load(small_root, "tiny"), ["curves"], tmp_path / "one", ("png",))
    root, out = str(small_root), str(tmp_path / "two")
    code = (
        "import sys, matplotlib; from pathlib import Path\n"
        "matplotlib.rcParams.update({'font.size': 30, 'figure.facecolor': 'red', 'savefig.dpi': 10})\n"
        "from repro.show import plots; from repro.records.results import Results\n"
        f"def plot(kinds, *forms): plots.plot(Results.load(Path({root!r}), 'tiny'), kinds, Path({out!r}), forms)\n"
        "plot(['confusion', 'hardest'], 'svg'); plot(['curves'], 'png')\n"
        "assert 'torch' not in sys.modules, 'figures must not load torch'\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPO, check=True)
    again = sorted((tmp_path / "two").rglob("*.*"))
    assert len(again) == 5
    for path in again:
        same = tmp_path / "one" / path.relative_to(tmp_path / "two")
        assert digest(path) == digest(same), path.name


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_figures_leave_the_user_s_settings_alone(small_root: Path, record: Record) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    record("original", 0, errors=[40.0])
    plots.encode(drawn(small_root, "final"), "svg")
    assert dict(matplotlib.rcParams) == before


def test_nothing_to_draw_is_said_and_not_written(small_root: Path, record: Record, tmp_path: Path) -> None:
    for kind in plots.FIGURES:
        assert plots.figure(Results.load(small_root, "tiny"), kind) is None
    record("original", 0, errors=[40.0], scale="1/2")
    record("original", 1, errors=[40.0], scale="1/2", status="running")
    reasons: dict[str, str] = {}
    options: dict[str, Any] = {"skipped": reasons.__setitem__}
    paths = plots.plot(
        Results.load(small_root, "tiny", spec.Scale.of("1/2")), None, tmp_path / "out", ("svg",), **options
    )
    assert [path.stem for path in paths] == ["curves", "final", "confusion", "per-class"]
    assert paths[0].parent.name == "tiny-scale-1-2"
    assert list(reasons) == ["curve-claims", "depth", "peek-bias", "why", "hardest"]
    reasons.clear()
    assert plots.plot(Results.load(small_root, "tiny", spec.DEMO), None, tmp_path / "out", **options) == []
    assert set(reasons.values()) == {"no counted runs"} and len(reasons) == len(plots.FIGURES)
    assert not (tmp_path / "out" / "tiny-demo").exists()


def test_a_figure_is_a_function_and_a_line(
    cli: Callable[..., Any], record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(data: object) -> Figure:
        figure = Figure()
        figure.suptitle("drawn by the new function")
        return figure

    monkeypatch.setitem(plots.FIGURES, "empty", empty)  # the line in the dict
    record("original", 0, errors=[50.0])
    result = cli("plot", "tiny", "--kind", "empty", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert [path.name for path in sorted((tmp_path / "out" / "tiny").iterdir())] == ["empty.png", "empty.svg"]
    assert "drawn by the new function" in (tmp_path / "out" / "tiny" / "empty.svg").read_text()


def test_wrong_use_is_a_message(small_root: Path, record: Record, tmp_path: Path) -> None:
    record("original", 0, errors=[40.0])
    with pytest.raises(UserError, match="no figure of kind 'pie'; allowed: curves, curve-claims, final"):
        plots.plot(Results.load(small_root, "tiny"), ["pie"], tmp_path / "out")
    with pytest.raises(UserError, match="did you mean 'original'"):
        plots.figure(Results.load(small_root, "tiny"), "final", arms=["orignal"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        plots.plot(Results.load(small_root, "tiny"), ["final"], tmp_path / "file", ("svg",))


def test_figures_of_some_arms_are_named_so(small_root: Path, record: Record, tmp_path: Path) -> None:
    for arm in ("original", "bn-after-add"):
        record(arm, 0, errors=[40.0])
    (path,) = plots.plot(Results.load(small_root, "tiny"), ["final"], tmp_path, ("svg",), arms=["bn-after-add"])
    assert path.name == "final-bn-after-add.svg"
    figure = drawn(small_root, "final", arms=["bn-after-add"])
    assert "seeds:original" not in marks(figure)
    assert "1 of 2 arms not shown" in words(figure)


def test_nothing_overlaps_or_leaves_the_page(small_root: Path, edit: Edit, record: Record) -> None:
    """Long labels and numbers: the texts of a figure neither cover each other nor stick out."""
    edit({'"BN after addition"': '"batch normalisation after the addition, at length"'}, DEEPER)
    for arm in ("original", "bn-after-add", "deeper"):
        for seed in range(3):
            record(arm, seed, errors=[30.0 + seed, 20.0 + seed / 7])
    for kind in ("curves", "final", "peek-bias", "depth"):
        figure = drawn(small_root, kind)
        figure.draw_without_rendering()
        boxes = [(t.get_text(), box) for t in texts(figure) if (box := t.get_window_extent()).width > 1]
        for i, (text, box) in enumerate(boxes):
            assert box.x0 >= 0 and box.y0 >= 0, text
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text
            for other, theirs in boxes[i + 1 :]:
                across = min(box.x1, theirs.x1) - max(box.x0, theirs.x0)
                down = min(box.y1, theirs.y1) - max(box.y0, theirs.y0)
                assert across <= 2 or down <= 2, f"{kind}: {text!r} covers {other!r}"


def texts(figure: Figure) -> list[Any]:
    """The visible texts of a figure; ticks beyond an axis' ends, or of axes that are off, are not drawn."""
    from matplotlib.text import Text

    hidden = set()
    for axes in figure.axes:
        assert isinstance(axes, Axes)
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, sorted(axes.get_ylim()))):
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                beyond = not axes.axison or not low <= tick.get_loc() <= high
                hidden |= {id(tick.label2)} | ({id(tick.label1)} if beyond else set())
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


# --- many arms, long labels, papers ----------------------------------------------------------------------------------


def twelve_arms(edit: Edit, record: Record, predict: Callable[..., Path]) -> None:
    """One of them diverged in every run, one in one run; one is always wrong."""
    more = "".join(
        f'\n[[arm]]\nname = "arm{i}"\nlabel = "Depth {i}, initialised as the paper prints it, {i} channels"\n'
        f"model = {{ depth = {8 + 6 * (i % 3)}, width = {4 + i} }}\n"
        for i in range(10)
    )
    edit({'"BN after addition"': '"batch normalisation after the addition, at length"'}, more)
    predict("original", 0, {place: (int(label) + 1) % 10 for place, label in enumerate(digits_labels())})
    predict("bn-after-add", 0, {0: 9})
    for i in range(8):
        for seed in range(2):
            predict(f"arm{i}", seed, {place: 9 for place in range(3 + 5 * seed + i)})
    record("arm8", 0, errors=[90.0], status="diverged")
    predict("arm9", 0, {1: 9})
    record("arm9", 1, errors=[90.0, 90.0], status="diverged")


@pytest.mark.slow
def test_twelve_arms_with_long_labels_are_drawn_whole(
    small_root: Path, edit: Edit, record: Record, predict: Callable[..., Path]
) -> None:
    """No text leaves the page; every arm has its own colour; errors stay within 0 and 100; no "n = 0"."""
    twelve_arms(edit, record, predict)
    results = Results.load(small_root, "tiny")
    for kind in ("curves", "final", "peek-bias", "depth", "confusion", "per-class", "hardest"):
        figure = plots.figure(results, kind)
        assert figure is not None, kind
        figure.draw_without_rendering()
        for text in texts(figure):
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.y0 >= -1, (kind, text.get_text())
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, (kind, text.get_text())
        assert "n = 0" not in words(figure) and "…" not in words(figure)
        if kind in ("curves", "depth", "per-class"):
            low, high = figure.axes[0].get_ylim()
            assert 0 <= low < high <= 100, kind
    assert 0 <= (limits := drawn(small_root, "final").axes[0].get_xlim())[0] < limits[1] <= 100


def test_arms_that_diverged_are_in_the_legends_with_their_counts(
    small_root: Path, edit: Edit, record: Record, predict: Callable[..., Path]
) -> None:
    twelve_arms(edit, record, predict)
    for kind in ("curves", "depth"):
        figure = drawn(small_root, kind)
        (legend,) = (legend for axes in figure.axes if (legend := axes.get_legend()))
        handles = dict(zip((text.get_text() for text in legend.get_texts()), legend.legend_handles, strict=True))
        assert handles["Depth 8, initialised as the paper prints it, 8 channels (1 of 1 diverged)"].get_marker() == "x"
        assert "Depth 9, initialised as the paper prints it, 9 channels (n = 1; 1 of 2 diverged)" in handles


def test_no_two_arms_of_an_experiment_share_a_colour() -> None:
    for name in spec.names(REPO):
        assert len(spec.load(name, REPO).arms) <= len(set(style.PALETTE)), name


@pytest.mark.parametrize("panels", range(1, 13))
def test_panels_fill_their_rows(panels: int) -> None:
    rows, columns = style.grid_of(panels)
    assert 0 <= rows * columns - panels <= 1 and columns <= 5


def test_the_peek_bias_of_reduced_runs_is_not_drawn(small_root: Path, record: Record) -> None:
    """They have too few evaluations for a best one to mean anything."""
    record("original", 0, errors=[50.0, 40.0], scale="1/2")
    assert plots.figure(Results.load(small_root, "tiny", spec.Scale.of("1/2")), "peek-bias") is None


def test_formats_and_a_figure_without_a_title(small_root: Path, record: Record, cli: Callable[..., Any]) -> None:
    """For a paper. What a reader must know of reduced runs stays."""
    record("original", 0, errors=[50.0, 40.0])
    record("original", 0, errors=[50.0, 40.0], scale="1/2")
    out = small_root / "figures"
    done = cli("plot", "tiny", "--kind", "final", "--format", "pdf", "--no-title", "--out", str(out))
    assert done.exit_code == 0 and [path.name for path in (out / "tiny").iterdir()] == ["final.pdf"]
    assert (out / "tiny" / "final.pdf").read_bytes().startswith(b"%PDF")
    assert cli("plot", "tiny", "--format", "gif").exit_code == 2
    for scale, warning in ((spec.FULL, ""), (spec.Scale.of("1/2"), "REDUCED SCALE 1/2")):
        data = plot_data.make_plot_data(Results.load(small_root, "tiny", scale), titled=False)
        with style.house_style():
            text = words(plots.FIGURES["final"](data))
        assert "Two tiny networks" not in text and "Final test error" not in text and warning in text


def test_lines_are_as_wide_as_they_are_drawn() -> None:
    """Capitals are wide: counting characters would let them leave the page."""
    text = "REDUCED SCALE 1/200: ITERATIONS AND DROPS SHRUNK ALIKE; NOT COMPARABLE WITH PUBLISHED NUMBERS"
    with style.house_style():
        figure = style.captioned_figure("Title", [text], 4.0, 1.0, warning=text)
        figure.draw_without_rendering()
        assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in texts(figure))
    assert len(style.lines(text, 4.0, 9.5, "bold")) >= 2
