import pytest

from edgeconv import errors
from edgeconv.errors import EdgeconvError, MissingDependency, UnknownName


def test_message_says_got_expected_and_do():
    error = EdgeconvError("nsfw.h5 does not fit", got="5 labels", expected="3 labels", do="try x")
    assert str(error) == (
        "nsfw.h5 does not fit\n  got       5 labels\n  expected  3 labels\n  do        try x"
    )


def test_many_lines_are_aligned():
    error = EdgeconvError("two things", got=["a", "b"])
    assert str(error).splitlines() == ["two things", "  got       a", "            b"]


def test_unknown_name_lists_what_exists_and_guesses():
    error = UnknownName("target", "onxx", ["coreml", "tflite", "onnx"])
    assert "one of coreml, tflite, onnx" in str(error)
    assert "did you mean 'onnx'?" in str(error)


def test_missing_dependency_names_the_extra():
    assert "pip install 'edgeconv[ray]'" in str(MissingDependency("ray", "scoring", "ray"))


@pytest.mark.parametrize(
    "name", [n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, Exception)]
)
def test_the_tree_in_the_docstring_is_complete(name):
    assert name in (errors.__doc__ or "")
