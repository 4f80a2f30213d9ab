import pytest
from served import serving

from edgeconv import export


@pytest.fixture(scope="session")
def vit_artifact(tmp_path_factory):
    """``DemoViT.fp32.onnx``: a real model that is exported in seconds."""
    out = tmp_path_factory.mktemp("served")
    run = export("demo-vit", targets=["onnx"], precisions=["fp32"], out=out, verify=False)
    return run.out / "DemoViT.fp32.onnx"


@pytest.fixture(scope="module")
def server(vit_artifact):
    with serving(vit_artifact) as running:
        yield running
