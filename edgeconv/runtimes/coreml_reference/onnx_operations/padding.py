"""Padding attributes that convolution and pooling share."""

from __future__ import annotations

from typing import Any

from edgeconv.runtimes.coreml_reference.registry import UnknownValue

_AUTO_PAD = {"valid": "VALID", "same": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def padding_attributes(pad_type: str, pad: tuple[int, ...]) -> dict[str, Any]:
    """``auto_pad`` or ``pads``: MIL goes axis by axis, ONNX gives all starts, then all ends."""
    if pad_type == "custom":
        return given(pads=(*pad[0::2], *pad[1::2]))
    if pad_type not in _AUTO_PAD:
        raise UnknownValue("pad_type", pad_type, *_AUTO_PAD, "custom")
    return {"auto_pad": _AUTO_PAD[pad_type]}


def given(**attributes: Any) -> dict[str, Any]:
    """The attributes that the file states; for the rest ONNX has the defaults of MIL."""
    return {name: list(value) for name, value in attributes.items() if value}
