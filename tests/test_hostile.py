"""What a spec or a folder of images may bring that must not run, crash or reach the reader's terminal."""

import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from repro.data.sets import image_folder
from repro.errors import UserError
from repro.records.results import Results
from repro.show import plots

Cli = Callable[..., Result]
Edit = Callable[..., Path]
Record = Callable[..., Path]

SGD = 'optimizer = { name = "sgd", lr = 0.05, momentum = 0.9 }'


# --- specs that cannot run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"batch_size = 16": "batch_size = 1438"}, "batch_size = 1,438 is not allowed: digits has 1,437 images"),
        ({"batch_size = 16": 'batch_size = 1438\nlast_batch = "drop"'}, "digits has 1,437 images"),
        ({SGD: 'optimizer = { name = "adam", lr = 0.1, betas = [0.9, 1.0] }'}, "optimizer.betas.1 = 1.0"),
        ({SGD: 'optimizer = { name = "adam", lr = 0.1, betas = [1.5, 0.9] }'}, "optimizer.betas.0 = 1.5"),
        ({"lr = 0.05": "lr = 1e300"}, "optimizer.lr = 1e+300"),
        ({"drops = [6, 9]": "drops = [6, 9], factor = 1e300"}, "schedule.factor = 1e+300"),
        ({'name = "original"': f'name = "{"a" * 65}"'}, "allowed: text of up to 64 characters"),
        ({'dataset = "digits"': 'dataset = "folder:/abs"\nimage_size = 8'}, "must be a folder inside REPRO_DATA_DIR"),
        ({'dataset = "digits"': 'dataset = "folder:a/../../x"\nimage_size = 8'}, "folder inside REPRO_DATA_DIR"),
        ({'dataset = "digits"': 'dataset = "folder:."\nimage_size = 8'}, "folder inside REPRO_DATA_DIR"),
    ],
)
@pytest.mark.fault(
    "specs that cannot run",
    "a message, exit code 2; no traceback",
)
def test_a_spec_that_cannot_run_is_refused(cli: Cli, edit: Edit, change: dict[str, str], told: str) -> None:
    edit(change)
    result = cli("show", "tiny")
    assert result.exit_code == 2 and told in " ".join(result.stderr.split())


@pytest.mark.parametrize("name", ["demo", "scale-1-2", "scale-x"])
def test_an_experiment_is_not_called_as_a_folder_of_results(cli: Cli, small_root: Path, name: str) -> None:
    text = (small_root / "experiments/tiny.toml").read_text()
    (small_root / f"experiments/{name}.toml").write_text(text.replace('name = "tiny"', f'name = "{name}"'))
    result = cli("show", name)
    assert result.exit_code == 2 and "choose another name" in result.stderr


def test_a_thousand_million_seeds_are_too_many(cli: Cli, small_root: Path) -> None:
    result = cli("run", "tiny", "--seeds", "1000000000")
    assert result.exit_code == 2 and "tiny: 1,000,000,000 seeds; allowed: 1 to 1,000" in result.stderr
    queue = small_root / "experiments/queues/many.toml"
    queue.parent.mkdir()
    queue.write_text('name = "many"\ntitle = "Many"\n[[entry]]\nexperiment = "tiny"\nseeds = 1000000000\n')
    result = cli("queue", "show", "many")
    assert result.exit_code == 2 and "tiny: 1,000,000,000 seeds; allowed: 1 to 1,000" in result.stderr


# --- hostile text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["\\u001b[2J", "\\u0007", "\\u009b31m", "\\u202e", "\\u2028", "\\u0000"])
@pytest.mark.fault(
    "control characters in a spec's text",
    "a message, exit code 2; no traceback, and none of them is printed",
)
def test_control_characters_are_refused(cli: Cli, edit: Edit, character: str) -> None:
    edit({'label = "Original"': f'label = "Original{character}"'})
    result = cli("table", "tiny")
    assert result.exit_code == 2
    assert re.search(r"arm\.label contains the control character U\+[0-9A-F]{4}", result.stderr)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", result.output)


@pytest.mark.fault("control characters in a record", "the record is named and not counted; none of them is printed")
@pytest.mark.parametrize("character", ["\x1b[2J", "\x07", "\u202e"])
def test_control_characters_in_a_record_make_it_a_damaged_one(cli: Cli, record: Record, character: str) -> None:
    path = record("original", 0, errors=[40.0], session={"hardware": "a processor"}) / "run.json"
    path.write_text(path.read_text().replace("a processor", f"a processor{json.dumps(character)[1:-1]}"))
    result = cli("table", "tiny")
    assert result.exit_code == 1
    assert f"{path} is not a valid record: sessions.hardware contains the control character U+" in result.stderr
    assert character not in result.output


@pytest.mark.fault(
    "a spec nested 20,000 deep",
    "a message, exit code 2; no traceback",
)
def test_deep_nesting_is_a_message(cli: Cli, small_root: Path) -> None:
    (small_root / "experiments/tiny.toml").write_text("title = " + "[" * 20_000 + "]" * 20_000)
    result = cli("show", "tiny")
    assert result.exit_code == 2 and "nested too deeply" in result.stderr


def test_a_link_is_a_web_address(cli: Cli, edit: Edit) -> None:
    """javascript: would run on the HTML page, a parenthesis would end the link in Markdown."""
    for link in ("javascript:alert(1)", "https://example.org/) [x](y", "file:///etc/passwd"):
        edit({'title = "No paper"': f'title = "No paper"\nlink = "{link}"'})
        result = cli("show", "tiny")
        assert result.exit_code == 2 and "link" in result.stderr
        edit({f'\nlink = "{link}"': ""})


HOSTILE = "a<img src=x>|b$\\\\frac{1$_2\\nnext [x](y) `c` ~d~"  # as TOML writes it


@pytest.mark.slow
@pytest.mark.fault(
    "markup and formulas in titles and labels",
    "every format shows them as they stand",
)
def test_every_format_shows_text_as_it_stands(cli: Cli, edit: Edit, record: Record, small_root: Path) -> None:
    edit({'label = "Original"': f'label = "{HOSTILE}"', 'title = "Two tiny networks"': f'title = "{HOSTILE}"'})
    for seed in range(2):
        record("original", seed, errors=[40.0 + seed])
        record("bn-after-add", seed, errors=[50.0 + seed])
    markdown = cli("table", "tiny", "--format", "md").stdout
    assert r"a&lt;img src=x>\|b$\\frac{1$_2 next \[x](y) \`c\` \~d\~" in markdown
    latex = cli("table", "tiny", "--format", "latex").stdout
    assert r"a$<$img src=x$>$|b\$\textbackslash{}frac\{1\$\_2 next [x](y)" in latex
    assert all(line.startswith(("%", "\\")) or line.endswith("\\\\") for line in latex.splitlines())
    html = cli("table", "tiny", "--format", "html").stdout
    assert "<img" not in html and "a&lt;img src=x&gt;" in html
    for form in ("text", "csv", "json"):
        assert cli("table", "tiny", "--format", form).exit_code == 0
    assert cli("report").exit_code == 0
    assert "<img" not in (small_root / "REPORT.md").read_text()


def test_a_dollar_in_a_label_is_no_mathematics(edit: Edit, record: Record, small_root: Path) -> None:
    edit({'label = "Original"': 'label = "costs $1 or \\\\frac{ $2"'})
    record("original", 0, errors=[40.0])
    figure = plots.figure(Results.load(small_root, "tiny"), "final")
    assert figure
    assert plots.encode(figure, "svg")
    assert "costs $1 or \\frac{ $2" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


# --- images ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pets(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """pets("a.png", content): the image in the class `cat` of the training images; each class has a good one too."""
    root = tmp_path / "pets"
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            (root / part / label).mkdir(parents=True)
            Image.new("RGB", (4, 4), (10, 20, 30)).save(root / part / label / "good.png")

    def put(name: str, content: bytes) -> Path:
        path = root / "train/cat" / name
        path.write_bytes(content)
        return path

    return put


def read(folder: Path) -> list[np.ndarray]:
    images, _ = image_folder.describe("folder:pets", folder).read(folder, "train")
    return list(images)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def test_sixteen_bits_keep_their_shades(pets: Callable[[str, bytes], Path], tmp_path: Path) -> None:
    shades = np.array([[0, 256, 32768, 65535]], np.uint16)
    pets("a.png", encoded(Image.fromarray(shades), "PNG"))
    first, *_ = read(tmp_path)
    assert first.tolist() == [[[shade] * 3 for shade in (0, 1, 128, 255)]]


def test_a_photograph_is_turned_as_it_was_taken(pets: Callable[[str, bytes], Path], tmp_path: Path) -> None:
    photograph = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8))  # red, blue: one row
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to view
    pets("a.png", encoded(photograph, "PNG", exif=exif.tobytes()))
    first, *_ = read(tmp_path)
    assert first.tolist() == [[[255, 0, 0]], [[0, 0, 255]]]


def bomb() -> bytes:
    """A PNG of some hundred bytes that says it has 40,000 x 40,000 pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.fault(
    "a folder with damaged images and a decompression bomb",
    "all are listed in one message",
)
def test_all_images_that_cannot_be_read_are_listed_at_once(pets: Callable[[str, bytes], Path], tmp_path: Path) -> None:
    whole = encoded(Image.effect_noise((64, 64), 50), "JPEG")
    wrong = [
        pets("bomb.png", bomb()),
        pets("cut.jpg", whole[: len(whole) // 2]),
        pets("empty.png", b""),
        pets("text.jpg", b"no image"),
    ]
    with pytest.raises(UserError, match="4 images cannot be read; repair or remove them") as caught:
        read(tmp_path)
    assert [line.split(": ")[0].strip() for line in str(caught.value).splitlines()[1:]] == list(map(str, wrong))


def test_a_class_with_a_control_character_is_refused(pets: Callable[[str, bytes], Path], tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "pets" / part / "a\x1b[2J").mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / "pets" / part / "a\x1b[2J" / "x.png")
    with pytest.raises(UserError, match=r"has the control character U\+001B in its name"):
        read(tmp_path)
