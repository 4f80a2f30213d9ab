"""The Android bundle: assets in their places, and Kotlin that speaks of this very file."""

import json
import re
from hashlib import sha256

import pytest

from edgeconv.bundling import bundle
from edgeconv.formats.tflite_metadata import read_labels


@pytest.fixture(scope="module")
def android(small_int8, tmp_path_factory):
    return bundle("android", small_int8, tmp_path_factory.mktemp("bundles") / "android").out


def kotlin(folder, name):
    (path,) = folder.rglob(f"{name}.kt")
    return path.read_text()


def test_assets_are_where_gradle_looks(android, small_int8):
    assets = android / "app/src/main/assets/moderation"
    assert (assets / "Small.int8.tflite").read_bytes() == small_int8.read_bytes()
    assert read_labels(assets / "Small.int8.tflite") == ("Neutral", "Porn", "Sexy")
    contract = json.loads((assets / "contract.json").read_text())
    for golden in contract["golden"]:
        assert (android / "app/src/androidTest/assets/golden" / golden["name"]).is_file()


def test_kotlin_names_this_file(android, small_int8):
    assert 'const val MODEL = "Small.int8.tflite"' in kotlin(android, "Moderator")
    test = kotlin(android, "GoldenTest")
    assert sha256(small_int8.read_bytes()).hexdigest() in test
    assert re.search(r"const val TOLERANCE = [\d.e-]+\n", test)


def test_kotlin_is_balanced(android):
    for name in ("Moderator", "GoldenTest"):
        source = re.sub(r'"(\\.|[^"\\])*"', '""', kotlin(android, name))
        for opening, closing in ("()", "[]", "{}"):
            assert source.count(opening) == source.count(closing)


def test_a_name_cannot_leave_its_string(small_int8, tmp_path):
    odd = tmp_path / 'a"$x.tflite'
    odd.write_bytes(small_int8.read_bytes())
    out = bundle("android", odd, tmp_path / "out").out
    assert r'const val MODEL = "a\"\$x.tflite"' in kotlin(out, "Moderator")


def test_pictures_that_mediapipe_would_bring_to_size_otherwise_are_told_of(
    export_small, small_int8, tmp_path
):
    stretched = bundle("android", small_int8, tmp_path / "stretched")
    assert stretched.notes == ()
    assert "yourself" not in (stretched.out / "README.md").read_text()
    cropped = bundle(
        "android", export_small("Small.fp32.tflite", "center_crop"), tmp_path / "cropped"
    )
    assert "center_crop" in cropped.notes[0]
    assert "Bring pictures to 32 x 32" in (cropped.out / "README.md").read_text()
