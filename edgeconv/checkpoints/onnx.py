"""ONNX image classifiers, whatever the file is called, with their labels.

Labels come from a ``labels.json`` beside the file (``{"0": "normal", "1": "nsfw"}``, as Falconsai
ships one) or from the ``names`` that ultralytics writes into its exports. Ultralytics exports also
say what they are for and at what size, and their preprocessing is known (``classify_transforms``);
any other ONNX file is silent on normalisation, and the spec must say it.
"""

from __future__ import annotations

import ast
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.checkpoints.onnx_program import OnnxProgram, classifier_in
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from edgeconv.formats.protobuf_wire import fields
from edgeconv.spec import Input, Output, Resize

LABELS_FILE = "labels.json"

_LARGEST = (1 << 31) - 1
"""Bytes of all files together: protobuf, and so ONNX Runtime, takes no more at once."""

_LARGEST_TEXT = 1 << 20

_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
"""The fields of ``ModelProto`` (onnx.proto)."""
_GRAPH, _OPSET = 7, 8

Labels = tuple[str, ...]


def recognises(path: Path) -> bool:
    """Whether this is an ONNX file, by its content or its suffix, or a folder that holds one."""
    return bool(_onnx_files(path)) if path.is_dir() else _is_onnx(path)


def read(path: Path) -> Checkpoint:
    """Read a classifier.

    Args:
        path: the file, or a folder with one such file.

    Returns:
        The checkpoint; ``program`` is an :class:`~edgeconv.checkpoints.onnx_program.OnnxProgram`,
        ``tensors`` its float weights. Its path is the folder where the weights lie beside the file.

    Raises:
        UnsafeCheckpoint: its weights lie outside its folder.
        CorruptCheckpoint: the file, its weights or its labels are malformed.
        CheckpointError: it is no classifier of colour pictures.
    """
    file = _the_file(path) if path.is_dir() else path
    model = _load(file)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    _refuse_other_tasks(properties, file.name)
    where_weights_lie = _inline_weights(model, file)
    _check(model, file.name)
    program = classifier_in(model, file.name)
    return Checkpoint(
        path if path.is_dir() else where_weights_lie,
        "onnx",
        _float_weights(model),
        declared=_declared(program, file, properties),
        program=program,
    )


def _is_onnx(path: Path) -> bool:
    if path.suffix == ".onnx":
        return True
    return path.stat().st_size > 0 and _holds_a_model(path)


def _holds_a_model(path: Path) -> bool:
    """Whether the outermost protobuf fields are those of a ``ModelProto``, with graph and opset.

    Core ML models and tensorflow graphs are protobuf too, and differ in just that.
    """
    found = set()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for field in fields(memoryview(data), 0, len(data)):
                if field.number not in _MODEL_FIELDS:
                    return False
                found.add(field.number)
        except ValueError:
            return False
    return {_GRAPH, _OPSET} <= found


def _onnx_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and _is_onnx(file))


def _the_file(folder: Path) -> Path:
    files = _onnx_files(folder)
    if len(files) != 1:
        raise CheckpointError(
            f"{folder} holds {len(files)} ONNX files",
            got=[file.name for file in files] or None,
            expected="one",
            do="name the file itself",
        )
    return files[0]


def _load(file: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    _refuse_too_large(file.name, file.stat().st_size)
    try:
        return onnx.load(file, load_external_data=False)
    except DecodeError as error:
        raise CorruptCheckpoint(f"{file.name} is not an ONNX file", got=str(error)) from error


def _refuse_too_large(where: str, size: int) -> None:
    if size > _LARGEST:
        raise CheckpointError(
            f"{where} is too large", got=f"{size:,} bytes", expected=f"at most {_LARGEST:,} bytes"
        )


def _refuse_other_tasks(properties: Mapping[str, str], where: str) -> None:
    task = properties.get("task", "classify")
    if "names" in properties and task != "classify":
        raise CheckpointError(
            f"{where} is no classifier",
            got=f"an ultralytics export for {task!r}",
            expected="one for 'classify'",
        )


def _inline_weights(model: Any, file: Path) -> Path:
    """Bring weights that lie beside the file into the model; where the whole checkpoint is.

    The checks of the paths are onnx's own since 1.21, and ours before it opens anything.
    """
    import onnx
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data

    outside = [tensor for tensor in model.graph.initializer if uses_external_data(tensor)]
    beside = {_file_of_weights(tensor, file) for tensor in outside}
    _refuse_too_large(file.name, sum(path.stat().st_size for path in (file, *beside)))
    try:
        load_external_data_for_model(model, str(file.parent))
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise UnsafeCheckpoint(
            f"the weights of {file.name} cannot be taken from where it says", got=str(error)
        ) from error
    return file.parent if beside else file


def _file_of_weights(tensor: Any, file: Path) -> Path:
    location = next((e.value for e in tensor.external_data if e.key == "location"), "")
    place = (file.parent / location).resolve()
    if not place.is_relative_to(file.parent.resolve()) or Path(location).is_absolute():
        raise UnsafeCheckpoint(
            f"{file.name} names weights outside its folder",
            got=f"{tensor.name} in {location}",
            expected="a file beside it",
        )
    if not place.is_file():
        raise CorruptCheckpoint(
            f"weights of {file.name} are missing",
            got=f"no file {location}",
            do="put it beside the model",
        )
    return place


def _check(model: Any, where: str) -> None:
    import onnx

    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise CorruptCheckpoint(f"{where} is no sound ONNX model", got=str(error)) from error


def _float_weights(model: Any) -> dict[str, NDArray[Any]]:
    """Tensors of ordinary floats; a lone number may well be an infinite bound, and is no weight."""
    import onnx

    floats = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
    weights = {}
    for tensor in model.graph.initializer:
        if tensor.data_type in floats and np.prod(tensor.dims) > 1:
            weights[tensor.name] = onnx.numpy_helper.to_array(tensor)
    return weights


def _declared(program: OnnxProgram, file: Path, properties: Mapping[str, str]) -> Declared:
    labels = _labels(file, properties)
    expected = None if program.width is None else 2 if program.width == 1 else program.width
    if labels and expected and len(labels) != expected:
        raise CheckpointError(
            f"{file.name} gives not one score a label",
            got=f"{program.width} scores, and {len(labels)} labels: {', '.join(labels)}",
        )
    return Declared(
        architecture={"kind": "onnx"},
        labels=labels,
        input=_ultralytics_input(program, properties)
        if properties.get("task") == "classify"
        else None,
        output=_output(program),
    )


def _labels(file: Path, properties: Mapping[str, str]) -> Labels | None:
    """Those beside the file, or those inside it; they may not disagree."""
    beside, inside = _labels_beside(file), _labels_inside(properties, file.name)
    if beside and inside and beside != inside:
        raise CheckpointError(
            f"{file.name} and the {LABELS_FILE} beside it name different labels",
            got=[f"inside: {', '.join(inside)}", f"beside: {', '.join(beside)}"],
            do=f"remove the {LABELS_FILE}, or put the one that belongs to the file",
        )
    return beside or inside


def _labels_beside(file: Path) -> Labels | None:
    place = file.parent / LABELS_FILE
    if not place.is_file():
        return None
    if place.stat().st_size > _LARGEST_TEXT:
        raise CorruptCheckpoint(f"{place} is absurdly large")
    return _in_order(parse_object(place.read_bytes(), str(place)), str(place))


def _labels_inside(properties: Mapping[str, str], where: str) -> Labels | None:
    """Ultralytics writes a Python literal: ``{0: 'normal', 1: 'nsfw'}``."""
    if "names" not in properties:
        return None
    names = _literal(properties["names"])
    if not isinstance(names, dict):
        raise CorruptCheckpoint(
            f"{where} names its labels in no way known here",
            got=f"names = {properties['names'][:100]}",
            expected="names = {0: 'first', 1: 'second'}",
        )
    return _in_order({str(key): name for key, name in names.items()}, where)


def _literal(text: str) -> object:
    """A Python literal as data; None for anything else."""
    try:
        return ast.literal_eval(text) if len(text) <= _LARGEST_TEXT else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _in_order(names: Mapping[str, Any], where: str) -> Labels:
    """``{"0": "normal", "1": "nsfw"}`` as a tuple in the order of the numbers."""
    numbers = [str(number) for number in range(len(names))]
    if set(names) != set(numbers) or not all(isinstance(n, str) and n for n in names.values()):
        raise CorruptCheckpoint(
            f"{where} does not number its labels",
            got=", ".join(f"{key!r}: {names[key]!r}" for key in list(names)[:5]) or "no labels",
            expected="'0': a name, '1': a name, and so on",
        )
    return tuple(names[number] for number in numbers)


def _ultralytics_input(program: OnnxProgram, properties: Mapping[str, str]) -> Input | None:
    """``classify_transforms`` of ultralytics: the shorter side to the size, the middle of it, /255.

    A size that is not square is stretched to. ``imgsz`` says the size where the graph leaves it
    open.
    """
    size: object = program.size
    if None in program.size:
        size = _literal(properties.get("imgsz", ""))
    match size:
        case [int(height), int(width)]:
            mode = "center_crop" if height == width else "stretch"
            resize = Resize.model_validate({"mode": mode})
            return Input(size=(height, width), resize=resize, scale=1 / 255)
    return None


def _output(program: OnnxProgram) -> Output | None:
    if program.ending == "softmax":
        return Output(kind="softmax")
    if program.ending == "sigmoid":
        return Output(kind="sigmoid" if program.width == 1 else "multi-label")
    return None
