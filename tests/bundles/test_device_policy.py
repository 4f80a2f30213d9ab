"""The device programs decide, smooth and resize as the shared vectors say, and as edgeconv does."""

import base64
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from environments import environment
from PIL import Image
from resize_vectors import DRAWN

from edgeconv.bundles.contents import DEVICE_FILES
from edgeconv.images import load_pixels
from edgeconv.parity.reference_set import generated_set
from edgeconv.spec import Preprocessing, Resize


@pytest.fixture(scope="module", autouse=True)
def device_modules():
    sys.path.insert(0, str(DEVICE_FILES / "python"))
    yield
    sys.path.remove(str(DEVICE_FILES / "python"))


def test_decisions(vectors):
    from moderation.policy import decide

    for case in vectors("decisions"):
        decision = decide(case, case["scores"], case["point"])
        assert vars(decision) == case["expected"], case["name"]


def test_an_unknown_point_lists_those_there_are():
    from moderation.bundle import BundleError
    from moderation.policy import operating_point

    contract = {"operating_points": [{"name": "strict", "threshold": 0.1}]}
    with pytest.raises(BundleError, match="no operating point 'lax'; there is: strict"):
        operating_point(contract, "lax")


def test_smoothing(vectors):
    from moderation.policy import Smoothing

    for case in vectors("smoothing"):
        smoothing = Smoothing(case["n"], case["k"], case["release"], case["fail_closed"])
        states = [smoothing.see(flagged) for flagged in case["frames"]]
        assert states == case["expected"], case["name"]


def test_smoothing_that_cannot_be_is_refused():
    from moderation.bundle import BundleError
    from moderation.policy import Smoothing

    with pytest.raises(BundleError, match="0 <= release < k <= n"):
        Smoothing(n=8, k=2, release=2)


def test_resizing(vectors):
    from moderation.pictures import resize

    for case in vectors("resize"):
        pixels = DRAWN[case["picture"]](case["width"], case["height"])
        resized = resize(Image.fromarray(pixels), case)
        if hashlib.sha256(resized.tobytes()).hexdigest() == case["sha256"]:
            continue
        assert "base64" in case, case["name"]
        stored = np.frombuffer(base64.b64decode(case["base64"]), np.uint8).reshape(resized.shape)
        levels = np.abs(resized.astype(int) - stored).max()
        assert levels <= 1, case["name"]


HOW = [
    {"mode": mode, "filter": kernel, "antialias": antialias, "crop": crop, "offset": offset}
    for mode, kernel, antialias, crop, offset in (
        ("stretch", "bilinear", True, 1.0, "round"),
        ("stretch", "bicubic", False, 1.0, "round"),
        ("center_crop", "bicubic", True, 0.875, "floor"),
        ("center_crop", "bilinear", False, 1.0, "round"),
        ("pad", "lanczos", True, 1.0, "round"),
    )
]


@pytest.mark.parametrize("how", HOW, ids=lambda how: f"{how['mode']}-{how['filter']}")
def test_files_become_the_pixels_that_edgeconv_makes_of_them(how, tmp_path):
    from moderation.pictures import load_pixels as load_on_device

    preprocessing = Preprocessing(size=(96, 80), resize=Resize(**how), background="#204060")
    pictures = generated_set().pictures
    chosen = [*pictures[:128:16], *pictures[128:-40:24]]
    chosen += [picture for picture in pictures if picture.name.startswith("awkward")]
    for picture in chosen:
        path = tmp_path / picture.name
        path.write_bytes(picture.read())
        found = load_on_device(path, preprocessing.model_dump(mode="json"))
        expected = load_pixels(picture.read(), preprocessing)
        # An enlarged panorama's middle may be a level off: see pictures._middle.
        allowed = 1 if how["mode"] == "center_crop" and "panorama" in picture.name else 0
        assert np.abs(found.astype(int) - expected).max() <= allowed, picture.name


TAKEN = Preprocessing(size=(8, 8)).model_dump(mode="json")


def saved(path, image, **options):
    image.save(path, **options)
    return path


def test_a_truncated_picture_is_an_error(tmp_path):
    from moderation.bundle import BundleError
    from moderation.pictures import load_pixels as load_on_device

    stream = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(stream, "PNG")
    path = tmp_path / "torn.png"
    path.write_bytes(stream.getvalue()[:800])
    with pytest.raises(BundleError, match="cannot decode .*torn.png"):
        load_on_device(path, TAKEN)


@pytest.mark.parametrize("size", [(10_000, 6_000), (70_000, 1)])
def test_a_huge_picture_is_not_decoded(size, tmp_path, monkeypatch):
    from moderation import pictures
    from moderation.bundle import BundleError

    path = saved(tmp_path / "huge.png", Image.new("1", size))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(BundleError, match="is too large"):
        pictures.load_pixels(path, TAKEN)


def test_a_format_that_nobody_sends_is_not_opened(tmp_path):
    from moderation.bundle import BundleError
    from moderation.pictures import load_pixels as load_on_device

    path = saved(tmp_path / "picture.eps", Image.new("RGB", (8, 8)))
    with pytest.raises(BundleError, match="cannot decode"):
        load_on_device(path, TAKEN)


def test_pixels_become_the_tensor_that_the_model_takes():
    from moderation.pictures import as_tensor

    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    nhwc = as_tensor(pixels, {"colour": "RGB", "layout": "NHWC", "dtype": "uint8"})
    nchw = as_tensor(pixels, {"colour": "BGR", "layout": "NCHW", "dtype": "float32"})
    assert nhwc.shape == (1, 2, 4, 3)
    assert nchw.shape == (1, 3, 2, 4)
    assert nchw.dtype == np.float32
    assert (nchw[0, 0] == pixels[..., 2]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "requirements"),
    [
        ("3.9", ["numpy==1.26.4", "pillow==11.3.0"]),
        ("3.13", ["numpy==2.5.5", "pillow==13.0.0"]),
    ],
)
def test_the_vectors_hold_on_the_pythons_of_devices(version, requirements, device, vectors):
    python = environment(f"device-{version}", requirements, versions=[version])
    here = Path(__file__)
    answer = device(
        here.with_name("run_vectors.py"),
        DEVICE_FILES / "python",
        here.parent.parent / "vectors",
        python=[python, "-B"],
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["levels"] <= 1
    assert found["same"] >= len(vectors("resize")) - 2
