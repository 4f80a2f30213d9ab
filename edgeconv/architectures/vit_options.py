"""The ``[architecture]`` table of a vision transformer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from edgeconv.errors import SpecError
from edgeconv.spec import Embedding, ModelSpec, Strict, explain

Count = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["gelu", "gelu_tanh", "quick_gelu"]


class TowerOptions(Strict):
    """A vision transformer without its head.

    ``patch`` is a patch's side in pixels, ``width`` the length of a token, ``mlp`` that of the
    hidden layer of each block, ``eps`` the epsilon of every layer normalisation. ``pre_norm``
    normalises once before the first block, as CLIP does. ``pool`` takes the class token, or the
    mean of all others; ``norm`` says whether the last normalisation comes before that (Hugging
    Face) or after it (``fc_norm`` of timm). ``projection`` is the length of the features after a
    last matrix without bias (CLIP); without it they are ``width`` long.

    ``dropout`` comes after the positions and after every dense layer but queries, keys and values;
    ``drop_path`` leaves out whole branches, the first block's never and the last one's at that
    rate. Both are for training alone.
    """

    patch: Count
    width: Count
    depth: Count
    heads: Count
    mlp: Count
    activation: Activation = "gelu"
    eps: Annotated[float, Field(gt=0)] = 1e-6
    class_token: bool = True
    pool: Literal["token", "mean"] = "token"
    pre_norm: bool = False
    patch_bias: bool = True
    qkv_bias: bool = True
    norm: Literal["before_pool", "after_pool"] = "before_pool"
    projection: Count | None = None
    dropout: Rate = 0.0
    drop_path: Rate = 0.0

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> TowerOptions:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not divide among {self.heads} heads")
        return self

    @model_validator(mode="after")
    def _the_token_that_is_taken_is_there(self) -> TowerOptions:
        if self.pool == "token" and not self.class_token:
            raise ValueError('pool = "token" takes the class token, and there is none')
        return self

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of patches in a picture of (height, width) pixels.

        Raises:
            SpecError: they do not come out even.
        """
        height, width = size
        if height % self.patch or width % self.patch:
            raise SpecError(
                f"pictures of {height} x {width} pixels cannot be cut into patches of {self.patch}",
                got=f"size = {list(size)}",
                expected=f"multiples of patch = {self.patch}",
            )
        return height // self.patch, width // self.patch

    def tokens(self, size: tuple[int, int]) -> int:
        """How many tokens the blocks see of a picture of (height, width) pixels.

        Raises:
            SpecError: as :meth:`grid`.
        """
        rows, columns = self.grid(size)
        return rows * columns + self.class_token


class Options(TowerOptions):
    """The ``[architecture]`` table: a tower, and a head that is one dense layer.

    ``interpolate`` moves the checkpoint's positions to the grid of ``[input] size``, as that
    library does; without it a checkpoint for pictures of another size is refused.
    """

    kind: Literal["vit"]
    interpolate: Literal["transformers", "timm"] | None = None


def options_of(spec: ModelSpec) -> tuple[Options, tuple[int, int]]:
    """The options of a spec, and the (height, width) of its pictures.

    Raises:
        SpecError: the table is wrong, or the input is no picture.
    """
    try:
        options = Options.model_validate(spec.architecture)
    except ValidationError as error:
        raise SpecError(
            f"[architecture] of {spec.name} is not a vit", got=explain(error)
        ) from error
    if isinstance(spec.input, Embedding):
        raise SpecError(
            f"the vit of {spec.name} takes pictures",
            got=f"[input] length = {spec.input.length}",
            expected="[input] size = [height, width]",
        )
    return options, spec.input.size
