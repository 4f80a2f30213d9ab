"""ONNX to tensorflow, from which the TFLite and Core ML targets go on.

ONNX keeps pictures as (N, C, H, W), tensorflow and TFLite as (N, H, W, C). A tensor is carried with
the order in which its axes are stored (:mod:`.values`); convolutions and pooling make it NHWC, all
that works axis by axis leaves it as it is, and ONNX's own transpositions only change the order
that is noted. So a transposition is computed only where a reshape needs the other order.

Adding an operation is adding one function to a module of this folder.
"""

from edgeconv.networks.onnx_to_tf.translation import concrete_function

__all__ = ["concrete_function"]
