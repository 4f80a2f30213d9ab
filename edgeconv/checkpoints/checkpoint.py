"""What every reader gives: tensors, and the topology where the file has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.topology import Topology
from edgeconv.errors import CorruptCheckpoint
from edgeconv.spec import Embedding, Input, Output

Naming = Literal["exact", "automatic", "structural"]
"""What the names of tensors say.

``exact``: ``layer/weight``, and the layer must have that very name. ``automatic``: the same, but
names that Keras made up itself (``dense_1``) say no more than the layer's class. ``structural``:
the path of a variable in the object that was saved (``layers/dense_1/vars/0``).
"""


@dataclass(frozen=True)
class Declared:
    """What a checkpoint's own configuration says of the model, so that nobody has to assume it.

    ``architecture`` is an ``[architecture]`` table as a spec has it. The rest is None where the
    configuration is silent.
    """

    architecture: Mapping[str, Any]
    labels: tuple[str, ...] | None = None
    input: Input | Embedding | None = None
    output: Output | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Weights in somebody else's format, read as data.

    ``path`` is the whole checkpoint: the folder, where it is more than one file. ``topology`` is
    the checked Keras configuration, ``declared`` what any other configuration says, and
    ``program`` the network itself, where the file is one: a ``GraphDef`` or an ONNX ``ModelProto``.
    Each is None where the file has none.
    """

    path: Path
    format: str
    tensors: Mapping[str, NDArray[Any]]
    topology: Topology | None = None
    naming: Naming = "exact"
    declared: Declared | None = None
    program: Any = None

    @property
    def values(self) -> int:
        """How many numbers all tensors hold together."""
        return sum(tensor.size for tensor in self.tensors.values())


def sound(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint, its tensors float32.

    Raises:
        CorruptCheckpoint: a tensor is not of floats, or holds NaN or infinity.
    """
    widened = {}
    for name, tensor in checkpoint.tensors.items():
        if tensor.dtype.kind != "f":
            raise CorruptCheckpoint(
                f"{checkpoint.path.name} holds a tensor that is no weight",
                got=f"{name} of {tensor.dtype}",
                expected="float16 or float32",
            )
        with np.errstate(over="ignore"):
            widened[name] = np.ascontiguousarray(tensor, dtype=np.float32).reshape(tensor.shape)
        if not np.isfinite(widened[name]).all():
            raise CorruptCheckpoint(
                f"{checkpoint.path.name} holds NaN or infinite weights",
                got=f"{name} {tensor.shape}: {np.count_nonzero(~np.isfinite(widened[name]))} "
                f"of {tensor.size} values",
                do="training diverged or the file is damaged: take an earlier checkpoint",
            )
    return replace(checkpoint, tensors=widened)
