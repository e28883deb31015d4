"""The command line: parsing, help, suggestions, exit codes."""
import os
import re
import stat

import pytest

GROUPS = {
    "account": "auth list info use rename remove clean link unlink create-override "
    "remove-override",
    "config": "list get set migrate",
    "secrets": "list add update delete apply",
    "sandbox": "create delete",
    "filemanager": "upload fetch",
}
COMMANDS = [
    *(f"{group} {name}" for group in GROUPS for name in GROUPS[group].split()),
    "auth",
    "init",
    "api",
    "completion",
    "version",
    "licenses",
]
HELPS = [
    ["--help"],
    ["-h"],
    ["help"],
    [],
    ["help", "help"],
    ["account", "--help"],
    ["help", "account"],
    ["accounts", "-h"],
    ["account", "ls", "--help"],
    ["help", "account", "ls"],
    *([group, "--help"] for group in GROUPS),
    *([*c.split(), "--help"] for c in COMMANDS),
    *(["help", *c.split()] for c in COMMANDS),
]


@pytest.fixture
def signed_in(hs, sim):
    hs.sign_in(sim.portal(101, "Acme"), sim.portal(202, "Box"))
    sim.log.clear()
    return hs


# ---- help and version


@pytest.mark.parametrize("args", HELPS, ids=" ".join)
def test_help(hs, sim, args):
    result = hs(*args)
    assert result.code == 0 and result.err == "" and result.out.endswith("\n")
    assert max(map(len, result.out.splitlines())) <= 80
    assert "Usage: hs" in result.out and "Global options: hs help options" in result.out
    assert not re.search("[^\n\x20-\x7e]", result.out)
    assert list(hs.home.iterdir()) == [] and not sim.log


def test_every_command_is_in_the_help(hs):
    text = hs("--help").out
    for command in COMMANDS:
        assert re.search(f"^  {command}\\b", text, re.M)
    for group, names in GROUPS.items():
        text = hs(group, "--help").out
        assert re.findall(rf"^  {group} ([a-z-]+)", text, re.M) == names.split()
        assert "  api" not in text


def test_help_names_every_option(hs):
    for command, options in (
        ("account auth", "--account --pak --pak-stdin --name --use-default-name --default --json"),
        ("account list", "--config --json"),
        ("account info", "--config --json"),
        ("account use", "--json"),
        ("api", "--method --data --raw --json --account --config --use-env"),
    ):
        text = hs(*command.split(), "--help").out
        for option in options.split():
            assert re.search(rf"{option}\b", text), (command, option)
        assert "--qa" not in text and "--network-debug" not in text
    text = hs("help", "options").out
    for option in "--help --debug --no-input --no-color --ca-file --max-wait --version".split():
        assert re.search(rf"{option}\b", text), option
    assert "--network-debug" not in text


def test_aliases_help_the_same(hs):
    assert hs("accounts", "ls", "-h").out == hs("account", "list", "-h").out
    assert "Also:  hs account ls\n" in hs("account", "list", "-h").out
    for name, alias in (
        ("account", "accounts"),
        ("secrets", "secret"),
        ("sandbox", "sandboxes"),
        ("filemanager", "files"),
    ):
        assert f"Also:  hs {alias} <command>\n" in hs(name, "-h").out
    assert "Also:" not in hs("config", "-h").out


def test_help_needs_no_arguments_and_no_config(hs):
    assert hs("api", "--help").code == 0
    assert hs("api", "/x", "-X", "DELETE", "--help").code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["--version"],
        ["-v"],
        ["account", "--version"],
        ["api", "-v"],
        ["--version", "account", "list"],
    ],
)
def test_version_is_a_bare_number(hs, args):
    result = hs(*args)
    assert result.code == 0 and re.fullmatch(r"\d+\.\d+\.\d+\n", result.out)
    assert result.err == ""


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["account", "list"]])
def test_stdout_full(signed_in, args):
    with open("/dev/full", "w") as full:
        result = signed_in(*args, stdout=full)
    assert result.code == 1 and "stdout" in result.err


def test_stdout_closed_by_its_reader(signed_in):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as broken:
        result = signed_in("account", "list", stdout=broken)
    assert result.code == 1 and "stdout" in result.err


# ---- what is not known


@pytest.mark.parametrize(
    "args, hint",
    [
        (["acount", "list"], "hs account?"),
        (["account", "lst"], "hs account list?"),
        (["account", "ath"], "hs account auth?"),
        (["apii", "/x"], "hs api?"),
        (["help", "acount"], "hs account?"),
        (["account", "zzzzzzzz"], "hs account --help"),
        (["zzzzzzzz"], "hs --help"),
        (["bogus", "--help"], "--help"),
        ([""], "--help"),
        (["upload", "a", "b"], "hs filemanager upload?"),
        (["ls"], "hs account list or hs config list?"),
        (["list"], "hs account list or hs config list or hs secrets list?"),
        (["upload", "a", "b"], "hs cms upload"),
        (["fetch", "a"], "hs cms fetch"),
        (["project", "upload", "--account=x"], "official client"),
        (["cms"], "official client"),
        (["account", "open"], "hs account --help"),
    ],
)
def test_unknown_command(hs, sim, args, hint):
    result = hs(*args)
    assert result.code == 2 and result.out == ""
    assert hint in result.err and not sim.log


@pytest.mark.parametrize(
    "args, hint",
    [
        (["account", "list", "--jsn"], "--json"),
        (["account", "list", "--josn"], "--json?"),
        (["account", "list", "--cofnig", "x"], "--config"),
        (["api", "/x", "--methd", "GET"], "--method"),
        (["--debgu", "account", "list"], "--debug"),
        (["account", "auth", "--pak-stdn"], "--pak-stdin"),
        (["account", "list", "-z"], "--help"),
        (["account", "list", "-a", "x"], "-a"),
        (["account", "use", "--config", "f", "x"], "--config"),
        (["account", "list", "--no-jsno"], "--help"),
        (["account", "list", "-"], "-"),
        (["--bogus"], "--help"),
        (["account", "list", "-=x"], "-"),
        (["-=", "api"], "-"),
        (["account", "list", "--=x"], "--"),
        (["account", "list", "---json"], "-json"),
        (["account", "--bogus"], "hs account --help"),
        (["account", "list", "-é"], "option"),
    ],
)
def test_unknown_option(signed_in, sim, args, hint):
    result = signed_in(*args)
    assert result.code == 2 and result.out == "", result.err
    assert hint in result.err and not sim.log
    assert "\ufffd" not in result.err and not re.search("[\ud800-\udfff]", result.err)


@pytest.mark.parametrize(
    "args, usage",
    [
        ("account help", "hs account <command>"),
        ("account help list", "hs account list"),
        ("account auth help", "hs account auth"),
        ("secrets list help", "hs secrets list"),
        ("api /x help", "hs api <endpoint>"),
    ],
)
def test_help_as_an_argument(hs, sim, args, usage):
    """The official client takes it at the end of the line, too."""
    result = hs(*args.split())
    assert result.code == 0 and f"Usage: {usage}" in result.out and not sim.log


def test_help_may_be_the_name_of_an_account(signed_in):
    assert signed_in("account", "use", "help").code == 3


@pytest.mark.parametrize(
    "group",
    ["account", "accounts", "secrets", "secret", "sandbox", "filemanager", "files", "config"],
)
def test_a_group_without_a_command_prints_its_help(hs, group):
    result = hs(group)
    assert (result.code, result.err) == (0, "")
    assert result.out == hs(group, "--help").out and "Commands:" in result.out


def test_missing_argument(hs, sim):
    for command, needs in (
        ("api", "<endpoint>"),
        ("account rename x", "<account> <new-name>"),
        ("filemanager upload x", "<src> <dest>"),
        ("filemanager fetch", "<src>"),
    ):
        result = hs(*command.split())
        assert result.code == 2 and f" requires {needs}\n" in result.err and not sim.log


@pytest.mark.parametrize(
    "args",
    [
        ["account", "list", "x"],
        ["account", "info", "101", "202"],
        ["account", "use", "101", "202"],
        ["api", "/x", "/y"],
        ["account", "auth", "x"],
    ],
)
def test_unexpected_argument(signed_in, sim, args):
    before = signed_in.config_path.read_bytes()
    result = signed_in(*args)
    assert result.code == 2 and "unexpected argument" in result.err
    assert not sim.log and signed_in.config_path.read_bytes() == before


@pytest.mark.parametrize(
    "args",
    [
        ["api", "/x", "--data"],
        ["api", "/x", "-a"],
        ["api", "/x", "--account", "--json"],
        ["api", "/x", "--config", ""],
        ["api", "/x", "--config="],
        ["api", "/x", "-c", ""],
        ["api", "/x", "-X", ""],
        ["api", "/x", "--ca-file="],
        ["account", "auth", "--pak="],
        ["account", "auth", "--pak", ""],
        ["account", "auth", "--name="],
        ["api", ""],
        ["api", "/x", "--data="],
    ],
)
def test_an_option_without_its_value(signed_in, sim, args):
    result = signed_in(*args)
    assert result.code == 2 and result.out == "", result.err
    assert not sim.log


@pytest.mark.parametrize(
    "args",
    [
        ["--json=maybe"],
        ["--json="],
        ["--no-json=x"],
        ["--max-wait=x"],
        ["--max-wait=-1"],
        ["--max-wait", "-1"],
        ["--max-wait=1e3"],
        ["--max-wait=99999999999999999999"],
        ["--max-wait="],
    ],
)
def test_values_that_an_option_does_not_take(signed_in, args):
    assert signed_in("account", "list", *args).code == 2


@pytest.mark.parametrize(
    "method", ["HEAD", "TRACE", "get post", "GETS", "G", " GET", "GET\r\nX: y"]
)
def test_invalid_methods(signed_in, sim, method):
    result = signed_in("api", "/test/echo", "-X", method)
    assert result.code == 2 and "GET" in result.err and not sim.log
    assert "\r" not in result.err


# ---- the forms of options


@pytest.mark.parametrize(
    "args",
    [
        ["account", "list", "--json"],
        ["--json", "account", "list"],
        ["account", "--json", "list"],
        ["account", "list", "--json=true"],
        ["account", "list", "--json=TRUE"],
        ["account", "list", "--format-output-as-json"],
        ["account", "list", "--formatOutputAsJson"],
        ["account", "list", "--no-json=false"],
        ["account", "list", "--json=false", "--json"],
        ["account", "list", "--no-json", "--json"],
        ["account", "list", "--json", "--"],
        ["accounts", "ls", "--json"],
    ],
)
def test_forms_of_a_flag_that_is_on(signed_in, args):
    result = signed_in(*args)
    assert result.code == 0, result.err
    assert result.json["defaultAccount"] == 101


@pytest.mark.parametrize(
    "args",
    [
        ["--no-json"],
        ["--json=false"],
        ["--json", "--no-json"],
        ["--no-json=true"],
        ["--no-format-output-as-json"],
        ["--json", "--json=false"],
    ],
)
def test_forms_of_a_flag_that_is_off(signed_in, args):
    result = signed_in("account", "list", *args)
    assert result.code == 0, result.err
    assert result.out.startswith("Default account: acme")


@pytest.mark.parametrize(
    "args",
    [
        ["--config", "F"],
        ["--config=F"],
        ["-c", "F"],
        ["-cF"],
        ["-c=F"],
        ["-dc", "F"],
        ["-dcF"],
        ["-dc=F"],
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_forms_of_an_option_with_a_value(signed_in, args, before):
    signed_in.config_path.rename(signed_in.cwd / "F")
    line = [*args, "account", "list", "--json"] if before else ["account", "list", *args, "--json"]
    result = signed_in(*line)
    assert result.code == 0, result.err
    assert result.json["config"] == "F"


@pytest.mark.parametrize(
    "args",
    [
        ["api", "/test/echo", "-a", "box"],
        ["api", "-a", "box", "/test/echo"],
        ["-a", "box", "api", "/test/echo"],
        ["-abox", "api", "/test/echo"],
        ["-a=box", "api", "/test/echo"],
        ["--account=box", "api", "/test/echo"],
        ["--account", "box", "-d", "api", "/test/echo"],
        ["-da", "box", "api", "/test/echo"],
        ["api", "-a", "box", "--", "/test/echo"],
    ],
)
def test_options_in_any_position(signed_in, sim, args):
    result = signed_in(*args)
    assert result.code == 0, result.err
    assert sim.log[-1].param("portalId") == "202"


@pytest.mark.parametrize(
    "args",
    [
        ["-abox-c", "api", "/test/echo"],
        ["-aaaaa", "api", "/test/echo"],
        ["-aX", "api", "/test/echo"],
        ["-amy-data", "api", "/test/echo"],
    ],
)
def test_a_joined_value_that_ends_like_an_option(signed_in, args):
    """Before the command: the word after it is the command, not a value."""
    result = signed_in(*args)
    assert result.code == 3 and "no account named" in result.err
    assert args[0][2:] in result.err


def test_account_in_the_place_of_the_argument(signed_in):
    """hs account use --account X, as scripts for the official client say it."""
    for command in (["use"], ["info", "--json"], ["create-override"], ["remove", "--force"]):
        for form in (["--account", "box", "acme"], ["box", "-a", "box"]):
            result = signed_in("account", *command, *form)
            assert (
                result.code == 2 and "two values for the account" in result.err and result.out == ""
            )
    assert signed_in("account", "use", "--account", "box").code == 0
    assert signed_in("account", "list", "--json").json["defaultAccount"] == 202
    info = signed_in("account", "info", "--account=101", "--json").json
    assert info["name"] == "acme" and info["source"] == "the command line"
    assert signed_in("account", "create-override", "-a", "acme").code == 0
    assert (signed_in.cwd / ".hsaccount").read_text().strip() == "101"
    assert signed_in("account", "remove", "--account", "nope").code == 3
    assert signed_in("account", "remove", "--account", "box", "--new-default", "acme").code == 0
    assert [a["accountId"] for a in signed_in.read_config()["accounts"]] == [101]


def test_a_value_that_is_a_commands_name(signed_in, sim):
    assert signed_in("-a", "account", "api", "/x").code == 3
    (signed_in.cwd / "account").write_bytes(signed_in.config_path.read_bytes())
    assert signed_in("-c", "account", "account", "list", "--json").json["config"] == "account"


def test_after_two_dashes_everything_is_an_argument(signed_in, sim):
    assert signed_in("api", "--", "--json").code == 5
    assert sim.log[-1].path == "/--json"
    assert signed_in("account", "info", "--", "-d").code == 3
    assert signed_in("--", "account", "list").code == 0
    assert signed_in("--json", "--", "account", "list").json["defaultAccount"] == 101


# What the official client takes, by its own names. The help ends the run before
# anything is done, and comes only where the whole line could be parsed.
CONFIG, ACCOUNT, ENV, QA = "-c F --config F", "-a X --account X", "--use-env", "--qa"
AUTH = "--auth-type personalaccesskey --auth-type oauth2 --authType OAUTH2 -a 1 --account 1"
ACCEPTED = {
    "account auth": f"{ACCOUNT} --personal-access-key K --personalAccessKey K --pak K --default "
    f"--name S --use-default-name --useDefaultName --disable-tracking {QA}",
    "account list": CONFIG,
    "account ls": CONFIG,
    "accounts list": CONFIG,
    "account info x": CONFIG,
    "account use x": "",
    "account rename x y": f"{CONFIG} {ACCOUNT}",
    "account remove x": CONFIG,
    "account clean": f"{CONFIG} {QA}",
    "account link": CONFIG,
    "account unlink": CONFIG,
    "account create-override x": "",
    "account remove-override": "--force",
    "auth": f"{AUTH} --personal-access-key K --pak K {CONFIG} {QA}",
    "init": f"{AUTH} --disable-tracking {CONFIG} {QA}",
    "config set": "--default-cms-publish-mode draft --defaultCmsPublishMode publish "
    "--http-timeout 5000 --httpTimeout 5000 --allow-usage-tracking "
    "--allowUsageTracking --allow-auto-updates --allowAutoUpdates "
    f"--auto-open-browser --autoOpenBrowser {CONFIG}",
    "config migrate": f"-f --force {CONFIG}",
    "api /x": "-X get --method PATCH --data {} --json --format-output-as-json "
    f"--formatOutputAsJson --json-schema --jsonSchema {CONFIG} {ACCOUNT} {ENV}",
    "secret list": f"{CONFIG} {ACCOUNT} {ENV}",
    "secrets add": f"--name x {CONFIG} {ACCOUNT} {ENV}",
    "secrets update": f"--name x {CONFIG} {ACCOUNT} {ENV}",
    "secrets delete": f"--name x --force {CONFIG} {ACCOUNT} {ENV}",
    "sandboxes create": f"--name S --type dev --type developer --type development "
    f"--type standard -f --force {CONFIG} {ACCOUNT} {ENV} {QA}",
    "sandbox delete": f"--account X -f --force {CONFIG} {ENV} {QA}",
    "filemanager upload x y": f"{CONFIG} {ACCOUNT} {ENV}",
    "filemanager fetch x": f"--dest y -o --overwrite -i --include-archived --includeArchived -io "
    f"{CONFIG} {ACCOUNT} {ENV}",
}
EVERYWHERE = (
    "-d --debug --network-debug --networkDebug --no-color --noColor --noHyperlinks "
    "--disable-usage-tracking --disableUsageTracking --no-debug --debug=false"
)


@pytest.mark.parametrize("command", ACCEPTED)
def test_hs_accepts_what_the_official_client_accepts(hs, sim, command):
    # Neither an account nor a config may be named twice, so each spelling has a line of its own.
    for spelling in ("-a [X0-9]+|-c F", "--account [X0-9]+|--config F"):
        takes(
            hs,
            command,
            re.sub(f"(^| )({spelling})(?= |$)", "", f"{ACCEPTED[command]} {EVERYWHERE}"),
        )


def takes(hs, command, options):
    words, options = command.split(), options.split()
    joined = re.sub("(--[A-Za-z-]+) (?!-)", r"\1=", " ".join(options)).split()
    assert any("=" in option for option in joined)
    for line in ([*words, *options], [*options, *words], [words[0], *joined, *words[1:]]):
        result = hs(*line, "-h", check_secrets=False)
        assert result.code == 0 and "Usage: hs" in result.out, (line, result.err)
    flags = [
        o
        for o, value in zip(options, [*options[1:], "-"])
        if re.match("--(?!no)[a-z-]+$", o) and value.startswith("-")
    ]
    for flag in flags:
        for form in (f"{flag}=true", f"{flag}=false", f"--no-{flag[2:]}"):
            result = hs(*words, form, "-h")
            assert result.code == 0 and "Usage: hs" in result.out, (form, result.err)


def test_options_that_are_accepted_and_mean_nothing(signed_in):
    result = signed_in(
        "account",
        "list",
        "--noColor",
        "--no-color",
        "--noHyperlinks",
        "--no-hyperlinks",
        "--disable-usage-tracking",
        "--network-debug=false",
        "--no-input",
        "--debug=false",
    )
    assert result.code == 0 and result.err == ""


def test_debug_says_more_and_no_secret(signed_in, sim):
    sim.revoke()
    for args in (
        ["-d", "api", "/test/echo"],
        ["api", "/test/echo", "--network-debug"],
        ["account", "info", "--debug"],
    ):
        result = signed_in(*args)
        assert result.code == 0 and "debug: " in result.err
    result = signed_in("account", "auth", "--debug", "--pak", sim.portals[101].key)
    assert result.code == 0 and "debug: " in result.err


def test_methods_in_any_case(signed_in, sim):
    for method in ("get", "Post", "PUT", "patch", "dElEtE"):
        assert signed_in("api", "/test/echo", "-X", method).code == 0
        assert sim.log[-1].method == method.upper()


# ---- exit codes


def test_exit_codes(hs, sim):
    assert hs("account", "list").code == 3
    portal = sim.portal(101)
    hs.sign_in(portal)
    for status, code in (
        (200, 0),
        (204, 0),
        (400, 1),
        (403, 4),
        (404, 5),
        (409, 1),
        (429, 6),
        (500, 1),
    ):
        result = hs("api", f"/test/status?code={status}", "--max-wait", "0", "-X", "POST")
        assert result.code == code, (status, result.err)
    portal.state = "inactive"
    sim.revoke()
    assert hs("api", "/crm/v3/objects/contacts").code == 4
    assert (
        hs(
            "api",
            "/test/echo",
            "--max-wait",
            "0",
            env={"HTTPS_PROXY": f"http://127.0.0.1:{sim.dead_port}"},
        ).code
        == 7
    )


def test_stdin_that_is_closed(signed_in, sim):
    """Descriptors 0, 1 and 2 may be missing: nothing else may take their place."""
    before = signed_in.config_path.read_bytes()
    sim.portals[101].lifetime = 1
    for closed in (0, 1, 2):
        run = signed_in("account", "info", preexec_fn=lambda n=closed: os.close(n))
        assert run.code in ((0, 1) if closed == 1 else (0,)), run
        config = signed_in.read_config()
        assert [a["accountId"] for a in config["accounts"]] == [101, 202]
        assert stat.S_IMODE(signed_in.config_path.stat().st_mode) == 0o600
    assert before[:5] == signed_in.config_path.read_bytes()[:5]


def test_very_many_and_very_long_arguments(hs, sim):
    assert hs("account", "list", *["--json"] * 5000).code == 3
    assert hs("account", "info", "x" * 100000).code == 3
    assert hs("--" + "x" * 100000).code == 2
    assert hs("x" * 100000).code == 2
    assert hs("-" + "d" * 100000, "account", "list").code == 3


def test_arguments_that_are_not_utf8_or_have_escapes(hs, sim):
    hs.sign_in(sim.portal(101))
    for word in ("caf\udce9", "a\x1b[2Jb", "a\nb", "\u009b31m"):
        for args in (
            ["account", word],
            [word],
            ["account", "list", "--" + word],
            ["account", "use", word],
            ["account", "list", "-c", word],
            ["account", "list", "-" + word],
        ):
            result = hs(*args)
            assert result.code in (2, 3) and result.out == ""
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\udc80-\udcff]", result.err)


@pytest.mark.parametrize(
    "args",
    [
        ["-d", "{}"],
        ["-d", "@body.json"],
        ["/x", "-d", "{}"],
        ["-d", "{}", "/x"],
        ["/x", "-d", "@f"],
        ["/x", "-d", "-"],
        ["/x", "-d", "a=b"],
        ["/x", '-d{"a":1}'],
        ["/x", "-d@f"],
        ["/x", "-d={}"],
        ["/x", "-dXPOST", "{}"],
        ["/x", "-XPOST", "-d", "{}"],
        ["-dX", "PUT", "/x", "[]"],
        ["-a", "acme", "-d", "{}", "/x"],
        ["-d", "/x", "{}"],
    ],
    ids=" ".join,
)
def test_d_with_data_suggests_data(hs, sim, args):
    """curl's -d sends data; here it is --debug."""
    done = hs("api", *args)
    assert done.code == 2 and "Did you mean --data? -d is --debug." in done.err
    assert not sim.log


@pytest.mark.parametrize(
    "args, hint",
    [
        (["api", "-d", "/x", "--jsn"], "--json"),
        (["api", "/x", "--debug", "{}"], "hs api --help"),
        (["account", "list", "-d", "{}"], "hs account list --help"),
        (["api", "/x", "-z"], "hs api --help"),
    ],
)
def test_other_mistakes_do_not_suggest_data(hs, args, hint):
    done = hs(*args)
    assert done.code == 2 and hint in done.err and "--data" not in done.err


def test_help_comes_before_a_repeated_account(hs):
    args = ["api", "/x", "-a", "acme", "--account", "beta", "-c", "F", "--config", "F"]
    done = hs(*args, "--help")
    assert done.code == 0 and "Usage: hs api" in done.out
    done = hs(*args)
    assert done.code == 2 and "can be passed only once" in done.err
