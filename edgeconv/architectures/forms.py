"""The two forms in which one graph is drawn: to be trained, and to be exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """Where the weights of a graph come from.

    The training form takes any batch and makes its weights. The export form takes a batch of one,
    which every converter fuses best, and has the weights of a model that is there: both hold the
    same variables, not copies.
    """

    source: Any = None
    """The model whose weights the export form has; None for the training form."""

    @property
    def is_export(self) -> bool:
        """Whether this is the export form."""
        return self.source is not None

    @property
    def batch(self) -> int | None:
        """The batch that the graph is fixed to; None for any."""
        return 1 if self.is_export else None

    def layer(self, kind: Any, name: str, **options: Any) -> Any:
        """A new layer of a class; for export with the variables of the source's layer ``name``."""
        layer = kind(name=name, **options)
        if self.is_export:
            variables = {
                weight.name.removesuffix(":0").rpartition("/")[2]: weight
                for weight in self.source.get_layer(name).weights
            }
            layer.add_weight = lambda name, *_, **__: variables[name]
        return layer


TRAINING = Form()
