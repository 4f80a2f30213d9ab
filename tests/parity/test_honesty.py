import pytest

from edgeconv.contract import Precision
from edgeconv.parity.honesty import misnamed, not_worthwhile
from edgeconv.parity.results import Latency


def precision(asked, weight_type="int8", float_products=0.0):
    return Precision(
        asked=asked,
        weight_type=weight_type,
        activation_type="int8",
        weights={weight_type: 1.0},
        float_ops=0.5,
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
    assert "90% of it is multiplied in float" in misnamed(precision("int8", float_products=0.9))


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
