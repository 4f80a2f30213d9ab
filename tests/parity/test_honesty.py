import pytest

from edgeconv.contract import Precision
from edgeconv.parity.honesty import misnamed, not_worthwhile, pointless, repeated
from edgeconv.parity.judge import _compared
from edgeconv.parity.results import (
    ArtifactResult,
    Differences,
    Flips,
    GateResult,
    Latency,
    Verdict,
)


def precision(asked, weight_type="int8", float_ops=0.0, float_products=1.0):
    return Precision(
        asked=asked,
        weight_type=weight_type,
        activation_type="int8",
        weights={weight_type: 1.0},
        float_ops=float_ops,
        float_products=float_products,
    )


@pytest.mark.parametrize(
    ("asked", "weight_type"),
    [("fp32", "float32"), ("fp16", "float16"), ("dynamic", "int8"), ("int8", "int8")],
)
def test_what_its_name_says_is_fine(asked, weight_type):
    assert misnamed(precision(asked, weight_type)) is None


def test_an_int8_with_float_weights_is_a_lie():
    assert "weights are float32" in misnamed(precision("int8", "float32"))


def test_an_int8_that_computes_in_float_is_a_lie():
    assert "90% of it computes in float" in misnamed(precision("int8", float_ops=0.9))
    assert "80% of it computes in float" in misnamed(precision("int8", "int8", 0.9, 0.8))
    assert misnamed(precision("int8", "int8", 0.9, 0.1)) is None  # a transformer


def test_no_smaller_and_slower_are_said():
    slow = Latency(median_ms=20, spread_ms=1, relative_to_fp32=2.0)
    said = not_worthwhile(precision("int8"), size=99, fp32_size=100, latency=slow)
    assert said == [
        "no smaller: 99% of the fp32 file",
        "slower than fp32 on this machine: 2.00 times its time",
    ]


def test_smaller_and_faster_is_fine():
    fast = Latency(median_ms=5, spread_ms=1, relative_to_fp32=0.5)
    assert not_worthwhile(precision("int8"), size=30, fp32_size=100, latency=fast) == []


def result(name, asked="int8", size=30, ms=10.0, error=0.01, score=0.5, weight_type="int8"):
    """A file that was run, as the judge leaves it."""
    apart = Differences(max_abs=error, mean_abs=error, kl_mean=0, kl_p95=0, kl_max=0)
    none = Flips(count=0, images=40, newly_flagged=0, newly_missed=0, bound_95=0.07)
    gate = GateResult(
        verdict=Verdict.PASS, images=40, flips=none, differences=apart, max_flip_rate=0.1
    )
    return ArtifactResult(
        path=name,
        target="tflite",
        precision=asked,
        found=precision(asked, weight_type),
        bytes=size,
        sha256="0" * 64,
        runtime="LiteRT",
        verdict=Verdict.PASS,
        gates={"file": gate},
        latency=Latency(median_ms=ms, spread_ms=0.1),
        scores=((score, 1 - score),),
    )


def test_a_precision_that_is_another_one_is_no_precision():
    first, second = result("a.int8.tflite"), result("a.dynamic.tflite", asked="dynamic")
    assert "same scores as a.int8.tflite" in repeated(second, [first])


@pytest.mark.parametrize("change", [{"score": 0.6}, {"weight_type": "float16"}])
def test_a_precision_of_its_own_is_fine(change):
    second = result("a.dynamic.tflite", asked="dynamic", **change)
    assert repeated(second, [result("a.int8.tflite")]) is None


def test_a_second_copy_of_one_precision_is_fine():
    assert repeated(result("copy.tflite"), [result("a.tflite")]) is None


def test_slower_no_smaller_and_no_closer_is_pointless():
    worse = result("a.dynamic.tflite", "dynamic", size=31, ms=14.0, error=0.02)
    assert "slower than a.int8.tflite" in pointless(worse, [result("a.int8.tflite")])


@pytest.mark.parametrize("merit", [{"size": 29}, {"ms": 10.2}, {"error": 0.009}])
def test_one_merit_is_enough(merit):
    worse = {"size": 31, "ms": 14.0, "error": 0.02}
    file = result("a.dynamic.tflite", "dynamic", **(worse | merit))
    assert pointless(file, [result("a.int8.tflite")]) is None


def test_export_fails_both():
    good = result("a.int8.tflite")
    copied = result("a.dynamic.tflite", "dynamic", ms=10.1)
    slow = result("a.fp16.tflite", "fp16", size=40, ms=20.0, error=0.02, weight_type="float16")
    judged = _compared([good, copied, slow])
    assert [one.verdict for one in judged] == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]
    assert judged[1].warnings
    assert judged[2].warnings


def test_fp32_is_what_others_are_held_against():
    fp32 = result("a.fp32.tflite", "fp32", size=100, ms=20.0, error=0.02, weight_type="float32")
    assert _compared([fp32, result("a.int8.tflite")])[0].verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["w8", "pal8", "pal6", "pal4", "w8a8"])
def test_core_mls_precisions_are_held_to_their_weights(name):
    right = "int8" if name.startswith("w8") else f"palette{name[3:]}"
    assert misnamed(precision(name, right)) is None
    assert "weights are float16" in misnamed(precision(name, "float16"))


def test_a_w8a8_that_computes_in_float_is_a_lie():
    assert "100% of it computes in float" in misnamed(precision("w8a8", float_ops=1.0))
    assert misnamed(precision("w8", float_ops=1.0)) is None
