"""Hugging Face's processors as our input: every old and new way to write them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from edgeconv.checkpoints.image_processor import crop_share, declared_input
from edgeconv.errors import CheckpointError, CorruptCheckpoint
from edgeconv.spec import Input, Resize

VIT_INPUT = Input(
    size=(224, 224),
    resize=Resize(mode="stretch", filter="bilinear"),
    scale=1 / 255,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
CLIP_INPUT = Input(
    size=(224, 224),
    resize=Resize(mode="center_crop", filter="bicubic", offset="floor"),
    scale=1 / 255,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)


def declared(
    folder: Path, keys: dict[str, Any], model_type: str = "vit", taken: Any = (224, 224)
) -> Input | None:
    (folder / "preprocessor_config.json").write_text(json.dumps(keys))
    return declared_input(folder, model_type, taken)


# As they stand in published repositories.
FALCONSAI = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}
GOOGLE_VIT_OF_2021 = {
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "ViTFeatureExtractor",
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "size": 224,
}
OPENAI_CLIP_OF_2021 = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}
CLIP_OF_2023 = {
    **OPENAI_CLIP_OF_2021,
    "crop_size": {"height": 224, "width": 224},
    "do_convert_rgb": True,
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 224},
    "processor_class": "CLIPProcessor",
}


@pytest.mark.parametrize(
    "keys, model_type, wanted",
    [
        (FALCONSAI, "vit", VIT_INPUT),
        (GOOGLE_VIT_OF_2021, "vit", VIT_INPUT),
        (OPENAI_CLIP_OF_2021, "clip", CLIP_INPUT),
        (CLIP_OF_2023, "clip_vision_model", CLIP_INPUT),
        ({"image_processor_type": "ViTImageProcessorFast"}, "vit", VIT_INPUT),
        ({"image_processor_type": "CLIPImageProcessorFast"}, "clip", CLIP_INPUT),
        ({}, "vit", VIT_INPUT),
        ({}, "clip", CLIP_INPUT),
        # A ViT that was trained on what CLIP's processor makes.
        (CLIP_OF_2023, "vit", CLIP_INPUT),
    ],
)
def test_what_published_files_mean(
    keys: dict[str, Any], model_type: str, wanted: Input, tmp_path: Path
) -> None:
    assert declared(tmp_path, keys, model_type) == wanted


@pytest.mark.parametrize(
    "keys, changes",
    [
        ({"resample": 0}, {"resize": Resize(filter="nearest")}),
        ({"resample": 1}, {"resize": Resize(filter="lanczos")}),
        ({"resample": 3}, {"resize": Resize(filter="bicubic")}),
        ({"do_rescale": False}, {"scale": 1.0}),
        ({"rescale_factor": 1 / 127.5}, {"scale": 1 / 127.5}),
        ({"do_normalize": False}, {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}),
        ({"image_mean": [0.1, 0.2, 0.3]}, {"mean": (0.1, 0.2, 0.3)}),
        ({"image_std": [0.1, 0.2, 0.3]}, {"std": (0.1, 0.2, 0.3)}),
        # A null is the default; a crop to the whole is none.
        ({"do_center_crop": None, "crop_size": None, "resample": None}, {}),
        ({"do_center_crop": True, "crop_size": 224}, {}),
        ({"crop_size": 100}, {}),
        ({"do_pad": False, "do_convert_rgb": True, "data_format": "channels_first"}, {}),
    ],
)
def test_each_key_of_a_vit(keys: dict[str, Any], changes: dict[str, Any], tmp_path: Path) -> None:
    assert declared(tmp_path, {**FALCONSAI, **keys}) == VIT_INPUT.model_copy(update=changes)


def test_height_comes_before_width(tmp_path: Path) -> None:
    keys = {**FALCONSAI, "size": {"height": 224, "width": 160}}
    found = declared(tmp_path, keys, taken=(224, 160))
    assert found is not None and found.size == (224, 160)


def test_a_margin_is_cut_off(tmp_path: Path) -> None:
    keys = {**CLIP_OF_2023, "size": {"shortest_edge": 256, "longest_edge": None}}
    found = declared(tmp_path, keys, "clip")
    assert found is not None and found.resize.crop == 0.875 and found.resize.offset == "floor"


def test_the_share_gives_back_every_size() -> None:
    for scaled in range(1, 700):
        for side in (1, 7, 224, 336, scaled):
            if side <= scaled:
                assert math.floor(side / crop_share(side, scaled)) == scaled
    assert any(math.floor(224 / (224 / scaled)) != scaled for scaled in range(224, 700))


def test_no_processor_is_none(tmp_path: Path) -> None:
    assert declared_input(tmp_path, "vit", (224, 224)) is None


def test_a_processor_inside_another_comes_first(tmp_path: Path) -> None:
    nested = {"image_processor": OPENAI_CLIP_OF_2021, "processor_class": "CLIPProcessor"}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert declared_input(tmp_path, "clip", (224, 224)) == CLIP_INPUT
    assert declared(tmp_path, {"resample": 0}, "clip") == CLIP_INPUT
    (tmp_path / "processor_config.json").write_text(
        json.dumps({"processor_class": "CLIPProcessor"})
    )
    found = declared(tmp_path, {"resample": 0}, "clip")
    assert found is not None and found.resize.filter == "nearest"


@pytest.mark.parametrize(
    "keys, named",
    [
        ({"image_processor_type": "BlipImageProcessor"}, "BlipImageProcessor"),
        ({"image_processor_type": ["ViTImageProcessor"]}, "ViTImageProcessor"),
        ({"do_resize": False}, "do_resize false"),
        ({"resample": 4}, "resample 4"),
        ({"size": {"shortest_edge": 224}}, "cropped to nothing"),
        ({"size": {"shortest_edge": 224, "longest_edge": 448}}, "longest_edge"),
        ({"size": {"max_height": 224, "max_width": 224}}, "max_height"),
        ({"size": {"height": 256, "width": 256}, "do_center_crop": True, "crop_size": 224}, "256"),
        ({"size": {"shortest_edge": 200}, "do_center_crop": True, "crop_size": 224}, "200"),
        ({"do_pad": True}, "do_pad True"),
        ({"do_flip_channel_order": True}, "do_flip_channel_order"),
        ({"offset": 0.5}, "offset 0.5"),
        ({"size": 160}, "160 x 160 pixels"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(
    keys: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="prepares pictures in a way") as caught:
        declared(tmp_path, {**FALCONSAI, **keys})
    assert type(caught.value) is CheckpointError
    assert named in caught.value.got[0]


@pytest.mark.parametrize(
    "keys, named",
    [
        ({"image_mean": 0.5}, "image_mean"),
        ({"image_mean": [0.5, 0.5]}, "image_mean"),
        ({"image_mean": [0.5, 0.5, float("nan")]}, "image_mean.2"),
        ({"image_std": [0.5, 0.0, 0.5]}, "image_std.1"),
        ({"rescale_factor": 0}, "rescale_factor"),
        ({"rescale_factor": float("inf")}, "rescale_factor"),
        ({"size": {"height": 0, "width": 224}}, "size.height"),
        ({"size": [224, 224]}, "size"),
        ({"size": "224"}, "size"),
        ({"do_resize": "perhaps"}, "do_resize"),
    ],
)
def test_nonsense_is_corrupt(keys: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="does not say what it must") as caught:
        declared(tmp_path, {**FALCONSAI, **keys})
    assert caught.value.got[0].startswith(named)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_is_no_json_is_corrupt(text: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(CorruptCheckpoint):
        declared_input(tmp_path, "vit", (224, 224))
