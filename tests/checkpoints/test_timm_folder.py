"""Folders of timm: the network behind a name, and what its arguments change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign_models as models
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from edgeconv.checkpoints import read
from edgeconv.checkpoints.timm_names import described
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
    "eps": 1e-6,
    "class_token": True,
    "pool": "token",
    "pre_norm": False,
    "patch_bias": True,
    "qkv_bias": True,
    "norm": "before_pool",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "marqo"


@pytest.fixture
def vit(folder: Path) -> models.Arrays:
    return models.timm(folder)


def config(folder: Path, **changes: Any) -> None:
    models.edit(folder / "config.json", lambda document: document.update(changes))


def arguments(folder: Path, **changes: Any) -> None:
    models.edit(folder / "config.json", lambda document: document["model_args"].update(changes))


def pretrained(folder: Path, **changes: Any) -> None:
    models.edit(folder / "config.json", lambda document: document["pretrained_cfg"].update(changes))


def declared(folder: Path) -> Any:
    found = read(folder).declared
    assert found is not None
    return found


def test_everything_that_is_declared(vit: Any, folder: Path) -> None:
    checkpoint = read(folder)
    assert checkpoint.format == "timm" and checkpoint.path == folder
    found = declared(folder)
    assert found.architecture == ARCHITECTURE
    assert found.labels == ("Drawing", "Neutral", "Porn")
    assert found.output is None, "timm does not say whether labels exclude each other"
    assert found.input == Input(
        size=(8, 8),
        resize=Resize(mode="center_crop", filter="bicubic"),
        scale=1 / 255,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )


def test_queries_keys_and_values_are_taken_apart(vit: models.Arrays, folder: Path) -> None:
    tensors = read(folder).tensors
    fused, biases = vit["blocks.1.attn.qkv.weight"], vit["blocks.1.attn.qkv.bias"]
    for third, name in enumerate(("query", "key", "value")):
        rows = slice(8 * third, 8 * third + 8)
        assert_array_equal(tensors[f"block_01_{name}/kernel"], fused[rows].T)
        assert_array_equal(tensors[f"block_01_{name}/bias"], biases[rows])
    assert_array_equal(tensors["block_00_up/kernel"], vit["blocks.0.mlp.fc1.weight"].T)
    assert_array_equal(tensors["norm/gamma"], vit["norm.weight"])
    assert_array_equal(tensors["scores/kernel"], vit["head.weight"].T)
    assert_array_equal(tensors["positions/positions"], vit["pos_embed"][0])


def test_layer_scale_is_multiplied_in(vit: models.Arrays, folder: Path) -> None:
    scales = {f"blocks__{block}__ls{half}__gamma": (8,) for block in (0, 1) for half in (1, 2)}
    models.replaced(vit, folder / "model.safetensors", **scales)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "blocks.0.ls1.gamma (8)" in str(caught.value)
    arguments(folder, init_values=1e-5)
    plain = read(folder).tensors
    scaled = {**vit, **{name.replace("__", "."): np.ones(8, np.float32) for name in scales}}
    scaled["blocks.1.ls2.gamma"] = np.arange(8, dtype=np.float32) / 4
    models.replaced(scaled, folder / "model.safetensors")
    tensors = read(folder).tensors
    factors = scaled["blocks.1.ls2.gamma"]
    assert_array_equal(tensors["block_01_down/kernel"], vit["blocks.1.mlp.fc2.weight"].T * factors)
    assert_array_equal(tensors["block_01_down/bias"], vit["blocks.1.mlp.fc2.bias"] * factors)
    changed = [name for name in plain if not np.array_equal(plain[name], tensors[name])]
    assert changed == ["block_01_down/kernel", "block_01_down/bias"]


def test_the_mean_of_all_tokens(vit: models.Arrays, folder: Path) -> None:
    config(folder, global_pool="avg")
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "fc_norm.weight (8)" in str(caught.value)
    moved = {"fc_norm__weight": (8,), "fc_norm__bias": (8,)}
    models.replaced(vit, folder / "model.safetensors", "norm.weight", "norm.bias", **moved)
    found = declared(folder).architecture
    assert (found["pool"], found["norm"]) == ("mean", "after_pool")
    models.replaced(vit, folder / "model.safetensors")
    arguments(folder, fc_norm=False)
    found = declared(folder).architecture
    assert (found["pool"], found["norm"]) == ("mean", "before_pool")


def test_without_a_class_token(vit: models.Arrays, folder: Path) -> None:
    arguments(folder, class_token=False, global_pool="avg", fc_norm=False)
    without = {"pos_embed": (1, 4, 8)}
    models.replaced(vit, folder / "model.safetensors", "cls_token", "pos_embed", **without)
    assert declared(folder).architecture["class_token"] is False
    arguments(folder, global_pool="token")
    with pytest.raises(CorruptCheckpoint, match="does not say what it must"):
        read(folder)


def test_queries_without_bias(vit: models.Arrays, folder: Path) -> None:
    biases = ("blocks.0.attn.qkv.bias", "blocks.1.attn.qkv.bias")
    models.replaced(vit, folder / "model.safetensors", *biases)
    arguments(folder, qkv_bias=False)
    assert declared(folder).architecture["qkv_bias"] is False


def test_a_null_and_what_matters_to_training_alone_change_nothing(vit: Any, folder: Path) -> None:
    arguments(
        folder, drop_rate=0.1, drop_path_rate=0.2, attn_drop_rate=0.1, act_layer=None,
        num_classes=3, in_chans=3, img_size=8, dynamic_img_size=True, qk_norm=False,
    )  # fmt: skip
    assert declared(folder).architecture == ARCHITECTURE


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("vit_tiny_patch16_384", (16, 192, 12, 3, 768, 1e-6)),
        ("vit_small_patch32_224.augreg_in21k", (32, 384, 12, 6, 1536, 1e-6)),
        ("vit_base_patch8_224", (8, 768, 12, 12, 3072, 1e-6)),
        ("vit_large_patch14_224", (14, 1024, 24, 16, 4096, 1e-6)),
        ("vit_huge_patch14_224", (14, 1280, 32, 16, 5120, 1e-6)),
        ("deit_small_patch16_224", (16, 384, 12, 6, 1536, 1e-6)),
        ("vit_base_patch32_clip_224", (32, 768, 12, 12, 3072, 1e-5)),
        ("vit_large_patch14_clip_quickgelu_336", (14, 1024, 24, 16, 4096, 1e-5)),
    ],
)
def test_the_names_of_timm(name: str, wanted: tuple[Any, ...]) -> None:
    table, layer_scale = described(name, {}, "here")
    keys = ("patch", "width", "depth", "heads", "mlp", "eps")
    assert tuple(table[key] for key in keys) == wanted and not layer_scale
    assert table["pre_norm"] == (not table["patch_bias"]) == ("clip" in name)
    assert table["activation"] == ("quick_gelu" if "quickgelu" in name else "gelu")


@pytest.mark.parametrize(
    "name",
    [
        "swin_tiny_patch4_window7_224",
        "deit_base_distilled_patch16_224",
        "deit3_small_patch16_224",
        "vit_base_patch16_224_miil",
        "vit_base_patch16_gap_224",
        "vit_base_patch16_siglip_224",
        "vit_medium_patch16_reg4_gap_256",
        "vit_small_patch14_dinov2",
        "beit_base_patch16_224",
        "resnet50",
        "",
    ],
)
def test_names_that_are_not_listed_are_refused(name: str, vit: Any, folder: Path) -> None:
    config(folder, architecture=name)
    with pytest.raises(CheckpointError, match="names a network that is not supported") as caught:
        read(folder)
    assert type(caught.value) is CheckpointError
    assert caught.value.got == (name,) and "vit_{tiny,small" in str(caught.value)
    assert "heads" in str(caught.value.do)


def test_the_depth_is_the_name_s_and_not_the_file_s(vit: models.Arrays, folder: Path) -> None:
    last = [name for name in vit if name.startswith("blocks.1.")]
    models.replaced(vit, folder / "model.safetensors", *last)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "blocks.1.norm1.weight (8)" in caught.value.expected
    models.edit(folder / "config.json", lambda document: document.pop("model_args"))
    pretrained(folder, input_size=[3, 16, 16])
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "patch_embed.proj.weight (192, 3, 16, 16)" in caught.value.expected


@pytest.mark.parametrize(
    "argument, named",
    [
        ({"qk_norm": True}, "qk_norm"),
        ({"reg_tokens": 4}, "reg_tokens"),
        ({"no_embed_class": True}, "no_embed_class"),
        ({"mlp_layer": "swiglu"}, "mlp_layer"),
        ({"norm_layer": "rmsnorm"}, "norm_layer"),
        ({"pool_include_prefix": True}, "pool_include_prefix"),
        ({"dynamic_img_pad": True}, "dynamic_img_pad"),
    ],
)
def test_arguments_of_other_networks_are_refused_by_name(
    argument: dict[str, Any], named: str, vit: Any, folder: Path
) -> None:
    arguments(folder, **argument)
    with pytest.raises(CheckpointError, match="not supported") as caught:
        read(folder)
    assert type(caught.value) is CheckpointError and named in caught.value.got[0]


@pytest.mark.parametrize(
    "argument, error",
    [
        ({"global_pool": "map"}, CorruptCheckpoint),
        ({"global_pool": "max"}, CorruptCheckpoint),
        ({"act_layer": "relu"}, CorruptCheckpoint),
        ({"final_norm": False}, CorruptCheckpoint),
        ({"in_chans": 1}, CorruptCheckpoint),
        ({"num_heads": 3}, CorruptCheckpoint),
        ({"depth": 10**9}, CorruptCheckpoint),
        ({"mlp_ratio": float("inf")}, CorruptCheckpoint),
        ({"patch_size": [4, 2]}, CheckpointError),
        ({"img_size": 9}, CheckpointError),
        ({"img_size": 16}, CheckpointMismatch),
    ],
)
def test_arguments_that_cannot_be(
    argument: dict[str, Any], error: Any, vit: Any, folder: Path
) -> None:
    arguments(folder, **argument)
    with pytest.raises(error) as caught:
        read(folder)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "added, kind",
    [
        ({"dist_token": (1, 1, 8)}, "distilled DeiT"),
        ({"head_dist__weight": (3, 8)}, "distilled DeiT"),
        ({"reg_token": (1, 4, 8)}, "register tokens"),
        ({"blocks__0__attn__q_norm__weight": (4,)}, "queries and keys"),
        ({"blocks__0__mlp__fc1_g__weight": (12, 8)}, "SwiGLU"),
        ({"layers__0__blocks__0__attn__relative_position_bias_table": (9, 2)}, "Swin"),
        ({"attn_pool__latent": (1, 1, 8)}, "pools by attention"),
    ],
)
def test_tensors_of_other_networks_are_refused_and_named(
    added: dict[str, Any], kind: str, vit: models.Arrays, folder: Path
) -> None:
    models.replaced(vit, folder / "model.safetensors", **added)
    with pytest.raises(CheckpointMismatch, match="is not the vision transformer") as caught:
        read(folder)
    (name,) = added
    assert name.replace("__", ".") in caught.value.got[0] and kind in str(caught.value.do)


@pytest.mark.parametrize("name", list(models.TIMM))
def test_every_tensor_is_missed_by_name(name: str, vit: models.Arrays, folder: Path) -> None:
    models.replaced(vit, folder / "model.safetensors", name)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert caught.value.expected[0].startswith(f"{name} (") and len(caught.value.expected) == 1


@pytest.mark.parametrize(
    "place, names",
    [
        (config, {"2": "Porn", "0": "Drawing", "1": "Neutral"}),
        (pretrained, ["Drawing", "Neutral", "Porn"]),
    ],
)
def test_labels_may_stand_in_two_places(place: Any, names: Any, vit: Any, folder: Path) -> None:
    config(folder, label_names=None)
    assert declared(folder).labels is None
    place(folder, label_names=names)
    assert declared(folder).labels == ("Drawing", "Neutral", "Porn")


@pytest.mark.parametrize(
    "names", [["a", "b"], ["a", "b", "a"], {"0": "a", "1": "b", "3": "c"}, ["a", "b", 3], "abc"]
)
def test_labels_that_leave_a_doubt_are_refused(names: Any, vit: Any, folder: Path) -> None:
    config(folder, label_names=names)
    with pytest.raises(CorruptCheckpoint):
        read(folder)


@pytest.mark.parametrize(
    "keys, resize",
    [
        ({"crop_pct": 0.9}, Resize(mode="center_crop", filter="bicubic", crop=0.9)),
        ({"crop_mode": "squash"}, Resize(mode="stretch", filter="bicubic")),
        ({"crop_mode": None}, Resize(mode="center_crop", filter="bicubic")),
        ({"interpolation": "bilinear"}, Resize(mode="center_crop", filter="bilinear")),
        ({"interpolation": "nearest"}, Resize(mode="center_crop", filter="nearest")),
        ({"interpolation": "lanczos"}, Resize(mode="center_crop", filter="lanczos")),
    ],
)
def test_how_pictures_are_prepared(
    keys: dict[str, Any], resize: Resize, vit: Any, folder: Path
) -> None:
    pretrained(folder, **keys)
    assert declared(folder).input.resize == resize


@pytest.mark.parametrize(
    "keys, named",
    [
        ({"interpolation": "random"}, "interpolation random"),
        ({"crop_mode": "border"}, "crop_mode border"),
        ({"crop_mode": "squash", "crop_pct": 0.9}, "crop_pct 0.9"),
    ],
)
def test_other_preprocessing_is_refused_by_name(
    keys: dict[str, Any], named: str, vit: Any, folder: Path
) -> None:
    pretrained(folder, **keys)
    with pytest.raises(CheckpointError, match="prepares pictures in a way") as caught:
        read(folder)
    assert type(caught.value) is CheckpointError
    assert named in caught.value.got[0]


@pytest.mark.parametrize("key", ["mean", "std", "crop_pct", "interpolation"])
def test_what_is_not_said_is_not_assumed(key: str, vit: Any, folder: Path) -> None:
    pretrained(folder, **{key: None})
    assert declared(folder).input is None


def test_the_network_s_own_size_counts_if_it_is_fixed(vit: Any, folder: Path) -> None:
    pretrained(folder, input_size=[3, 16, 16])
    arguments(folder, img_size=[8, 8])
    assert declared(folder).input.size == (8, 8)
    pretrained(folder, fixed_input_size=False)
    with pytest.raises(CheckpointError, match="another size") as caught:
        read(folder)
    assert "16 x 16" in str(caught.value) and "8 x 8" in str(caught.value)


def test_a_network_without_a_head_is_refused(vit: Any, folder: Path) -> None:
    config(folder, num_classes=0)
    with pytest.raises(CheckpointError, match="without a head"):
        read(folder)


@pytest.mark.parametrize(
    "changes",
    [{"pretrained_cfg": None}, {"num_classes": "many"}, {"architecture": 3}, {"model_args": []}],
)
def test_configurations_that_cannot_be(changes: Any, vit: Any, folder: Path) -> None:
    config(folder, **changes)
    with pytest.raises(CorruptCheckpoint, match="does not say what it must") as caught:
        read(folder)
    assert caught.value.got[0].startswith(next(iter(changes)))
