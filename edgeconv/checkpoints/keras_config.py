"""Reads a Keras model configuration as data: Keras 2.2, tf.keras 2 and Keras 3 alike.

Nothing of it is imported, unpickled or run. Every layer must be of a class on the list of plain
ones, and what is kept of its options is plain values; all else is refused by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgeconv.checkpoints.keras_dialects import (
    MODELS,
    Entry,
    Source,
    flat_references,
    layers_of,
    name_of,
    sources,
)
from edgeconv.checkpoints.keras_layers import PLAIN_LAYERS, checked_options
from edgeconv.checkpoints.topology import Call, Layer, Topology, Tree
from edgeconv.errors import CheckpointError, CorruptCheckpoint, EdgeconvError, UnsafeCheckpoint

_KERAS_PACKAGES = frozenset({"keras", "tf_keras", "tensorflow"})
_MOST_LAYERS = 5000
_DEEPEST_NESTING = 8


def read_config(config: Entry, where: str) -> Topology:
    """Check a model configuration and lay it flat.

    Args:
        config: the ``model_config``: ``{"class_name": ..., "config": ...}``.
        where: the checkpoint, for the errors.

    Raises:
        UnsafeCheckpoint: a Lambda, a custom class or function, or any layer not on the list.
        CheckpointError: more than one input or output.
        CorruptCheckpoint: a configuration that says nonsense.
    """
    try:
        return _Flattening(where).topology(config)
    except EdgeconvError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CorruptCheckpoint(
            f"the model configuration of {where} is malformed",
            got=f"{type(error).__name__}: {error}",
        ) from error


@dataclass(frozen=True)
class _Use:
    """The ``number``-th use of a layer, and what it is applied to."""

    layer: Entry
    number: int
    sources: list[Source]


@dataclass
class _Wiring:
    """A functional model while it is being laid flat."""

    results: dict[Source, int] = field(default_factory=dict)
    members: dict[str, tuple[str, str | Tree]] = field(default_factory=dict)
    waiting: list[_Use] = field(default_factory=list)

    def add_uses(self, layer: Entry) -> None:
        nodes = layer["inbound_nodes"]
        self.waiting += [_Use(layer, number, sources(node)) for number, node in enumerate(nodes)]

    def result(self, source: Source) -> int | None:
        name, use = source
        # A nested model is used once, and Keras counts its uses from 0 or from 1.
        nested = name in self.members and self.members[name][0] in MODELS
        return self.results.get((name, 0 if nested else use))


class _Flattening:
    """Collects the layers and calls of a model and of those nested in it."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.layers: dict[str, Layer] = {}
        self.calls: list[Call] = []
        self.models: set[str] = set()
        self.input: tuple[str, tuple[int | None, int | None, int | None]] | None = None
        self.repeated: frozenset[str] = frozenset()

    def topology(self, config: Entry) -> Topology:
        names = Counter(_leaf_names(config))
        if names.total() > _MOST_LAYERS:
            raise CorruptCheckpoint(f"{self.where} lists {names.total()} layers")
        self.repeated = frozenset(name for name, count in names.items() if count > 1)
        self.refuse_code(config)
        output, tree = self.model(config, source=None, scope="")
        if self.input is None:
            raise CorruptCheckpoint(f"the model of {self.where} does not say its input's shape")
        name, shape = self.input
        return Topology(
            name, shape, self.layers, tuple(self.calls), output, tree, frozenset(self.models)
        )

    def model(self, entry: Entry, source: int | None, scope: str) -> tuple[int, Tree]:
        """Lay one model flat.

        Args:
            entry: the model.
            source: the result it is applied to; None for the model's own input.
            scope: goes before names that stand elsewhere too.

        Returns:
            The result it gives, and its nesting.
        """
        self.models.add(name_of(entry))
        if entry["class_name"] == "Sequential":
            return self.sequential(entry, source, scope)
        return self.functional(entry, source, scope)

    def sequential(self, entry: Entry, source: int | None, scope: str) -> tuple[int, Tree]:
        tree: list[tuple[str, str | Tree]] = []
        for layer in layers_of(entry):
            kind = self.refuse_code(layer)
            if kind == "InputLayer":
                source = self.own_input(layer) if source is None else source
            elif kind in MODELS:
                source, nested = self.model(layer, source, f"{name_of(layer)}/")
                tree.append((kind, nested))
            else:
                source = self.own_input(layer) if source is None else source
                name = self.add_layer(layer, scope)
                source = self.call(name, (source,))
                tree.append((kind, name))
        if source is None:
            raise CorruptCheckpoint(f"a model of {self.where} has no layers")
        return source, tuple(tree)

    def functional(self, entry: Entry, source: int | None, scope: str) -> tuple[int, Tree]:
        input_name, _ = self.only(entry["config"]["input_layers"], "input")
        output = self.only(entry["config"]["output_layers"], "output")
        wiring = _Wiring()
        for layer in layers_of(entry):
            name, kind = name_of(layer), self.refuse_code(layer)
            if name in wiring.members:
                raise CorruptCheckpoint(f"{self.where} has two layers called {name!r}")
            if kind == "InputLayer":
                if name != input_name:
                    raise CorruptCheckpoint(f"input {name!r} of {self.where} leads nowhere")
                wiring.results[name, 0] = self.own_input(layer) if source is None else source
            elif kind in MODELS:
                self.require_one_use(layer)
                wiring.members[name] = (kind, ())
                wiring.add_uses(layer)
            else:
                wiring.members[name] = (kind, self.add_layer(layer, scope))
                wiring.add_uses(layer)
        while waiting := wiring.waiting:
            wiring.waiting = [use for use in waiting if not self.apply(use, wiring)]
            if len(wiring.waiting) == len(waiting):
                raise CorruptCheckpoint(
                    f"layers of {self.where} are wired to layers that are not there",
                    got=[name_of(use.layer) for use in waiting[:10]],
                )
        result = wiring.result(output)
        if result is None:
            raise CorruptCheckpoint(f"the output {output[0]!r} of {self.where} is no layer of it")
        return result, tuple(wiring.members.values())

    def apply(self, use: _Use, wiring: _Wiring) -> bool:
        """Make one use of a layer, unless what it is applied to is not there yet."""
        name, kind = name_of(use.layer), use.layer["class_name"]
        inputs = [wiring.result(source) for source in use.sources]
        ready = [result for result in inputs if result is not None]
        if len(ready) < len(inputs) or not ready:
            return False
        if kind in MODELS:
            wiring.results[name, 0], nested = self.model(use.layer, ready[0], f"{name}/")
            wiring.members[name] = (kind, nested)
        else:
            layer = str(wiring.members[name][1])
            wiring.results[name, use.number] = self.call(layer, tuple(ready))
        return True

    def own_input(self, entry: Entry) -> int:
        """The input of the whole model, as its first layer states it."""
        config = entry["config"]
        shape = config.get("batch_input_shape") or config.get("batch_shape")
        sides = None if shape is None else tuple(shape[1:])
        sound = sides and all(side is None or type(side) is int for side in sides)
        if sides is None or not sound or len(sides) != 3:
            raise CheckpointError(
                f"{self.where} is no image classifier",
                got=f"an input of shape {shape}",
                expected="[null, height, width, 3]",
            )
        name = name_of(entry) if entry["class_name"] == "InputLayer" else "normalised_pixels"
        self.input = (name, sides)
        return 0

    def add_layer(self, entry: Entry, scope: str) -> str:
        """Check and keep one layer; its name among all layers."""
        kind, name = entry["class_name"], name_of(entry)
        flat_name = f"{scope}{name}" if name in self.repeated else name
        if flat_name in self.layers:
            raise CorruptCheckpoint(f"{self.where} has two layers called {flat_name!r}")
        options = checked_options(kind, name, entry["config"], self.where)
        self.layers[flat_name] = Layer(kind, options)
        return flat_name

    def call(self, layer: str, inputs: tuple[int, ...]) -> int:
        self.calls.append(Call(layer, inputs))
        return len(self.calls)

    def require_one_use(self, entry: Entry) -> None:
        if len(entry["inbound_nodes"]) != 1:
            raise CheckpointError(
                f"the model {name_of(entry)!r} inside {self.where} is used more than once",
                do="save the classifier with that model applied once",
            )

    def only(self, references: object, what: str) -> Source:
        flat = list(flat_references(references))
        if len(flat) != 1:
            raise CheckpointError(
                f"{self.where} is no image classifier", got=f"{len(flat)} {what}s", expected="one"
            )
        name, use, *_ = flat[0]
        return str(name), int(use)

    def refuse_code(self, entry: Entry) -> str:
        """The class of a layer or model, if it is a plain one of Keras itself."""
        kind, config = entry["class_name"], entry["config"]
        name = config.get("name", "?") if isinstance(config, dict) else "?"
        module = entry.get("module")
        registered = entry.get("registered_name")
        plain = kind in PLAIN_LAYERS or kind in MODELS or kind == "InputLayer"
        of_keras = module is None or module.partition(".")[0] in _KERAS_PACKAGES
        if not plain or not of_keras or registered not in {None, "", kind}:
            origin = registered or (f"{module}.{kind}" if not of_keras else kind)
            raise UnsafeCheckpoint(
                f"{self.where} was refused; nothing of it was run",
                got=f"layer {name!r} of class {origin}",
                expected="plain Keras layers only: no Lambda, no custom class or function",
                do="save the weights alone (safetensors, .weights.h5), or rebuild the layer "
                "from plain ones",
            )
        return str(kind)


def _leaf_names(entry: Entry, depth: int = 0) -> Iterator[str]:
    """The names of all layers, however deep."""
    if depth > _DEEPEST_NESTING:
        raise CorruptCheckpoint(f"models are nested more than {_DEEPEST_NESTING} deep")
    for layer in layers_of(entry):
        if layer["class_name"] in MODELS:
            yield from _leaf_names(layer, depth + 1)
        else:
            yield name_of(layer)
