"""Folders of open_clip: the vision tower out of a whole CLIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign_models as models
import pytest
import torch_files
from numpy.testing import assert_array_equal

from edgeconv.checkpoints import read
from edgeconv.errors import CheckpointError, CheckpointMismatch, CorruptCheckpoint
from edgeconv.spec import Input, Resize

ARCHITECTURE = {
    "kind": "vit",
    "patch": 4,
    "width": 8,
    "depth": 2,
    "heads": 2,
    "mlp": 12,
    "activation": "gelu",
    "eps": 1e-5,
    "class_token": True,
    "pool": "token",
    "pre_norm": True,
    "patch_bias": False,
    "qkv_bias": True,
    "norm": "before_pool",
    "projection": 6,
}
VISION = [name for name in models.OPEN_CLIP if name.startswith("visual.")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "laion"


@pytest.fixture
def clip(folder: Path) -> models.Arrays:
    return models.open_clip(folder)


def model(folder: Path, **changes: Any) -> None:
    models.edit(
        folder / "open_clip_config.json", lambda document: document["model_cfg"].update(changes)
    )


def vision(folder: Path, **changes: Any) -> None:
    models.edit(
        folder / "open_clip_config.json",
        lambda document: document["model_cfg"]["vision_cfg"].update(changes),
    )


def prepared(folder: Path, **changes: Any) -> None:
    models.edit(
        folder / "open_clip_config.json",
        lambda document: document["preprocess_cfg"].update(changes),
    )


def declared(folder: Path) -> Any:
    found = read(folder).declared
    assert found is not None
    return found


def test_everything_that_is_declared(clip: Any, folder: Path) -> None:
    assert read(folder).format == "open_clip"
    found = declared(folder)
    assert found.architecture == ARCHITECTURE
    assert found.labels is found.output is None
    assert found.input == Input(
        size=(8, 8),
        resize=Resize(mode="center_crop", filter="bicubic"),
        scale=1 / 255,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    )


def test_every_tensor_has_its_place(clip: models.Arrays, folder: Path) -> None:
    tensors = read(folder).tensors
    # Queries, keys and values come out of one weight and one bias.
    assert len(tensors) == len(VISION) + 2 * 4
    fused = clip["visual.transformer.resblocks.1.attn.in_proj_weight"]
    biases = clip["visual.transformer.resblocks.1.attn.in_proj_bias"]
    assert_array_equal(tensors["block_01_key/kernel"], fused[8:16].T)
    assert_array_equal(tensors["block_01_value/bias"], biases[16:])
    assert_array_equal(tensors["projection/kernel"], clip["visual.proj"])
    assert_array_equal(tensors["class_token/token"], clip["visual.class_embedding"])
    assert_array_equal(tensors["positions/positions"], clip["visual.positional_embedding"])
    assert_array_equal(
        tensors["block_00_down/kernel"],
        clip["visual.transformer.resblocks.0.mlp.c_proj.weight"].T,
    )


def test_the_layout_of_custom_text_clip(clip: models.Arrays, folder: Path) -> None:
    text = [name for name in clip if name not in VISION]
    models.replaced(
        clip, folder / "open_clip_model.safetensors", *text,
        text__transformer__embeddings__word_embeddings__weight=(20, 16), logit_bias=(1,),
    )  # fmt: skip
    assert declared(folder).architecture == ARCHITECTURE


def test_pickled_weights(clip: models.Arrays, folder: Path) -> None:
    wanted = read(folder).tensors
    (folder / "open_clip_model.safetensors").unlink()
    torch_files.save(folder / "open_clip_pytorch_model.bin", clip)
    found = read(folder).tensors
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert_array_equal(found[name], tensor)


def test_beside_the_layout_of_transformers_that_one_is_read(clip: Any, folder: Path) -> None:
    models.write(folder, {}, "other.safetensors", config=models.CLIP_CONFIG)
    assert read(folder).format == "open_clip"
    models.clip(folder)
    assert read(folder).format == "huggingface"


@pytest.mark.parametrize(
    "change, wanted",
    [
        (lambda folder: model(folder, quick_gelu=True), {"activation": "quick_gelu"}),
        (lambda folder: vision(folder, pool_type="avg"), {"pool": "mean"}),
        (lambda folder: vision(folder, final_ln_after_pool=True), {"norm": "after_pool"}),
        (lambda folder: vision(folder, patch_dropout=0.5, attentional_pool=False), {}),
    ],
)
def test_each_key_of_the_tower(change: Any, wanted: Any, clip: Any, folder: Path) -> None:
    change(folder)
    assert declared(folder).architecture == {**ARCHITECTURE, **wanted}


def test_without_the_first_norm(clip: models.Arrays, folder: Path) -> None:
    vision(folder, no_ln_pre=True)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "visual.ln_pre.weight (8)" in caught.value.got
    models.replaced(
        clip, folder / "open_clip_model.safetensors", "visual.ln_pre.weight", "visual.ln_pre.bias"
    )
    assert declared(folder).architecture["pre_norm"] is False


@pytest.mark.parametrize(
    "keys, named",
    [
        ({"timm_model_name": "vit_base_patch16_siglip_224"}, "timm_model_name"),
        ({"attentional_pool": True}, "attentional_pool"),
        ({"layers": [3, 4, 6, 3]}, "a ResNet"),
        ({"pool_type": "none"}, "pool_type 'none'"),
        ({"qk_norm": True}, "qk_norm"),
        ({"act_kwargs": {"approximate": "tanh"}}, "act_kwargs"),
        ({"norm_kwargs": {"eps": 1e-6}}, "norm_kwargs"),
        ({"block_type": "custom"}, "block_type"),
    ],
)
def test_other_towers_are_refused_by_name(
    keys: dict[str, Any], named: str, clip: Any, folder: Path
) -> None:
    vision(folder, **keys)
    with pytest.raises(CheckpointError, match="a tower that is not supported") as caught:
        read(folder)
    assert type(caught.value) is CheckpointError and named in caught.value.got[0]


@pytest.mark.parametrize("name", VISION)
def test_every_tensor_is_missed_by_name(name: str, clip: models.Arrays, folder: Path) -> None:
    models.replaced(clip, folder / "open_clip_model.safetensors", name)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert caught.value.expected[0].startswith(f"{name} (") and len(caught.value.expected) == 1


def test_an_unexpected_tensor_is_refused(clip: models.Arrays, folder: Path) -> None:
    models.replaced(clip, folder / "open_clip_model.safetensors", visual__attn_pool__query=(1, 8))
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "visual.attn_pool.query (1, 8)" in caught.value.got


@pytest.mark.parametrize(
    "keys, resize",
    [
        ({"resize_mode": "squash"}, Resize(mode="stretch", filter="bicubic")),
        ({"interpolation": "bilinear"}, Resize(mode="center_crop", filter="bilinear")),
        ({"resize_mode": "shortest"}, Resize(mode="center_crop", filter="bicubic")),
    ],
)
def test_how_pictures_are_prepared(
    keys: dict[str, Any], resize: Resize, clip: Any, folder: Path
) -> None:
    prepared(folder, **keys)
    assert declared(folder).input.resize == resize


def test_other_preprocessing_is_refused_or_open(clip: Any, folder: Path) -> None:
    prepared(folder, resize_mode="longest")
    with pytest.raises(CheckpointError, match="prepares pictures in a way") as caught:
        read(folder)
    assert "longest" in caught.value.got[0]
    models.edit(folder / "open_clip_config.json", lambda document: document.pop("preprocess_cfg"))
    assert declared(folder).input is None


@pytest.mark.parametrize(
    "keys",
    [{"layers": 0}, {"width": "wide"}, {"head_width": 16}, {"mlp_ratio": -1}],
)
def test_configurations_that_cannot_be(keys: dict[str, Any], clip: Any, folder: Path) -> None:
    vision(folder, **keys)
    with pytest.raises(CorruptCheckpoint, match="does not say what it must"):
        read(folder)
