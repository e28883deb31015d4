"""A browser for the tests: one that only notes what it is to open, and
Chromium, headless and behind the stand-in's proxy."""
import base64
import hashlib
import os
import select
import shutil
import signal
import subprocess
import urllib.parse

import pytest


class Browser:
    """A program for BROWSER. Its URL comes through a pipe, so that a test can
    wait for it; `run` is a line of shell that follows."""

    def __init__(self, folder, run=""):
        folder.mkdir(exist_ok=True)
        self.program = folder / "browser"
        self.pipe = folder / "opened"
        os.mkfifo(self.pipe)
        self.program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >"{self.pipe}"\n{run}\n')
        self.program.chmod(0o700)
        self.fd = os.open(self.pipe, os.O_RDWR)

    @property
    def env(self):
        return {"BROWSER": self.program, "DISPLAY": ":99"}

    def opened(self, timeout=60):
        """The next URL that was to be opened."""
        text = b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([self.fd], [], [], timeout)
            assert ready, "no browser was opened"
            text += os.read(self.fd, 1)
        return text.decode().strip()

    def nothing(self):
        """Has no browser been opened?"""
        return not select.select([self.fd], [], [], 0)[0]

    def close(self):
        os.close(self.fd)


def parameters(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def spki(pem):
    """How Chromium names a certificate that it shall not check."""
    public = subprocess.run(
        ["openssl", "x509", "-in", pem, "-pubkey", "-noout"], check=True, capture_output=True
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"],
        input=public,
        check=True,
        capture_output=True,
    ).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class Chromium(Browser):
    """Chromium itself. Every name but loopback's goes to the stand-in, whose
    certificate is the one that is let through unchecked. `host` takes the
    place of HubSpot's in what it opens. With `dump` it ends when the page is
    loaded, and shown() is what that says."""

    # A page of the stand-in's has no public address, and nobody is there to
    # be asked whether it may reach loopback.
    FLAGS = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
    ]

    def __init__(self, sim, folder, host="app.hubspot.com", dump=False):
        program = shutil.which("chromium", path="/usr/bin:/usr/local/bin")
        if not program:
            pytest.skip("chromium is not installed: apt-get install chromium")
        sim.authority.context("normal")
        flags = [
            *self.FLAGS,
            *(["--dump-dom"] if dump else []),
            f"--user-data-dir={folder}/profile",
            f"--proxy-server=http://127.0.0.1:{sim.port_of_proxy}",
            "--ignore-certificate-errors-spki-list=" + spki(sim.authority.folder / "normal.pem"),
        ]
        self.pid = folder / "pid"
        self.out = folder / "out"
        words = " ".join(f"'{flag}'" for flag in flags)
        super().__init__(
            folder,
            f"""
            url=$(echo "$1" | sed 's,app.hubspot.com,{host},')
            echo $$ >"{self.pid}"
            export HOME="{folder}"
            {"timeout 60" if dump else "exec"} {program} {words} "$url" \\
                >"{self.out}" 2>"{folder}/err"
            echo ended >"{folder}/opened" """,
        )

    def shown(self):
        """The page that it ended on."""
        assert self.opened(timeout=70) == "ended"
        return self.out.read_text()

    def close(self):
        super().close()
        try:  # with its helpers: one that lived on could send a request to the next test
            group = os.getpgid(int(self.pid.read_text()))
            if group != os.getpgrp():  # hs gave it a session of its own
                os.killpg(group, signal.SIGKILL)
        except (OSError, ValueError):  # it was not begun, or not quite
            pass
