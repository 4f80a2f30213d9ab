"""A vision transformer without its head, drawn by the same lines in both forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tf_keras

from edgeconv.architectures.forms import Form
from edgeconv.architectures.vit_layers import (
    Attention,
    ClassToken,
    FirstToken,
    Gelu,
    LayerNorm,
    MeanToken,
    Positions,
    Tokens,
)
from edgeconv.architectures.vit_options import TowerOptions


def tower(options: TowerOptions, size: tuple[int, int], pixels: Any, form: Form) -> Any:
    """Draw the graph from pixels to features.

    All weights start at zero but the normalisations'.

    Args:
        size: (height, width) of the pictures.
        pixels: normalised float32 Keras tensor (N, height, width, 3).
        form: where the layers come from.

    Returns:
        Features, a Keras tensor (N, ``projection`` or ``width``).

    Raises:
        SpecError: the pictures cannot be cut into patches.
    """
    rows, columns = options.grid(size)
    drawing = _Tower(options, form)
    x = drawing.embedded(pixels, rows * columns)
    for number in range(options.depth):
        x = drawing.block(number, x)
    return drawing.features(x)


@dataclass(frozen=True)
class _Tower:
    options: TowerOptions
    form: Form

    def embedded(self, pixels: Any, patches: int) -> Any:
        """Pictures to tokens (N, T, width)."""
        options = self.options
        patch = self.form.layer(
            tf_keras.layers.Conv2D,
            "patch",
            filters=options.width,
            kernel_size=options.patch,
            strides=options.patch,
            use_bias=options.patch_bias,
            kernel_initializer="zeros",
        )
        x = self._tokens("patches", patch(pixels), patches)
        if options.class_token:
            x = self.form.layer(ClassToken, "class_token")(x)
        x = self.form.layer(Positions, "positions")(x)
        x = self._dropped("positions", x)
        if options.pre_norm:
            x = self._tokens("pre_norm_tokens", self._normed("pre_norm", x), x.shape[1])
        return x

    def block(self, number: int, x: Any) -> Any:
        """Tokens (N, T, width) to the same.

        Where the class token alone is read in the end, the last block computes no other: it gives
        (N, 1, width).
        """
        name = f"block_{number:02d}"
        x = self._attended(name, number, x)
        hidden = self._dense(f"{name}_up", self._normed(f"{name}_norm2", x), self.options.mlp)
        hidden = self.form.layer(Gelu, f"{name}_gelu", form=self.options.activation)(hidden)
        hidden = self._dropped(f"{name}_gelu", hidden)
        mapped = self._dense(f"{name}_down", hidden, self.options.width)
        return self._added(f"{name}_mapped", number, x, mapped)

    def features(self, x: Any) -> Any:
        """Tokens (N, T, width) to features (N, projection or width)."""
        options = self.options
        if options.pool == "token":
            x = self._normed("norm", x)
        elif options.norm == "before_pool":
            x = self._mean(self._normed("norm", x), x.shape[1])
        else:
            x = self._normed("norm", self._mean(x, x.shape[1]))
        if options.projection is None:
            return x
        return self._dense("projection", x, options.projection, bias=False)

    def _attended(self, name: str, number: int, x: Any) -> Any:
        tokens, rows = x.shape[1], self._normed(f"{name}_norm1", x)
        key = self._inner(f"{name}_key", rows)
        value = self._inner(f"{name}_value", rows)
        if number == self.options.depth - 1 and self.options.pool == "token":
            rows = self._first(f"{name}_first_row", rows, tokens)
            x = self._first(f"{name}_first_token", x, tokens)
        query = self._query(f"{name}_query", rows)
        attention = Attention(
            self.options.heads,
            queries=x.shape[1],
            keys=tokens,
            scaled=self.form.is_export,
            name=f"{name}_attention",
        )
        mixed = self._dense(f"{name}_out", attention([query, key, value]), self.options.width)
        return self._added(f"{name}_attended", number, x, mixed)

    def _query(self, name: str, rows: Any) -> Any:
        """The queries; for export from a copy of their layer with attention's scale inside."""
        if not self.form.is_export:
            return self._inner(name, rows)
        trained = self.form.source.get_layer(name)
        scale = Attention.scale(self.options.width // self.options.heads)
        kernel, *bias = (
            tf_keras.initializers.Constant(weights * scale) for weights in trained.get_weights()
        )
        return tf_keras.layers.Dense(
            trained.units,
            use_bias=trained.use_bias,
            kernel_initializer=kernel,
            bias_initializer=bias[0] if bias else "zeros",
            name=name,
        )(rows)

    def _added(self, name: str, number: int, x: Any, rows: Any) -> Any:
        """The tokens ``x`` and a branch's rows, which training may leave out whole."""
        branch = self._tokens(f"{name}_tokens", self._dropped(name, rows), x.shape[1])
        rate = self.options.drop_path * number / max(self.options.depth - 1, 1)
        if rate and not self.form.is_export:
            branch = tf_keras.layers.Dropout(
                rate, noise_shape=(None, 1, 1), name=f"{name}_drop_path"
            )(branch)
        return self.form.layer(tf_keras.layers.Add, name)([x, branch])

    def _dropped(self, after: str, x: Any) -> Any:
        if not self.options.dropout or self.form.is_export:
            return x
        return tf_keras.layers.Dropout(self.options.dropout, name=f"{after}_dropout")(x)

    def _inner(self, name: str, rows: Any) -> Any:
        return self._dense(name, rows, self.options.width, bias=self.options.qkv_bias)

    def _dense(self, name: str, rows: Any, units: int, bias: bool = True) -> Any:
        dense = self.form.layer(
            tf_keras.layers.Dense, name, units=units, use_bias=bias, kernel_initializer="zeros"
        )
        return dense(rows)

    def _normed(self, name: str, x: Any) -> Any:
        """Rows (N*T, width), normalised, in float32 where training computes the rest in less."""
        return self.form.layer(LayerNorm, name, eps=self.options.eps, dtype="float32")(x)

    def _tokens(self, name: str, rows: Any, tokens: int) -> Any:
        return self.form.layer(Tokens, name, tokens=tokens)(rows)

    def _first(self, name: str, x: Any, tokens: int) -> Any:
        return self.form.layer(FirstToken, name, tokens=tokens)(x)

    def _mean(self, x: Any, tokens: int) -> Any:
        skipped = int(self.options.class_token)
        return self.form.layer(MeanToken, "pool", tokens=tokens, skipped=skipped)(x)
