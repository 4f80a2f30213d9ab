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
image = interpreter.get_input_details()[0]
output = interpreter.get_output_details()[0]
rows = []
for picture in np.load(pictures):
    interpreter.set_tensor(image["index"], picture[None].astype(image["dtype"]))
    interpreter.invoke()
    rows.append(interpreter.get_tensor(output["index"])[0].copy())
np.save(scores, np.stack(rows))
