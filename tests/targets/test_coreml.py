import json

import pytest

from edgeconv.exporting import export
from edgeconv.formats.coreml_file import load_proto

DATE = "com.github.apple.coremltools.conversion_date"


@pytest.fixture(scope="module", params=["Demo.mlmodel", "Demo.mlpackage"])
def proto(request, demo_run):
    return load_proto(demo_run.out / request.param)


def test_an_image_goes_in_and_label_and_scores_come_out(proto):
    description = proto.description
    (image,) = description.input
    assert image.name == "image"
    assert (image.type.imageType.height, image.type.imageType.width) == (224, 224)
    assert image.type.imageType.colorSpace == image.type.imageType.RGB
    assert {output.name for output in description.output} == {"label", "scores"}
    assert description.predictedFeatureName == "label"
    assert description.predictedProbabilitiesName == "scores"


def test_metadata_is_for_people_and_for_xcode(proto):
    metadata = proto.description.metadata
    assert metadata.license == "Apache-2.0"
    assert metadata.author == "the edgeconv authors"
    assert metadata.versionString == "1.0"
    assert "no moderation model" in metadata.shortDescription
    assert metadata.userDefined["com.apple.coreml.model.preview.type"] == "imageClassifier"
    assert DATE not in metadata.userDefined
    for feature in (*proto.description.input, *proto.description.output):
        assert feature.shortDescription


def test_specification_versions_are_the_oldest_that_serve(demo_run):
    assert load_proto(demo_run.out / "Demo.mlmodel").specificationVersion == 4
    assert load_proto(demo_run.out / "Demo.mlpackage").specificationVersion == 6


def test_package_ids_follow_from_what_they_name(demo_run):
    manifest = json.loads((demo_run.out / "Demo.mlpackage/Manifest.json").read_text())
    assert manifest["rootModelIdentifier"] in manifest["itemInfoEntries"]
    assert list(manifest["itemInfoEntries"]) == sorted(manifest["itemInfoEntries"])


@pytest.mark.slow
def test_the_other_precisions_and_another_deployment_target(demo, tmp_path):
    run = export(
        demo,
        targets=["coreml"],
        precisions=["fp32", "fp16"],
        minimum_ios=17,
        verify=False,
        out=tmp_path,
    )
    sizes = {entry.path: entry.bytes for entry in run.manifest.artifacts}
    assert sizes["Demo.fp16.mlmodel"] < 0.55 * sizes["Demo.mlmodel"]
    assert sizes["Demo.mlpackage"] < 0.55 * sizes["Demo.fp32.mlpackage"]
    assert load_proto(tmp_path / "Demo.mlpackage").specificationVersion == 8
