"""The Jetson bundle: operators, providers, the first build, the Dockerfile and scripts."""

import json
import os
import re
import shutil
import subprocess
import sys

import onnx
import pytest
from environments import environment, package_index
from onnx import TensorProto, helper

from edgeconv.bundles.tensorrt_operators import OPERATORS, OPERATORS_OF_10, newer_than_8, obstacles
from edgeconv.bundling import bundle
from edgeconv.errors import UsageError
from edgeconv.exporting import export


def graph_of(path, *nodes, opset=17, constants=()):
    pixels = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph(list(nodes), "graph", [pixels], [scores], list(constants))
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains), path)
    return path


def test_what_tensorrt_has_is_no_obstacle(demo_artifact):
    assert obstacles(demo_artifact) == []


def test_an_operator_that_it_lacks_is_named(tmp_path):
    model = graph_of(
        tmp_path / "model.onnx",
        helper.make_node("Det", ["image"], ["a"]),
        helper.make_node("FusedConv", ["a"], ["scores"], domain="com.microsoft"),
    )
    assert obstacles(model) == ["operator Det", "operator com.microsoft.FusedConv"]


def test_an_operator_in_a_branch_is_named(tmp_path):
    there = helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 3])
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(operator, ["image"], ["b"])], name, [], [there]
        )
        for name, operator in (("then", "Relu"), ("else", "Det"))
    }
    always = helper.make_tensor("always", TensorProto.BOOL, [], [True])
    choice = helper.make_node("If", ["always"], ["scores"], **branches)
    model = graph_of(tmp_path / "model.onnx", choice, constants=[always])
    assert obstacles(model) == ["operator Det"]


def test_a_newer_opset_is_named(tmp_path):
    relu = helper.make_node("Relu", ["image"], ["scores"])
    assert obstacles(graph_of(tmp_path / "model.onnx", relu, opset=21)) == ["opset 21"]


def test_what_only_tensorrt_10_has_is_told(tmp_path, demo_artifact):
    gelu = helper.make_node("Gelu", ["image"], ["scores"])
    model = graph_of(tmp_path / "model.onnx", gelu, opset=20)
    assert obstacles(model) == []
    assert newer_than_8(model) == ["operator Gelu", "opset 20"]
    assert newer_than_8(demo_artifact) == []


@pytest.mark.parametrize(("kind", "found"), [("UINT8", 1), ("INT8", 0)])
def test_unsigned_activations_are_named(kind, found, tmp_path):
    zero = helper.make_tensor("zero", getattr(TensorProto, kind), [], [0])
    step = helper.make_tensor("step", TensorProto.FLOAT, [], [0.1])
    model = graph_of(
        tmp_path / "model.onnx",
        helper.make_node("QuantizeLinear", ["image", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["scores"]),
        constants=[zero, step],
    )
    assert len(obstacles(model)) == found


def test_the_table_names_operators_of_onnx():
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    assert known > OPERATORS | OPERATORS_OF_10
    assert not OPERATORS & OPERATORS_OF_10
    assert {"Conv", "Gemm", "LayerNormalization"} <= OPERATORS
    assert not {"DynamicQuantizeLinear", "MatMulInteger", "QLinearConv"} & OPERATORS


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["int8", "dynamic"])
def test_integer_files_of_ours_are_refused(precision, demo, tmp_path):
    export(demo, targets=["onnx"], precisions=[precision], verify=False, out=tmp_path / "demo")
    with pytest.raises(UsageError, match="does not run by TensorRT") as caught:
        bundle("jetson", tmp_path / "demo" / f"Demo.{precision}.onnx", tmp_path / "out")
    assert "bundle the fp16 or fp32 file" in str(caught.value)


ONNXRUNTIME = """
import json, sys, time
__version__ = "0"

class SessionOptions: pass

def get_available_providers():
    return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]

class InferenceSession:
    def __init__(self, path, settings, providers):
        print(json.dumps(providers))
        time.sleep(0.5)
        sys.exit(0)
"""

LOAD = """
import sys
from moderation import runtime
from moderation.bundle import open_bundle
runtime.HEARTBEAT = 0.1
runtime.Model(open_bundle(), 1)
"""


@pytest.fixture
def build(jetson, copy_of, tmp_path):
    """Load the model where TensorRT is said to be; what it asked for and what it said."""
    (tmp_path / "onnxruntime.py").write_text(ONNXRUNTIME)
    copy = copy_of(jetson)

    def run(precision="fp32", cached=False):
        contract = json.loads((copy / "contract.json").read_text())
        contract["precision"]["asked"] = precision
        (copy / "contract.json").write_text(json.dumps(contract))
        if cached:
            (copy / "engine_cache").mkdir(exist_ok=True)
            (copy / "engine_cache" / "one.engine").touch()
        done = subprocess.run(
            [sys.executable, "-c", LOAD],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{copy}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)), done.stderr

    return run


def test_tensorrt_comes_first_with_its_caches(build):
    providers, _ = build()
    assert list(providers) == [
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ]
    options = providers["TensorrtExecutionProvider"]
    assert options["trt_engine_cache_enable"]
    assert options["trt_timing_cache_enable"]
    assert options["trt_engine_cache_path"].endswith("/engine_cache")


@pytest.mark.parametrize(("precision", "half"), [("fp32", False), ("fp16", True)])
def test_half_precision_is_the_contracts(precision, half, build):
    providers, _ = build(precision)
    assert providers["TensorrtExecutionProvider"]["trt_fp16_enable"] is half


def test_the_first_build_is_not_silent(build):
    _, said = build()
    assert said.startswith("building the TensorRT engine")
    assert said.count("still building the engine") >= 2


def test_a_later_one_is(build):
    _, said = build(cached=True)
    assert said == ""


def test_no_engine_is_shipped(jetson):
    assert not list(jetson.rglob("*.engine"))


@pytest.mark.device_proof("Jetson: the Dockerfile linted")
def test_the_dockerfile_is_pinned_and_runs_as_nobody_in_particular(jetson):
    lines = (jetson / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    bases = [line[1] for line in words if line[0] == "FROM"]
    assert all(re.search(r":(?!latest)[\w.]+$", base) for base in bases)
    assert [line[1] for line in words if line[0] == "USER"][-1] not in {"root", "0"}
    assert not any(line[0] == "ADD" for line in words)
    assert not re.search(r"(?i)token|password|secret|_key\b", "\n".join(lines))
    for line in lines:
        if "apt-get install" in line:
            assert "--no-install-recommends" in line
            assert "rm -rf /var/lib/apt/lists/*" in line
        if "pip install" in line:
            assert "--no-cache-dir" in line
    assert [line for line in words if line[0] == "CMD"] == [["CMD", '["selftest.py"]']]
    assert ".venv" in (jetson / ".dockerignore").read_text().split()


@pytest.mark.device_proof("Jetson: build_engine.sh by shellcheck")
def test_the_engine_script_is_sound(jetson):
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck")
    subprocess.run(["shellcheck", str(jetson / "build_engine.sh")], check=True)


TRTEXEC = '#!/bin/sh\necho "$@" >"$ARGUMENTS"\nfor a in "$@"; do case $a in --saveEngine=*) touch "${a#*=}";; esac; done\nexit $FAILS\n'  # noqa: E501


@pytest.mark.parametrize("fails", [0, 3])
def test_an_engine_is_whole_or_not_there(fails, jetson, copy_of, tmp_path):
    copy = copy_of(jetson)
    (tmp_path / "trtexec").write_text(TRTEXEC)
    (tmp_path / "trtexec").chmod(0o755)
    done = subprocess.run(
        ["bash", str(copy / "build_engine.sh")],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "ARGUMENTS": str(tmp_path / "arguments"),
            "FAILS": str(fails),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) == (fails == 0)
    assert (copy / "Demo.fp32.engine").exists() == (fails == 0)
    arguments = (tmp_path / "arguments").read_text()
    assert "--onnx=Demo.fp32.onnx" in arguments
    assert "--fp16" not in arguments


@pytest.mark.slow
@pytest.mark.device_proof("Jetson: ONNX Runtime's CPU provider")
def test_what_it_pins_for_a_processor_passes_its_test(jetson, copy_of, device):
    """On ONNX Runtime's CPU provider, in the Python of JetPack 6."""
    package_index()
    folder = copy_of(jetson)
    base = environment("python-3.10", ["pip"], versions=["3.10"])
    subprocess.run([base, "-m", "venv", folder / ".venv"], check=True)
    python = folder / ".venv" / "bin" / "python"
    for pinned in ("requirements.txt", "requirements-cpu.txt"):
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:",
             "--require-hashes", "-r", folder / pinned],
            check=True,
        )  # fmt: skip
    answer = device(folder / "selftest.py", python=python)
    assert answer.returncode == 0, answer.stderr
    assert "by CPUExecutionProvider" in answer.stdout
    picture = next((folder / "golden").iterdir())
    assert device(folder / "predict.py", picture, python=python).returncode == 0

    model = folder / "Demo.fp32.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    assert device(folder / "selftest.py", python=python).returncode == 1
