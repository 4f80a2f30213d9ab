"""The drag-and-drop page in headless Chromium."""

import base64
import json

import pytest
from browser import CHROMIUM, browsing
from moving_pictures import drawing
from PIL import Image
from served import written_as

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: apt-get install chromium"),
]

DROP = """
(async () => {
  const data = new DataTransfer();
  for (const [name, type, content] of FILES) {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    data.items.add(new File([bytes], name, {type}));
  }
  const over = new DragEvent("dragover", {dataTransfer: data, cancelable: true, bubbles: true});
  const refused = document.getElementById("drop").dispatchEvent(over);
  const event = new DragEvent("drop", {dataTransfer: data, cancelable: true, bubbles: true});
  return !refused && !document.getElementById("drop").dispatchEvent(event);
})()
"""


def dropped(page, files):
    listed = [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files]
    assert page.run(DROP.replace("FILES", json.dumps(listed))), "the browser opens it itself"
    page.until(f"document.querySelectorAll('.verdict, .error').length === {len(files)}")


def test_dropped_pictures_get_their_verdicts(server, tmp_path):
    png = {name: written_as("PNG", Image.fromarray(drawing(name))) for name in ("Dots", "Rings")}
    with browsing(tmp_path / "profile") as page:
        page.call("Page.navigate", url=server.url)
        page.until("document.body && document.body.dataset.ready")
        assert page.run("document.title") == "DemoViT.fp32.onnx"
        assert "no moderation model" in page.run("document.getElementById('notice').innerText")
        dropped(
            page,
            [
                ("dots.png", "image/png", png["Dots"]),
                ("<img src=x onerror=document.title='taken'>.png", "image/png", png["Rings"]),
                ("notes.txt", "text/plain", b"no picture"),
            ],
        )
        texts = page.run("[...document.querySelectorAll('article')].map(one => one.innerText)")
        notes, rings, dots = texts
        assert "cannot decode" in notes
        assert "Rings: unsafe" in rings
        assert "<img src=x" in rings
        assert "Dots: safe" in dots
        widths = page.run(
            "[...document.querySelectorAll('article:last-child .fill')].map(one => one.style.width)"
        )
        shown = [float(width.rstrip("%")) for width in widths]
        assert len(shown) == 3
        assert sum(shown) == pytest.approx(100, abs=0.1)
        assert max(shown) == shown[0]
        page.picture(tmp_path / "page.png")
        assert page.run("document.title") == "DemoViT.fp32.onnx", "a file's name was run"
        assert not [one for one in page.errors if "422" not in json.dumps(one)], page.errors


def test_chosen_pictures_are_sent_too(server, tmp_path):
    path = tmp_path / "rings.png"
    path.write_bytes(written_as("PNG", Image.fromarray(drawing("Rings"))))
    with browsing(tmp_path / "profile") as page:
        page.call("Page.navigate", url=server.url)
        page.until("document.body && document.body.dataset.ready")
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        chooser = page.call("DOM.querySelector", nodeId=root, selector="#files")["nodeId"]
        page.call("DOM.setFileInputFiles", files=[str(path)], nodeId=chooser)
        assert page.until("document.querySelector('.verdict')?.innerText") == "Rings: unsafe"
