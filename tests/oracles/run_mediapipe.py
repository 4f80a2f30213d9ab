"""Classify by MediaPipe: MODEL.tflite PICTURES.npy ANSWERS.json.

Executed by the Python of another environment: numpy and mediapipe only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mediapipe
import numpy as np
from mediapipe.tasks.python import vision

model, pictures, answers = sys.argv[1:]
found = []
with vision.ImageClassifier.create_from_model_path(model) as classifier:
    for picture in np.load(pictures):
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        (scores,) = classifier.classify(image).classifications
        ranked = sorted(scores.categories, key=lambda category: category.index)
        found.append([(category.category_name, category.score) for category in ranked])
Path(answers).write_text(json.dumps(found))
