"""Run a TFLite file by tflite-runtime: MODEL.tflite PICTURES.npy SCORES.npy.

Executed by the Python of another environment: numpy and tflite-runtime only.
"""

from __future__ import annotations

import sys

import numpy as np
from tflite_runtime.interpreter import Interpreter

model, pictures, scores = sys.argv[1:]
interpreter = Interpreter(model_path=model, num_threads=1)
interpreter.allocate_tensors()
image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
step, zero_point = output["quantization"]
rows = []
for picture in np.load(pictures):
    interpreter.set_tensor(image["index"], picture[None].astype(image["dtype"]))
    interpreter.invoke()
    rows.append(interpreter.get_tensor(output["index"])[0].astype(np.float64))
np.save(scores, (np.stack(rows) - zero_point) * (step or 1))
