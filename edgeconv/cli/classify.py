"""``edgeconv classify``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import listed, progress, warn_of
from edgeconv.cli.decision_writers import FORMATS, Held, Writer, writer_of
from edgeconv.cli.options import Labels, Point, Weights

if TYPE_CHECKING:
    from edgeconv.classifying import Copies, Decision, Scorer, Unreadable
    from edgeconv.frames.judging import Looking

    Decide = Callable[..., Iterator[Decision | Unreadable]]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv classify build/demo/Demo.int8.tflite photos/ --json`")(
        classify
    )


def classify(
    model: Annotated[
        str, typer.Argument(help="An artifact, a known model, a spec (.toml), or a checkpoint.")
    ],
    files: Annotated[
        list[str],
        typer.Argument(help="Images, videos, or .npy rows of embeddings; folders; - for stdin."),
    ],
    weights: Weights = None,
    labels: Labels = "",
    point: Point = None,
    frames: Annotated[
        str, typer.Option(help="Of a moving picture: how many a second, or 'scene': one a scene.")
    ] = "2",
    blurred: Annotated[
        Path | None,
        typer.Option(help="A folder for copies without EXIF, those of unsafe pictures blurred."),
    ] = None,
    annotated: Annotated[
        Path | None, typer.Option(help="A folder for copies with label and score drawn on them.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with new files in the folders, until Ctrl-C.")
    ] = False,
    output: Annotated[
        str, typer.Option("--format", help=f"On stdout: {', '.join(FORMATS)}.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Label pictures, videos or embeddings. What cannot be read is reported, the rest classified.

    A moving picture is unsafe where 4 of 8 frames in a row are: see "spans" and "timeline".
    """
    from edgeconv.classifying import classify as decisions_of
    from edgeconv.classifying import open_scorer

    form = _chosen_format(output, as_json, watch)
    looking = _looking(frames)
    copies = _copies(files, blurred, annotated)
    with progress() as shown:
        shown.step(f"loading {model}")
        scorer = open_scorer(model, weights, listed(labels))
    warn_of(scorer.notice)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text
    writer = writer_of(form, scorer.labels, sys.stdout)
    decide = partial(decisions_of, scorer, point=point, looking=looking, copies=copies)
    if watch:
        _watch(decide, _folders(files, scorer), writer)
    elif not _classify_all(decide, files, writer):
        raise typer.Exit(2)


def _classify_all(decide: Decide, files: list[str], writer: Writer) -> bool:
    """Whether anything could be classified."""
    from edgeconv.classifying import STDIN, Decision

    stdin = sys.stdin.buffer.read() if STDIN in files else None
    writer = Held(writer) if sys.stdout.isatty() else writer
    any_read = False
    with progress() as shown:
        for one in decide(files, stdin=stdin, progress=shown):
            writer.write(one)
            any_read |= isinstance(one, Decision)
    writer.close()
    return any_read


def _watch(decide: Decide, folders: list[Path], writer: Writer) -> None:
    from edgeconv.watching import settled_files

    sys.stderr.write(f"watching {', '.join(map(str, folders))}; Ctrl-C ends\n")
    try:
        for file in settled_files(folders):
            for one in decide([file]):
                writer.write(one)
    except KeyboardInterrupt:
        writer.close()


def _chosen_format(output: str, as_json: bool, watch: bool) -> str:
    from edgeconv.errors import UnknownName, UsageError

    if output not in FORMATS:
        raise UnknownName("format", output, FORMATS)
    chosen = "json" if as_json else output
    if watch and chosen == "json":
        raise UsageError(
            "--watch does not end, and one JSON document has to",
            do="use --format jsonl: one document a line",
        )
    return chosen


def _looking(frames: str) -> Looking:
    from edgeconv.errors import UsageError
    from edgeconv.frames.judging import Looking

    if frames == "scene":
        return Looking(scenes=True)
    try:
        a_second = float(frames)
    except ValueError:
        a_second = 0.0
    if not 0.01 <= a_second <= 1000:
        raise UsageError(
            "--frames says how many frames a second are judged",
            got=frames,
            expected="a number from 0.01 to 1000, or scene",
        )
    return Looking(interval=1 / a_second)


def _copies(files: list[str], blurred: Path | None, annotated: Path | None) -> list[Copies]:
    from edgeconv.annotating import CopyFolder
    from edgeconv.classifying import STDIN

    roots = [Path(file) for file in files if file != STDIN]
    return [
        CopyFolder(folder, roots, annotate=annotate)
        for folder, annotate in ((blurred, False), (annotated, True))
        if folder is not None
    ]


def _folders(files: list[str], scorer: Scorer) -> list[Path]:
    from edgeconv.errors import UsageError
    from edgeconv.spec import Embedding

    if isinstance(scorer.preprocessing, Embedding):
        raise UsageError("--watch looks for pictures", got="a model of embeddings")
    if wrong := [file for file in files if not Path(file).is_dir()]:
        raise UsageError("--watch looks at folders", got=wrong, expected="folders only")
    return [Path(file) for file in files]
