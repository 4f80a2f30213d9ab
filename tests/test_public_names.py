import subprocess
import sys

import edgeconv

PUBLIC = {
    "Artifact", "Classifier", "Contract", "EdgeconvError", "ModelSpec", "Verdict", "bundle",
    "classify", "evaluate", "export", "known_models", "load", "load_spec", "open_artifact",
    "open_scorer", "pull", "score", "train", "verify",
}  # fmt: skip


def test_the_public_names_are_these():
    assert set(edgeconv.__all__) == PUBLIC


def test_every_public_name_exists():
    for name in edgeconv.__all__:
        assert callable(getattr(edgeconv, name)) or name == "Verdict"


def test_help_waits_for_no_heavy_library():
    code = (
        "import sys\n"
        "from edgeconv.cli import main\n"
        "sys.argv = ['edgeconv', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'tensorflow', 'numpy', 'coremltools', 'onnx', 'pydantic', 'PIL'}"
        " & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert answer.splitlines()[-1] == "[]"
