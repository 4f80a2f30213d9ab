"""Makes a network ready for integer files: weights that every quantiser keeps.

The classical ladder, a module a rung: normalisation, padding and activation inside the convolutions
(:mod:`~edgeconv.quantising.fusing`), or a transformer's rows and matrices brought to the same reach
(:mod:`~edgeconv.quantising.smoothing`); then layer after layer a least-squares fit with bias
correction (:mod:`~edgeconv.quantising.reconstruction`) and rounding that looks at the inputs
(:mod:`~edgeconv.quantising.rounding`). It is done once, on the Keras model. The result computes in
float, and its weights lie on the grid that a stock quantiser finds for them (int8, a step for each
channel): TFLite and ONNX round it to the very same integers, and Core ML could.

What did not pay on nsfwjs' MobileNetV2, and is not here, with the error that activations of eight
bits alone make (root mean square of the logits, or mean of the scores, where nothing is rounded
else):

- activation ranges by least squares, or without the outermost 0.01 %, instead of the extremes:
  .0023 and .0024 of the scores, against .0023;
- cross-layer equalisation of the linear bottlenecks (Nagel et al. 2019, section 4.1), .0033 against
  .0023; with the channels centred too (Wei et al. 2023) .067 of the logits against .073, for many
  lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import export_form, family
from edgeconv.classifier import Classifier
from edgeconv.frozen import trace
from edgeconv.networks import Frozen
from edgeconv.normalising import normalise
from edgeconv.progress import Progress
from edgeconv.quantising.fusing import fused
from edgeconv.quantising.reconstruction import reconstruct
from edgeconv.quantising.smoothing import smooth

MOST_FITTED = 64
"""Pictures: twice as many take twice as long."""


def quantisable(classifier: Classifier, pixels: NDArray[Any], progress: Progress) -> Frozen | None:
    """The network that integer files are to be made of.

    Args:
        classifier: the original; it is left as it is.
        pixels: (N, H, W, 3) uint8 calibration pictures; :data:`MOST_FITTED` at most are used.
        progress: told of every layer.

    Returns:
        A frozen network that takes and gives the same; None for any but a convolutional Keras
        model or a transformer.
    """
    from edgeconv.networks.drawn_network import DrawnNetwork
    from edgeconv.networks.keras_network import KerasNetwork

    spec, network, kind = classifier.spec, classifier.network, family(classifier.spec)
    if not isinstance(network, KerasNetwork | DrawnNetwork) or kind == "dense":
        return None
    model = fused(export_form(spec, network.model))
    chosen = np.linspace(0, len(pixels) - 1, min(len(pixels), MOST_FITTED)).round().astype(int)
    inputs, all_in_integers = normalise(pixels[chosen], spec.pictures), kind == "convolutional"
    if not all_in_integers:
        progress.step("smoothing what dense layers read")
        smooth(model, inputs)
    reconstruct(model, inputs, progress, all_in_integers=all_in_integers)
    return trace(spec, lambda normalised: model(normalised, training=False))
