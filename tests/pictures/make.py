"""Makes README's pictures from real runs: `./build.sh pictures` calls this.

quick-start.svg  the commands of README's quick start and their output
compared.svg     start-up time, memory and transfers of hs, the official client and curl

The official client comes from npm, as in tests/official.py. Times are medians; the runs of
the programs alternate, so that a busy moment affects all of them.
"""

import html
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import hubsim  # noqa: E402
from official import CACHE, VERSION  # noqa: E402

ROOT = HERE.parents[1]
HS = ROOT / "build" / "hs"
OFFICIAL = CACHE / "hs-tests" / f"hubspot-cli-{VERSION}" / "node_modules" / ".bin" / "hs"
CURL = "/usr/bin/curl"
ENDPOINT = "/crm/v3/objects/contacts?limit=1"
FILES = 50
ROUNDS = 5
SPAWN = ROOT / "build" / "bench" / "spawn"
STYLE = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px;white-space:pre"


class Place:
    """A simulated HubSpot, and a home with an account for each client."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.sim = hubsim.HubSim(self.folder / "sim")
        portal = self.sim.portal(1000001, "Acme Prod")
        portal.contacts[501] = hubsim.contact(501, {"email": "ada@example.com"})
        (self.folder / "home").mkdir()
        (self.folder / "key.txt").write_text(portal.key + "\n")
        files = self.folder / "assets"
        files.mkdir()
        for number in range(FILES):
            (files / f"file-{number}.txt").write_bytes(os.urandom(2048).hex().encode())
        self.env = {
            "HOME": str(self.folder / "home"),
            "PATH": f"{HS.parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "NODE_EXTRA_CA_CERTS": self.sim.ca_file,
            **self.sim.env,
        }

    def run(self, programs):
        """Runs each command ROUNDS times in turn: median seconds and peak KiB of each.

        The bench's spawn measures: what Python starts has Python's memory at first.
        """
        line = [str(SPAWN), str(ROUNDS)]
        for args in programs.values():
            line += [*map(str, args), "::"]
        done = subprocess.run(
            line[:-1],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        runs = {name: [] for name in programs}
        for row in done.stdout.splitlines():
            number, wall, _, peak, code = map(int, row.split())
            name = list(programs)[number]
            if code:
                raise SystemExit(f"{name}: exit code {code}: {programs[name]}")
            runs[name].append((wall / 1e9, peak))
        return {
            name: tuple(statistics.median(column) for column in zip(*pairs))
            for name, pairs in runs.items()
        }

    def shell(self, command):
        done = subprocess.run(
            ["bash", "-c", f"{{ {command}; }} 2>&1"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.replace(self.env["HOME"], "~")


def quick_start(place):
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"^```console\n(.*?)^```$", readme, re.M | re.S)[1]
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.M):
        lines.append(("#8fd18f", f"$ {command}"))
        lines += [("#dddddd", line) for line in place.shell(command).splitlines()]
    lines = [(colour, part) for colour, line in lines for part in wrap(line, 84)]
    rows = [
        f'<text x="16" y="{32 + 20 * i}" fill="{colour}" xml:space="preserve">'
        f"{html.escape(line)}</text>"
        for i, (colour, line) in enumerate(lines)
    ]
    return svg(740, 40 + 20 * len(lines), "#1e1e1e", rows)


def wrap(line, columns):
    return [line[i : i + columns] for i in range(0, max(len(line), 1), columns)]


def svg(width, height, background, rows):
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" style="{STYLE}">',
            f'<rect width="{width}" height="{height}" rx="8" fill="{background}"/>',
            *rows,
            "</svg>",
            "",
        ]
    )


def measure(place):
    """name of the test -> program -> (median seconds, median MiB)"""
    token = list(place.sim.portals[1000001].tokens)[-1]  # of the quick start
    curl = [
        CURL,
        "-sf",
        "--cacert",
        place.sim.ca_file,
        "-H",
        f"Authorization: Bearer {token}",
    ]
    tests = {
        "start: --version": {
            "hs": [HS, "--version"],
            "official": [OFFICIAL, "--version"],
            "curl": [CURL, "--version"],
        },
        "GET one contact": {
            "hs": [HS, "api", ENDPOINT],
            "official": [OFFICIAL, "api", ENDPOINT],
            "curl": [*curl, f"https://api.hubapi.com{ENDPOINT}"],
        },
        f"upload {FILES} files": {
            "hs": [HS, "filemanager", "upload", "assets", "up", "--access", "public"],
            "official": [OFFICIAL, "filemanager", "upload", "assets", "up-official"],
        },
    }
    return {name: place.run(programs) for name, programs in tests.items()}


def shown_time(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def compared(results):
    """Bars on a logarithmic scale: the values are three orders of magnitude apart."""
    colours = {"hs": "#2f7d4f", "official": "#c0562f", "curl": "#4a6fa5"}
    rows, y = [], 30
    for title, column, show in (
        ("time", 0, shown_time),
        ("peak memory", 1, lambda kib: f"{kib / 1024:.1f} MiB"),
    ):
        low = min(value[column] for test in results.values() for value in test.values()) / 2
        high = max(value[column] for test in results.values() for value in test.values())
        scale = 330 / len(f"{high / low:.0f}")
        for name, test in results.items():
            rows.append(
                f'<text x="16" y="{y}" font-weight="bold">{title}: {html.escape(name)}</text>'
            )
            for program, value in test.items():
                y += 22
                width = scale * math.log10(value[column] / low)
                rows.append(f'<text x="32" y="{y}">{program}</text>')
                rows.append(
                    f'<rect x="120" y="{y - 13}" width="{width:.0f}" height="16" '
                    f'fill="{colours[program]}"/>'
                )
                rows.append(f'<text x="{130 + width:.0f}" y="{y}">{show(value[column])}</text>')
            y += 34
    rows.append(
        f'<text x="16" y="{y}" fill="#666666">logarithmic scale; medians of {ROUNDS} runs</text>'
    )
    return svg(640, y + 16, "#ffffff", rows)


def main():
    if not OFFICIAL.exists():
        raise SystemExit("pictures: run ./build.sh test first, which installs the official client")
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        picture = quick_start(place)
        results = measure(place)
    (HERE / "quick-start.svg").write_text(picture)
    (HERE / "compared.svg").write_text(compared(results))
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
