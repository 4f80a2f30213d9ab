"""From a parsed file to its program, whichever kind of model it is."""

from __future__ import annotations

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.mil import read_ml_program
from edgeconv.runtimes.coreml_reference.neural_network import read_neural_network
from edgeconv.runtimes.coreml_reference.package import ModelFile
from edgeconv.runtimes.coreml_reference.program import Program

_READERS = {
    "mlProgram": read_ml_program,
    "neuralNetwork": read_neural_network,
    "neuralNetworkClassifier": read_neural_network,
}


def read_program(file: ModelFile) -> Program:
    """The program of an ML Program, or of a NeuralNetwork lowered to the same operations.

    Raises:
        ArtifactError: the file holds another kind of model (a pipeline, a tree ensemble, ...), or
            its program is malformed.
    """
    kind = file.specification.WhichOneof("Type")
    if kind not in _READERS:
        raise ArtifactError(
            f"{file.path} is not a kind of model that the reference executor runs",
            got=kind or "no model",
            expected=", ".join(_READERS),
        )
    return _READERS[kind](file)
