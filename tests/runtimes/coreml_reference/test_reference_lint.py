"""What ``edgeconv show`` says of a Core ML file: its parts, and the traps it holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.runtimes.coreml_reference.inspect import inspect
from edgeconv.runtimes.coreml_reference.lint import RULES, lint

SPECIFICATION = Path("Data/com.apple.CoreML/model.mlmodel")


def classifier(path: Path, build: Callable[..., Any], **options: Any) -> Path:
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    target = options.pop("target", ct.target.iOS17)

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 3, 8, 8))], opset_version=target)
    def program(image: Any) -> Any:
        return build(mb, image)

    model = ct.convert(
        program,
        convert_to="mlprogram",
        inputs=[ct.ImageType(name="image", shape=(1, 3, 8, 8), color_layout=ct.colorlayout.BGR)],
        minimum_deployment_target=target,
        skip_model_load=True,
        **options,
    )
    model.save(str(path))
    return path


def plain(mb: Any, image: Any) -> Any:
    scores = mb.reduce_mean(x=mb.mul(x=image, y=0.01), axes=[2, 3])
    weight = np.ones((2, 3), np.float32)
    return mb.softmax(x=mb.linear(x=scores, weight=weight, bias=np.zeros(2, np.float32)), axis=-1)


def with_traps(mb: Any, image: Any) -> Any:
    x = mb.reduce_mean(x=image, axes=[2])
    y = mb.layer_norm(x=x, axes=[-1], epsilon=np.float16(1e-7))
    centred = mb.sub(x=y, y=mb.reduce_mean(x=y, axes=[-1], keep_dims=True))
    variance = mb.reduce_mean(x=mb.square(x=centred), axes=[-1], keep_dims=True)
    y = mb.mul(x=centred, y=mb.rsqrt(x=variance, epsilon=np.float16(1e-3)))
    y = mb.mul(x=y, y=mb.erf(x=y))
    y = mb.mul(x=y, y=np.full((3, 1), 1e5, np.float32))
    return mb.add(x=y, y=np.ones((3, 8), np.float32), name="var_12")


def rules(path: Path) -> dict[str, Any]:
    return {finding.rule: finding for finding in lint(path)}


def test_summary(tmp_path: Path) -> None:
    import coremltools as ct

    path = classifier(
        tmp_path / "plain.mlpackage", plain, classifier_config=ct.ClassifierConfig(["cat", "dog"])
    )
    summary = inspect(path)
    assert summary.kind == "mlProgram"
    assert summary.opset == "CoreML7"
    assert summary.deployment_target == "iOS 17, macOS 14"
    assert summary.operations["reduce_mean"] == 1
    assert set(summary.weights) == {"fp16"}
    assert summary.weights["fp16"] == 8
    assert summary.labels == ("cat", "dog")
    assert summary.inputs[0].name == "image"
    assert summary.activations["fp16"] >= 3


def test_a_plain_classifier_holds_only_what_every_file_holds(tmp_path: Path) -> None:
    import coremltools as ct

    path = classifier(
        tmp_path / "plain.mlpackage", plain, classifier_config=ct.ClassifierConfig(["cat", "dog"])
    )
    assert set(rules(path)) == {"centre-crop", "preview-type"}


def test_repeated_labels(tmp_path: Path) -> None:
    import coremltools as ct

    path = classifier(
        tmp_path / "twice.mlpackage", plain, classifier_config=ct.ClassifierConfig(["cat", "cat"])
    )
    assert rules(path)["repeated-labels"].places == ("cat",)


def test_every_other_trap(tmp_path: Path) -> None:
    import coremltools as ct
    from coremltools.proto import Model_pb2

    path = classifier(
        tmp_path / "traps.mlpackage",
        with_traps,
        compute_precision=ct.precision.FLOAT32,
        pass_pipeline=ct.PassPipeline.EMPTY,
    )
    model = Model_pb2.Model()
    model.ParseFromString((path / SPECIFICATION).read_bytes())
    model.specificationVersion = 6
    (path / SPECIFICATION).write_bytes(model.SerializeToString())

    found = rules(path)
    assert set(found) == {
        "beyond-fp16",
        "unfused-layer-norm",
        "unfused-gelu",
        "centre-crop",
        "output-name",
        "opset-above-target",
    }
    assert found["output-name"].places == ("var_12",)


def test_an_epsilon_too_small_for_fp16(tmp_path: Path) -> None:
    path = classifier(tmp_path / "half.mlpackage", with_traps)
    assert "subnormal-epsilon" in rules(path)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_it_is_for(name: str) -> None:
    assert RULES[name].__doc__
