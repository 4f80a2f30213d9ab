"""The contract inside an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeconv.contract import METADATA_KEY, Contract
from edgeconv.errors import ArtifactError, NoContract
from edgeconv.formats.onnx_file import GRAPH, opened
from edgeconv.formats.protobuf_wire import Field, fields


def read_contract(path: Path) -> Contract:
    """The contract inside an ONNX file.

    Raises:
        ArtifactError: it is no ONNX file.
        NoContract: it carries none.
    """
    model, _ = _around_the_graph(path)
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            return Contract.from_json(entry.value, str(path))
    raise NoContract(
        f"{path} carries no edgeconv contract",
        expected=f"a {METADATA_KEY!r} entry in metadata_props",
        do="export the model with edgeconv",
    )


def write_contract(path: Path, contract: Contract) -> None:
    """Put a contract into ``metadata_props``, in place of all that was there.

    What lies before the graph, and the graph itself, are not touched.

    Raises:
        ArtifactError: it is no ONNX file.
    """
    import onnx

    model, graph = _around_the_graph(path)
    onnx.helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    content = model.SerializeToString(deterministic=True)
    behind = b"".join(
        field.of(content) for field in fields(content, 0, len(content)) if field.number > GRAPH
    )
    with path.open("r+b") as stream:
        stream.seek(graph.end)
        stream.write(behind)
        stream.truncate()


def _around_the_graph(path: Path) -> tuple[Any, Field]:
    """The ``ModelProto`` of a file without its graph, and where that lies."""
    import onnx

    with opened(path) as buffer:
        parts = list(fields(buffer, 0, len(buffer)))
        graphs = [field for field in parts if field.number == GRAPH]
        if len(graphs) != 1:
            raise ArtifactError(f"{path} is not an ONNX file", got=f"{len(graphs)} graphs in it")
        rest = b"".join(field.of(buffer) for field in parts if field.number != GRAPH)
        return onnx.ModelProto.FromString(rest), graphs[0]
