"""hs completion: what it offers for a line, and real shells that ask it."""
import os
import re
import shutil
import time

import pexpect
import pytest

SHELLS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
TOP = (
    "account config secrets sandbox filemanager auth init api completion version licenses "
    "help man"
)
TOPICS = "options environment exit-codes json"
ACCOUNT = "auth list info use rename remove clean link unlink create-override " "remove-override"
COMMON = "--help --debug --no-input --no-color --ca-file --max-wait --version"
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a b",
    '"q',
    "'q",
    "-rf",
    "--force",
    "!!",
    "~root",
    "*",
    "?",
    "[a]",
    "{a,b}",
    "a\nb",
    "a\tb",
    "\x1b[31mred",
    "a\\b",
    "=ls",
    "a=b",
    "a|b",
    "a&b",
    "a>b",
    "a<b",
    "a#b",
    "#b",
    "a:b",
    ":files",
    "%1",
    "^a^b",
    "a/b",
    "\x7f",
    "\u0085",
    "$HOME",
    "(a)",
    "<(ls)",
    " ",
    "0",
]


@pytest.fixture
def accounts(hs, sim):
    """A config with two accounts."""
    hs.write_config(sim.portal(101, "Acme"), sim.portal(202, "Box"))
    return hs


def ask(hs, line, **how):
    """The words that are offered for the last word of a line."""
    done = hs("__complete", "hs", *line.split(" "), **how)
    assert done.code == 0 and done.err == ""
    return [text.split("\t")[0] for text in done.out.splitlines()]


# ---- what is offered

ROWS = [
    ("", TOP),
    ("acc", "account"),
    ("a", "account auth api"),
    ("accounts", "accounts"),
    ("files", "files"),
    ("secret", "secrets"),
    ("x", ""),
    ("account ", ACCOUNT),
    ("account l", "list link"),
    ("account ls", "ls"),
    ("accounts us", "use"),
    ("files ", "upload fetch"),
    ("config ", "list get set migrate"),
    ("config l", "list"),
    ("config get http", "httpTimeout httpUseLocalhost"),
    ("config get httpTimeout ", f"--config --use-env --json {COMMON}"),
    ("config set --h", "--http-timeout --help"),
    ("help ", f"{TOP} {TOPICS}"),
    ("help account cl", "clean"),
    ("bogus ", ""),
    ("account bogus ", ""),
    ("bogus -", COMMON),
    ("--debug acc", "account"),
    ("account --debug us", "use"),
    ("completion ", "bash zsh fish"),
    ("completion z", "zsh"),
    ("completion zsh b", ""),
    # options
    ("account list -", f"--config --json {COMMON}"),
    ("account list --js", "--json"),
    ("-", COMMON),
    ("account list --json --j", ""),
    ("account auth --p", "--personal-access-key --pak --pak-stdin"),
    ("account link --account acme --acc", "--account"),
    ("account list --bogus --js", "--json"),
    ("api /x --q", ""),
    ("account list --net", ""),
    ("account list --no-", "--no-input --no-color --no-json"),
    ("config set --no-auto", "--no-auto-open-browser"),
    ("account list ", f"--config --json {COMMON}"),
    ("account list -- -", ""),
    ("account list -- ", ""),
    ("account rename a b --acc", "--account"),
    # values
    ("api /x -X ", "GET POST PUT PATCH DELETE"),
    ("api /x -dX P", "POST PUT PATCH"),
    ("api /x -XP ", ""),
    ("api /x --method D", "DELETE"),
    ("api /x --method=D", "--method=DELETE"),
    ("api /x --method =", "GET POST PUT PATCH DELETE"),
    ("api /x --method=P", "--method=POST --method=PUT --method=PATCH"),
    ("api --method ", "GET POST PUT PATCH DELETE"),
    ("--method ", "GET POST PUT PATCH DELETE"),
    ("filemanager upload a b --access ", "public public-noindex private"),
    ("api /x --data ", ""),
    ("sandbox create --type d", "dev developer development"),
    ("account auth --auth-type o", "oauth2"),
    ("api ", ""),
    ("secrets add ", ""),
    ("api /x --bogus -X ", "GET POST PUT PATCH DELETE"),
    # accounts
    ("account use ", "acme box"),
    ("account use a", "acme"),
    ("account use 1", "101"),
    ("account use x", ""),
    ("account info ", "acme box"),
    ("account remove b", "box"),
    ("account create-override ", "acme box"),
    ("account rename ", "acme box"),
    ("account rename acme ", ""),
    ("api /x --account ", "acme box"),
    ("api /x -a ", "acme box"),
    ("api /x --account=b", "--account=box"),
    ("-a ", "acme box"),
    ("account remove acme --new-default b", "box"),
    ("account link --default ", "acme box"),
    ("account link --account acme --account ", "acme box"),
    ("account use -- b", "box"),
    ("account use --config /nowhere ", ""),
    ("account info --config /nowhere --account ", ""),
    ("account use acme ", f"--json --account {COMMON}"),
    # files
    ("--ca-file ", ":files"),
    ("--ca-file=x", ":files"),
    ("account list -c ", ":files"),
    ("filemanager upload ", ":files"),
    ("files upload a ", ""),
    ("files fetch ", ""),
    ("files fetch a ", ":files"),
    ("secrets apply -f ", ":files"),
    ("secrets add A --value-file ", ":files"),
    ("files fetch a b --manifest ", ":files"),
]


@pytest.mark.parametrize("line, want", ROWS, ids=[line or "nothing" for line, _ in ROWS])
def test_offers(accounts, sim, line, want):
    assert sorted(ask(accounts, line)) == sorted(want.split())
    assert not sim.log


def test_every_option_of_a_help_page_is_offered(hs):
    for command in (
        "account auth",
        "api /x",
        "secrets apply",
        "sandbox create",
        "filemanager upload a b",
    ):
        shown = re.findall(
            r"(?<=[ ,])--[a-z-]+(?=[ ,\n])",
            re.sub(
                "Examples:.*",
                "",
                hs(*command.split(), "--help").out.split("Options:", 1)[1].split("Examples:")[0],
            ),
        )
        assert {*ask(hs, f"{command} --")} >= {
            o for o in shown if not o.startswith("--no-") or o in ("--no-input", "--no-color")
        }


def test_what_is_offered_is_described(accounts):
    out = accounts("__complete", "hs", "account", "li").out
    assert out == (
        "list\tList the accounts, and show which is the default\n"
        "link\tLink accounts to this directory\n"
    )
    assert accounts("__complete", "hs", "account", "use", "b").out == "box\t202\n"


def test_the_official_clients_scripts_are_answered(accounts):
    """They are in people's ~/.bashrc: words alone, which `compgen -W` may expand."""

    def official(*words):
        done = accounts("--get-yargs-completions", *words)
        assert done.code == 0 and done.err == ""
        return done.out.split("\n")[:-1]

    assert official("hs", "account", "li") == ["list", "link"]
    assert official("hs", "account", "use", "") == ["acme", "box"]
    assert official("hs", "filemanager", "upload", "") == official("hs") == official() == []


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["hs"],
        [""],
        ["hs", "="],
        ["hs", "--", "="],
        ["hs", "\xff", "\x01"],
        ["hs", "--account", "--", ""],
        ["hs", "-", "-="],
        ["hs", *["a"] * 999],
    ],
)
def test_no_line_is_an_error(accounts, args):
    done = accounts("__complete", *args)
    assert done.code == 0 and done.err == ""


@pytest.mark.parametrize(
    "text", ["", "{", "accounts: 1", "accounts: [1, {accountId: x}]", "[]", "\0"]
)
def test_a_config_that_cannot_be_read_offers_nothing(hs, text):
    hs.write_yaml(text)
    assert ask(hs, "account use ") == []


def test_no_config_no_home_and_a_pipe_offer_nothing(hs):
    assert ask(hs, "account use ") == [] and list(hs.home.iterdir()) == []
    assert ask(hs, "account use ", env={"HOME": None}) == []
    hs.config_path.parent.mkdir()
    os.mkfifo(hs.config_path)
    assert ask(hs, "account use ", timeout=30) == []


def test_other_configs(accounts):
    other = accounts.write_yaml(
        "accounts: [{name: other, accountId: 7, authType: personalaccesskey}]",
        accounts.cwd / "x.yml",
    )
    assert ask(accounts, f"account info -c {other} ") == ["other"]
    assert ask(accounts, "account use ", env={"HUBSPOT_CONFIG_PATH": other}) == ["other"]


def test_secrets_on_the_line_leave_argv_and_are_not_said(accounts, sim):
    key = accounts.key(101)
    assert ask(accounts, f"account auth --pak {key} --js") == ["--json"]


def hostile_config(home):
    home.write_config(
        *(
            {"name": name, "accountId": 9000 + i, "env": "prod", "authType": "personalaccesskey"}
            for i, name in enumerate(HOSTILE)
        ),
        {"name": "tame", "accountId": 8000, "env": "prod", "authType": "personalaccesskey"},
        {"name": "caf\u00e9", "accountId": 8001, "env": "prod", "authType": "personalaccesskey"},
        {"name": "9001", "accountId": 8002, "env": "prod", "authType": "personalaccesskey"},
    )


def test_names_that_a_shell_could_read_as_more_are_offered_as_ids(hs):
    hostile_config(hs)
    names = ask(hs, "account use ")
    safe = [str(9000 + i) for i, name in enumerate(HOSTILE) if name != "0"] + [
        "0",
        "tame",
        "caf\u00e9",
        "8002",
    ]
    assert sorted(names) == sorted(safe)
    for line in hs("__complete", "hs", "account", "use", "").out.splitlines():
        assert re.fullmatch(r"[\w.@+][\w.@+-]*(\t[0-9]+)?", line)


# ---- the script


@pytest.mark.parametrize(
    "shell, word",
    [
        ("/bin/bash", "bash"),
        ("/usr/bin/zsh", "zsh"),
        ("/usr/local/bin/fish", "fish"),
        ("/bin/dash", "bash"),
        ("", "bash"),
        (None, "bash"),
        ("zsh", "zsh"),
    ],
)
def test_the_script_is_for_the_shell(hs, shell, word):
    done = hs("completion", env={"SHELL": shell})
    assert done.code == 0 and done.err == "" and f"for {word}, from" in done.out
    assert done.out == hs("completion", word, env={"SHELL": "/bin/sh"}).out


def test_another_shell_is_an_error(hs):
    done = hs("completion", "tcsh")
    assert done.code == 2 and done.out == "" and "bash, zsh or fish" in done.err


# ---- real shells


class Shell:
    """An interactive shell with the script read, and `hs` that says its arguments."""

    def __init__(self, name, hs):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
        self.name = name
        folder = hs.home.parent / "bin"
        folder.mkdir()
        (folder / "hs").symlink_to(hs.bin)
        self.child = pexpect.spawn(
            shutil.which(name),
            SHELLS[name],
            cwd=str(hs.cwd),
            encoding="utf-8",
            timeout=60,
            dimensions=(60, 200),
            codec_errors="surrogateescape",
            env=hs.env(
                {
                    "PATH": f"{folder}:/usr/bin:/bin",
                    "TERM": "dumb" if name != "fish" else "xterm",
                    "SHELL": f"/bin/{name}",
                }
            ),
        )
        self.child.delaybeforesend = None
        script = hs.home / "rc"
        script.write_text(hs("completion", name).out)
        tell = {
            "fish": "function hs; printf '<%s>' $argv; echo '[e''nd]'; end",
        }.get(name, "hs() { printf '<%s>' \"$@\"; echo '[e''nd]'; }")
        self.child.sendline(f". {script}; {tell}; echo rea''dy")
        self.child.expect("ready\r?\n")

    def type(self, keys):
        """What hs is called with, once Enter is pressed."""
        self.child.send(keys + "\r")
        self.child.expect(r"((?:<[^<>\r\n]*>)+)\[end\]")
        return re.findall("<(.*?)>", self.child.match[1])

    def list(self, keys, *wanted):
        """What the shell shows up to a line that is given up, when these words stand there."""
        self.child.send(keys)
        end, seen = time.monotonic() + 60, None
        while seen is None or not all(w in seen for w in wanted) and time.monotonic() < end:
            self.child.expect(pexpect.TIMEOUT, timeout=1.5)
            seen = self.child.before
        if self.name == "fish":
            self.child.send("\x1b")  # closes its list, once no key follows
            self.child.expect(pexpect.TIMEOUT, timeout=0.6)
        self.child.send("\x15")
        return seen


@pytest.fixture(params=SHELLS)
def shell(request, hs):
    shells = []

    def start():
        shells.append(Shell(request.param, hs))
        return shells[0]

    start.name = request.param
    yield start
    for one in shells:
        one.child.close(force=True)


def test_a_shell_completes(shell, accounts):
    (accounts.cwd / "logo file.png").write_text("x")
    (accounts.cwd / "sub").mkdir()
    s = shell()
    for keys, want in (
        ("hs acc\tli", "account li"),
        ("hs accounts us\tbo\t", "accounts use box"),
        ("hs account list --js\t", "account list --json"),
        ("hs api /x --account bo\t", "api /x --account box"),
        ("hs api /x --account=bo\t", "api /x --account=box"),
        ("hs api /x --method=DE\t", "api /x --method=DELETE"),
        ("hs api /x -X PO\t", "api /x -X POST"),
        ("hs account use 10\t", "account use 101"),
        ("hs completion zs\t", "completion zsh"),
        ("hs api zzz\t", "api zzz"),
        ("hs bogus zzz\t", "bogus zzz"),
    ):
        assert s.type(keys) == want.split(), keys
    assert s.type("hs filemanager upload logo\tdest") == [
        "filemanager",
        "upload",
        "logo file.png",
        "dest",
    ]
    assert s.type("hs --ca-file logo\tapi") == ["--ca-file", "logo file.png", "api"]
    assert s.type("hs --ca-file=logo\tapi") == ["--ca-file=logo file.png", "api"]


def test_a_shell_lists(shell, accounts):
    seen = shell().list("hs account use \t\t", "acme", "box")
    assert "acme" in seen and "box" in seen and "not found" not in seen


def test_no_name_of_a_config_is_evaluated(shell, hs):
    hostile_config(hs)
    before = sorted(hs.cwd.iterdir())
    s = shell()
    seen = s.list("hs account use \t\t", "tame")
    assert "pwned" not in seen and "force" not in seen and "red" not in seen and "tame" in seen
    assert s.type("hs account use ta\t") == ["account", "use", "tame"]
    assert s.type("hs account use caf\t") == ["account", "use", "caf\u00e9"]
    for i, name in enumerate(HOSTILE):
        if not name.startswith("0"):
            assert s.type(f"hs account use {9000 + i}\t") == ["account", "use", str(9000 + i)]
    assert sorted(hs.cwd.iterdir()) == before


def test_what_is_typed_is_not_evaluated(shell, accounts):
    s = shell()
    for keys in (
        "hs '$(touch pwned)' acc\t",
        "hs account use '`touch pwned`\t",
        'hs "$(echo $HOME)" \t',
    ):
        s.list(keys)
        assert list(accounts.cwd.iterdir()) == []


def test_a_shell_stays_quiet_without_a_config_and_without_hs(shell, hs):
    s = shell()
    assert s.type("hs account use zz\t") == ["account", "use", "zz"]
    (hs.home.parent / "bin" / "hs").unlink()
    seen = s.list("hs account li\t")
    assert "not found" not in seen and "unknown" not in seen.lower()
    assert s.type("hs account li\t") == ["account", "li"]


def test_the_script_works_in_bashrc(hs, accounts):
    """`hs completion >> ~/.bashrc`, twice even, and bash with set -u."""
    rc = hs.home / ".bashrc"
    rc.write_text("set -u\n" + 2 * hs("completion", env={"SHELL": "/bin/bash"}).out)
    child = pexpect.spawn(
        "/bin/bash",
        ["-i"],
        cwd=str(hs.cwd),
        encoding="utf-8",
        timeout=60,
        env=hs.env({"TERM": "dumb"}),
    )
    child.expect("[#$] ")
    child.send("hs zz\t\x15echo o''k\r")
    child.expect("ok")
    assert "unbound" not in child.before
    child.close(force=True)
