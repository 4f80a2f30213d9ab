"""Folders of transformers: the network, the labels and the tensors that are really there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign_models as models
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import save_file

from edgeconv.checkpoints import read
from edgeconv.errors import (
    CheckpointError,
    CheckpointMismatch,
    CorruptCheckpoint,
    UnsafeCheckpoint,
)
from edgeconv.spec import Input, Output

ARCHITECTURE = {
    "kind": "vit",
    "patch": 4,
    "width": 8,
    "depth": 2,
    "heads": 2,
    "mlp": 12,
    "activation": "gelu",
    "eps": 1e-12,
    "class_token": True,
    "pool": "token",
    "pre_norm": False,
    "patch_bias": True,
    "qkv_bias": True,
    "norm": "before_pool",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "falconsai"


@pytest.fixture
def vit(folder: Path) -> models.Arrays:
    return models.hugging_face(folder)


def config(folder: Path, **changes: Any) -> None:
    """Change keys of the configuration; ``...`` takes one out."""

    def change(document: dict[str, Any]) -> None:
        for key, value in changes.items():
            if value is ...:
                document.pop(key, None)
            else:
                document[key] = value

    models.edit(folder / "config.json", change)


def test_everything_that_is_declared(vit: Any, folder: Path) -> None:
    checkpoint = read(folder)
    assert checkpoint.format == "huggingface" and checkpoint.path == folder
    assert checkpoint.declared is not None
    assert checkpoint.declared.architecture == ARCHITECTURE
    assert checkpoint.declared.labels == ("Drawing", "Neutral", "Porn")
    assert checkpoint.declared.output == Output(kind="softmax")
    assert isinstance(checkpoint.declared.input, Input)


def test_every_tensor_has_its_place(vit: models.Arrays, folder: Path) -> None:
    tensors = read(folder).tensors
    block = "vit.encoder.layer.1"
    assert len(tensors) == len(vit)
    assert_array_equal(tensors["class_token/token"], vit["vit.embeddings.cls_token"][0, 0])
    assert_array_equal(tensors["positions/positions"], vit["vit.embeddings.position_embeddings"][0])
    kernel = vit["vit.embeddings.patch_embeddings.projection.weight"]
    assert_array_equal(tensors["patch/kernel"][1, 2, 0, 7], kernel[7, 0, 1, 2])
    assert tensors["patch/kernel"].shape == (4, 4, 3, 8)
    for ours, theirs in {
        "block_01_query": f"{block}.attention.attention.query",
        "block_01_key": f"{block}.attention.attention.key",
        "block_01_value": f"{block}.attention.attention.value",
        "block_01_out": f"{block}.attention.output.dense",
        "block_01_up": f"{block}.intermediate.dense",
        "block_01_down": f"{block}.output.dense",
        "scores": "classifier",
    }.items():
        assert_array_equal(tensors[f"{ours}/kernel"], vit[f"{theirs}.weight"].T)
        assert_array_equal(tensors[f"{ours}/bias"], vit[f"{theirs}.bias"])
    for ours, theirs in {
        "block_00_norm1": "vit.encoder.layer.0.layernorm_before",
        "block_00_norm2": "vit.encoder.layer.0.layernorm_after",
        "norm": "vit.layernorm",
    }.items():
        assert_array_equal(tensors[f"{ours}/gamma"], vit[f"{theirs}.weight"])
        assert_array_equal(tensors[f"{ours}/beta"], vit[f"{theirs}.bias"])


def test_the_pooler_and_the_mask_token_are_left_out(vit: models.Arrays, folder: Path) -> None:
    models.replaced(
        vit,
        folder / "model.safetensors",
        vit__pooler__dense__weight=(8, 8),
        vit__pooler__dense__bias=(8,),
        vit__embeddings__mask_token=(1, 1, 8),
    )
    assert len(read(folder).tensors) == len(vit)


def test_the_class_s_defaults_stand_for_what_is_left_out(vit: Any, folder: Path) -> None:
    config(folder, num_attention_heads=..., hidden_size=..., hidden_act="gelu_new")
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "vit.embeddings.cls_token (1, 1, 768)" in str(caught.value)


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("gelu", "gelu"),
        ("gelu_new", "gelu_tanh"),
        ("gelu_pytorch_tanh", "gelu_tanh"),
        ("quick_gelu", "quick_gelu"),
    ],
)
def test_activations(theirs: str, ours: str, vit: Any, folder: Path) -> None:
    config(folder, hidden_act=theirs, layer_norm_eps=1e-6)
    declared = read(folder).declared
    assert declared is not None
    assert declared.architecture == {**ARCHITECTURE, "activation": ours, "eps": 1e-6}


def test_queries_without_bias(vit: models.Arrays, folder: Path) -> None:
    biases = [
        f"vit.encoder.layer.{number}.attention.attention.{name}.bias"
        for number in range(2)
        for name in ("query", "key", "value")
    ]
    models.replaced(vit, folder / "model.safetensors", *biases)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert biases[0] in str(caught.value)
    config(folder, qkv_bias=False)
    assert len(read(folder).tensors) == len(vit) - len(biases)


@pytest.mark.parametrize(
    "problem, kind",
    [
        (None, "softmax"),
        (..., "softmax"),
        ("single_label_classification", "softmax"),
        ("multi_label_classification", "multi-label"),
    ],
)
def test_the_problem_says_what_scores_are(problem: Any, kind: Any, vit: Any, folder: Path) -> None:
    config(folder, problem_type=problem)
    declared = read(folder).declared
    assert declared is not None and declared.output == Output(kind=kind)


def test_a_regression_says_nothing_of_scores(vit: Any, folder: Path) -> None:
    config(folder, problem_type="regression")
    declared = read(folder).declared
    assert declared is not None and declared.output is None
    config(folder, problem_type="contrastive")
    with pytest.raises(CorruptCheckpoint, match="names no kind of scores"):
        read(folder)


def test_labels_are_in_the_order_of_their_numbers(vit: Any, folder: Path) -> None:
    config(folder, id2label={"2": "Porn", "0": "Neutral", "1": "Drawing"})
    declared = read(folder).declared
    assert declared is not None and declared.labels == ("Neutral", "Drawing", "Porn")


@pytest.mark.parametrize(
    "labels, named",
    [
        ({"0": "a", "1": "b", "3": "c"}, "0, 1, 3"),
        ({"1": "a", "2": "b", "3": "c"}, "0 to 2"),
        ({"0": "a", "1": "b", "01": "c"}, "01"),
        ({"0": "a", "1": "b", "two": "c"}, "two"),
        ({"0": "a", "1": "b", "2": "a"}, "a"),
        ({"0": "a", "1": "b", "2": 3}, "id2label.2"),
        (["a", "b", "c"], "id2label"),
    ],
)
def test_labels_that_leave_a_doubt_are_refused(
    labels: Any, named: str, vit: Any, folder: Path
) -> None:
    config(folder, id2label=labels)
    with pytest.raises(CorruptCheckpoint) as caught:
        read(folder)
    assert named in "\n".join(caught.value.got + caught.value.expected)


def test_a_label_number_that_stands_twice_is_refused(vit: Any, folder: Path) -> None:
    file = folder / "config.json"
    file.write_text(file.read_text().replace('"1": "Neutral"', '"1": "Neutral", "1": "Sexy"'))
    with pytest.raises(CorruptCheckpoint, match="sound JSON") as caught:
        read(folder)
    assert "'1' stands twice" in str(caught.value)


def test_more_labels_than_scores_are_a_mismatch(vit: Any, folder: Path) -> None:
    config(folder, id2label={str(number): f"label {number}" for number in range(5)})
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "classifier.weight (3, 8)" in str(caught.value)
    assert "classifier.weight (5, 8)" in str(caught.value)


def test_labels_that_transformers_made_up_are_none(vit: models.Arrays, folder: Path) -> None:
    config(folder, id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
    declared = read(folder).declared
    assert declared is not None and declared.labels is None
    # Two labels are the default, and not written.
    config(folder, id2label=...)
    head = {"classifier__weight": (2, 8), "classifier__bias": (2,)}
    models.replaced(
        vit, folder / "model.safetensors", "classifier.weight", "classifier.bias", **head
    )
    declared = read(folder).declared
    assert declared is not None and declared.labels is None
    assert declared.output == Output(kind="softmax")


def test_one_logit_leaves_open_what_it_means(vit: models.Arrays, folder: Path) -> None:
    config(folder, id2label={"0": "nsfw"})
    head = {"classifier__weight": (1, 8), "classifier__bias": (1,)}
    models.replaced(
        vit, folder / "model.safetensors", "classifier.weight", "classifier.bias", **head
    )
    declared = read(folder).declared
    assert declared is not None and declared.labels is None and declared.output is None


def test_without_a_processor_the_input_is_open(vit: Any, folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    declared = read(folder).declared
    assert declared is not None and declared.input is None


@pytest.mark.parametrize(
    "model_type, architecture",
    [
        ("swin", "SwinForImageClassification"),
        ("deit", "DeiTForImageClassificationWithTeacher"),
        ("beit", "BeitForImageClassification"),
        ("convnext", "ConvNextForImageClassification"),
        ("vit", "ViTForMaskedImageModeling"),
        ("clip", "CLIPForImageClassification"),
        ("timm_wrapper", "TimmWrapperForImageClassification"),
    ],
)
def test_other_networks_are_refused_by_name(
    model_type: str, architecture: str, vit: Any, folder: Path
) -> None:
    config(folder, model_type=model_type, architectures=[architecture])
    with pytest.raises(CheckpointError, match="not supported") as caught:
        read(folder)
    assert type(caught.value) is CheckpointError
    assert f"'{model_type}'" in caught.value.got[0] and architecture in caught.value.got[0]
    assert "ViTForImageClassification (vit), ViTModel (vit), CLIPModel (clip)" in str(caught.value)


def test_a_body_without_a_head_is_a_vit_without_scores(vit: models.Arrays, folder: Path) -> None:
    whole = read(folder).tensors
    body = {
        name.removeprefix("vit."): value
        for name, value in vit.items()
        if not name.startswith("classifier")
    }
    body["pooler.dense.weight"] = np.zeros((8, 8), np.float32)
    save_file(body, folder / "model.safetensors")
    config(folder, architectures=["ViTModel"], id2label=...)
    checkpoint = read(folder)
    assert checkpoint.declared is not None and checkpoint.declared.labels is None
    assert checkpoint.tensors.keys() == {name for name in whole if not name.startswith("scores/")}
    for name, value in checkpoint.tensors.items():
        assert_array_equal(value, whole[name])


@pytest.mark.parametrize("names", [None, [], "ViTForImageClassification", [1], [["x"]], [{}]])
def test_a_network_without_a_name_is_refused(names: Any, vit: Any, folder: Path) -> None:
    config(folder, architectures=names)
    with pytest.raises(CheckpointError, match="not supported"):
        read(folder)


def test_code_of_its_own_is_refused(vit: Any, folder: Path) -> None:
    config(folder, auto_map={"AutoModel": "modeling.Evil"})
    (folder / "modeling.py").write_text("raise SystemExit")
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run"):
        read(folder)


@pytest.mark.parametrize(
    "added, kind",
    [
        ({"vit__embeddings__distillation_token": (1, 1, 8)}, "distilled DeiT"),
        ({"vit__embeddings__register_tokens": (1, 4, 8)}, "register tokens"),
        ({"vit__encoder__layer__0__mlp__weights_in__weight": (24, 8)}, "SwiGLU"),
        ({"vit__encoder__layer__0__attention__relative_position_bias_table": (9, 2)}, "Swin"),
        ({"extra": (1,)}, "fetch the checkpoint again"),
    ],
)
def test_unexpected_tensors_are_refused_and_named(
    added: dict[str, Any], kind: str, vit: models.Arrays, folder: Path
) -> None:
    models.replaced(vit, folder / "model.safetensors", **added)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    (name,) = added
    assert name.replace("__", ".") in caught.value.got[0]
    assert kind in str(caught.value.do)


@pytest.mark.parametrize("name", list(models.HUGGING_FACE))
def test_every_tensor_is_missed_by_name(name: str, vit: models.Arrays, folder: Path) -> None:
    models.replaced(vit, folder / "model.safetensors", name)
    with pytest.raises(CheckpointMismatch, match="is not the vision transformer") as caught:
        read(folder)
    shape = ", ".join(map(str, models.HUGGING_FACE[name]))
    assert caught.value.expected == (f"{name} ({shape})",)


def test_blocks_that_are_cut_off_are_missed(vit: models.Arrays, folder: Path) -> None:
    last = [name for name in vit if name.startswith("vit.encoder.layer.1.")]
    models.replaced(vit, folder / "model.safetensors", *last)
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "and 6 more" in caught.value.expected[-1]


def test_positions_of_another_size_are_a_mismatch(vit: Any, folder: Path) -> None:
    config(folder, image_size=16)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointMismatch) as caught:
        read(folder)
    assert "position_embeddings (1, 5, 8)" in caught.value.got[0]
    assert "position_embeddings (1, 17, 8)" in caught.value.expected[0]


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"num_hidden_layers": 10**9}, CorruptCheckpoint),
        ({"num_hidden_layers": 0}, CorruptCheckpoint),
        ({"hidden_size": -8}, CorruptCheckpoint),
        ({"hidden_size": "wide"}, CorruptCheckpoint),
        ({"layer_norm_eps": 0}, CorruptCheckpoint),
        ({"layer_norm_eps": float("nan")}, CorruptCheckpoint),
        ({"num_attention_heads": 3}, CorruptCheckpoint),
        ({"num_channels": 1}, CorruptCheckpoint),
        ({"image_size": [8, 8, 8]}, CorruptCheckpoint),
        ({"image_size": 9}, CheckpointError),
        ({"patch_size": [4, 2]}, CheckpointError),
        ({"hidden_act": "relu"}, CheckpointError),
    ],
)
def test_configurations_that_cannot_be(
    changes: dict[str, Any], error: Any, vit: Any, folder: Path
) -> None:
    config(folder, **changes)
    with pytest.raises(error) as caught:
        read(folder)
    assert type(caught.value) is error


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": 3}', "[" * 100_000])
def test_a_configuration_that_is_nonsense(text: str, vit: Any, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError):
        read(folder)


def test_a_folder_without_weights_says_what_is_there(vit: Any, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights") as caught:
        read(folder)
    assert caught.value.got == ("config.json, preprocessor_config.json",)
    assert "model.safetensors, pytorch_model.bin" in str(caught.value)


class TestClip:
    @pytest.fixture
    def clip(self, folder: Path) -> models.Arrays:
        return models.clip(folder)

    def test_the_vision_tower_alone_is_read(self, clip: models.Arrays, folder: Path) -> None:
        checkpoint = read(folder)
        declared = checkpoint.declared
        assert declared is not None
        assert declared.labels is declared.output is declared.input is None
        assert declared.architecture == {
            **ARCHITECTURE,
            "activation": "quick_gelu",
            "eps": 1e-5,
            "pre_norm": True,
            "patch_bias": False,
            "projection": 6,
        }
        text = {name for name in clip if name.startswith(("text", "logit"))}
        assert len(text) == 3 and len(checkpoint.tensors) == len(clip) - len(text)
        assert_array_equal(
            checkpoint.tensors["projection/kernel"], clip["visual_projection.weight"].T
        )
        assert_array_equal(
            checkpoint.tensors["pre_norm/gamma"], clip["vision_model.pre_layrnorm.weight"]
        )

    def test_numbers_of_positions_are_no_weights(self, clip: models.Arrays, folder: Path) -> None:
        from safetensors.numpy import save_file

        ids = {"vision_model.embeddings.position_ids": np.arange(5, dtype=np.int64)[None]}
        save_file({**clip, **ids}, folder / "model.safetensors")
        assert all(tensor.dtype == np.float32 for tensor in read(folder).tensors.values())

    def test_the_older_table_of_the_tower_counts(self, clip: Any, folder: Path) -> None:
        tower = models.CLIP_CONFIG["vision_config"]
        config(folder, vision_config={"hidden_size": 16}, vision_config_dict=tower)
        assert read(folder).declared is not None
        config(folder, vision_config=tower, vision_config_dict={"hidden_size": 24})
        with pytest.raises(CheckpointMismatch):
            read(folder)

    def test_a_tower_alone_with_and_without_projection(
        self, clip: models.Arrays, folder: Path
    ) -> None:
        tower: Any = models.CLIP_CONFIG["vision_config"]
        config(
            folder, model_type="clip_vision_model", projection_dim=6, vision_config=...,
            architectures=["CLIPVisionModelWithProjection"], **tower,
        )  # fmt: skip
        assert "projection/kernel" in read(folder).tensors
        config(folder, architectures=["CLIPVisionModel"])
        with pytest.raises(CheckpointMismatch) as caught:
            read(folder)
        assert "visual_projection.weight (6, 8)" in caught.value.got
        models.replaced(clip, folder / "model.safetensors", "visual_projection.weight")
        declared = read(folder).declared
        assert declared is not None and "projection" not in declared.architecture

    def test_the_spelling_without_a_prefix(self, clip: models.Arrays, folder: Path) -> None:
        from safetensors.numpy import save_file

        tower: Any = models.CLIP_CONFIG["vision_config"]
        config(folder, model_type="clip_vision_model", architectures=["CLIPVisionModel"], **tower)
        bare = {
            name.removeprefix("vision_model."): array
            for name, array in clip.items()
            if name.startswith("vision_model.")
        }
        save_file(bare, folder / "model.safetensors")
        assert len(read(folder).tensors) == len(bare)
