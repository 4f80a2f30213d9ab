"""Headless Chromium, driven over two pipes by its own protocol: JSON, ended by a zero byte."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """One tab."""

    def __init__(self, commands, answers):
        self._commands, self._answers = commands, answers
        self._session, self._number = None, 0
        self.errors = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while (answer := self._next()).get("id") != self._number:
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.append(answer["params"])
        assert "error" not in answer, answer
        return answer["result"]

    def run(self, script):
        """The value of a JavaScript expression."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script, seconds=30):
        """Wait for an expression to become true; its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never came true: {script}"
            time.sleep(0.05)
        return value

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _next(self):
        message = b""
        while not message.endswith(b"\0"):
            byte = self._answers.read(1)
            assert byte, "the browser has gone"
            message += byte
        return json.loads(message[:-1])


@contextmanager
def browsing(profile):
    to_browser, commands = os.pipe()
    answers, from_browser = os.pipe()
    # It reads commands from descriptor 3 and writes answers to 4.
    process = subprocess.Popen(
        [
            "bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash",
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--remote-debugging-pipe", f"--user-data-dir={profile}", "--window-size=800,900",
        ],
        pass_fds=[to_browser, from_browser],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(from_browser)
    try:
        with os.fdopen(commands, "wb") as out, os.fdopen(answers, "rb") as back:
            yield Page(out, back)
    finally:
        process.kill()
        process.wait()
