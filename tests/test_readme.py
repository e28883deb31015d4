"""README.md: its shell blocks run as written, its lists are what hs prints."""

import pathlib
import re
import shutil
import subprocess

import pytest

import hubsim

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.M | re.S)


@pytest.fixture
def ready(hs, sim, tmp_path):
    """An account, a sandbox, and the files that README's commands name."""
    portal = sim.portal(1000001, "Acme Prod")
    box = sim.portal(2000002, "Sandbox", type="STANDARD_SANDBOX", parent=1000001)
    (hs.cwd / "key.txt").write_text(portal.key + "\n")
    (hs.cwd / "secret.txt").write_text("s3cret-value\n")
    (hs.cwd / ".env").write_text("API_URL=https://example.com\n")
    (hs.cwd / "contact.json").write_text('{"properties": {"firstname": "Ada"}}')
    (hs.cwd / "logo.png").write_bytes(b"\x89PNG" + bytes(400))
    (hs.cwd / "assets").mkdir()
    (hs.cwd / "assets" / "site.css").write_text("body {}\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "hs").symlink_to(hs.bin)
    hs.path = f"{programs}:/usr/bin:/bin"
    hs.portals = (portal, box)
    sim.portals[1000001].contacts[501] = hubsim.contact(501, {"email": "ada@example.com"})
    return hs


def run(hs, shell, text):
    return subprocess.run(
        [*shell, text],
        cwd=hs.cwd,
        env=hs.env({"PATH": hs.path}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def prepare(hs, text):
    """The account that a block signs in to may not be there yet; a contact must."""
    if "account auth" not in text and "--use-env" not in text:
        hs.sign_in(*hs.portals)
    if "contacts/501" in text:
        done = hs("api", "/crm/v3/objects/contacts", "--data", '{"properties":{"email":"a@b.co"}}')
        assert '"501"' in done.out or hs.portals[0].contacts


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("number", range(len(blocks("sh"))))
def test_block(ready, shell, number):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    text = blocks("sh")[number]
    prepare(ready, text)
    options = ["-f"] if shell == "zsh" else ["--norc"]
    done = run(ready, [shell, *options, "-e", "-c"], text)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    ready.check_output(done.stdout + done.stderr, "a block of README")


def test_quick_start(ready):
    """Commands and output, exactly."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            done = run(ready, ["bash", "-e", "-c"], f"{{ {command}; }} 2>&1")
            said = done.stdout.replace(str(ready.home), "/home/ada")
            said = re.sub(r"20\d\d-\d\d-\d\dT[\d:.]+Z", "2026-11-30T09:00:00.000Z", said)
            assert (done.returncode, said) == (0, output), command


@pytest.mark.parametrize("args", ["--help", "help environment", "help exit-codes"])
def test_lists(hs, args):
    """What README lists is what hs prints."""
    assert f"```text\n{hs(*args.split()).out}```\n" in README


def test_try(hs):
    """./build.sh try, after the build."""
    script = pathlib.Path(__file__).parent / "try.sh"
    done = subprocess.run(
        ["bash", script, hs.bin], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hs account list" in done.stdout and done.stderr == ""


def test_every_shell_block_is_marked():
    """A block without a language would not run."""
    assert not re.search(
        r"^```\n(?=[^`]*hs )", re.sub(r"^```\w+\n.*?^```$", "", README, flags=re.M | re.S), re.M
    )


def test_pictures_exist():
    for name in re.findall(r"\]\((tests/pictures/[\w.-]+)\)", README):
        text = (pathlib.Path(__file__).parents[1] / name).read_text()
        assert text.startswith("<svg") and text.rstrip().endswith("</svg>")
