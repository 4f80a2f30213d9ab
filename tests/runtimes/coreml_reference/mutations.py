"""Random damage to a finished Core ML file: one function a kind of damage.

Each takes a random generator and the file, changes the file in place and says what it did.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

Mutation = Callable[[random.Random, Path], str]

MUTATIONS: dict[str, Mutation] = {}


def mutation(function: Mutation) -> Mutation:
    """Register a kind of damage under its function's name."""
    MUTATIONS[function.__name__] = function
    return function


class Inapplicable(Exception):
    """The file has nothing that this damage could be done to."""


def specification_path(file: Path) -> Path:
    return file / "Data/com.apple.CoreML/model.mlmodel" if file.is_dir() else file


def weights_path(file: Path) -> Path:
    path = file / "Data/com.apple.CoreML/weights/weight.bin"
    if not path.is_file():
        raise Inapplicable
    return path


def edited(file: Path, edit: Callable[[Any], str]) -> str:
    from coremltools.proto import Model_pb2

    path = specification_path(file)
    model = Model_pb2.Model()
    model.ParseFromString(path.read_bytes())
    done = edit(model)
    path.write_bytes(model.SerializeToString())
    return done


def operations(model: Any) -> list[Any]:
    if not model.HasField("mlProgram"):
        raise Inapplicable
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    return list(block.operations)


def network(model: Any) -> Any:
    kind = model.WhichOneof("Type")
    if not kind.startswith("neuralNetwork"):
        raise Inapplicable
    return getattr(model, kind)


def immediate(operation: Any, field: str) -> Any:
    """The values of a constant that lie in ``field`` of its tensor; empty where none do."""
    if operation.type != "const":
        return []
    value = operation.attributes["val"]
    if value.WhichOneof("value") != "immediateValue":
        return []
    tensor = value.immediateValue.tensor
    return getattr(tensor, field).values if tensor.WhichOneof("value") == field else []


def constants(model: Any, field: str) -> list[Any]:
    found = [op for op in operations(model) if len(immediate(op, field))]
    if not found:
        raise Inapplicable
    return found


@mutation
def an_integer_attribute(rng: random.Random, file: Path) -> str:
    """A stride, an axis, a padding, a permutation ..."""

    def edit(model: Any) -> str:
        constant = rng.choice(constants(model, "ints"))
        values = immediate(constant, "ints")
        place = rng.randrange(len(values))
        old = values[place]
        values[place] = rng.choice([old + 1, old - 1, -old, 0, 2 * old, rng.randint(-4, 9)])
        return f"{constant.outputs[0].name}[{place}] {old} -> {values[place]}"

    return edited(file, edit)


@mutation
def a_permutation(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        several = [op for op in constants(model, "ints") if len(immediate(op, "ints")) > 1]
        constant = rng.choice(several)
        values = immediate(constant, "ints")
        shuffled = rng.sample(list(values), len(values))
        values[:] = shuffled
        return f"{constant.outputs[0].name} -> {shuffled}"

    return edited(file, edit)


@mutation
def a_text_attribute(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        constant = rng.choice(constants(model, "strings"))
        values = immediate(constant, "strings")
        values[0] = rng.choice(
            ["same", "valid", "custom", "same_lower", "reflect", "fp16", "nought"]
        )
        return f"{constant.outputs[0].name} -> {values[0]}"

    return edited(file, edit)


@mutation
def a_flag(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        constant = rng.choice(constants(model, "bools"))
        values = immediate(constant, "bools")
        values[0] = not values[0]
        return f"{constant.outputs[0].name} -> {values[0]}"

    return edited(file, edit)


@mutation
def a_float_constant(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        constant = rng.choice(constants(model, "floats"))
        values = immediate(constant, "floats")
        place = rng.randrange(len(values))
        values[place] = rng.choice([0.0, -values[place], values[place] * 1.5, 1e30, float("nan")])
        return f"{constant.outputs[0].name}[{place}] -> {values[place]}"

    return edited(file, edit)


@mutation
def an_operation(rng: random.Random, file: Path) -> str:
    """Another operation in place of one that takes the same inputs."""
    kin = [
        {"relu6", "relu", "sigmoid", "tanh", "silu", "exp", "erf"},
        {"add", "sub", "mul", "maximum", "real_div"},
        {"reduce_mean", "reduce_sum", "reduce_max"},
        {"avg_pool", "max_pool"},
    ]

    def edit(model: Any) -> str:
        found = [op for op in operations(model) if any(op.type in group for group in kin)]
        operation = rng.choice(found)
        group = next(group for group in kin if operation.type in group)
        old = operation.type
        operation.type = rng.choice(sorted(group - {old}))
        return f"{operation.outputs[0].name}: {old} -> {operation.type}"

    return edited(file, edit)


@mutation
def an_operand(rng: random.Random, file: Path) -> str:
    """An input that comes from elsewhere."""

    def edit(model: Any) -> str:
        found = operations(model)
        names = [op.outputs[0].name for op in found]
        operation = rng.choice([op for op in found if len(op.inputs)])
        parameter = rng.choice(sorted(operation.inputs))
        binding = operation.inputs[parameter].arguments[0]
        binding.name = rng.choice(names)
        return f"{operation.outputs[0].name}.{parameter} -> {binding.name}"

    return edited(file, edit)


@mutation
def a_declared_shape(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        found = [
            op
            for op in operations(model)
            if op.outputs and len(op.outputs[0].type.tensorType.dimensions)
        ]
        operation = rng.choice(found)
        size = rng.choice(operation.outputs[0].type.tensorType.dimensions)
        size.constant.size = max(0, size.constant.size + rng.choice([-1, 1, 5]))
        return f"{operation.outputs[0].name} -> {size.constant.size}"

    return edited(file, edit)


@mutation
def a_blob_offset(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        blobs = [
            op.attributes["val"].blobFileValue
            for op in operations(model)
            if op.type == "const" and op.attributes["val"].WhichOneof("value") == "blobFileValue"
        ]
        if not blobs:
            raise Inapplicable
        blob = rng.choice(blobs)
        others = [other.offset for other in blobs]
        blob.offset = rng.choice([rng.choice(others), blob.offset + 64, blob.offset + 1, 1 << 40])
        return f"offset -> {blob.offset}"

    return edited(file, edit)


@mutation
def a_missing_operation(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        operations(model)
        (block,) = model.mlProgram.functions["main"].block_specializations.values()
        number = rng.randrange(len(block.operations))
        name = block.operations[number].outputs[0].name
        del block.operations[number]
        return name

    return edited(file, edit)


@mutation
def the_order_of_labels(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        if model.HasField("mlProgram"):
            classify = next(op for op in operations(model) if op.type == "classify")
            values = classify.inputs["classes"].arguments[0].value
            source = classify.inputs["classes"].arguments[0].name
            if source:
                constant = next(
                    op
                    for op in operations(model)
                    if op.type == "const" and op.outputs[0].name == source
                )
                values = constant.attributes["val"]
            labels = [
                item.immediateValue.tensor.strings.values
                for item in values.immediateValue.list.values
            ]
            first, second = rng.sample(range(len(labels)), 2)
            labels[first][0], labels[second][0] = labels[second][0], labels[first][0]
            return f"{first} <-> {second}"
        vector = network(model).stringClassLabels.vector
        first, second = rng.sample(range(len(vector)), 2)
        vector[first], vector[second] = vector[second], vector[first]
        return f"{first} <-> {second}"

    return edited(file, edit)


@mutation
def the_colour_order(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        model.description.input[0].type.imageType.colorSpace = rng.choice([10, 30])
        return str(model.description.input[0].type.imageType.colorSpace)

    return edited(file, edit)


@mutation
def a_byte_of_the_weights(rng: random.Random, file: Path) -> str:
    path = weights_path(file)
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    data[place] ^= rng.randint(1, 255)
    path.write_bytes(data)
    return f"byte {place}"


@mutation
def a_record_of_the_weights(rng: random.Random, file: Path) -> str:
    """A byte of a 64-byte record, where damage is worst."""
    path = weights_path(file)
    data = bytearray(path.read_bytes())
    records = [at for at in range(64, len(data), 64) if data[at : at + 4] == b"\xef\xbe\xad\xde"]
    place = rng.choice(records) + rng.randrange(32)
    data[place] ^= rng.randint(1, 255)
    path.write_bytes(data)
    return f"byte {place}"


@mutation
def swapped_weights(rng: random.Random, file: Path) -> str:
    path = weights_path(file)
    data = bytearray(path.read_bytes())
    size = rng.choice([4, 64, 256])
    first, second = (rng.randrange(128, len(data) - size) // 64 * 64 for _ in range(2))
    data[first : first + size], data[second : second + size] = (
        data[second : second + size],
        data[first : first + size],
    )
    path.write_bytes(data)
    return f"{size} bytes at {first} and {second}"


@mutation
def a_truncation(rng: random.Random, file: Path) -> str:
    path = specification_path(file)
    if file.is_dir() and rng.random() < 0.5:
        path = weights_path(file)
    data = path.read_bytes()
    length = rng.choice([0, 1, len(data) - 1, rng.randrange(len(data))])
    path.write_bytes(data[:length])
    return f"{path.name} after {length} of {len(data)} bytes"


@mutation
def a_byte_of_the_specification(rng: random.Random, file: Path) -> str:
    path = specification_path(file)
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    data[place] ^= rng.randint(1, 255)
    path.write_bytes(data)
    return f"byte {place}"


@mutation
def the_manifest(rng: random.Random, file: Path) -> str:
    if not file.is_dir():
        raise Inapplicable
    path = file / "Manifest.json"
    text = path.read_text()
    table = json.loads(text)
    key = rng.choice(sorted(table["itemInfoEntries"]))
    changed = rng.choice(
        [
            text[: rng.randrange(len(text))],
            json.dumps(table | {"rootModelIdentifier": key}),
            json.dumps({k: v for k, v in table.items() if k != "itemInfoEntries"}),
        ]
    )
    path.write_text(changed)
    return changed[-40:]


def scalars(message: Any) -> list[tuple[Any, Any]]:
    """Every scalar field that is set, with the message that holds it."""
    found = []
    for field, value in message.ListFields():
        if field.is_repeated and field.message_type is not None:
            if not field.message_type.GetOptions().map_entry:
                for item in value:
                    found += scalars(item)
        elif field.message_type is not None:
            found += scalars(value)
        else:
            found.append((message, field))
    return found


@mutation
def a_field_of_a_layer(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        layer = rng.choice(list(network(model).layers))
        message, field = rng.choice(scalars(layer))
        value = getattr(message, field.name)
        if field.is_repeated:
            place = rng.randrange(len(value))
            value[place] = changed(rng, value[place])
        else:
            setattr(message, field.name, changed(rng, value))
        return f"{layer.name}: {message.DESCRIPTOR.name}.{field.name}"

    return edited(file, edit)


@mutation
def a_missing_layer(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        layers = network(model).layers
        number = rng.randrange(len(layers))
        name = layers[number].name
        del layers[number]
        return str(name)

    return edited(file, edit)


@mutation
def the_scale_of_pixels(rng: random.Random, file: Path) -> str:
    def edit(model: Any) -> str:
        scaler = network(model).preprocessing[0].scaler
        scaler.channelScale *= rng.choice([0.5, 255, -1])
        scaler.redBias = rng.choice([0, 1])
        return f"{scaler.channelScale}, {scaler.redBias}"

    return edited(file, edit)


def changed(rng: random.Random, value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, rng.choice([value + 1, value - 1, 2 * value, 0]))
    if isinstance(value, float):
        return rng.choice([-value, 0.0, value * 1.5 + 0.25, 1e30])
    if isinstance(value, bytes):
        return value[:-1]
    return value + "x"
