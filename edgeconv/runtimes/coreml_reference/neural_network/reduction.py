"""Reductions and what finds places: ``reduce*``, ``argMax``, ``topK``, ..."""

from __future__ import annotations

from typing import Any

from edgeconv.runtimes.coreml_reference.neural_network.lowering import (
    Layer,
    Lowered,
    Lowering,
    layer,
)
from edgeconv.runtimes.coreml_reference.program import Operand

_REDUCTIONS = {
    "reduceL1": "reduce_l1_norm",
    "reduceL2": "reduce_l2_norm",
    "reduceMax": "reduce_max",
    "reduceMin": "reduce_min",
    "reduceSum": "reduce_sum",
    "reduceProd": "reduce_prod",
    "reduceMean": "reduce_mean",
    "reduceLogSum": "reduce_log_sum",
    "reduceSumSquare": "reduce_sum_square",
    "reduceLogSumExp": "reduce_log_sum_exp",
}
_OLD_REDUCTIONS = (
    "reduce_sum",
    "reduce_mean",
    "reduce_prod",
    "reduce_log_sum",
    "reduce_sum_square",
    "reduce_l1_norm",
    "reduce_l2_norm",
    "reduce_max",
    "reduce_min",
)
_OLD_AXES = ((-3, -2, -1), (-2, -1), (-3,), (-2,), (-1,))


def _reduction(kind: str) -> Layer:
    def reduce(net: Lowering, params: Any, x: Operand) -> Lowered:
        rank = net.rank(x)
        axes = {axis % rank for axis in params.axes}
        if params.reduceAll or not axes:
            axes = set(range(rank))
        kept = rank if params.keepDims else max(rank - len(axes), 1)
        y = net.op(kind, x=x, axes=tuple(sorted(axes)), keep_dims=bool(params.keepDims), rank=kept)
        # a NeuralNetwork has no scalars: what is left of a full reduction is a vector of one
        whole = len(axes) == rank and not params.keepDims
        return net.op("reshape", x=y, shape=(1,), rank=1) if whole else y

    return reduce


for _name, _kind in _REDUCTIONS.items():
    layer(_name)(_reduction(_kind))


@layer("reduce")
def reduce(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ReduceLayerParams``, of the first Core ML; it keeps the axes it reduces."""
    if params.mode >= len(_OLD_REDUCTIONS):
        raise net.fault("reduces to an index", "ARGMAX", ", ".join(_OLD_REDUCTIONS))
    axes = _OLD_AXES[params.axis]
    return net.op(_OLD_REDUCTIONS[params.mode], x=x, axes=axes, keep_dims=True)


@layer("argMax")
def arg_max(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ArgMaxLayerParams``."""
    return _place_of(net, "reduce_argmax", params, x)


@layer("argMin")
def arg_min(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ArgMinLayerParams``."""
    return _place_of(net, "reduce_argmin", params, x)


@layer("topK")
def top_k(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``TopKLayerParams``."""
    values, places = net.ops(
        "topk",
        2,
        x=x,
        k=int(params.K),
        axis=int(params.axis),
        ascending=bool(params.useBottomK),
    )
    return values, net.op("cast", x=places, dtype="fp32")


@layer("argSort")
def arg_sort(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ArgSortLayerParams``."""
    places = net.op("argsort", x=x, axis=int(params.axis), ascending=not params.descending)
    return _float(net, places)


@layer("cumSum")
def cum_sum(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``CumSumLayerParams``."""
    return _float(
        net,
        net.op(
            "cumsum",
            x=x,
            axis=int(params.axis),
            exclusive=bool(params.excludeFinalSum),
            reverse=bool(params.reverse),
        ),
    )


def _place_of(net: Lowering, kind: str, params: Any, x: Operand) -> Lowered:
    rank = net.rank(x) - int(params.removeDim)
    keep = not params.removeDim
    return _float(net, net.op(kind, x=x, axis=int(params.axis), keep_dims=keep, rank=rank))


def _float(net: Lowering, x: Operand) -> Lowered:
    return net.op("cast", x=x, dtype="fp32")
