"""Labelled pictures and rows, in the forms they come in: to learn from, and to be judged by."""

from edgeconv.datasets.opening import listed_inputs, opened

__all__ = ["listed_inputs", "opened"]
