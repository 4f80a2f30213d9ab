"""How the libraries spell the tensors of a vision transformer, and from there to our names.

Every tensor must be there in its very shape, and none may be left over but those that are known to
be no part of the classifier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures.vit_options import TowerOptions
from edgeconv.checkpoints.fitting import Shape, at_most, described
from edgeconv.checkpoints.foreign_config import checked
from edgeconv.errors import CheckpointError, CheckpointMismatch, SpecError

Tensors = Mapping[str, NDArray[Any]]

_CHANNELS = 3
_ATTENTION = ("query", "key", "value")

_OTHER_KINDS = {
    r"\b(dist_token|distillation_token|head_dist|distillation_classifier)\b": (
        "a distilled DeiT, which has a second token and a second head"
    ),
    r"\b(reg_token|register_tokens)\b": "a ViT with register tokens",
    r"\b(q_norm|k_norm|ln_q|ln_k)\b": "a ViT that normalises queries and keys",
    r"\b(fc1_g|fc1_x|w12|weights_in)\b": "a ViT with gated layers (SwiGLU)",
    r"\b(relative_position_bias_table|downsample|patch_merging)\b": "a Swin or BEiT",
    r"\battn_pool\b": "a ViT that pools by attention",
}


@dataclass(frozen=True)
class Layout:
    """How one library spells the tensors.

    ``names`` gives its name for each of our layers, ``{}`` standing for the number of the block.
    Where queries, keys and values share one, they are the three thirds of one tensor; a name that
    ends in ``_`` goes on as ``_weight`` and ``_bias`` instead of ``.weight`` and ``.bias``.
    ``batched`` says that class token and positions have leading sides of one, and
    ``projection_is_kernel`` that the projection lies as we keep it, (in, out). What ``ignored``
    matches is no part of the classifier.
    """

    names: Mapping[str, str]
    batched: bool = False
    projection_is_kernel: bool = False
    ignored: re.Pattern[str] = field(default=re.compile(r"(?!)"))

    def is_of(self, tensors: Tensors) -> bool:
        """Whether the first block is spelled in this way."""
        return f"{self.names['norm1'].format(0)}.weight" in tensors


@dataclass(frozen=True)
class Network:
    """A vision transformer as a checkpoint's configuration describes it.

    ``tokens`` is how many positions there are; ``scores`` how many logits its head gives, None for
    a tower without one. ``layer_scale`` says that each branch ends in a factor a channel.
    """

    options: TowerOptions
    tokens: int
    scores: int | None = None
    layer_scale: bool = False

    @property
    def architecture(self) -> dict[str, Any]:
        """The ``[architecture]`` table of a spec, without what is for training alone."""
        options = self.options.model_dump(exclude_none=True, exclude={"dropout", "drop_path"})
        return {"kind": "vit", **options}


def network_of(
    table: Mapping[str, Any],
    size: tuple[int, int],
    where: str,
    scores: int | None = None,
    layer_scale: bool = False,
) -> Network:
    """The network that a configuration describes.

    Args:
        table: an ``[architecture]`` table without its kind.
        size: (height, width) of the pictures that the positions are for.
        where: the configuration, for the errors.
        scores: as in :class:`Network`.
        layer_scale: as in :class:`Network`.

    Raises:
        CorruptCheckpoint: there is no such network.
        CheckpointError: the pictures cannot be cut into patches.
    """
    options = checked(TowerOptions, table, where)
    try:
        tokens = options.tokens(size)
    except SpecError as error:
        raise CheckpointError(
            f"{where} describes a ViT that is not supported",
            got=f"{error.message}",
            expected=error.expected,
        ) from error
    return Network(options, tokens, scores, layer_scale)


def layout_of(tensors: Tensors, layouts: Sequence[Layout]) -> Layout:
    """The layout that the tensors are spelled in; the first, where it is none."""
    return next((layout for layout in layouts if layout.is_of(tensors)), layouts[0])


def mapped(
    tensors: Tensors, layout: Layout, network: Network, where: str
) -> dict[str, NDArray[Any]]:
    """The tensors as ``layer/weight`` of :mod:`edgeconv.architectures.vit`.

    Kernels are transposed to (in, out) and (height, width, in, out), fused queries, keys and values
    are taken apart, and layer scale (Touvron et al. 2021) is multiplied into the layer before it.

    Args:
        tensors: as stored.
        layout: how they are spelled.
        network: what the checkpoint's configuration describes.
        where: the checkpoint, for the error.

    Raises:
        CheckpointMismatch: a tensor is missing, extra or misshapen.
    """
    stored = dict(_stored(layout, network))
    _check(tensors, layout, stored, where)
    found = {ours: place.taken_from(tensors) for ours, place in stored.items()}
    for name in [name for name in found if name.endswith("/scale")]:
        scale = found.pop(name)
        layer = name.removesuffix("scale")
        for weight in ("kernel", "bias"):
            found[layer + weight] = found[layer + weight].astype(np.float32) * scale
    return found


@dataclass(frozen=True)
class _Stored:
    """Where one of our tensors lies, in what shape, which third of it, and how it becomes ours."""

    name: str
    shape: Shape
    to_ours: Callable[[NDArray[Any]], NDArray[Any]]
    third: int | None = None

    def taken_from(self, tensors: Tensors) -> NDArray[Any]:
        tensor = tensors[self.name]
        if self.third is not None:
            tensor = np.split(tensor, 3)[self.third]
        return self.to_ours(tensor)


def _stored(layout: Layout, network: Network) -> Iterator[tuple[str, _Stored]]:
    """Our name of every tensor of the network, and where it lies."""
    options, width = network.options, network.options.width
    yield from _stem(layout, network)
    for number in range(options.depth):
        yield from _block(layout, network, number)
    yield from _norm(layout, "norm", width)
    features = options.projection or width
    if options.projection is not None:
        name = layout.names["projection"]
        if layout.projection_is_kernel:
            yield "projection/kernel", _Stored(name, (width, features), _as_it_is)
        else:
            yield "projection/kernel", _Stored(f"{name}.weight", (features, width), np.transpose)
    if network.scores is not None:
        yield from _dense(layout.names["scores"], "scores", features, network.scores)


def _stem(layout: Layout, network: Network) -> Iterator[tuple[str, _Stored]]:
    """From pixels to the tokens of the first block."""
    options, names = network.options, layout.names
    width, patch = options.width, options.patch
    kernel = (width, _CHANNELS, patch, patch)
    yield "patch/kernel", _Stored(f"{names['patch']}.weight", kernel, _channels_last)
    if options.patch_bias:
        yield "patch/bias", _Stored(f"{names['patch']}.bias", (width,), _as_it_is)
    if options.class_token:
        token = (1, 1, width) if layout.batched else (width,)
        yield "class_token/token", _Stored(names["class_token"], token, np.ravel)
    rows = (1, network.tokens, width) if layout.batched else (network.tokens, width)
    yield "positions/positions", _Stored(names["positions"], rows, _as_rows)
    if options.pre_norm:
        yield from _norm(layout, "pre_norm", width)


def _block(layout: Layout, network: Network, number: int) -> Iterator[tuple[str, _Stored]]:
    options, width = network.options, network.options.width
    theirs = {ours: name.format(number) for ours, name in layout.names.items()}
    block = f"block_{number:02d}"
    for norm in ("norm1", "norm2"):
        yield from _norm(layout, norm, width, f"{block}_{norm}", number)
    fused = theirs["query"] == theirs["key"]
    for third, ours in enumerate(_ATTENTION):
        part = third if fused else None
        yield from _dense(theirs[ours], f"{block}_{ours}", width, width, options.qkv_bias, part)
    for ours, length, out, scale in (
        ("out", width, width, "scale1"),
        ("up", width, options.mlp, None),
        ("down", options.mlp, width, "scale2"),
    ):
        yield from _dense(theirs[ours], f"{block}_{ours}", length, out)
        if scale is not None and network.layer_scale:
            yield f"{block}_{ours}/scale", _Stored(theirs[scale], (width,), _as_it_is)


def _norm(
    layout: Layout, key: str, width: int, ours: str | None = None, number: int | None = None
) -> Iterator[tuple[str, _Stored]]:
    theirs = layout.names[key].format(number)
    yield f"{ours or key}/gamma", _Stored(f"{theirs}.weight", (width,), _as_it_is)
    yield f"{ours or key}/beta", _Stored(f"{theirs}.bias", (width,), _as_it_is)


def _dense(
    theirs: str, ours: str, length: int, out: int, bias: bool = True, third: int | None = None
) -> Iterator[tuple[str, _Stored]]:
    joined = theirs if theirs.endswith("_") else f"{theirs}."
    rows = out if third is None else 3 * out
    yield f"{ours}/kernel", _Stored(f"{joined}weight", (rows, length), np.transpose, third)
    if bias:
        yield f"{ours}/bias", _Stored(f"{joined}bias", (rows,), _as_it_is, third)


def _as_it_is(tensor: NDArray[Any]) -> NDArray[Any]:
    return tensor


def _as_rows(tensor: NDArray[Any]) -> NDArray[Any]:
    rows: NDArray[Any] = tensor.reshape(tensor.shape[-2:])
    return rows


def _channels_last(kernel: NDArray[Any]) -> NDArray[Any]:
    """(out, in, height, width) to (height, width, in, out)."""
    ours: NDArray[Any] = kernel.transpose(2, 3, 1, 0)
    return ours


def _check(tensors: Tensors, layout: Layout, stored: Mapping[str, _Stored], where: str) -> None:
    shapes = {place.name: place.shape for place in stored.values()}
    wrong = [name for name in shapes if name in tensors and tensors[name].shape != shapes[name]]
    missing = [name for name in shapes if name not in tensors]
    extra = [name for name in tensors if name not in shapes and not layout.ignored.fullmatch(name)]
    if not wrong and not missing and not extra:
        return
    raise CheckpointMismatch(
        f"{where} is not the vision transformer that its configuration describes",
        got=at_most([described(name, tensors[name].shape) for name in wrong + extra])
        or "nothing else",
        expected=at_most([described(name, shapes[name]) for name in wrong + missing])
        or "no other tensors",
        do=_advice(extra),
    )


def _advice(extra: Sequence[str]) -> str:
    for pattern, kind in _OTHER_KINDS.items():
        if any(re.search(pattern, name) for name in extra):
            return f"this looks like {kind}; a plain ViT and CLIP's vision tower are supported"
    return "fetch the checkpoint again, with its own configuration"
