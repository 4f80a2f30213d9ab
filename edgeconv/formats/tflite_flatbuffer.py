"""TFLite files as objects: unpacked, changed, and packed again with the weights where they belong.

Source: ``schema.fbs`` of LiteRT, whose Python form ships in ``ai_edge_litert``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from edgeconv.errors import ArtifactError

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import BufferT, ModelT
    from flatbuffers import Builder

FILE_IDENTIFIER = b"TFL3"

BUFFER_ALIGNMENT = 16
"""``Buffer.data`` is ``force_align: 16`` in the schema: kernels read weights where they lie."""


def is_tflite(head: bytes) -> bool:
    """Whether a file that begins with these bytes says that it is a TFLite model."""
    return head[4:8] == FILE_IDENTIFIER


def unpack(model: bytes) -> ModelT:
    """The model as objects. Weights are views of ``model``; bytes after the flatbuffer are ignored.

    Raises:
        ArtifactError: this is no TFLite model, or a broken one.
    """
    from ai_edge_litert.schema_py_generated import ModelT

    if not is_tflite(model[:8]):
        raise ArtifactError(
            "not a TFLite model",
            got=f"a file beginning with {model[:8].hex(' ') or 'nothing'}",
            expected=f"{FILE_IDENTIFIER.decode()} at byte 4",
        )
    try:
        unpacked = ModelT.InitFromPackedBuf(model)
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise ArtifactError("a broken TFLite model", got=str(error)) from error
    if not (unpacked.subgraphs and unpacked.buffers and unpacked.operatorCodes):
        raise ArtifactError("a broken TFLite model", got="no graph, buffers or operators in it")
    return unpacked


def pack(model: ModelT) -> bytes:
    """The flatbuffer of a model. The same objects give the same bytes."""
    from flatbuffers import Builder

    weights = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = Builder(weights + (1 << 20))
    unaligned = model.buffers
    model.buffers = [_Aligned(buffer) for buffer in unaligned]
    try:
        builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    finally:
        model.buffers = unaligned
    return bytes(memoryview(builder.Bytes)[builder.Head() :])  # Output() would copy it once more


def rename_tensors(model: ModelT, *, input_name: str, output_name: str) -> None:
    """Name the one input and the one output, in the graph and in every signature.

    Raises:
        ArtifactError: the model has several inputs or several outputs.
    """
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ArtifactError(
            "a TFLite model that is no image classifier",
            got=f"{len(graph.inputs)} inputs, {len(graph.outputs)} outputs",
            expected="one of each",
        )
    names = {int(graph.inputs[0]): input_name, int(graph.outputs[0]): output_name}
    for index, name in names.items():
        graph.tensors[index].name = name
    for signature in model.signatureDefs or ():
        for tensor in (*signature.inputs, *signature.outputs):
            tensor.name = names[tensor.tensorIndex]


class _Aligned:
    """A buffer that packs as the generated code does, which by itself ignores ``force_align``."""

    def __init__(self, buffer: BufferT) -> None:
        self.buffer = buffer

    def Pack(self, builder: Builder) -> Any:  # noqa: N802
        if self.buffer.data is not None:
            builder.Prep(BUFFER_ALIGNMENT, len(self.buffer.data))
        return self.buffer.Pack(builder)
