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
    Field,
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
    """How a picture is brought to the model's size."""

    mode: Literal["stretch", "center_crop", "pad"] = "stretch"
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    antialias: bool = True


class Preprocessing(Strict):
    """From an image file to RGB pixels 0..255 at the model's size.

    ``size`` is (height, width) in pixels; ``background`` is what shows through transparency.
    """

    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    resize: Resize = Resize()
    exif: Literal["apply", "ignore"] = "apply"
    background: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")] = "#ffffff"

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


class Output(Strict):
    """What the scores are: ``softmax`` sums to one, ``sigmoid`` and ``multi-label`` do not."""

    kind: Literal["softmax", "sigmoid", "multi-label"] = "softmax"


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
    input: Input
    output: Output = Output()
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
    def _architecture_has_a_kind(self) -> ModelSpec:
        if not isinstance(self.architecture.get("kind"), str):
            raise ValueError('[architecture] needs kind = "..."')
        return self

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
        f"{'.'.join(map(str, finding['loc'])) or 'file'}: {finding['msg']}"
        for finding in error.errors()
    ]
