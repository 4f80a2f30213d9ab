"""The vision transformer drawn in ONNX, straight from its options.

Through tensorflow and tf2onnx the same graph takes a ViT-B 14 s and three copies of its weights;
here it is one file's worth of nodes. It is the export form of :mod:`edgeconv.architectures.vit`:
layers and weights have the same names, queries carry the scale of attention, and the last block
computes the class token alone where nothing else is read. Operations are those that ONNX Runtime
and TensorRT fuse: see :mod:`edgeconv.targets.onnx_fusing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import BOTH_SCORES, SCORES
from edgeconv.architectures.onnx_drawing import Drawing, Shape
from edgeconv.architectures.vit_options import Options, options_of
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.frozen import OUTPUT_NAME, input_name
from edgeconv.spec import ONE_LOGIT, ModelSpec


def weight_shapes(spec: ModelSpec) -> dict[str, Shape]:
    """The tensors of a spec's network by ``layer/weight``, as its Keras layers have them.

    Raises:
        SpecError: the options are wrong, or the pictures cannot be cut into patches.
    """
    return _drawn(spec).weights


def onnx_model(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> OnnxModel:
    """The network of a spec with its normalisation.

    Args:
        spec: what the model is.
        tensors: of the names and shapes of :func:`weight_shapes`.

    Returns:
        Input ``image`` (1, 3, H, W), RGB 0..255; output ``scores`` (1, labels).
    """
    height, width = spec.pictures.size
    return _drawn(spec).model(
        tensors, (input_name(spec), (1, 3, height, width)), (OUTPUT_NAME, (1, len(spec.labels)))
    )


def _drawn(spec: ModelSpec) -> Drawing:
    options, size = options_of(spec)
    drawing = Drawing("vit")
    tower = _Tower(options, drawing)
    x = tower.embedded(_normalised(drawing, spec), options.grid(size))
    for number in range(options.depth):
        x = tower.block(number, x)
    drawing.rename(_scores(drawing, spec, *tower.features(x)), OUTPUT_NAME)
    return drawing


def _normalised(drawing: Drawing, spec: ModelSpec) -> str:
    """``(p * scale - mean) / std``"""
    given = spec.pictures

    def by_channel(values: Any) -> str:
        return drawing.constant(np.float32(values).reshape(1, -1, 1, 1))

    x = drawing.node("Mul", "pixels", input_name(spec), drawing.constant(given.scale))
    x = drawing.node("Sub", "pixels", x, by_channel(given.mean))
    return drawing.node("Div", "pixels", x, by_channel(given.std))


def _scores(drawing: Drawing, spec: ModelSpec, features: str, width: int) -> str:
    kind = spec.output.kind
    units = 1 if kind in ONE_LOGIT else len(spec.labels)
    kernel = drawing.weight(f"{SCORES}/kernel", (width, units))
    bias = drawing.weight(f"{SCORES}/bias", (units,))
    x = drawing.node("Gemm", SCORES, features, kernel, bias)
    if kind == "softmax":
        return drawing.node("Softmax", SCORES, x, axis=-1)
    if kind != "linear":
        x = drawing.node("Sigmoid", SCORES, x)
    if kind not in ONE_LOGIT:
        return x
    complement = drawing.node("Sub", BOTH_SCORES, drawing.constant(1.0), x)
    return drawing.node("Concat", BOTH_SCORES, complement, x, axis=1)


@dataclass(frozen=True)
class _Tokens:
    """A value of (1, ``count``, width)."""

    value: str
    count: int


@dataclass(frozen=True)
class _Tower:
    options: Options
    drawing: Drawing

    def embedded(self, pixels: str, grid: tuple[int, int]) -> _Tokens:
        """Pictures (1, 3, H, W) to tokens."""
        options, drawing = self.options, self.drawing
        width, side = options.width, options.patch
        kernel = drawing.weight(
            "patch/kernel", (side, side, 3, width), lambda hwio: hwio.transpose(3, 2, 0, 1)
        )
        bias = [drawing.weight("patch/bias", (width,))] if options.patch_bias else []
        x = drawing.node(
            "Conv", "patch", pixels, kernel, *bias, kernel_shape=[side] * 2, strides=[side] * 2
        )
        count = grid[0] * grid[1]
        x = self._reshaped("patches", x, (1, width, count))
        x = drawing.node("Transpose", "patches", x, perm=[0, 2, 1])
        if options.class_token:
            token = drawing.weight(
                "class_token/token", (width,), lambda token: token.reshape(1, 1, -1)
            )
            x = drawing.node("Concat", "class_token", token, x, axis=1)
            count += 1
        positions = drawing.weight("positions/positions", (count, width))
        x = drawing.node("Add", "positions", x, positions)
        if options.pre_norm:
            x = self._reshaped("pre_norm_tokens", self._normed("pre_norm", x), (1, count, width))
        return _Tokens(x, count)

    def block(self, number: int, x: _Tokens) -> _Tokens:
        name = f"block_{number:02d}"
        x = self._attended(name, number, x)
        width, mlp = self.options.width, self.options.mlp
        hidden = self._dense(f"{name}_up", self._normed(f"{name}_norm2", x.value), (width, mlp))
        hidden = self._gelu(f"{name}_gelu", hidden)
        mapped = self._dense(f"{name}_down", hidden, (mlp, width))
        return self._added(f"{name}_mapped", x, mapped)

    def features(self, x: _Tokens) -> tuple[str, int]:
        """Features (1, n), and n."""
        options = self.options
        if options.pool == "token":
            found = self._normed("norm", x.value)
        elif options.norm == "before_pool":
            rows = self._normed("norm", x.value)
            found = self._mean(self._reshaped("pool", rows, (1, x.count, options.width)))
        else:
            found = self._normed("norm", self._mean(x.value))
        if options.projection is None:
            return found, options.width
        shape = (options.width, options.projection)
        return self._dense("projection", found, shape, bias=False), options.projection

    def _attended(self, name: str, number: int, x: _Tokens) -> _Tokens:
        rows = self._normed(f"{name}_norm1", x.value)
        key = self._by_head(name, "key", rows, x.count, order=(0, 2, 3, 1))
        value = self._by_head(name, "value", rows, x.count)
        if number == self.options.depth - 1 and self.options.pool == "token":
            rows = self._first(f"{name}_first_row", rows, axis=0)
            x = _Tokens(self._first(f"{name}_first_token", x.value, axis=1), 1)
        query = self._by_head(name, "query", rows, x.count)
        layer = f"{name}_attention"
        weights = self.drawing.node("MatMul", layer, query, key)
        weights = self.drawing.node("Softmax", layer, weights, axis=-1)
        mixed = self.drawing.node("MatMul", layer, weights, value)
        mixed = self.drawing.node("Transpose", layer, mixed, perm=[0, 2, 1, 3])
        width = self.options.width
        rows = self._reshaped(layer, mixed, (-1, width))
        return self._added(f"{name}_attended", x, self._dense(f"{name}_out", rows, (width, width)))

    def _by_head(
        self, name: str, what: str, rows: str, tokens: int, order: Sequence[int] = (0, 2, 1, 3)
    ) -> str:
        """Rows (T, width), mapped, as (1, heads, T, width / heads), or in another order."""
        width, heads = self.options.width, self.options.heads
        mapped = self._dense(
            f"{name}_{what}",
            rows,
            (width, width),
            bias=self.options.qkv_bias,
            scale=np.float32((width // heads) ** -0.5) if what == "query" else None,
        )
        layer = f"{name}_attention"
        split = self._reshaped(layer, mapped, (1, tokens, heads, width // heads))
        return self.drawing.node("Transpose", layer, split, perm=list(order))

    def _gelu(self, layer: str, x: str) -> str:
        """The forms of :class:`edgeconv.architectures.vit_layers.Gelu`, as they are fused."""
        node, constant = self.drawing.node, self.drawing.constant
        if self.options.activation == "quick_gelu":
            steep = node("Mul", layer, x, constant(1.702))
            return node("Mul", layer, x, node("Sigmoid", layer, steep))
        if self.options.activation == "gelu_tanh":
            cube = node("Pow", layer, x, constant(3.0))
            inner = node("Add", layer, x, node("Mul", layer, cube, constant(0.044715)))
            inner = node("Mul", layer, inner, constant(sqrt(2 / pi)))
            share = node("Add", layer, node("Tanh", layer, inner), constant(1.0))
        else:
            inner = node("Div", layer, x, constant(sqrt(2)))
            share = node("Add", layer, node("Erf", layer, inner), constant(1.0))
        return node("Mul", layer, node("Mul", layer, x, constant(0.5)), share)

    def _added(self, layer: str, x: _Tokens, rows: str) -> _Tokens:
        branch = self._reshaped(f"{layer}_tokens", rows, (1, x.count, self.options.width))
        return _Tokens(self.drawing.node("Add", layer, x.value, branch), x.count)

    def _dense(
        self,
        layer: str,
        rows: str,
        shape: tuple[int, int],
        *,
        bias: bool = True,
        scale: np.float32 | None = None,
    ) -> str:
        def scaled(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
            return tensor if scale is None else tensor * scale

        kernel = self.drawing.weight(f"{layer}/kernel", shape, scaled)
        if not bias:
            return self.drawing.node("MatMul", layer, rows, kernel)
        offset = self.drawing.weight(f"{layer}/bias", shape[1:], scaled)
        return self.drawing.node("Gemm", layer, rows, kernel, offset)

    def _normed(self, layer: str, x: str) -> str:
        """Rows (T, width), normalised."""
        width = self.options.width
        rows = self._reshaped(layer, x, (-1, width))
        gamma = self.drawing.weight(f"{layer}/gamma", (width,))
        beta = self.drawing.weight(f"{layer}/beta", (width,))
        return self.drawing.node(
            "LayerNormalization", layer, rows, gamma, beta, axis=-1, epsilon=self.options.eps
        )

    def _mean(self, x: str) -> str:
        """Tokens (1, T, width) to rows (1, width): the mean of all but the class token."""
        if self.options.class_token:
            x = self._sliced("pool", x, axis=1, start=1, end=np.iinfo(np.int64).max)
        return self.drawing.node("ReduceMean", "pool", x, axes=[1], keepdims=0)

    def _first(self, layer: str, x: str, axis: int) -> str:
        return self._sliced(layer, x, axis=axis, start=0, end=1)

    def _sliced(self, layer: str, x: str, *, axis: int, start: int, end: int) -> str:
        places = [self.drawing.constant([place], np.int64) for place in (start, end, axis)]
        return self.drawing.node("Slice", layer, x, *places)

    def _reshaped(self, layer: str, x: str, shape: Shape) -> str:
        return self.drawing.node("Reshape", layer, x, self.drawing.constant(shape, np.int64))
