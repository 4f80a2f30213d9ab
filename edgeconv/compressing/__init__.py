"""Core ML's compressed weights and 8-bit activations, chosen by what goes into each layer.

coremltools compresses a file without looking at any input. Here the reference executor tells what
goes into each layer, weights are moved to values that the file format stores exactly, and
coremltools then writes the format as for anybody else.
"""
