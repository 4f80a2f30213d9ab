"""The metadata flatbuffer of a classifier, written by hand.

Source: ``metadata_schema.fbs`` of tflite-support, schema 1.1.0; table and field names are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from edgeconv.contract import Contract, EmbeddingTensor, InputTensor

FILE_IDENTIFIER = b"M001"

MIN_PARSER_VERSION = "1.0.0"
"""The first schema version has every field that is written here."""

_FIELDS = {
    "ModelMetadata": (
        "name",
        "description",
        "version",
        "subgraph_metadata",
        "author",
        "license",
        "associated_files",
        "min_parser_version",
    ),
    "SubGraphMetadata": ("name", "description", "input_tensor_metadata", "output_tensor_metadata"),
    "TensorMetadata": (
        "name",
        "description",
        "dimension_names",
        "content",
        "process_units",
        "stats",
        "associated_files",
    ),
    "Content": ("content_properties_type", "content_properties", "range"),
    "FeatureProperties": (),
    "ImageProperties": ("color_space", "default_size"),
    "ProcessUnit": ("options_type", "options"),
    "NormalizationOptions": ("mean", "std"),
    "Stats": ("max", "min"),
    "AssociatedFile": ("name", "description", "type", "locale"),
}
"""The fields of each table in the order of their slots; a union is two, its type first."""


class _ColorSpaceType(Enum):
    RGB = 1


class _AssociatedFileType(Enum):
    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2


class _ContentProperties(Enum):
    FEATURE = 1
    IMAGE = 2


class _ProcessUnitOptions(Enum):
    NORMALIZATION = 1


def write_model_metadata(contract: Contract, *, labels_file: str, contract_file: str) -> bytes:
    """The metadata of a file with this contract.

    Normalisation is inside the graph, so the mean is said to be 0 and the standard deviation 1.
    That is said for integer pixels too: by the schema a quantised model shares the normalisation
    of its float twin. Author and licence are the user's, or left out.

    Args:
        contract: what the file says of itself.
        labels_file: the associated file with one label a line.
        contract_file: the associated file with the contract.
    """
    writer = _Writer()
    labels = writer.table(
        "AssociatedFile",
        name=writer.text(labels_file),
        description=writer.text("Labels of the scores, in order"),
        type=_AssociatedFileType.TENSOR_AXIS_LABELS,
    )
    whole_contract = writer.table(
        "AssociatedFile",
        name=writer.text(contract_file),
        description=writer.text("The edgeconv contract: all a program needs to use this file"),
        type=_AssociatedFileType.DESCRIPTIONS,
    )
    graph = writer.table(
        "SubGraphMetadata",
        name=writer.text(contract.model),
        description=writer.text(contract.summary),
        input_tensor_metadata=writer.vector([_input(writer, contract.input)]),
        output_tensor_metadata=writer.vector([_scores(writer, contract, labels)]),
    )
    source = contract.source
    return writer.finish(
        writer.table(
            "ModelMetadata",
            name=writer.text(contract.model),
            description=writer.text("\n".join(filter(None, (contract.notice, contract.summary)))),
            version=writer.text(f"checkpoint {source.checkpoint_sha256[:12]}"),
            subgraph_metadata=writer.vector([graph]),
            author=writer.text(source.author) if source.author else None,
            license=writer.text(source.licence) if source.licence else None,
            associated_files=writer.vector([whole_contract]),
            min_parser_version=writer.text(MIN_PARSER_VERSION),
        )
    )


def _input(writer: _Writer, given: InputTensor | EmbeddingTensor) -> int:
    return _row(writer, given) if isinstance(given, EmbeddingTensor) else _image(writer, given)


def _row(writer: _Writer, given: EmbeddingTensor) -> int:
    made_by = f", made by {given.made_by}" if given.made_by else ""
    norm = ", of Euclidean norm one" if given.unit else ""
    return writer.table(
        "TensorMetadata",
        name=writer.text(given.name),
        description=writer.text(f"Embedding of {given.length} numbers{norm}{made_by}"),
        content=_feature(writer),
    )


def _image(writer: _Writer, given: InputTensor) -> int:
    height, width = given.size
    low, high = given.range
    return writer.table(
        "TensorMetadata",
        name=writer.text(given.name),
        description=writer.text(
            f"{given.colour} pixels {low:g} to {high:g}, {height} rows by {width} columns;"
            " normalisation is inside the model"
        ),
        content=writer.table(
            "Content",
            content_properties_type=_ContentProperties.IMAGE,
            content_properties=writer.table("ImageProperties", color_space=_ColorSpaceType.RGB),
        ),
        process_units=writer.vector(
            [
                writer.table(
                    "ProcessUnit",
                    options_type=_ProcessUnitOptions.NORMALIZATION,
                    options=writer.table(
                        "NormalizationOptions", mean=writer.floats([0]), std=writer.floats([1])
                    ),
                )
            ]
        ),
        stats=writer.table("Stats", max=writer.floats([high]), min=writer.floats([low])),
    )


def _scores(writer: _Writer, contract: Contract, labels: int) -> int:
    bounded = contract.output.kind != "linear"
    return writer.table(
        "TensorMetadata",
        name=writer.text(contract.output.name),
        description=writer.text(f"One {contract.output.kind} score a label"),
        content=_feature(writer),
        stats=writer.table("Stats", max=writer.floats([1]), min=writer.floats([0]))
        if bounded
        else None,
        associated_files=writer.vector([labels]),
    )


def _feature(writer: _Writer) -> int:
    return writer.table(
        "Content",
        content_properties_type=_ContentProperties.FEATURE,
        content_properties=writer.table("FeatureProperties"),
    )


class _Writer:
    """Builds tables by their field names. Every part is an offset into the same builder."""

    def __init__(self) -> None:
        from flatbuffers import Builder

        self._builder = Builder(4096)

    def text(self, value: str) -> int:
        return int(self._builder.CreateString(value))

    def floats(self, values: Sequence[float]) -> int:
        self._builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self._builder.PrependFloat32(value)
        return int(self._builder.EndVector())

    def vector(self, tables: Sequence[int]) -> int:
        self._builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self._builder.PrependUOffsetTRelative(table)
        return int(self._builder.EndVector())

    def table(self, kind: str, **fields: int | Enum | None) -> int:
        slots = _FIELDS[kind]
        self._builder.StartObject(len(slots))
        for name, value in fields.items():
            if isinstance(value, Enum):
                self._builder.PrependUint8Slot(slots.index(name), value.value, 0)
            elif value is not None:
                self._builder.PrependUOffsetTRelativeSlot(slots.index(name), value, 0)
        return int(self._builder.EndObject())

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, file_identifier=FILE_IDENTIFIER)
        return bytes(self._builder.Output())
