"""The layers of a vision transformer that Keras lacks, in the forms that every converter fuses.

Tokens (N, T, D) are kept for the residual alone. Normalisation and dense layers work on rows
(N*T, D): Core ML fuses a normalisation only where nothing but the normalisation reads its input,
which is true of the reshaped rows and not of the residual, and ONNX and TFLite know a dense layer
on rows by one operation.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from edgeconv.architectures.vit_options import Activation

SQRT_HALF = 0.70710678


class LayerNorm(tf_keras.layers.Layer):  # type: ignore[misc]
    """Layer normalisation (Ba et al. 2016) over the last axis: tokens or rows in, rows out.

    Keras' own goes through batch normalisation where its epsilon is large, which does not fuse.
    """

    def __init__(self, eps: float, **options: Any) -> None:
        super().__init__(**options)
        self.eps = eps

    def build(self, shape: Any) -> None:
        self.gamma = self.add_weight("gamma", shape[-1:], initializer="ones")
        self.beta = self.add_weight("beta", shape[-1:], initializer="zeros")
        super().build(shape)

    def call(self, x: Any) -> Any:
        x = tf.reshape(x, (-1, x.shape[-1]))
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + self.eps) * self.gamma
        return x * scale + (self.beta - mean * scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "eps": self.eps}


class Gelu(tf_keras.layers.Layer):  # type: ignore[misc]
    """GELU (Hendrycks & Gimpel 2016): exact, by tanh, or CLIP's ``x sigmoid(1.702 x)``.

    The exact one is spelt as TFLite and Core ML know it; ``tf.nn.gelu`` makes an Erfc, which
    Core ML and ONNX Runtime refuse.
    """

    def __init__(self, form: Activation, **options: Any) -> None:
        super().__init__(**options)
        self.form = form

    def call(self, x: Any) -> Any:
        if self.form == "quick_gelu":
            return x * tf.sigmoid(1.702 * x)
        if self.form == "gelu_tanh":
            return tf.nn.gelu(x, approximate=True)
        return 0.5 * x * (1.0 + tf.math.erf(x * SQRT_HALF))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "form": self.form}


class Tokens(tf_keras.layers.Layer):  # type: ignore[misc]
    """Rows (N*T, D), or a grid of them, to tokens (N, T, D)."""

    def __init__(self, tokens: int, **options: Any) -> None:
        super().__init__(**options)
        self.tokens = tokens

    def call(self, x: Any) -> Any:
        return tf.reshape(x, (-1, self.tokens, x.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tokens": self.tokens}


class FirstToken(Tokens):
    """The first of T tokens: (N, T, D) to (N, 1, D), or rows (N*T, D) to rows (N, D)."""

    def call(self, x: Any) -> Any:
        if x.shape.rank == 3:
            return x[:, :1]
        of_one_picture = x.shape[0] == self.tokens
        return x[:1] if of_one_picture else super().call(x)[:, 0]


class MeanToken(Tokens):
    """The mean of T tokens but the first ``skipped``: (N, T, D) or (N*T, D) to rows (N, D)."""

    def __init__(self, tokens: int, skipped: int, **options: Any) -> None:
        super().__init__(tokens, **options)
        self.skipped = skipped

    def call(self, x: Any) -> Any:
        return tf.reduce_mean(super().call(x)[:, self.skipped :], axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "skipped": self.skipped}


class ClassToken(tf_keras.layers.Layer):  # type: ignore[misc]
    """Puts one learned token before all others: (N, T, D) to (N, T + 1, D)."""

    def build(self, shape: Any) -> None:
        self.token = self.add_weight("token", shape[-1:], initializer="zeros")
        super().build(shape)

    def call(self, x: Any) -> Any:
        count = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
        return tf.concat([tf.tile(self.token[None, None], (count, 1, 1)), x], axis=1)


class Positions(tf_keras.layers.Layer):  # type: ignore[misc]
    """Adds a learned position to each token (N, T, D)."""

    def build(self, shape: Any) -> None:
        self.positions = self.add_weight("positions", shape[1:], initializer="zeros")
        super().build(shape)

    def call(self, x: Any) -> Any:
        return x + self.positions


class Attention(tf_keras.layers.Layer):  # type: ignore[misc]
    """Softmax attention (Vaswani et al. 2017) on rows: queries (N*Q, D), keys, values (N*T, D).

    Args:
        heads: how many share D.
        queries: Q, for each picture.
        keys: T, for each picture.
        scaled: whether the queries have already been divided by the root of a head's width.
    """

    def __init__(
        self, heads: int, queries: int, keys: int, scaled: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.heads, self.queries, self.keys, self.scaled = heads, queries, keys, scaled

    @staticmethod
    def scale(width: int) -> float:
        """What queries of one head's width are multiplied by."""
        return float(width**-0.5)

    def call(self, rows: Any) -> Any:
        query, key, value = rows
        width = query.shape[-1]
        if not self.scaled:
            query = query * self.scale(width // self.heads)
        query, key, value = (
            self._by_head(query, self.queries),
            self._by_head(key, self.keys),
            self._by_head(value, self.keys),
        )
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
        mixed = tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3))
        return tf.reshape(mixed, (-1, width))

    def _by_head(self, rows: Any, tokens: int) -> Any:
        """Rows (N*T, D) to (N, heads, T, D / heads)."""
        split = tf.reshape(rows, (-1, tokens, self.heads, rows.shape[-1] // self.heads))
        return tf.transpose(split, (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "queries": self.queries,
            "keys": self.keys,
            "scaled": self.scaled,
        }
