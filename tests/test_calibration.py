import shutil

import numpy as np
import pytest
from PIL import Image

from edgeconv.calibration import DRAWN, MOST_USED, calibration_from, generated_calibration
from edgeconv.errors import CalibrationError, UsageError
from edgeconv.parity.reference_set import folder_set, generated_set
from edgeconv.progress import Silent


@pytest.fixture
def folder(tmp_path):
    for picture in generated_set().pictures[:6]:
        (tmp_path / picture.name).write_bytes(picture.read())
    return tmp_path


@pytest.fixture
def preprocessing(demo):
    return demo.spec.input.preprocessing


def audited(folder, preprocessing, frozen, parity_set):
    return calibration_from(folder, preprocessing, Silent()).audit(frozen, parity_set)


def test_the_generated_set_shares_no_picture_with_the_parity_set(demo, frozen_demo, preprocessing):
    calibration = generated_calibration(preprocessing)
    assert calibration.inputs.shape == (DRAWN, 224, 224, 3)
    audit = calibration.audit(frozen_demo, generated_set())
    assert (audit.overlap, audit.used) == (0, DRAWN)
    assert sum(audit.labels.values()) == pytest.approx(1)


def test_overlap_with_the_parity_set_is_counted_and_said(demo, frozen_demo, preprocessing, folder):
    audit = calibration_from(folder, preprocessing, Silent()).audit(frozen_demo, folder_set(folder))
    assert audit.overlap == 6
    assert any("in the parity set too" in warning for warning in audit.warnings())


def test_unreadable_pictures_are_counted(demo, frozen_demo, preprocessing, folder):
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    audit = calibration_from(folder, preprocessing, Silent()).audit(frozen_demo, generated_set())
    assert list(audit.skipped) == ["torn.png"]
    assert (audit.found, audit.used) == (7, 6)
    assert "1 of the calibration set cannot be read, torn.png for one" in audit.warnings()


def test_large_folders_are_sampled_evenly(preprocessing, tmp_path):
    content = [picture.read() for picture in generated_set().pictures[:2]]
    for number in range(2 * MOST_USED):
        (tmp_path / f"{number:04d}.png").write_bytes(content[number % 2])
    calibration = calibration_from(tmp_path, preprocessing, Silent())
    assert len(calibration.inputs) == MOST_USED
    assert calibration.found == 2 * MOST_USED


def test_one_label_only_is_said(demo, frozen_demo, preprocessing, folder):
    dots = [p for p in generated_set().pictures[:30] if p.name.startswith("pattern")]
    best = demo.scores(np.stack([calibration_pixels(p, preprocessing) for p in dots])).argmax(
        axis=1
    )
    for picture in folder.iterdir():
        picture.unlink()
    for picture, label in zip(dots, best, strict=True):
        if label == best[0]:
            (folder / picture.name).write_bytes(picture.read())
    audit = calibration_from(folder, preprocessing, Silent()).audit(frozen_demo, generated_set())
    assert any("of one label" in warning for warning in audit.warnings())


def calibration_pixels(picture, preprocessing):
    from edgeconv.images import load_pixels

    return load_pixels(picture.read(), preprocessing, picture.name)


@pytest.mark.parametrize("labels", [["Dots"], ["Dots", "Rings"]])
def test_one_labels_folder_is_said(frozen_demo, preprocessing, folder, labels):
    for number, picture in enumerate(sorted(folder.iterdir())):
        place = folder / labels[number % len(labels)].lower()
        place.mkdir(exist_ok=True)
        picture.rename(place / picture.name)
    audit = audited(folder, preprocessing, frozen_demo, None)
    said = "all 6 of the calibration set lie under one label, Dots"
    assert (said in audit.warnings()) is (labels == ["Dots"])


def test_repeated_pictures_are_counted_whatever_their_files_are(frozen_demo, preprocessing, folder):
    for number, picture in enumerate(sorted(folder.iterdir())[:3]):
        Image.open(picture).save(folder / f"again-{number}.png", compress_level=1)
    audit = audited(folder, preprocessing, frozen_demo, None)
    assert audit.repeated == 3
    assert "3 of the calibration set repeat another one of it" in audit.warnings()


def test_a_mixed_set_is_not_warned_about(frozen_demo, preprocessing, tmp_path):
    for picture in generated_set().pictures[:30]:
        (tmp_path / picture.name).write_bytes(picture.read())
    assert audited(tmp_path, preprocessing, frozen_demo, None).warnings() == []


def test_one_picture_repeated_is_refused(preprocessing, folder):
    first, *others = sorted(folder.iterdir())
    for other in others:
        shutil.copy(first, other)
    with pytest.raises(CalibrationError, match="one picture only"):
        calibration_from(folder, preprocessing, Silent())


def test_nothing_readable_or_nothing_at_all_is_refused(preprocessing, tmp_path):
    with pytest.raises(UsageError):
        calibration_from(tmp_path, preprocessing, Silent())
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(CalibrationError, match="not one calibration picture"):
        calibration_from(tmp_path, preprocessing, Silent())
