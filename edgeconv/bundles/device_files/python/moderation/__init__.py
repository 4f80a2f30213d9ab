"""Judges pictures on a device: contract, preprocessing, runtime and policy. Imports no edgeconv."""
