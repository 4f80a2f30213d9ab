"""How Keras 2.2, tf.keras 2 and Keras 3 each write down layers and what they are applied to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

Entry = Mapping[str, Any]
"""How a configuration describes one layer or model: class_name, config, inbound_nodes ..."""

Source = tuple[str, int]
"""A result inside a functional model: (layer, which of its uses)."""

MODELS = frozenset({"Sequential", "Model", "Functional"})


def layers_of(model: Entry) -> list[Entry]:
    """The entries of a model's layers."""
    # Keras before 2.2.3 keeps the layers of a Sequential as a bare list.
    config = model["config"]
    layers: list[Entry] = config if isinstance(config, list) else config["layers"]
    return layers


def name_of(entry: Entry) -> str:
    """The name of a layer or model.

    Raises:
        CorruptCheckpoint: it is no name that tensorflow would take.
    """
    config = entry["config"]
    name = "sequential" if isinstance(config, list) else entry.get("name") or config["name"]
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or " " in name:
        raise CorruptCheckpoint(f"{name!r} is no name for a layer")
    return name


def sources(node: Any) -> list[Source]:
    """What one use of a layer is applied to.

    Args:
        node: one of the layer's ``inbound_nodes``.

    Raises:
        UnsafeCheckpoint: it is called with more than tensors.
    """
    if isinstance(node, dict):
        _require_tensors_alone(node.get("kwargs") or {})
        return [(str(name), int(use)) for name, use, _ in _keras_tensors(node["args"])]
    found = []
    for name, use, _, *arguments in flat_references(node):
        _require_tensors_alone(arguments[0] if arguments else {})
        found.append((str(name), int(use)))
    return found


def flat_references(node: Any) -> Iterator[list[Any]]:
    """The [layer, use, tensor, ...] lists in a node, however they are bracketed."""
    if node and isinstance(node[0], str):
        yield node
    else:
        for item in node:
            yield from flat_references(item)


def _keras_tensors(arguments: Any) -> Iterator[list[Any]]:
    """The histories of Keras 3's ``__keras_tensor__`` objects, however they are bracketed."""
    if isinstance(arguments, list):
        for item in arguments:
            yield from _keras_tensors(item)
    elif isinstance(arguments, dict) and arguments.get("class_name") == "__keras_tensor__":
        yield arguments["config"]["keras_history"]
    else:
        raise CorruptCheckpoint("a layer is applied to something that is no tensor")


def _require_tensors_alone(arguments: Mapping[str, Any]) -> None:
    neutral = all(value is None or value is False for value in arguments.values())
    if not neutral or not arguments.keys() <= {"training", "mask"}:
        raise UnsafeCheckpoint(
            "a layer of the checkpoint is called with arguments; nothing was run",
            got=", ".join(map(str, arguments)),
            expected="one tensor or several, nothing else",
        )
