"""The numbers of each epoch as TensorBoard reads them."""

from __future__ import annotations

from pathlib import Path

from edgeconv.training.history import Epoch

FOLDER = "tensorboard"


def write_event(out: Path, epoch: Epoch) -> None:
    """Add an epoch to the events in ``out/tensorboard``.

    Written by tensorflow itself: ``tf.summary.scalar`` would want TensorBoard to be installed.
    """
    import tensorflow as tf
    from tensorflow.core.framework.summary_pb2 import SummaryMetadata

    scalar = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    numbers = epoch.model_dump(exclude={"epoch"})
    with tf.summary.create_file_writer(str(out / FOLDER)).as_default(step=epoch.epoch):
        for name, value in numbers.items():
            tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
