"""What a layer's weights are multiplied with, held against what the layer gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from compressing_inputs import pictures

from edgeconv.compressing import layers
from edgeconv.compressing.layers import layer_of


def test_rows_times_inputs_are_the_results(float_model: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(layers, "POSITIONS", 10**6)
    (sample,) = pictures(1, 1)
    checked = []
    for operation in float_model.program.operations:
        layer = layer_of(operation)
        if layer is None:
            continue
        result = operation.outputs[0].name
        values = float_model.intermediates(sample, [layer.source, result])
        made = np.einsum("gri,gpi->grp", layer.rows, layer.inputs(values[layer.source]))
        made += layer.bias.stored.reshape(layer.groups, -1, 1)
        np.testing.assert_allclose(made.ravel(), values[result].ravel(), atol=2e-3)
        checked.append(operation.type)
    assert checked == ["conv"] * 4 + ["linear"]
