"""What a model *is*: one TOML file a model, in ``models/``.

A spec knows labels, preprocessing and where weights come from. It knows nothing of tensorflow,
targets or runtimes; ``[architecture]`` and ``[training]`` are kept as tables, and checked by the
code that builds and trains.
"""

from __future__ import annotations

import hashlib
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from edgeconv.errors import SpecError, UnknownName

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _fraction(value: object) -> object:
    return float(Fraction(value)) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_fraction)]
"""A TOML number, or a fraction written as text: ``"1/255"``."""

Label = Annotated[str, Field(min_length=1, max_length=100)]


class Strict(BaseModel):
    """Immutable, and any key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Resize(Strict):
    """How a picture is brought to the model's size.

    ``center_crop`` scales the picture until it covers ``size / crop``, rounded down (``crop`` is
    timm's ``crop_pct``), and keeps the middle; ``stretch`` does the same without minding its
    proportions. Where the margin is odd, ``offset`` says where the middle starts: ``round`` to the
    even pixel, as torchvision does, or ``floor``, as Hugging Face does.
    """

    mode: Literal["stretch", "center_crop", "pad"] = "stretch"
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    antialias: bool = True
    crop: Annotated[Number, Field(gt=0, le=1)] = 1.0
    offset: Literal["round", "floor"] = "round"

    @model_validator(mode="after")
    def _a_padded_picture_is_kept_whole(self) -> Resize:
        if self.mode == "pad" and self.crop != 1:
            raise ValueError("mode = 'pad' keeps the whole picture: crop has no meaning there")
        return self


class Preprocessing(Strict):
    """From an image file to RGB pixels 0..255 at the model's size.

    ``size`` is (height, width) in pixels; ``background`` is what shows through transparency.
    """

    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    resize: Resize = Resize()
    exif: Literal["apply", "ignore"] = "apply"
    background: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")] = "#ffffff"

    @property
    def noun(self) -> str:
        """What one input is called."""
        return "picture"

    @property
    def extent(self) -> str:
        """How large one input is, in words."""
        return " x ".join(map(str, self.size))

    @property
    def preprocessing(self) -> Preprocessing:
        """What happens outside the graph, without what a subclass adds."""
        return Preprocessing(
            size=self.size, resize=self.resize, exif=self.exif, background=self.background
        )


class Input(Preprocessing):
    """Preprocessing, and the normalisation that is folded into every graph.

    A pixel ``p`` in 0..255 becomes ``(p * scale - mean) / std``, per channel, in RGB order.
    """

    scale: Number = 1.0
    mean: tuple[Number, Number, Number] = (0.0, 0.0, 0.0)
    std: tuple[Number, Number, Number] = (1.0, 1.0, 1.0)


class Embedding(Strict):
    """A row of numbers that another network made of a picture or a text.

    ``length`` float32 numbers, of Euclidean norm one where ``unit``. ``made_by`` names the network,
    for people: the scores mean nothing for another one's rows.
    """

    length: Annotated[int, Field(gt=0)]
    unit: bool = True
    made_by: str | None = None

    @property
    def noun(self) -> str:
        """What one input is called."""
        return "embedding"

    @property
    def extent(self) -> str:
        """How large one input is, in words."""
        return f"{self.length} numbers"

    @property
    def preprocessing(self) -> Embedding:
        """What is known of a row outside the graph."""
        return Embedding(length=self.length, unit=self.unit, made_by=self.made_by)


_PICTURE, _EMBEDDING = "(picture)", "(embedding)"


def _kind_of_input(table: Any) -> str:
    says = table if isinstance(table, dict) else vars(table)
    return _EMBEDDING if "length" in says else _PICTURE


PictureOrEmbedding = Discriminator(_kind_of_input)
"""Tells :data:`Pictured` from :data:`Embedded` by whether a length is stated."""

Pictured, Embedded = Tag(_PICTURE), Tag(_EMBEDDING)

_TAGS = {_PICTURE, _EMBEDDING}

OutputKind = Literal["softmax", "sigmoid", "multi-label", "linear"]


ONE_LOGIT = ("sigmoid", "linear")
"""The kinds of output that are one number for two labels."""


class Output(Strict):
    """What the scores are.

    ``softmax``: one logit a label; scores sum to one. ``multi-label``: the sigmoid of one logit a
    label; they do not. ``sigmoid``: one logit for two labels; the second label's score is its
    sigmoid, the first one's the complement. ``linear``: the same without the sigmoid: a number that
    was trained towards 0 and 1, and may leave them.

    ``temperature`` divides the logits before softmax or sigmoid, inside every graph (Guo et al.
    2017): above 1 the model is less sure of its labels, which stay the same.
    """

    kind: OutputKind = "softmax"
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _a_linear_score_has_no_temperature(self) -> Output:
        if self.kind == "linear" and self.temperature != 1:
            raise ValueError("kind = 'linear' has no logits that a temperature could divide")
        return self


class OperatingPoint(Strict):
    """A threshold on the sum of the unsafe scores, with what it was chosen for.

    ``precision``, ``recall`` and ``false_positive_rate`` are those on the labelled pictures that it
    was chosen on. ``refitted_on`` says on which pictures the threshold of a quantised file was
    moved, so that it flags as many of them as the original does; the rates are the original's then.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    precision: float | None = None
    recall: float | None = None
    false_positive_rate: float | None = None
    refitted_on: str | None = None


class Published(Strict):
    """One file of a published checkpoint.

    ``url`` may be ``hf://owner/repository@revision/path`` or a plain ``https://`` address.
    """

    url: Annotated[str, Field(pattern="^(https?|hf)://")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class CheckpointSource(Strict):
    """Where weights come from and in which formats they may be.

    ``embedded`` is a file beside the spec. ``sha256`` is that of the whole checkpoint as
    :func:`edgeconv.files.sha256_of` gives it: a checkpoint is recognised by it.
    """

    formats: tuple[str, ...]
    embedded: str | None = None
    published: tuple[Published, ...] = ()
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    licence: str | None = None
    author: str | None = None


class ModelSpec(Strict):
    """What a model is: labels in order, preprocessing, architecture, weights, training.

    Raises:
        SpecError: from :func:`load_spec`, when the TOML does not say what it must.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]
    basename: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    version: str = "1.0"
    summary: str
    notice: str | None = None
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    unsafe: tuple[Label, ...] = ()
    architecture: dict[str, Any]
    input: Annotated[
        Annotated[Input, Pictured] | Annotated[Embedding, Embedded], PictureOrEmbedding
    ]
    output: Output = Output()
    operating_points: tuple[OperatingPoint, ...] = ()
    checkpoint: CheckpointSource
    training: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _labels_are_distinct_and_unsafe_are_among_them(self) -> ModelSpec:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels repeat: {', '.join(self.labels)}")
        if strangers := set(self.unsafe) - set(self.labels):
            raise ValueError(f"unsafe names no label: {', '.join(sorted(strangers))}")
        return self

    @model_validator(mode="after")
    def _operating_points_are_told_apart(self) -> ModelSpec:
        names = [point.name for point in self.operating_points]
        if len(set(names)) != len(names):
            raise ValueError(f"operating points repeat: {', '.join(names)}")
        if names and not self.unsafe:
            raise ValueError("operating points need unsafe labels")
        return self

    @model_validator(mode="after")
    def _one_logit_is_for_two_labels(self) -> ModelSpec:
        if self.output.kind in ONE_LOGIT and len(self.labels) != 2:
            raise ValueError(f"kind = {self.output.kind!r} gives one number, for two labels")
        return self

    @model_validator(mode="after")
    def _architecture_has_a_kind(self) -> ModelSpec:
        if not isinstance(self.architecture.get("kind"), str):
            raise ValueError('[architecture] needs kind = "..."')
        return self

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input: (H, W, 3) pixels or (length,) numbers."""
        given = self.input
        return (given.length,) if isinstance(given, Embedding) else (*given.size, 3)

    @property
    def pictures(self) -> Input:
        """How a model of pictures takes them.

        Raises:
            SpecError: it takes embeddings.
        """
        if isinstance(self.input, Embedding):
            raise SpecError(
                f"{self.name} takes no pictures",
                got=f"embeddings of {self.input.length} numbers",
                expected="[input] with a size",
            )
        return self.input

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that the spec says, comments and layout apart."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def models_dir() -> Path:
    """The folder of known models: inside the installed wheel, or the checkout's own."""
    installed = Path(__file__).parent / "_models"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "models"


def known_models() -> dict[str, Path]:
    """Name -> TOML file of every model that ships with edgeconv, sorted by name."""
    return {path.stem: path for path in sorted(models_dir().glob("*.toml"))}


def load_spec(model: str | Path) -> ModelSpec:
    """The spec of a known model by name, or of a TOML file by path.

    Raises:
        UnknownName: no known model has that name.
        SpecError: the TOML is unreadable or does not say what it must.
    """
    known = known_models()
    if str(model) in known:
        return _read_spec(known[str(model)])
    if str(model).endswith(".toml"):
        return _read_spec(Path(model))
    raise UnknownName("model", str(model), known)


def _read_spec(path: Path) -> ModelSpec:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"cannot read the spec {path}", got=str(error)) from error
    try:
        return ModelSpec.model_validate(table)
    except ValidationError as error:
        raise SpecError(f"{path} is not a model spec", got=explain(error)) from error


def explain(error: ValidationError) -> list[str]:
    """One line a finding: the key, what is wrong with it, and what stands there."""
    return [
        f"{'.'.join(str(key) for key in finding['loc'] if key not in _TAGS) or 'file'}: "
        f"{finding['msg']}"
        for finding in error.errors()
    ]
