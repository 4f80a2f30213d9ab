"""NeuralNetworks and NeuralNetworkClassifiers: from the message to a :class:`Program`."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.features import ImageFeature, input_features
from edgeconv.runtimes.coreml_reference.neural_network.lowering import Lowering
from edgeconv.runtimes.coreml_reference.package import ModelFile
from edgeconv.runtimes.coreml_reference.program import (
    Classifier,
    Operand,
    Program,
    TensorType,
    Variable,
)

_RANK5_ARRAYS = 0
"""``NeuralNetworkMultiArrayShapeMapping.RANK5_ARRAY_MAPPING``."""


def read_neural_network(file: ModelFile) -> Program:
    """The program of a NeuralNetwork or NeuralNetworkClassifier.

    Raises:
        ArtifactError: a layer is not known or uses what is not there, or there are no layers.
    """
    specification = file.specification
    network = getattr(specification, specification.WhichOneof("Type"))
    if not network.layers:
        raise ArtifactError(f"{file.path} is a neural network without layers")
    lowering = Lowering(file)
    inputs = tuple(_define_inputs(lowering, network, file))
    for message in network.layers:
        lowering.lower(message)

    classifier = None
    if specification.WhichOneof("Type") == "neuralNetworkClassifier":
        classifier = _classifier(network, file)
    names = [classifier.scores] if classifier else []
    features = {classifier.label_feature, classifier.scores_feature} if classifier else set()
    for feature in specification.description.output:
        if feature.name not in features:
            names.append(str(feature.name))
    for name in names:
        if not isinstance(lowering.scope.get(name), Variable):
            raise ArtifactError(f"{file.path}: no layer computes the output {name!r}")
    return Program(
        source=file.path,
        opset="NeuralNetwork",
        inputs=inputs,
        operations=tuple(lowering.operations),
        outputs=tuple(names),
        classifier=classifier,
        halves=frozenset(str(name) for message in network.layers for name in message.output),
    )


def _define_inputs(lowering: Lowering, network: Any, file: ModelFile) -> list[Variable]:
    """Inputs as the program takes them, and what the first layers see of them."""
    preprocessing = {step.featureName: step for step in network.preprocessing}
    variables = []
    for feature in input_features(file):
        shape = feature.tensor_shape
        variable = Variable(feature.name, TensorType(ElementType.FP32, shape))
        variables.append(variable)
        lowering.define(feature.name, variable, len(shape))
        seen: Operand = variable
        if isinstance(feature, ImageFeature):
            # a step without a name is for the only image
            step = preprocessing.get(feature.name) or preprocessing.get("")
            if step is not None:
                seen = _preprocess(lowering, step, feature, seen)
        elif network.arrayInputShapeMapping == _RANK5_ARRAYS:
            seen = _as_rank_4(lowering, variable, shape)
        lowering.scope[feature.name] = seen
    return variables


def _preprocess(lowering: Lowering, step: Any, feature: ImageFeature, pixels: Operand) -> Operand:
    """``NeuralNetworkPreprocessing``: ``channelScale * pixel + bias``, or less the mean image."""
    kind = step.WhichOneof("preprocessor")
    if kind == "meanImage":
        shape = feature.tensor_shape
        mean = np.array(step.meanImage.meanImage, np.float32)
        if mean.size != np.prod(shape):
            raise ArtifactError(
                f"{lowering.file.path}: the mean image of {feature.name!r} has the wrong size",
                got=f"{mean.size} values",
                expected=f"{int(np.prod(shape))}",
            )
        return lowering.op("sub", x=pixels, y=mean.reshape(shape))
    scaler = step.scaler
    scaled = lowering.op("mul", x=pixels, y=float(scaler.channelScale))
    biases = {
        "RGB": (scaler.redBias, scaler.greenBias, scaler.blueBias),
        "BGR": (scaler.blueBias, scaler.greenBias, scaler.redBias),
        "GRAYSCALE": (scaler.grayBias,),
    }[feature.colour]
    if not any(biases):
        return scaled
    per_channel: Array = np.array(biases, np.float32).reshape(1, -1, 1, 1)
    return lowering.op("add", x=scaled, y=per_channel)


def _as_rank_4(lowering: Lowering, variable: Variable, shape: tuple[int, ...]) -> Operand:
    """An array as the first Core ML maps it: ``(C,)`` or ``(C, H, W)`` with a batch of one.

    The sequence axis before it has size one in every image model, and is left out.
    """
    sizes = {1: (1, *shape, 1, 1), 3: (1, *shape)}.get(len(shape))
    if sizes is None:
        raise ArtifactError(
            f"{lowering.file.path}: the input {variable.name!r} cannot be mapped to channels",
            got=f"shape {list(shape)}",
            expected="(C) or (C, H, W)",
        )
    return lowering.op("reshape", x=variable, shape=sizes, rank=4)


def _classifier(network: Any, file: ModelFile) -> Classifier:
    kind = network.WhichOneof("ClassLabels")
    if kind is None:
        raise ArtifactError(f"{file.path} is a classifier without class labels")
    description = file.specification.description
    return Classifier(
        scores=network.labelProbabilityLayerName or network.layers[-1].output[0],
        labels=tuple(str(label) for label in getattr(network, kind).vector),
        label_feature=description.predictedFeatureName,
        scores_feature=description.predictedProbabilitiesName or None,
    )
