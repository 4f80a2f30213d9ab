"""The Swift code, by Swift itself: built and tested, or parsed and type-checked, on Linux."""

import json
import re
import shutil

import pytest
from swift_root import REPOSITORY, SCRATCH, made_root, run_inside

from edgeconv.contract import Contract, InputTensor, OperatingPoint, OutputTensor, Precision, Source
from edgeconv.spec import Input, known_models, load_spec

pytestmark = pytest.mark.slow

BUILT = shutil.ignore_patterns(".build", ".swiftpm", "xcuserdata")


@pytest.fixture(scope="module")
def root():
    return made_root()


@pytest.fixture
def copied(tmp_path):
    """What the Swift tests read of the repository, to be broken."""
    for part in ("ios_demo", "tests/vectors", "tests/ios"):
        shutil.copytree(REPOSITORY / part, tmp_path / part, ignore=BUILT)
    return tmp_path


@pytest.fixture
def contracts(root):
    """A folder in the root with a contract for every model of pictures, as its files have it."""
    folder = root / SCRATCH[1:] / "contracts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in known_models():
        spec = load_spec(name)
        if isinstance(spec.input, Input):
            (folder / f"{name}.json").write_text(contract_of(spec).to_json())
    assert len(list(folder.iterdir())) >= 10
    return f"{SCRATCH}/{folder.name}"


def contract_of(spec):
    taken = spec.input.preprocessing
    return Contract(
        model=spec.name,
        summary=spec.summary,
        notice=spec.notice,
        labels=spec.labels,
        unsafe_labels=spec.unsafe,
        operating_points=(OperatingPoint(name="strict", threshold=0.2, recall=0.99),),
        input=InputTensor(
            **dict(taken), name="image", shape=(1, *taken.size, 3), dtype="uint8", layout="NHWC"
        ),
        output=OutputTensor(name="scores", kind=spec.output.kind, dtype="float32"),
        precision=Precision(
            asked="fp16",
            weight_type="float16",
            activation_type="float16",
            weights={"float16": 1.0},
            float_ops=1.0,
        ),
        source=Source(checkpoint_sha256="0" * 64, checkpoint_format="keras"),
        made_with={},
    )


def swift_test(root, repository=REPOSITORY, scratch="kit", contracts=""):
    package = ["--package-path", "ios_demo/ModerationKit", "--scratch-path", f"{SCRATCH}/{scratch}"]
    said = [f"EDGECONV_CONTRACTS={contracts}"] if contracts else []
    return run_inside(root, "env", *said, "swift", "test", *package, repository=repository)


def files_of(repository, *folders):
    found = [file for folder in folders for file in sorted((repository / folder).rglob("*.swift"))]
    return [str(file.relative_to(repository)) for file in found]


def type_check(root, repository=REPOSITORY):
    """The app and its tests, against the stub modules."""
    script = ("tests/ios/swift_stubs.sh", "/repository", f"{SCRATCH}/stubs")
    return run_inside(root, *script, repository=repository)


@pytest.mark.device_proof("iOS: ModerationKit, swift build and swift test")
def test_moderation_kit_passes_its_tests(root, contracts):
    done = swift_test(root, contracts=contracts)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"Test run with (\d+) tests passed", done.stdout)
    assert passed and int(passed[1]) >= 40
    assert "Test readsEveryContractOfAPictureModel() passed" in done.stdout


def test_a_vector_that_says_otherwise_is_noticed(root, copied):
    vectors = copied / "tests/vectors/smoothing.json"
    said = json.loads(vectors.read_text())
    case = next(case for case in said["cases"] if case["expected"])
    case["expected"][-1] = not case["expected"][-1]
    vectors.write_text(json.dumps(said))

    done = swift_test(root, repository=copied, scratch="broken-kit")
    assert done.returncode != 0
    assert "Test smoothsAsTheVectorsSay() failed" in done.stdout
    assert case["name"] in done.stdout


@pytest.mark.device_proof("iOS: every file of the app parses")
def test_every_file_of_the_app_parses(root):
    files = files_of(REPOSITORY, "ios_demo/ModerationDemo", "ios_demo/ModerationDemoTests")
    assert len(files) > 30
    done = run_inside(root, "swiftc", "-frontend", "-parse", *files)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_file_that_does_not_parse_is_noticed(root, copied):
    file = copied / "ios_demo/ModerationDemo/Screens/RootView.swift"
    file.write_text(file.read_text().rstrip().removesuffix("}"))
    name = str(file.relative_to(copied))
    done = run_inside(root, "swiftc", "-frontend", "-parse", name, repository=copied)
    assert done.returncode != 0
    assert "to match this opening '{'" in done.stdout


@pytest.mark.device_proof("iOS: the app type-checks against stubs")
def test_the_app_type_checks_against_stubs_of_apples_frameworks(root):
    done = type_check(root)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "Classifying/Framing.swift",
            ".stretch: .scaleFill",
            ".stretch: .scaleToFill",
            "has no member 'scaleToFill'",
        ),
        (
            "Classifying/CoreMLRequestClassifier.swift",
            "try await request.perform",
            "try request.perform",
            "'async' but is not marked with 'await'",
        ),
        (
            "Screens/VerdictView.swift",
            "verdict.decision.isFlagged ?",
            "verdict.decision.label ?",
            "cannot convert value of type 'String'",
        ),
    ],
)
def test_an_app_that_misuses_a_framework_is_noticed(root, copied, file, right, wrong, said):
    broken = copied / "ios_demo/ModerationDemo" / file
    assert right in broken.read_text()
    broken.write_text(broken.read_text().replace(right, wrong))
    done = type_check(root, copied)
    assert done.returncode != 0
    assert said in done.stdout


def test_swift_format_has_nothing_to_say(root):
    done = run_inside(
        root,
        *("swift", "format", "lint", "--strict", "--recursive"),
        *("--configuration", "ios_demo/.swift-format", "ios_demo"),
    )
    assert (done.returncode, done.stdout) == (0, "")
