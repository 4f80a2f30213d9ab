"""The README's table of models is that of ``models/``, and every model there has its card."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.errors import UsageError
from edgeconv.spec import Embedding, Input, Resize, known_models, load_spec, models_dir
from edgeconv.systems_table import END, START, systems_table, takes, with_table

README = Path(__file__).parent.parent / "README.md"


def test_the_table_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m edgeconv.systems_table README.md"


def test_every_known_model_has_its_row() -> None:
    rows = systems_table().splitlines()[2:]
    assert len(rows) == len(known_models())
    for name, row in zip(known_models(), rows, strict=True):
        spec = load_spec(name)
        assert f"[`{name}`](models/{name}.md)" in row
        assert all(label in row for label in spec.labels)
        assert row.count("|") == 7
    assert "| **NSFW**, SFW | 384 x 384, center crop, bicubic | vit, 12 x 192 |" in systems_table()


def test_what_an_embedding_takes_is_said_in_numbers() -> None:
    assert takes(Embedding(length=768, made_by="CLIP ViT-L/14")) == "768 numbers (CLIP ViT-L/14)"
    assert takes(Embedding(length=512)) == "512 numbers"
    assert takes(Input(size=(96, 128), resize=Resize(mode="pad"))) == "96 x 128, pad, bilinear"


def test_an_old_table_is_replaced_and_the_rest_is_kept() -> None:
    text = f"before\n{START}| old |\n{END}behind\n"
    assert with_table(text) == f"before\n{START}{systems_table()}{END}behind\n"
    assert with_table(with_table(text)) == with_table(text)


@pytest.mark.parametrize("text", ["", START, END, END + START, START + END + START + END])
def test_a_text_without_one_place_for_it_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no one place"):
        with_table(text)


@pytest.mark.parametrize("name", known_models())
def test_the_card_says_what_the_spec_says(name: str) -> None:
    spec = load_spec(name)
    card = (models_dir() / f"{name}.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    assert ", ".join(spec.labels) in card
    assert "## Limits" in card or spec.checkpoint.embedded
    if isinstance(spec.input, Input):
        assert "{} x {}".format(*spec.input.size) in card
    if spec.checkpoint.licence:
        assert spec.checkpoint.licence in card


def test_the_models_of_others_are_theirs() -> None:
    falconsai, marqo, gantman = map(
        load_spec, ("falconsai-vit-base", "marqo-vit-tiny-384", "gantman-mobilenet-v2")
    )
    assert (falconsai.labels, falconsai.unsafe) == (("normal", "nsfw"), ("nsfw",))
    assert (marqo.labels, marqo.unsafe) == (("NSFW", "SFW"), ("NSFW",))
    assert gantman.labels == ("drawings", "hentai", "neutral", "porn", "sexy")
    assert isinstance(marqo.input, Input)
    assert marqo.input.resize.mode == "center_crop"
    assert isinstance(gantman.input, Input)
    assert gantman.input.resize.filter == "nearest"
