"""The report: what it says, that strangers' text stays text, and how a browser shows it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.contract import Precision
from edgeconv.parity.report import render
from edgeconv.parity.results import (
    ArtifactResult,
    Differences,
    Flips,
    Gate,
    GateResult,
    Latency,
    NoiseFloor,
    ParityRun,
    Pictures,
    Tolerance,
    Verdict,
    WorstPicture,
)

LABELS = ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
UNSAFE = ("Hentai", "Porn", "Sexy")
IMAGES = 320
NAMES = tuple(f"blobs_{number:03}.png" for number in range(IMAGES))

FLOAT_TOLERANCE = Tolerance(
    limit=1.9e-5,
    noise_floor=2.4e-6,
    multiple=8,
    kind="the reference with one thread and with many, with and without graph optimisation",
)
HALF_TOLERANCE = Tolerance(
    limit=0.104,
    noise_floor=0.026,
    multiple=4,
    kind="the reference with its weights rounded to float16",
)


def _reference_logits() -> np.ndarray:
    rng = np.random.default_rng(20)
    logits = rng.normal(0, 2.2, (IMAGES, len(LABELS)))
    # Two pictures on the edge, one of them in each direction across safety.
    logits[41] = (-2.0, -1.0, 2.02, 2.0, 0.4)
    logits[233] = (0.1, -1.5, 1.48, -2.0, 1.5)
    return logits


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


REFERENCE = _softmax(_reference_logits())


def _moved(noise: float, seed: int, flips: Mapping[int, int] | None = None) -> np.ndarray:
    """The reference's scores after noise on its logits that flips exactly the given pictures."""
    rng = np.random.default_rng(seed)
    step = rng.normal(0, noise, REFERENCE.shape)
    candidate = _softmax(_reference_logits() + step)
    for row in np.flatnonzero(candidate.argmax(axis=1) != REFERENCE.argmax(axis=1)):
        candidate[row] = REFERENCE[row]
    for row, winner in (flips or {}).items():
        logits = _reference_logits()[row]
        logits[winner] += 0.25
        candidate[row] = _softmax(logits[None])[0]
    return candidate


def _gate(
    candidate: np.ndarray, tolerance: Tolerance | None, verdict: Verdict, *findings: str
) -> GateResult:
    moved = np.abs(candidate - REFERENCE).max(axis=1)
    before, after = REFERENCE.argmax(axis=1), candidate.argmax(axis=1)
    unsafe = np.array([label in UNSAFE for label in LABELS])
    count = int((before != after).sum())
    ordered = np.sort(REFERENCE, axis=1)
    divergence = np.maximum((REFERENCE * np.log(REFERENCE / candidate)).sum(axis=1), 0)
    return GateResult(
        verdict=verdict,
        images=IMAGES,
        flips=Flips(
            count=count,
            images=IMAGES,
            newly_flagged=int((~unsafe[before] & unsafe[after]).sum()),
            newly_missed=int((unsafe[before] & ~unsafe[after]).sum()),
            bound_95=0.0093 if count == 0 else 0.0196 if count == 2 else min(1.0, count / 300),
        ),
        differences=Differences(
            max_abs=float(moved.max()),
            mean_abs=float(np.abs(candidate - REFERENCE).mean()),
            kl_mean=float(divergence.mean()),
            kl_p95=float(np.percentile(divergence, 95)),
            kl_max=float(divergence.max()),
        ),
        max_flip_rate=0.025 if tolerance is None else 0.01,
        tolerance=tolerance,
        findings=findings,
        worst=tuple(
            WorstPicture(
                name=NAMES[row],
                reference=dict(zip(LABELS, REFERENCE[row].tolist(), strict=True)),
                candidate=dict(zip(LABELS, candidate[row].tolist(), strict=True)),
                max_abs_diff=float(moved[row]),
                margin=float(ordered[row, -1] - ordered[row, -2]),
                flipped=bool(before[row] != after[row]),
            )
            for row in sorted(
                range(IMAGES), key=lambda row: (before[row] == after[row], -moved[row])
            )[:4]
        ),
    )


def _artifact(
    path: str,
    candidate: np.ndarray,
    *,
    found: tuple[str, str, float],
    megabytes: float,
    milliseconds: float,
    relative: float,
    tolerance: Tolerance | None = None,
    warnings: tuple[str, ...] = (),
) -> ArtifactResult:
    weights, activations, float_ops = found
    target = path.rpartition(".")[2]
    gate = _gate(candidate, tolerance, Verdict.PASS)
    return ArtifactResult(
        path=path,
        target=target,
        precision=path.split(".")[1],
        found=Precision(
            asked=path.split(".")[1],
            weight_type=weights,
            activation_type=activations,
            weights={weights: 0.98, "float32": 0.02} if weights != "float32" else {"float32": 1.0},
            float_ops=float_ops,
        ),
        bytes=int(megabytes * 1e6),
        sha256="5e" * 32,
        runtime="LiteRT 2.3.0" if target == "tflite" else "ONNX Runtime 1.31.1",
        verdict=Verdict.PASS,
        gates={"tensor": gate, "pixels": gate, "file": gate},
        warnings=warnings,
        latency=Latency(median_ms=milliseconds, spread_ms=0.1, relative_to_fp32=relative),
        scores=tuple(map(tuple, candidate.tolist())),
    )


def _core_ml(path: str, weights: str, megabytes: float) -> ArtifactResult:
    return ArtifactResult(
        path=path,
        target="coreml",
        precision="default",
        found=Precision(
            asked="default",
            weight_type=weights,
            activation_type=weights,
            weights={weights: 1.0},
            float_ops=1.0,
        ),
        bytes=int(megabytes * 1e6),
        sha256="c0" * 32,
        runtime=None,
        verdict=Verdict.NOT_RUN,
        note="Core ML runs on macOS only. Nothing about how this file decides was verified here.",
    )


def passing_run() -> ParityRun:
    """Nine artifacts of a five-class model: two not run, one int8 file with two flips."""
    two_flips = {41: 3, 233: 2}
    return ParityRun(
        model="nsfwjs-mobilenet-v2",
        summary="Five-class image safety classifier (MobileNetV2)",
        notice=None,
        labels=LABELS,
        unsafe_labels=UNSAFE,
        verdict=Verdict.PASS,
        headline="7 of 9 artifacts run, 320 pictures, decisions unchanged in all but "
        "NSFWJS.int8.tflite (2 flips, at most 2.0 % with 95 % confidence)",
        reference="tf-keras 2.21.0, float32, weights of checkpoints/nsfwjs_mobilenet_v2",
        pictures=Pictures(
            name="the built-in reference set",
            count=IMAGES,
            fingerprint="b9d1c3aa" * 8,
            names=NAMES,
            skipped={"broken.jpg": "truncated: 1,024 of 20,480 bytes"},
        ),
        noise_floor=NoiseFloor(
            float32=2.4e-6,
            float16_weights=0.026,
            variants={"one thread": 2.4e-6, "no graph optimisation": 1.8e-6, "batch of 32": 9.5e-7},
        ),
        reference_scores=tuple(map(tuple, REFERENCE.tolist())),
        artifacts=(
            _core_ml("NSFWJS.mlmodel", "float32", 10.3),
            _core_ml("NSFWJS.mlpackage", "float16", 5.2),
            _artifact(
                "NSFWJS.fp32.tflite",
                _moved(3e-6, 1),
                found=("float32", "float32", 1.0),
                megabytes=10.3,
                milliseconds=6.6,
                relative=1.0,
                tolerance=FLOAT_TOLERANCE,
            ),
            _artifact(
                "NSFWJS.fp16.tflite",
                _moved(0.02, 2),
                found=("float16", "float32", 1.0),
                megabytes=5.2,
                milliseconds=6.7,
                relative=1.01,
                tolerance=HALF_TOLERANCE,
            ),
            _artifact(
                "NSFWJS.dynamic.tflite",
                _moved(0.06, 3),
                found=("int8", "float32", 0.06),
                megabytes=2.9,
                milliseconds=13.1,
                relative=1.98,
                warnings=("dynamic is 1.98 times as slow as fp32 on this machine",),
            ),
            _artifact(
                "NSFWJS.int8.tflite",
                _moved(0.25, 4, two_flips),
                found=("int8", "int8", 0.0),
                megabytes=3.1,
                milliseconds=3.2,
                relative=0.48,
            ),
            _artifact(
                "NSFWJS.fp32.onnx",
                _moved(3e-6, 5),
                found=("float32", "float32", 1.0),
                megabytes=10.3,
                milliseconds=7.4,
                relative=1.0,
                tolerance=FLOAT_TOLERANCE,
            ),
            _artifact(
                "NSFWJS.fp16.onnx",
                _moved(0.02, 6),
                found=("float16", "float16", 1.0),
                megabytes=5.2,
                milliseconds=8.8,
                relative=1.19,
                tolerance=HALF_TOLERANCE,
                warnings=("fp16 is 1.19 times as slow as fp32 on this machine",),
            ),
            _artifact(
                "NSFWJS.int8.onnx",
                _moved(0.2, 7),
                found=("int8", "int8", 0.02),
                megabytes=3.0,
                milliseconds=3.9,
                relative=0.53,
            ),
        ),
        made_with={
            "edgeconv": "0.1.0",
            "tensorflow": "2.21.0",
            "coremltools": "9.0",
            "ai-edge-litert": "2.3.0",
            "tf2onnx": "1.17.0",
            "onnxruntime": "1.31.1",
        },
    )


def failing_run() -> ParityRun:
    """The fp32 TFLite file was given BGR pixels: its pixels and file gates fail."""
    run = passing_run()
    broken = _softmax(_reference_logits()[:, [1, 0, 2, 4, 3]] * 0.8)
    finding = (
        "Decisions differ on pictures that are coloured and agree on those that are grey: the "
        "file reads its channels in another order.",
        f"Scores differ by up to {np.abs(broken - REFERENCE).max():.2g}, "
        "the limit is 1.9e-05 (8 times the noise floor).",
    )
    victim = run.artifacts[2]
    gates: dict[Gate, GateResult] = {
        "tensor": victim.gates["tensor"],
        "pixels": _gate(broken, FLOAT_TOLERANCE, Verdict.FAIL, *finding),
        "file": _gate(broken, FLOAT_TOLERANCE, Verdict.FAIL, *finding),
    }
    failed = victim.model_copy(
        update={
            "verdict": Verdict.FAIL,
            "gates": gates,
            "scores": tuple(map(tuple, broken.tolist())),
        }
    )
    return run.model_copy(
        update={
            "verdict": Verdict.FAIL,
            "headline": "NSFWJS.fp32.tflite does not decide as the reference does",
            "notice": "DEMONSTRATION MODEL. It tells three kinds of generated pictures apart "
            "and is no moderation model.",
            "artifacts": (*run.artifacts[:2], failed, *run.artifacts[3:]),
        }
    )


def inconclusive_run() -> ParityRun:
    """The reference gave the same scores to every picture."""
    run = passing_run()
    finding = "The reference does not vary over this set: no file could be told from a broken one."
    flat = tuple((0.1, 0.1, 0.6, 0.1, 0.1) for _ in range(IMAGES))
    artifacts = tuple(
        artifact.model_copy(
            update={
                "verdict": Verdict.INCONCLUSIVE,
                "scores": flat,
                "gates": {
                    name: gate.model_copy(
                        update={"verdict": Verdict.INCONCLUSIVE, "findings": (finding,)}
                    )
                    for name, gate in artifact.gates.items()
                },
            }
        )
        for artifact in run.artifacts[2:]
    )
    return run.model_copy(
        update={
            "verdict": Verdict.INCONCLUSIVE,
            "headline": "The reference scores every picture alike: this set proves nothing",
            "reference_scores": flat,
            "artifacts": (*run.artifacts[:2], *artifacts),
        }
    )


def thumbnails() -> dict[str, bytes]:
    """A gradient for two pictures of three, so that the others have none."""
    made = {}
    for number, name in enumerate(NAMES):
        if number % 3:
            stream = io.BytesIO()
            ramp = np.linspace((number % 255, 40, 90), (255, number * 7 % 255, 160), 96)
            pixels = np.repeat(ramp[None], 96, axis=0).astype(np.uint8)
            Image.fromarray(pixels).save(stream, "PNG")
            made[name] = stream.getvalue()
    return made


class Page(HTMLParser):
    """The elements and the text of a report, as a browser would take them from it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.bodies: list[str] = []
        """The text of each ``tbody``."""
        self.text = ""
        self._silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._silent = tag in {"style", "title"}
        if tag == "tbody":
            self.bodies.append("")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data
            if self.bodies:
                self.bodies[-1] += data

    def row_of(self, name: str) -> str:
        """What the table of files says about one of them."""
        return next(body for body in self.bodies if body.lstrip().startswith(name))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (passing_run(), "PASS"),
        (failing_run(), "FAIL"),
        (inconclusive_run(), "INCONCLUSIVE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_verdict_comes_first_then_the_headline(run: ParityRun, words: str) -> None:
    html = render(run, {})
    first, second = [line for line in Page(html).text.splitlines() if line.strip()][:2]
    assert (first, second) == (words, run.headline)
    assert f"<title>{words}: {run.model}" in html


def test_what_was_not_run_says_so_and_never_passes() -> None:
    page = Page(render(passing_run(), {}))
    for name in ("NSFWJS.mlmodel", "NSFWJS.mlpackage"):
        row = page.row_of(name)
        assert "NOT RUN" in row
        assert "Nothing about how this file decides was verified" in row
        assert "PASS" not in row
    assert "9 files: 7 PASS, 2 NOT RUN" in page.text


def test_a_run_of_nothing_but_files_that_cannot_run_here() -> None:
    run = passing_run()
    alone = run.model_copy(
        update={
            "verdict": Verdict.INCONCLUSIVE,
            "headline": "No artifact could be run here",
            "artifacts": run.artifacts[:2],
            "noise_floor": None,
            "reference_scores": (),
        }
    )
    page = Page(render(alone, {}))
    assert "2 files: 2 NOT RUN" in page.text
    assert "PASS" not in page.text
    assert "svg" not in {tag for tag, _ in page.elements}


def test_a_row_tells_what_was_found() -> None:
    row = " ".join(Page(render(passing_run(), {})).row_of("NSFWJS.int8.tflite").split())
    assert "int8 weights, int8 activations, 0 % of operations in float" in row
    assert "2 of 320" in row
    assert "1 newly flagged, 1 newly missed, at most 2.0 %" in row
    assert "3.1 MB" in row
    assert "3.2 ms" in row
    assert "0.48 \u00d7 fp32" in row


def test_warnings_stand_under_their_file() -> None:
    row = Page(render(passing_run(), {})).row_of("NSFWJS.dynamic.tflite")
    assert "dynamic is 1.98 times as slow as fp32 on this machine" in row


def test_limits_are_told_in_words() -> None:
    text = Page(render(passing_run(), {})).text
    assert (
        "Scores may differ by 1.9\u202f\u00d7\u202f10⁻⁵, which is 8 times the noise floor" in text
    )
    assert "Scores have no limit: judged by decisions alone." in text
    assert "Decisions may flip on 2.5\u202f% of pictures." in text
    assert "broken.jpg: truncated: 1,024 of 20,480 bytes" in text


def test_gates_that_fail_alike_are_told_once_with_all_that_do() -> None:
    text = Page(render(failing_run(), {})).text
    why = text[text.index("What did not pass") : text.index("The files")]
    assert why.count("the file reads its channels in another order") == 1
    assert "NSFWJS.fp32.tflite (pixels, file)" in why


def test_the_notice_is_shown_before_the_files() -> None:
    text = Page(render(failing_run(), {})).text
    assert text.index("DEMONSTRATION MODEL") < text.index("The files")
    assert "DEMONSTRATION MODEL" not in Page(render(passing_run(), {})).text


def test_flipped_pictures_are_the_worst_and_have_their_thumbnails() -> None:
    small = thumbnails()
    page = Page(render(passing_run(), {"blobs_233.png": small["blobs_233.png"]}))
    worst = page.text[page.text.index("The worst pictures") :]
    order = ("blobs_041.png", "FLIPPED", "blobs_233.png", "FLIPPED", "same decision")
    places = [worst.index(order[0])]
    for word in order[1:]:
        places.append(worst.index(word, places[-1] + 1))
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert [image["alt"] for image in images] == ["blobs_233.png"]
    assert worst.count("no picture kept") == 11


def test_strangers_text_stays_text() -> None:
    hostile = "<script>alert(1)</script>"
    breakout = "\"'><img src=x onerror=alert(1)>.png"
    html = render(passing_run(), {NAMES[41]: thumbnails()[NAMES[1]]})
    text = passing_run().model_dump_json()
    for plain, evil in (("Porn", hostile), (NAMES[41], breakout), ("NSFWJS.int8", breakout)):
        text = text.replace(json.dumps(plain)[1:-1], json.dumps(evil)[1:-1])
    text = text.replace("Core ML runs on macOS only", hostile).replace("built-in", hostile)
    evil_run = ParityRun.model_validate_json(text)
    evil_page = Page(render(evil_run, {breakout: thumbnails()[NAMES[1]]}))
    assert [tag for tag, _ in evil_page.elements] == [tag for tag, _ in Page(html).elements]
    assert {name for _, attributes in evil_page.elements for name in attributes} == {
        name for _, attributes in Page(html).elements for name in attributes
    }
    assert hostile in evil_page.text
    assert breakout in evil_page.text


def test_nothing_is_loaded_from_elsewhere_and_no_script_is_there() -> None:
    html = render(passing_run(), thumbnails())
    assert "://" not in html
    assert "@import" not in html
    page = Page(html)
    assert {"script", "link", "iframe"}.isdisjoint(tag for tag, _ in page.elements)
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_the_same_run_gives_the_same_report_and_a_small_one() -> None:
    html = render(passing_run(), thumbnails())
    assert html == render(passing_run(), thumbnails())
    assert len(html.encode()) < 1_500_000


def test_a_file_that_gives_no_numbers_is_still_reported() -> None:
    run = failing_run()
    broken = run.artifacts[2]
    nothing = (float("nan"),) * len(LABELS)
    gate = broken.gates["file"]
    gate = gate.model_copy(
        update={
            "differences": gate.differences.model_copy(update={"max_abs": float("nan")}),
            "worst": (
                gate.worst[0].model_copy(
                    update={
                        "candidate": dict(zip(LABELS, nothing, strict=True)),
                        "max_abs_diff": float("nan"),
                    }
                ),
            ),
        }
    )
    broken = broken.model_copy(update={"scores": (nothing,) * IMAGES, "gates": {"file": gate}})
    page = Page(render(run.model_copy(update={"artifacts": (broken,)}), {}))
    assert "not a number" in page.row_of("NSFWJS.fp32.tflite")
    assert "NaN" in page.text


def test_a_file_with_other_labels_is_reported_without_a_plot() -> None:
    run = failing_run()
    picture = run.artifacts[2].gates["file"].worst[0]
    stranger = picture.model_copy(update={"candidate": {"cat": 0.9, "dog": 0.1}})
    gate = run.artifacts[2].gates["file"].model_copy(update={"worst": (stranger,)})
    other = run.artifacts[2].model_copy(
        update={"scores": ((0.9, 0.1),) * IMAGES, "gates": {"file": gate}}
    )
    page = Page(render(run.model_copy(update={"artifacts": (other,)}), {}))
    assert "Score against score" not in page.text
    assert "cat" in page.text
    assert "no label" in page.text


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

MEASURE = """<!doctype html><body>
<script>
const widths = [320, 375, 768, 1280], found = {};
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 812px; border: 0`;
  frame.onload = () => {
    const page = frame.contentDocument, root = page.documentElement;
    const box = (selector) => page.querySelector(selector).getBoundingClientRect();
    page.querySelectorAll("details").forEach((details) => (details.open = true));
    const wide = [...page.querySelectorAll("body *")].filter((element) =>
      !element.closest(".scroll") && element.getBoundingClientRect().right > width + 1);
    found[width] = {
      scroll: root.scrollWidth,
      wide: wide.map((element) => element.outerHTML.slice(0, 80)),
      verdict: page.querySelector("h1").innerText,
      verdict_lines: Math.round(box("h1").height / parseFloat(
        frame.contentWindow.getComputedStyle(page.querySelector("h1")).lineHeight)),
      headline_bottom: box(".headline").bottom,
      pictures: [...page.images].every((image) => image.complete && image.naturalWidth > 0),
    };
    if (Object.keys(found).length === widths.length)
      document.body.innerHTML = `<pre>${JSON.stringify(found).replace(/</g, "&lt;")}</pre>`;
  };
  frame.src = "report.html";
  document.body.append(frame);
}
</script>
"""


def browse(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """Open a page in a browser of its own; its document on stdout, its console on stderr."""
    assert CHROMIUM is not None
    return subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
@pytest.mark.parametrize("run", [passing_run(), inconclusive_run()], ids=lambda run: run.verdict)
def test_a_browser_shows_it_at_every_width(run: ParityRun, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render(run, thumbnails()), encoding="utf-8")
    measure = tmp_path / "measure.html"
    measure.write_text(MEASURE, encoding="utf-8")
    shown = browse(measure, tmp_path / "profile")
    assert "CONSOLE" not in shown.stderr
    found = json.loads(Page(shown.stdout).text)
    assert list(found) == ["320", "375", "768", "1280"]
    for width, seen in found.items():
        assert seen["wide"] == []
        assert seen["scroll"] <= int(width)
        assert seen["verdict"] == run.verdict.value
        assert seen["verdict_lines"] == 1
        assert 0 < seen["headline_bottom"] < 812
        assert seen["pictures"]
