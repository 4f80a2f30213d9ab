"""From a dataset's labels to a model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeconv.datasets.listing import Listed
from edgeconv.errors import UsageError


def mapped(
    listed: Sequence[Listed], labels: Sequence[str], mapping: Mapping[str, str]
) -> list[Listed]:
    """The same with a model's labels. A number is the place of a label among the model's.

    Args:
        listed: with a dataset's labels.
        labels: the model's, in its order.
        mapping: the dataset's label -> the model's; others stay.

    Raises:
        UsageError: the mapping is from or to a label that is not there.
    """
    known = {one.label for one in listed}
    if strangers := set(mapping) - known:
        raise UsageError(
            "the mapping is from labels that the dataset does not have",
            got=", ".join(sorted(strangers)),
            expected="some of " + ", ".join(sorted(known)),
        )
    if strangers := set(mapping.values()) - set(labels):
        raise UsageError(
            "the mapping is to labels that the model does not have",
            got=", ".join(sorted(strangers)),
            expected="some of " + ", ".join(labels),
        )
    numbered = {str(number): label for number, label in enumerate(labels)}
    names = {
        label: mapping.get(label) or (label if label in labels else numbered.get(label, label))
        for label in known
    }
    return [replace(one, label=names[one.label]) for one in listed]
