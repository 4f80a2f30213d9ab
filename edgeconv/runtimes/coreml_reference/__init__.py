"""Core ML files read and run anywhere, so that they can be judged off a Mac.

The finished file is read: protobuf, manifest and ``weight.bin``, nothing from a converter's
memory. Two executors that share nothing but the parsed program run it: a translation to ONNX on
ONNX Runtime, which is fast, and plain numpy, which is the oracle. This verifies the semantics of
the file; it is not Core ML and says nothing of a compute unit.
"""

from edgeconv.runtimes.coreml_reference.features import (
    ArrayFeature,
    ImageFeature,
    InputFeature,
    LabelFeature,
    OutputFeature,
    ScoresFeature,
)
from edgeconv.runtimes.coreml_reference.model import (
    ExecutorName,
    Mode,
    Prediction,
    ReferenceModel,
    load,
)

__all__ = [
    "ArrayFeature",
    "ExecutorName",
    "ImageFeature",
    "InputFeature",
    "LabelFeature",
    "Mode",
    "OutputFeature",
    "Prediction",
    "ReferenceModel",
    "ScoresFeature",
    "load",
]
