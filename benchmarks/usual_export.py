"""The usual way to make the nine files, as tutorials and forum answers have it.

One ``from_keras_model`` for each TFLite file, ``tf2onnx.convert.from_keras``, ``ct.convert`` twice.
Run by export_speed.py in a process of its own.

    python benchmarks/usual_export.py MODEL.h5 CALIBRATION.npy OUT
"""

import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import coremltools as ct
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
import tf_keras
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16


class Pictures(CalibrationDataReader):
    def __init__(self, pictures, name):
        self.feed = iter([{name: one[None]} for one in pictures])

    def get_next(self):
        return next(self.feed, None)


def tflite(model, pictures, precision):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: ([one[None]] for one in pictures)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def main(h5, calibration, out):
    model = tf_keras.models.load_model(h5, compile=False)
    pictures = np.load(calibration).astype(np.float32) / 255
    for precision in ("fp32", "fp16", "dynamic", "int8"):
        (out / f"usual.{precision}.tflite").write_bytes(tflite(model, pictures, precision))

    signature = (tf.TensorSpec((1, 224, 224, 3), tf.float32, name="image"),)
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=17)
    onnx.save(proto, out / "usual.fp32.onnx")
    onnx.save(convert_float_to_float16(proto, keep_io_types=True), out / "usual.fp16.onnx")
    quantize_static(
        out / "usual.fp32.onnx",
        out / "usual.int8.onnx",
        Pictures(pictures, proto.graph.input[0].name),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
    )

    image = ct.ImageType(shape=(1, 224, 224, 3), scale=1 / 255)
    for kind, suffix in (("neuralnetwork", "mlmodel"), ("mlprogram", "mlpackage")):
        ct.convert(model, inputs=[image], convert_to=kind, source="tensorflow").save(
            str(out / f"usual.{suffix}")
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
