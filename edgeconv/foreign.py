"""Files that edgeconv did not make: a contract from what they declare, completed by a spec.

A file without a contract says what its input and output are, and how its weights are stored. What
it does not say (labels, normalisation, resizing) comes from a spec, or from the other side of the
comparison; never from a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal

from edgeconv.artifact import Artifact, Assumptions, open_artifact
from edgeconv.contract import Contract, EmbeddingTensor, InputTensor, OutputTensor, Source
from edgeconv.errors import ArtifactError, NoContract, UsageError
from edgeconv.files import sha256_of
from edgeconv.formats.features import DICTIONARY, LABEL, Feature, Features
from edgeconv.spec import Embedding, Input, ModelSpec, OutputKind, Preprocessing

_FEATURE_READERS = {
    ".tflite": "edgeconv.formats.tflite_features",
    ".onnx": "edgeconv.formats.onnx_features",
    ".mlmodel": "edgeconv.runtimes.coreml_features",
    ".mlpackage": "edgeconv.runtimes.coreml_features",
}

EXAMPLE_SPEC = """\
name = "theirs"
basename = "Theirs"
summary = "A classifier that somebody else made"
labels = ["Neutral", "Porn", "Sexy"]        # in the order of its scores
architecture = { kind = "checkpoint" }
checkpoint = { formats = [] }
[input]
size = [224, 224]
scale = "1/255"                             # (pixel * scale - mean) / std
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]"""


@dataclass(frozen=True)
class Context:
    """What is known of a model from elsewhere than the file itself.

    ``input`` is None where nobody says how pixels are normalised, and ``preprocessing`` where
    nobody says how pictures are resized.
    """

    model: str
    labels: tuple[str, ...]
    summary: str = "a file that edgeconv did not make"
    notice: str | None = None
    unsafe: tuple[str, ...] = ()
    kind: OutputKind = "softmax"
    preprocessing: Preprocessing | Embedding | None = None
    input: Input | Embedding | None = None

    @classmethod
    def of_spec(cls, spec: ModelSpec) -> Context:
        """All that a spec says."""
        return cls(
            model=spec.name,
            labels=spec.labels,
            summary=spec.summary,
            notice=spec.notice,
            unsafe=spec.unsafe,
            kind=spec.output.kind,
            preprocessing=spec.input.preprocessing,
            input=spec.input,
        )

    @classmethod
    def of_contract(cls, contract: Contract) -> Context:
        """What the contract of the other side says; normalisation is inside its graph."""
        return cls(
            model=contract.model,
            labels=contract.labels,
            summary=contract.summary,
            notice=contract.notice,
            unsafe=contract.unsafe_labels,
            kind=contract.output.kind,
            preprocessing=contract.input.preprocessing,
        )


def read_features(path: Path) -> Features:
    """What a file declares, contract or none.

    Raises:
        ArtifactError: the file is broken.
    """
    read: Callable[[Path], Features] = import_module(_FEATURE_READERS[path.suffix]).read_features
    return read(path)


def open_artifacts(paths: Sequence[Path], spec: ModelSpec | None = None) -> list[Artifact]:
    """Open files that are to be held against each other, each with a contract or without.

    Args:
        paths: exported files.
        spec: completes those that carry no contract; by default the contract of one of the
            others does, or the labels that one of them names.

    Raises:
        UsageError: something about a file is said nowhere.
        ArtifactError: a file is broken, or is no classifier of colour pictures.
    """
    found = [(path, _contract_or_features(path)) for path in paths]
    context = Context.of_spec(spec) if spec else _context(found)
    return [
        read if isinstance(read, Artifact) else assume(path, read, context) for path, read in found
    ]


def assume(path: Path, features: Features, context: Context) -> Artifact:
    """A file under an assumed contract.

    Raises:
        UsageError: the file wants normalised pixels and nobody says how, or the context does not
            fit it.
        ArtifactError: it is no classifier of what the context says: colour pictures, embeddings.
    """
    wanted = context.preprocessing
    taken: _Picture | _Row = (
        _row(path, features.inputs, wanted)
        if isinstance(wanted, Embedding)
        else _picture(path, features.inputs)
    )
    given = _scores(path, features.outputs)
    context = replace(context, labels=features.labels or context.labels)
    if given.shape and given.shape[-1] != len(context.labels):
        raise UsageError(
            f"{path} gives not one score a label",
            got=f"{given.name}: {list(given.shape)}",
            expected=f"{len(context.labels)}: {', '.join(context.labels)}",
        )
    contract = Contract(
        model=context.model,
        summary=context.summary,
        notice=context.notice,
        labels=context.labels,
        unsafe_labels=tuple(label for label in context.unsafe if label in context.labels),
        input=taken.contracted(context),
        output=OutputTensor(
            name=given.name,
            kind=context.kind,
            dtype="float32" if given.scale is None else _integer(path, given),
            scale=given.scale,
            zero_point=given.zero_point,
            score_step=given.scale,
        ),
        precision=features.precision,
        source=Source(checkpoint_sha256=sha256_of(path), checkpoint_format=path.suffix[1:]),
        made_with={},
    )
    return Artifact(
        path,
        contract,
        Assumptions(
            normalisation=_normalisation(path, taken, context)
            if isinstance(taken, _Picture) and taken.dtype == "float32"
            else None,
            labels=None if features.labels else context.labels,
        ),
    )


@dataclass(frozen=True)
class _Picture:
    """The one input of a file, which takes a colour picture."""

    name: str
    height: int
    width: int
    dtype: Literal["uint8", "float32"]
    layout: Literal["NHWC", "NCHW"]

    def contracted(self, context: Context) -> InputTensor:
        sides = (self.height, self.width)
        known = context.preprocessing
        if not isinstance(known, Preprocessing):
            known = Preprocessing(size=sides)
        return InputTensor(
            **dict(known.model_copy(update={"size": sides})),
            name=self.name,
            shape=(1, *sides, 3) if self.layout == "NHWC" else (1, 3, *sides),
            dtype=self.dtype,
            layout=self.layout,
        )


@dataclass(frozen=True)
class _Row:
    """The one input of a file, which takes an embedding."""

    name: str
    dtype: Literal["float32"] = "float32"

    def contracted(self, context: Context) -> EmbeddingTensor:
        known = context.preprocessing
        assert isinstance(known, Embedding)
        return EmbeddingTensor(**dict(known), name=self.name, shape=(1, known.length))


def _contract_or_features(path: Path) -> Artifact | Features:
    try:
        return open_artifact(path)
    except NoContract:
        return read_features(path)


def _context(sides: Sequence[tuple[Path, Artifact | Features]]) -> Context:
    """What one side tells of the other: a contract says more than bare labels."""
    for _, side in sides:
        if isinstance(side, Artifact):
            return Context.of_contract(side.contract)
    for path, side in sides:
        if isinstance(side, Features) and side.labels:
            return Context(model=path.stem, labels=side.labels)
    raise UsageError(
        "no file names the labels of its scores",
        got=", ".join(path.name for path, _ in sides),
        do=f"say what they are: --spec theirs.toml, with\n\n{EXAMPLE_SPEC}\n",
    )


def _picture(path: Path, inputs: Sequence[Feature]) -> _Picture:
    expected = "one colour picture: (1, height, width, 3) or (1, 3, height, width)"
    if len(inputs) != 1:
        raise ArtifactError(
            f"{path} takes {len(inputs)} inputs",
            got=", ".join(feature.name for feature in inputs),
            expected=expected,
        )
    (taken,) = inputs
    batch, *sides = (1, *taken.shape) if len(taken.shape) == 3 else taken.shape or (None,)
    layout: Literal["NHWC", "NCHW"] = "NCHW" if sides[:1] == [3] else "NHWC"
    height, width, channels = (
        (None, None, None)
        if len(sides) != 3
        else (*sides[1:], sides[0])
        if layout == "NCHW"
        else sides
    )
    if batch not in {1, None} or channels != 3 or height is None or width is None:
        raise ArtifactError(
            f"{path} takes no picture of a fixed size",
            got=f"{taken.name}: {[side or 'open' for side in taken.shape]}",
            expected=expected,
        )
    if taken.dtype not in {"uint8", "float32"}:
        raise ArtifactError(
            f"{path} takes pixels of a type that is not known here",
            got=f"{taken.name}: {taken.dtype}",
            expected="uint8 or float32",
        )
    return _Picture(
        taken.name,
        height,
        width,
        "uint8" if taken.dtype == "uint8" else "float32",
        layout,
    )


def _row(path: Path, inputs: Sequence[Feature], wanted: Embedding) -> _Row:
    if len(inputs) != 1 or inputs[0].dtype != "float32" or inputs[0].shape[-1:] != (wanted.length,):
        raise ArtifactError(
            f"{path} takes no embedding of {wanted.length} numbers",
            got=[f"{one.name}: {[side or 'open' for side in one.shape]}" for one in inputs],
            expected=f"one float32 input (1, {wanted.length})",
        )
    return _Row(inputs[0].name)


def _scores(path: Path, outputs: Sequence[Feature]) -> Feature:
    dictionaries = [feature for feature in outputs if feature.dtype == DICTIONARY]
    found = dictionaries or [feature for feature in outputs if feature.dtype != LABEL]
    if len(found) != 1:
        raise ArtifactError(
            f"{path} gives {len(found)} outputs",
            got=", ".join(f"{feature.name} ({feature.dtype})" for feature in outputs),
            expected="one set of scores",
        )
    return found[0]


def _integer(path: Path, scores: Feature) -> Literal["uint8", "int8"]:
    if scores.dtype not in {"uint8", "int8"}:
        raise ArtifactError(
            f"{path} gives scores of a type that is not known here",
            got=f"{scores.name}: {scores.dtype}",
            expected="float32, uint8 or int8",
        )
    return "uint8" if scores.dtype == "uint8" else "int8"


def _normalisation(path: Path, taken: _Picture, context: Context) -> Input:
    """How pixels are normalised for a file whose input is float."""
    if context.input is None:
        raise UsageError(
            f"{path} takes float32 and does not say how pixels are normalised",
            got=f"{taken.name}: float32, no edgeconv contract",
            expected="labels, and scale, mean and std of [input], in a spec",
            do=f"say what they are: --spec theirs.toml, with\n\n{EXAMPLE_SPEC}\n",
        )
    assert isinstance(context.input, Input)
    if context.input.size != (taken.height, taken.width):
        raise UsageError(
            f"{path} takes pictures of another size than the spec says",
            got=f"{taken.height} x {taken.width}",
            expected=f"{context.input.size[0]} x {context.input.size[1]}",
        )
    return context.input
