import pytest

from edgeconv.errors import SpecError, UnknownName
from edgeconv.spec import known_models, load_spec

GOOD = """
name = "mine"
basename = "Mine"
summary = "a model"
labels = ["a", "b"]
unsafe = ["b"]
[architecture]
kind = "checkpoint"
[input]
size = [8, 8]
scale = "1/255"
[checkpoint]
formats = ["keras"]
"""


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return write


def test_the_three_models_are_known_and_load():
    assert {"demo", "nsfw-mobilenet-v2", "nsfwjs-mobilenet-v2"} <= set(known_models())
    for name in known_models():
        assert load_spec(name).name == name


def test_nsfw_model_is_the_one_of_the_mission():
    spec = load_spec("nsfw-mobilenet-v2")
    assert spec.labels == ("Neutral", "Porn", "Sexy")
    assert spec.unsafe == ("Porn", "Sexy")
    assert spec.basename == "NSFW"


def test_the_demo_says_that_it_is_no_moderation_model():
    assert "no moderation model" in load_spec("demo").notice


def test_fractions_are_numbers(toml):
    assert load_spec(toml(GOOD)).input.scale == 1 / 255


def test_fingerprint_follows_content_not_layout(toml):
    first = load_spec(toml(GOOD)).fingerprint
    assert load_spec(toml("# a comment\n" + GOOD)).fingerprint == first
    assert load_spec(toml(GOOD.replace('"a model"', '"other"'))).fingerprint != first


def test_an_unknown_model_lists_those_there_are():
    with pytest.raises(UnknownName, match="nsfw-mobilenet") as caught:
        load_spec("nsfw-mobilenet")
    assert "nsfwjs-mobilenet-v2" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("size = [8, 8]", "size = [8]"), "input.size"),
        (('labels = ["a", "b"]', 'labels = ["a", "a"]'), "labels repeat"),
        (('unsafe = ["b"]', 'unsafe = ["c"]'), "unsafe names no label"),
        (('scale = "1/255"', "scael = 1"), "scael"),
        (('kind = "checkpoint"', "width = 1"), "needs kind"),
        (("[input]", "[input"), "cannot read"),
    ],
)
def test_a_wrong_spec_says_where(toml, change, said):
    with pytest.raises(SpecError) as caught:
        load_spec(toml(GOOD.replace(*change)))
    assert said in str(caught.value)
