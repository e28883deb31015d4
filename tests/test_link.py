"""Linked directories and .hsaccount: link, unlink, create-override, remove-override,
and that git ignores what they write.

A folder is linked by .hs/settings.json; git's own word (`git check-ignore`)
counts for what it ignores.
"""
import json
import os
import re
import subprocess

import pytest

from calls import git, ignored, refused, used
from conftest import held, mode, read_links, write_links

DOWN = "\x1b[B"
WHAT, LINK = r"What do you want to do\?", "Accounts to link:"
DEFAULT, UNLINK = "Default account of this directory:", "Accounts to unlink:"
KEEP = r"Keep it as the default of this directory\? \[Y/n\]"
REPLACE = r"Replace the existing \.hsaccount\? \[Y/n\]"


def linked(hs, *ids, default=None, folder=None, **more):
    """Link a directory by hand; its settings file."""
    path = (folder or hs.cwd) / ".hs" / "settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {"localDefaultAccount": default or ids[0], "accounts": list(ids), **more}, indent=2
        )
    )
    return path


def override(hs, text, folder=None):
    path = (folder or hs.cwd) / ".hsaccount"
    path.write_text(str(text))
    return path


def done(hs, *args, **more):
    result = hs("account", *args, **more)
    assert result.code == 0, result.err
    return result


def seen(child):
    return child.logfile_read.text


def answer(child, *pairs):
    """Wait for each prompt, and send its keys."""
    for label, keys in pairs:
        child.expect(label)
        child.send(keys)
    return child


# ---- link, in a script


@pytest.mark.parametrize("which", ["box", "202"])
@pytest.mark.parametrize("form", [["--account", "{}"], ["--account={}"], ["-a", "{}"]])
def test_link_one(three, sim, which, form):
    before = three.config_path.read_bytes()
    result = done(three, "link", *(f.format(which) for f in form))
    assert result.out == "" and "box" in result.err and "settings.json" in result.err
    assert read_links(three) == {"localDefaultAccount": 202, "accounts": [202]}
    folder = three.cwd / ".hs"
    assert sorted(os.listdir(folder)) == ["README.txt", "settings.json"]
    assert os.listdir(three.cwd) == [".hs"] and "hs" in (folder / "README.txt").read_text()
    assert three.config_path.read_bytes() == before and not sim.log
    assert used(three) == 202
    listing = three("account", "list", "--json").json
    assert listing["linkedAccounts"] == [202] and listing["defaultAccount"] == 202


def test_settings_are_written_as_the_official_client_does(three):
    """Two spaces of indent, plain ids."""
    done(three, "link", "-a", "acme")
    text = (three.cwd / ".hs" / "settings.json").read_text()
    assert text.rstrip("\n") == json.dumps(json.loads(text), indent=2)


def test_link_several(three):
    result = done(
        three,
        "link",
        "--account",
        "acme",
        "-a",
        "303",
        "--account=third",
        "--default",
        "303",
        "--json",
    )
    assert read_links(three) == {"localDefaultAccount": 303, "accounts": [101, 303]}
    assert result.json == {
        "settings": str(three.cwd / ".hs" / "settings.json"),
        "localDefaultAccount": 303,
        "accounts": [101, 303],
    }
    assert used(three) == 303


def test_link_adds_to_what_is_linked(three):
    """The default stays, unless --default says otherwise."""
    done(three, "link", "-a", "acme")
    readme = three.cwd / ".hs" / "README.txt"
    readme.write_text("mine")
    done(three, "link", "-a", "box")
    assert read_links(three) == {"localDefaultAccount": 101, "accounts": [101, 202]}
    done(three, "link", "-a", "third", "-a", "box", "--default", "third")
    assert read_links(three) == {"localDefaultAccount": 303, "accounts": [101, 202, 303]}
    done(three, "link", "--default", "box")
    assert read_links(three) == {"localDefaultAccount": 202, "accounts": [101, 202, 303]}
    assert readme.read_text() == "mine"


def test_link_again_after_the_last_was_unlinked(three):
    done(three, "link", "-a", "acme")
    done(three, "unlink", "--all")
    assert read_links(three) == {"accounts": []}
    done(three, "link", "-a", "box")
    assert read_links(three) == {"localDefaultAccount": 202, "accounts": [202]}


def test_link_with_a_stale_default(three):
    """The account no longer exists: a new default is needed."""
    linked(three, 999, default=999)
    done(three, "link", "-a", "box", "--default", "box")
    assert read_links(three) == {"localDefaultAccount": 202, "accounts": [999, 202]}


def test_unknown_keys_of_the_settings_are_kept(three):
    path = linked(
        three,
        101,
        mine={"x": [1, "2", None, True, {"ü": '日本\n"\\'}], "e": {}},
        Accounts=[7],
        last="z",
    )
    before = json.loads(path.read_text())
    done(three, "link", "-a", "box")
    done(three, "unlink", "-a", "box")
    done(three, "use", "acme")
    assert list(read_links(three)) == list(before) and read_links(three) == before


def test_large_numbers_in_the_settings_survive(three):
    path = linked(three, 101)
    path.write_text(
        '{"mine": [9007199254740993, -0.10, 1e400], "accounts": [101], "n": 12345678901234567890}'
    )
    done(three, "link", "-a", "box", "--default", "box")
    text = path.read_text()
    for number in ("9007199254740993,", "-0.10,", "1e400\n", "12345678901234567890"):
        assert number in text, text
    assert read_links(three)["accounts"] == [101, 202]


def test_more_accounts_than_fit_are_refused_or_kept_once(three):
    linked(three, *range(1000, 1300))
    for _ in range(2):
        result = three("account", "link", "-a", "box")
        if result.code == 0:
            assert read_links(three)["accounts"] == [*range(1000, 1300), 202]
        else:
            assert result.code == 3 and read_links(three)["accounts"] == [*range(1000, 1300)]


@pytest.mark.parametrize("bits", [0o600, 0o644, 0o664])
def test_the_mode_of_the_settings_stays(three, bits):
    path = linked(three, 101)
    path.chmod(bits)
    done(three, "link", "-a", "box")
    assert mode(path) == bits


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_new_settings_follow_the_umask(three, umask):
    git(three, "init", "-q")
    done(three, "link", "-a", "box", umask=umask)
    done(three, "create-override", "box", umask=umask)
    for name in (".hs/settings.json", ".hs/README.txt", ".hsaccount", ".gitignore"):
        assert mode(three.cwd / name) == 0o644 & ~umask, name
    assert mode(three.cwd / ".hs") == 0o755 & ~umask


def test_the_mode_of_an_hsaccount_stays(three):
    override(three, 101).chmod(0o600)
    done(three, "create-override", "box", "--force", umask=0o022)
    assert mode(three.cwd / ".hsaccount") == 0o600


@pytest.mark.parametrize("what", ["file", "folder"])
def test_settings_behind_a_symbolic_link(three, tmp_path, what):
    store = tmp_path / "store"
    store.mkdir()
    if what == "folder":
        (three.cwd / ".hs").symlink_to(store)
    else:
        (three.cwd / ".hs").mkdir()
        (store / "settings.json").write_text('{"accounts": [101], "localDefaultAccount": 101}')
        (three.cwd / ".hs" / "settings.json").symlink_to(store / "settings.json")
    done(three, "link", "-a", "box", "--default", "box")
    link = three.cwd / ".hs" / ("" if what == "folder" else "settings.json")
    assert link.is_symlink()
    assert 202 in json.loads((store / "settings.json").read_text())["accounts"]


@pytest.mark.parametrize("name", ["with space", "ünï cödé", "日本", "a'b\"c", "-dash", "new\nline"])
def test_directories_of_any_name(three, name):
    folder = three.cwd / name
    folder.mkdir()
    done(three, "link", "-a", "box", cwd=folder)
    assert read_links(three, folder)["accounts"] == [202] and used(three, cwd=folder) == 202
    done(three, "create-override", "third", cwd=folder)
    assert (folder / ".hsaccount").read_text() == "303"
    done(three, "remove-override", "--force", cwd=folder)
    done(three, "unlink", "--all", cwd=folder)
    assert read_links(three, folder) == {"accounts": []}
    assert used(three, cwd=folder) == 101


def test_the_nearest_settings_upward_are_changed(three):
    done(three, "link", "-a", "acme")
    below = three.cwd / "a" / "b"
    below.mkdir(parents=True)
    done(three, "link", "-a", "box", cwd=below)
    assert read_links(three)["accounts"] == [101, 202] and os.listdir(below) == []
    inner = linked(three, 303, folder=three.cwd / "a")
    done(three, "unlink", "--all", cwd=below)
    assert json.loads(inner.read_text()) == {"accounts": []}
    assert read_links(three)["accounts"] == [101, 202]


@pytest.mark.parametrize(
    "command",
    [["link", "-a", "box", "--default", "box"], ["unlink", "--all"], ["use", "acme"]],
    ids=lambda c: c[0],
)
def test_settings_of_a_parent_directory_are_named(three, command):
    path = linked(three, 101)
    below = three.cwd / "a" / "b"
    below.mkdir(parents=True)
    result = three("account", *command, cwd=below)
    assert result.code == 0 and str(path) in result.err, result.err
    if command[0] != "use":
        assert f"settings of a parent directory: {path}\n" in result.err
    assert "parent directory" not in three("account", "link", "-a", "box", "--default", "box").err


def test_init_cwd_is_the_current_directory(three):
    """As npm sets it for scripts that it runs elsewhere."""
    away = three.home / "away"
    away.mkdir()
    env = {"INIT_CWD": three.cwd}
    done(three, "link", "-a", "box", cwd=away, env=env)
    assert read_links(three)["accounts"] == [202]
    done(three, "create-override", "third", cwd=away, env=env)
    assert (three.cwd / ".hsaccount").read_text() == "303"
    done(three, "unlink", "--all", cwd=away, env=env)
    done(three, "remove-override", "-f", cwd=away, env=env)
    assert read_links(three) == {"accounts": []} and not (three.cwd / ".hsaccount").exists()
    assert os.listdir(away) == []


def test_link_accepts_a_named_config(three, tmp_path, sim):
    path = three.write_config(sim.portal(404, "Other"), path=tmp_path / "other.yml")
    done(three, "link", "-c", path, "-a", "other")
    assert read_links(three) == {"localDefaultAccount": 404, "accounts": [404]}


# ---- unlink, in a script


def test_unlink_all(three):
    linked(three, 101, 202, default=202, kept=1)
    result = done(three, "unlink", "--all", "--json")
    assert read_links(three) == {"accounts": [], "kept": 1}
    assert result.json["accounts"] == []
    assert used(three) == 101


@pytest.mark.parametrize(
    "args, left, default",
    [
        (["-a", "third"], [101, 202], 202),
        (["-a", "101", "--account=303"], [202], 202),
        (["-a", "box", "-a", "202", "-a", "third"], [101], 101),
        (["-a", "box", "--default", "third"], [101, 303], 303),
        (["-a", "acme", "--default", "third"], [202, 303], 303),
        (["-a", "acme", "-a", "box", "-a", "third"], [], None),
    ],
)
def test_unlink_some(three, args, left, default):
    linked(three, 101, 202, 303, default=202)
    done(three, "unlink", *args)
    want = {"accounts": left, "localDefaultAccount": default}
    assert read_links(three) == {k: v for k, v in want.items() if v is not None}


def test_unlink_an_account_that_is_not_in_the_config(three):
    """By its id, as its name is unknown."""
    linked(three, 101, 999)
    done(three, "unlink", "-a", "999")
    assert read_links(three)["accounts"] == [101]


@pytest.mark.parametrize("args", [[], ["--all"]])
def test_unlink_with_nothing_linked(three, args):
    before = three.files()
    assert "No accounts are linked" in done(three, "unlink", *args).err
    assert done(three, "unlink", "--json", *args).json["accounts"] == []
    linked(three, 101).write_text('{"accounts": []}')
    before = three.files()
    done(three, "unlink", *args)
    assert three.files() == before


# ---- .hsaccount, in a script


@pytest.mark.parametrize("which", ["box", "202"])
def test_create_override(three, which):
    result = done(three, "create-override", which)
    assert (three.cwd / ".hsaccount").read_bytes() == b"202" and result.out == ""
    assert used(three) == 202
    below = three.cwd / "below"
    below.mkdir()
    assert used(three, cwd=below) == 202 and used(three, cwd=three.home) == 101


def test_create_override_json(three):
    answer = done(three, "create-override", "box", "--json").json
    assert answer["account"]["accountId"] == 202
    assert "personalAccessKey" not in json.dumps(answer)


def test_create_override_over_another(three):
    path = override(three, 202)
    refused(three, ["account", "create-override", "third"], 2, "--force")
    done(three, "create-override", "third", "--force")
    assert path.read_text() == "303"
    done(three, "create-override", "third")  # it says so already
    assert path.read_text() == "303"
    for junk in ("", "garbage", "x303"):
        override(three, junk)
        refused(three, ["account", "create-override", "third"], 2, "--force")
        done(three, "create-override", "third", "-f")
        assert path.read_text() == "303"


@pytest.mark.parametrize(
    "args",
    [["use", "box"], ["create-override", "box"], ["link", "--account", "box"], ["unlink", "--all"]],
)
def test_a_hint_names_only_options_that_help(three, args):
    """These read the file, whichever account is named; hs api need not."""
    path = write_links(three, "[")
    for _ in range(2 if args[0] == "link" else 1):
        result = three("account", *args)
        assert result.code == 3 and str(path) in result.err and "--account" not in result.err
        assert "--account" in three("api", "/test/echo").err
        path.unlink()
        path = override(three, "no number")


def test_create_override_warns_if_links_take_precedence(three):
    path = linked(three, 202)
    assert str(path) in done(three, "create-override", "third").err
    assert used(three) == 202


def test_create_override_does_not_replace_a_directory(three):
    (three.cwd / ".hsaccount").mkdir()
    for args in ([], ["--force"]):
        refused(three, ["account", "create-override", "box", *args], 3 if args else 2, ".hsaccount")


@pytest.mark.parametrize("text", ["202", "999", "garbage", ""])
def test_remove_override(three, text):
    """Whatever it contains; the nearest one upward."""
    below = three.cwd / "a"
    below.mkdir()
    outer = override(three, 303)
    inner = override(three, text, below)
    refused(three, ["account", "remove-override"], 2, "--force", cwd=below)
    assert str(inner) in done(three, "remove-override", "--force", cwd=below).err
    assert not inner.exists() and outer.read_text() == "303"
    done(three, "remove-override", "-f", cwd=below)
    assert not outer.exists()
    assert "No .hsaccount" in done(three, "remove-override", cwd=below).err


@pytest.mark.parametrize(
    "more, default, stays",
    [
        ([], 202, True),
        (["--default", "acme"], 101, True),
        (["--force"], 202, False),
        (["--force", "--default", "acme"], 101, False),
    ],
)
def test_link_migrates_an_override(three, more, default, stays):
    """The .hsaccount's account becomes the directory's default."""
    path = override(three, 202)
    result = done(three, "link", "-a", "acme", "-a", "box", *more)
    assert read_links(three) == {"localDefaultAccount": default, "accounts": [101, 202]}
    assert str(path) in result.err and path.exists() == stays


def test_link_keeps_the_override_of_another_account(three):
    path = override(three, 303)
    done(three, "link", "-a", "acme", "--force")
    assert path.read_text() == "303"
    assert read_links(three) == {"localDefaultAccount": 101, "accounts": [101]}


# ---- what is refused


@pytest.mark.parametrize("answers", [b"", b"y\n", b"\n1\n"])
@pytest.mark.parametrize(
    "args, words",
    [
        (["link"], ["--account"]),
        (["link", "-a", "acme", "-a", "box"], ["--default"]),
        (["link", "--force"], ["--account"]),
        (["unlink"], ["--account", "--all"]),
        (["unlink", "-a", "acme"], ["--default"]),
        (["create-override"], ["hs account create-override"]),
        (["create-override", "--force"], ["hs account create-override"]),
        (["create-override", "box"], ["--force"]),
        (["create-override", "box", "--no-force"], ["--force"]),
        (["remove-override"], ["--force"]),
        (["remove-override", "--force=false"], ["--force"]),
    ],
)
def test_a_missing_answer_is_an_error(three, args, words, answers):
    """Without a terminal: exit 2, and the hint names the option; stdin is not read."""
    if args[0] == "unlink":
        linked(three, 101, 202, 303)
    else:
        override(three, 303)
    refused(three, ["account", *args], 2, *words, input=answers)


@pytest.mark.parametrize(
    "args, code, word",
    [
        (["link", "-a", "acne"], 3, "Did you mean 'acme'"),
        (["link", "-a", "101x"], 3, "101x"),
        (["link", "-a", "acme", "-a", "999"], 3, "999"),
        (["link", "-a", "acme", "--default", "nobody"], 3, "nobody"),
        (["link", "-a", "acme", "--default", "box"], 2, "--default"),
        (["link", "--default", "box"], 2, "--default"),
        (["link", "-a", ""], 2, "--account"),
        (["link", "-a=", "-a", "acme"], 2, "--account"),
        (["link", "-a", "acme", "--default="], 2, "--default"),
        (["link", "-a"], 2, "--account"),
        (["link", "acme"], 2, "argument"),
        (["link", "-a", "acme", "--all"], 2, "--all"),
        (["link", "-a", "acme", "-c", "none.yml"], 3, "none.yml"),
        (["link", "-a", "acme", "--use-env"], 2, "--use-env"),
        (["unlink", "-a", "acme"], 3, "not linked"),
        (["unlink", "-a", "nobody"], 3, "nobody"),
        (["unlink", "-a", "acme", "--all"], 2, "--all"),
        (["create-override", "acne"], 3, "Did you mean 'acme'"),
        (["create-override", ""], 2, "empty"),
        (["create-override", "box", "x"], 2, "argument"),
        (["create-override", "box", "-c", "x"], 2, "unknown option -c"),
        (["remove-override", "box"], 2, "argument"),
    ],
)
def test_invalid_arguments_are_refused(three, args, code, word):
    refused(three, ["account", *args], code, word)


@pytest.mark.parametrize("args", [["link", "-a", "acme"], ["unlink", "--all"]])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"accounts": [101]} x',
        '{"localDefaultAccount": "acme", "accounts": [101]}',
    ],
)
def test_broken_settings_are_reported_and_kept(three, args, text):
    path = linked(three, 101)
    path.write_text(text)
    refused(three, ["account", *args], 3, path)


@pytest.mark.parametrize("text", ["", "garbage", "x101", "0"])
def test_link_names_a_broken_override(three, text):
    refused(three, ["account", "link", "-a", "acme"], 3, override(three, text))


@pytest.mark.parametrize("args", [["link", "-a", "acme"], ["unlink", "--all"]])
def test_a_deprecated_config_in_use(three, args):
    """It does not support linked directories: run hs config migrate first."""
    linked(three, 101)
    old = three.write_yaml({"portals": []}, three.cwd / "hubspot.config.yml")
    below = three.cwd / "below"
    below.mkdir()
    for folder in (three.cwd, below):
        refused(three, ["account", *args], 3, old, "hs config migrate", cwd=folder)


def test_create_override_needs_the_global_config(hs, sim):
    hs.write_yaml(
        {"portals": [{"name": "one", "portalId": 101, "authType": "apikey", "apiKey": "k" * 30}]},
        hs.cwd / "hubspot.config.yml",
    )
    refused(hs, ["account", "create-override", "one"], 3, "hs config migrate")


@pytest.mark.parametrize(
    "args", [["link", "-a", "acme"], ["unlink", "--all"], ["create-override", "acme"]]
)
def test_without_a_valid_config(three, args):
    linked(three, 101)
    for text in ("", "{", "accounts:", "accounts: [{name: a b, accountId: 101}]"):
        three.write_yaml(text)
        refused(three, ["account", *args], 3, three.config_path)
    three.config_path.unlink()
    refused(three, ["account", *args], 3, "hs account auth")


@pytest.mark.parametrize(
    "args", [["link", "-a", "acme"], ["unlink", "--all"], ["create-override", "acme"]]
)
def test_the_environment_has_nothing_to_link(three, sim, args):
    env = {
        "USE_ENVIRONMENT_HUBSPOT_CONFIG": "true",
        "HUBSPOT_ACCOUNT_ID": "101",
        "HUBSPOT_PERSONAL_ACCESS_KEY": sim.portals[101].key,
    }
    refused(three, ["account", *args], 2, "environment", env=env)


@pytest.mark.parametrize(
    "args",
    [
        ["link", "-a", "101"],
        ["unlink", "--all"],
        ["create-override", "101", "-f"],
        ["remove-override", "-f"],
        ["link", "-a", "202", "--force"],
    ],
)
def test_a_directory_that_is_not_writable(outsider, sim, args):
    """It is reported, and nothing is half done."""
    outsider.runner.write_config(sim.portal(101), sim.portal(202))
    path = linked(outsider, 101)
    hsaccount = override(outsider, 202)
    outsider.own()
    before = path.read_bytes(), hsaccount.read_bytes()
    for folder in (outsider.cwd, path.parent):
        folder.chmod(0o500)
    result = outsider("account", *args)
    assert result.code == 3 and "ermission" in result.err, result.err
    for folder in (outsider.cwd, path.parent):
        folder.chmod(0o700)
    assert (path.read_bytes(), hsaccount.read_bytes()) == before
    assert os.listdir(path.parent) == ["settings.json"]
    assert sorted(os.listdir(outsider.cwd)) == [".hs", ".hsaccount"]


def test_too_many_accounts_are_refused(three):
    """None of them is dropped silently."""
    path = linked(three, *range(1, 258))
    before = path.read_bytes()
    for args in (["unlink", "--all"], ["link", "-a", "101"], ["use", "101"]):
        result = three("account", *args)
        assert result.code == 3 and "settings.json" in result.err and "256" in result.err
    assert path.read_bytes() == before
    linked(three, *range(1001, 1257))
    full = path.read_bytes()
    result = three("account", "link", "-a", "box", "-a", "third")
    assert result.code == 3 and "256" in result.err and path.read_bytes() == full
    done(three, "unlink", "--all")
    assert json.loads(path.read_text())["accounts"] == []


def test_a_directory_without_write_permission(outsider, sim):
    outsider.runner.write_config(sim.portal(101))
    outsider.own()
    outsider.cwd.chmod(0o500)
    for args in (["link", "-a", "101"], ["create-override", "101"]):
        result = outsider("account", *args)
        assert result.code == 3 and "ermission" in result.err
    assert os.listdir(outsider.cwd) == []


def test_a_held_lock_is_waited_for(three):
    """Another run writes the settings; this one waits."""
    path = linked(three, 101)
    with held(path) as met:
        run = three.start("account", "link", "-a", "box")
        met(run)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.1)
        linked(three, 101, 303)
    code, err = three.ends(run)
    assert code == 0, err
    assert read_links(three) == {"localDefaultAccount": 101, "accounts": [101, 303, 202]}


def test_twelve_at_once_lose_nothing(hs, sim):
    hs.write_config(*(sim.portal(1001 + n) for n in range(13)))
    linked(hs, 1013)
    runs = [hs.start("account", "link", "-a", 1001 + n) for n in range(12)]
    for code, err in map(hs.ends, runs):
        assert code == 0, err
    assert read_links(hs)["localDefaultAccount"] == 1013
    assert sorted(read_links(hs)["accounts"]) == list(range(1001, 1014))
    runs = [hs.start("account", "unlink", "-a", 1001 + n) for n in range(12)]
    for code, err in map(hs.ends, runs):
        assert code == 0, err
    assert read_links(hs) == {"localDefaultAccount": 1013, "accounts": [1013]}
    assert sorted(os.listdir(hs.cwd / ".hs")) == ["settings.json"]


# ---- git


@pytest.fixture
def tree(three):
    """three, in a work tree of git."""
    git(three, "init", "-q")
    return three


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    return path


def test_link_makes_git_ignore_the_settings(tree):
    assert "Added .hs to" in done(tree, "link", "-a", "acme").err
    text = (tree.cwd / ".gitignore").read_text()
    comment, line = text.splitlines()
    assert comment.startswith("#") and line == ".hs" and text.endswith("\n")
    assert mode(tree.cwd / ".gitignore") == 0o644
    assert ignored(tree, tree.cwd / ".hs" / "settings.json")
    assert git(tree, "status", "--porcelain").stdout == "?? .gitignore\n"
    before = tree.files()
    assert "Added" not in done(tree, "link", "-a", "acme").err
    assert tree.files() == before


COVERED = {
    "by its name": {".gitignore": ".hs\n"},
    "as a folder": {".gitignore": "/sub/.hs/\n"},
    "from further up": {".gitignore": "**/.hs\n"},
    "as hidden": {".gitignore": ".*\n!.gitignore\n"},
    "after a negation": {".gitignore": "!.hs\n.hs\n"},
    "nearby": {".gitignore": "!.hs\n", "sub/.gitignore": ".hs"},
    "in info/exclude": {".git/info/exclude": ".hs\n"},
    "with its folder": {".gitignore": "sub/\n"},
}


@pytest.mark.parametrize("files", COVERED.values(), ids=COVERED)
def test_gitignore_is_unchanged_if_it_covers_the_directory(tree, files):
    for name, text in files.items():
        write(tree.cwd, name, text)
    sub = tree.cwd / "sub"
    sub.mkdir(exist_ok=True)
    assert ignored(tree, sub / ".hs" / "settings.json")
    assert "git" not in done(tree, "link", "-a", "acme", cwd=sub).err.replace(str(sub), "")
    for name, text in files.items():
        assert (tree.cwd / name).read_text() == text
    assert (sub / ".gitignore").exists() == ("sub/.gitignore" in files)
    assert (tree.cwd / ".gitignore").exists() == (".gitignore" in files)


def test_a_file_for_all_trees_covers_too(tree):
    write(tree.home, ".config/git/ignore", ".hs/\n")
    done(tree, "link", "-a", "acme")
    assert not (tree.cwd / ".gitignore").exists()
    assert ignored(tree, tree.cwd / ".hs" / "settings.json")


# the files before, and the one that is changed
UNCOVERED = {
    "no file at all": ({}, "sub/.gitignore"),
    "one further up": ({".gitignore": "node_modules\n"}, ".gitignore"),
    "two": ({".gitignore": "a\n", "sub/.gitignore": "b\n"}, "sub/.gitignore"),
    "no line's end": ({".gitignore": "node_modules"}, ".gitignore"),
    "an empty file": ({"sub/.gitignore": ""}, "sub/.gitignore"),
    "a negation": ({".gitignore": ".hs\n!.hs\n"}, ".gitignore"),
    "a negation nearer": ({".gitignore": ".hs\n", "sub/.gitignore": "!.hs\n"}, "sub/.gitignore"),
    "a negation below": ({".git/info/exclude": ".hs\n", ".gitignore": "!.hs\n"}, ".gitignore"),
    "another's name": ({".gitignore": ".hsx\nx.hs\n/.hs\n#.hs\n\\!.hs\n"}, ".gitignore"),
    "carriage returns": ({".gitignore": "a\r\nb\r\n"}, ".gitignore"),
    "bytes that are no UTF-8": ({".gitignore": "\udcff\n"}, ".gitignore"),
}


@pytest.mark.parametrize("files, changed", UNCOVERED.values(), ids=UNCOVERED)
def test_what_is_not_covered_is_added(tree, files, changed):
    """In the nearest ignore file, whose other bytes do not change."""
    for name, text in files.items():
        write(tree.cwd, name, text)
    sub = tree.cwd / "sub"
    sub.mkdir(exist_ok=True)
    assert not ignored(tree, sub / ".hs" / "settings.json")
    result = done(tree, "link", "-a", "acme", cwd=sub)
    assert str(tree.cwd / changed) in result.err
    assert ignored(tree, sub / ".hs" / "settings.json")
    for name, text in files.items():
        now = (tree.cwd / name).read_bytes()
        text = text.encode(errors="surrogateescape")
        assert now.startswith(text) and (now == text) == (name != changed)
    found = {str(p.relative_to(tree.cwd)) for p in tree.cwd.rglob(".gitignore")}
    assert found == {n for n in files if n.endswith(".gitignore")} | {changed}
    before = tree.files()
    done(tree, "link", "-a", "acme", cwd=sub)
    assert tree.files() == before


def test_outside_a_work_tree_no_ignore_file_is_written(tree):
    done(tree, "link", "-a", "acme", cwd=tree.home)
    assert not (tree.home / ".gitignore").exists()
    done(tree, "link", "-a", "acme", cwd=tree.cwd / ".git")
    assert not list(tree.cwd.rglob(".gitignore"))


def test_in_a_further_work_tree(tree):
    """There .git is a file, and info/exclude is the main tree's."""
    git(tree, "commit", "-q", "--allow-empty", "-m", "one")
    other = tree.cwd / "other tree"
    git(tree, "worktree", "add", "-q", "-b", "other", other)
    assert (other / ".git").is_file()
    done(tree, "link", "-a", "acme", cwd=other)
    assert (other / ".gitignore").exists() and not (tree.cwd / ".gitignore").exists()
    assert ignored(tree, other / ".hs" / "settings.json")
    (other / ".gitignore").unlink()
    write(tree.cwd, ".git/info/exclude", ".hs\n")
    done(tree, "link", "-a", "acme", cwd=other)
    assert not (other / ".gitignore").exists()


def test_in_a_submodule(tree):
    """A work tree of its own: the rules of the outer one do not apply."""
    inner = tree.home / "inner"
    inner.mkdir()
    git(tree, "init", "-q", at=inner)
    git(tree, "commit", "-q", "--allow-empty", "-m", "one", at=inner)
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "mod")
    write(tree.cwd, ".gitignore", ".hs\n")
    mod = tree.cwd / "mod"
    assert (mod / ".git").is_file()
    done(tree, "link", "-a", "acme", cwd=mod)
    assert (tree.cwd / ".gitignore").read_text() == ".hs\n"
    assert ignored(tree, mod / ".hs" / "settings.json") and (mod / ".gitignore").exists()


def test_a_symbolic_link_as_ignore_file_is_not_changed(tree, tmp_path):
    """Git reads no .gitignore that is a symbolic link."""
    target = write(tmp_path, "ignore", "mine\n")
    (tree.cwd / ".gitignore").symlink_to(target)
    result = done(tree, "link", "-a", "acme")
    assert "warning" in result.err and "git does not ignore" in result.err
    assert target.read_text() == "mine\n" and (tree.cwd / ".gitignore").is_symlink()
    assert read_links(tree)["accounts"] == [101]


@pytest.mark.parametrize("bits", [0o600, 0o664, 0o640])
def test_the_mode_of_an_ignore_file_stays(tree, bits):
    path = write(tree.cwd, ".gitignore", "x\n")
    path.chmod(bits)
    done(tree, "link", "-a", "acme")
    assert mode(path) == bits and ".hs" in path.read_text().splitlines()


def test_an_ignore_file_that_is_not_writable(outsider, sim):
    """The account is linked anyway, with a warning that git sees the file."""
    outsider.runner.write_config(sim.portal(101))
    git(outsider, "init", "-q")
    write(outsider.cwd, ".gitignore", "x\n")
    sub = outsider.cwd / "sub"
    sub.mkdir()
    outsider.own()
    outsider.cwd.chmod(0o500)
    result = outsider("account", "link", "-a", "101", cwd=sub)
    assert result.code == 0, result.err
    assert "warning" in result.err and "git does not ignore" in result.err
    assert read_links(outsider, sub)["accounts"] == [101]
    assert (outsider.cwd / ".gitignore").read_text() == "x\n"


def test_runs_at_once_add_one_line(tree):
    """All saw that no rule covers it; only the first adds one."""
    write(tree.cwd, ".gitignore", "x\n")
    linked(tree, 101)
    runs = []
    with held(tree.cwd / ".gitignore") as met:
        for which in ("box", "third"):
            runs.append(tree.start("account", "link", "-a", which))
            met(runs[-1])
    for code, err in map(tree.ends, runs):
        assert code == 0, err
    assert (tree.cwd / ".gitignore").read_text().splitlines().count(".hs") == 1
    assert not (tree.cwd / ".hs-tmp").exists()


# ---- on a terminal


def test_link_on_a_terminal(three, tty):
    child = answer(tty("account", "link"), (WHAT, "\r"), (LINK, " j \r"), (DEFAULT, "box\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": 202, "accounts": [101, 202]}


def test_link_one_asks_for_no_default(three, tty):
    child = answer(tty("account", "link"), (WHAT, "\r"), (LINK, "jj \r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": 303, "accounts": [303]}
    assert "Default account" not in seen(child)


def test_what_is_linked_cannot_be_linked_again(three, tty):
    linked(three, 101)
    child = tty("account", "link")
    answer(child, (WHAT, "\r"), (LINK, " "), ("already linked", "a\r"), (DEFAULT, "\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": 101, "accounts": [101, 202, 303]}


def test_link_if_all_are_linked(three, tty):
    linked(three, 101, 202, 303)
    before = three.files()
    child = answer(tty("account", "link"), (WHAT, "\r"))
    assert tty.end(child) == 2 and "already linked" in seen(child)
    assert three.files() == before


@pytest.mark.parametrize("keys, default", [("\r", 202), ("y\r", 202), ("n\r", 303)])
def test_link_offers_to_keep_an_override(three, tty, keys, default):
    """Its account is preselected; the file is removed in either case."""
    path = override(three, 202)
    child = answer(tty("account", "link"), (WHAT, "\r"), (LINK, "jj \r"), (KEEP, keys))
    if default != 202:
        answer(child, (DEFAULT, "third\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": default, "accounts": [202, 303]}
    assert not path.exists()


def test_link_asks_nothing_about_another_override(three, tty):
    path = override(three, 303)
    child = answer(tty("account", "link", "-a", "acme"))
    assert tty.end(child) == 0, seen(child)
    assert path.read_text() == "303" and read_links(three)["localDefaultAccount"] == 101


def test_link_signs_in_to_another(three, tty, sim):
    fourth = sim.portal(404, "Fourth")
    child = answer(
        tty("account", "link"),
        (WHAT, DOWN + "\r"),
        ("Personal access key:", fourth.key + "\r"),
        ("Name of the account:", "\r"),
        (r"default account\? \[y/N\]", "\r"),
    )
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": 404, "accounts": [404]}
    config = three.read_config()
    assert config["defaultAccount"] == 101
    assert [a["name"] for a in config["accounts"]] == ["acme", "box", "third", "fourth"]


def test_link_cancelled(three, tty):
    before = three.files()
    child = answer(tty("account", "link"), (WHAT, DOWN + DOWN + "\r"))
    assert tty.end(child) == 1 and "nothing was changed" in seen(child)
    assert three.files() == before


def test_unlink_on_a_terminal(three, tty):
    linked(three, 101, 202, 303, 999)
    child = answer(tty("account", "unlink"), (UNLINK, " j \r"), (DEFAULT, "\x1b[F\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": 999, "accounts": [303, 999]}
    child = answer(tty("account", "unlink"), (UNLINK, "a\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"accounts": []}


def test_create_override_on_a_terminal(three, tty):
    child = answer(tty("account", "create-override"), ("Account for this directory:", "box\r"))
    assert tty.end(child) == 0, seen(child)
    path = three.cwd / ".hsaccount"
    assert path.read_text() == "202"
    child = answer(tty("account", "create-override", "third"), (REPLACE, "n\r"))
    assert tty.end(child) == 1 and path.read_text() == "202"
    child = answer(tty("account", "create-override", "third"), (REPLACE, "\r"))
    assert tty.end(child) == 0 and path.read_text() == "303"


def test_remove_override_on_a_terminal(three, tty):
    path = override(three, 202)
    question = re.escape(str(path)) + r"(?s:.*)Remove that file\?.*\[Y/n\]"
    child = answer(tty("account", "remove-override", columns=300), (question, "n\r"))
    assert tty.end(child) == 1 and path.exists()
    child = answer(tty("account", "remove-override", columns=300), (question, "\r"))
    assert tty.end(child) == 0 and not path.exists()


@pytest.mark.parametrize("keys, code", [("\x03", 130), ("\x04", 2)])
@pytest.mark.parametrize(
    "args, before",
    [
        (["link"], [(WHAT, None)]),
        (["link"], [(WHAT, "\r"), (LINK, None)]),
        (["link"], [(WHAT, "\r"), (LINK, "a\r"), (KEEP, None)]),
        (["link"], [(WHAT, "\r"), (LINK, "a\r"), (KEEP, "n\r"), (DEFAULT, None)]),
        (["link"], [(WHAT, DOWN + "\r"), ("access key:", None)]),
        (["unlink"], [(UNLINK, None)]),
        (["unlink"], [(UNLINK, " \r"), (DEFAULT, None)]),
        (["create-override"], [("this directory:", None)]),
        (["create-override", "third"], [(REPLACE, None)]),
        (["remove-override"], [("Remove ", None)]),
    ],
    ids=lambda v: f"{v[0]}-{len(v)}"
    if isinstance(v, list) and isinstance(v[0], str)
    else str(len(v))
    if isinstance(v, list)
    else None,
)
def test_a_cancelled_prompt_writes_nothing(three, tty, args, before, keys, code):
    override(three, 202)
    if args == ["unlink"]:
        linked(three, 101, 202, 303)
    files = three.files()
    child = answer(tty("account", *args), *((label, known or keys) for label, known in before))
    assert tty.end(child) == code, seen(child)
    assert three.files() == files


@pytest.mark.parametrize("args, env", [(["--no-input"], {}), ([], {"CI": "true"})])
@pytest.mark.parametrize(
    "command, word",
    [
        (["link"], "--account"),
        (["unlink"], "--all"),
        (["create-override"], "create-override <name-or-id>"),
        (["create-override", "third"], "--force"),
        (["remove-override"], "--force"),
    ],
)
def test_no_prompt_if_prompts_are_off(three, tty, command, word, args, env):
    linked(three, 101, 202)
    override(three, 202)
    before = three.files()
    child = tty("account", *command, *args, env=env, columns=200)
    assert tty.end(child) == 2 and word in seen(child), seen(child)
    assert three.files() == before


# ---- linked directories


def test_use_adds_the_account_on_request(three, tty):
    linked(three, 101)
    child = answer(tty("account", "use", "box"), (r"Link it here and use it\? \[Y/n\]", "\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three) == {"localDefaultAccount": 202, "accounts": [101, 202]}
    assert three.read_config()["defaultAccount"] == 101


def test_use_by_picking_in_a_linked_directory(three, tty):
    linked(three, 101, 202)
    child = answer(tty("account", "use"), ("Default account:", "box\r"))
    assert tty.end(child) == 0, seen(child)
    assert read_links(three)["localDefaultAccount"] == 202
    assert three.read_config()["defaultAccount"] == 101


@pytest.mark.parametrize("name", [None, ".hs"])
def test_use_signs_in_to_another_account(three, tty, sim, name):
    """The last entry of the list; in a linked directory it is linked on request."""
    fourth = sim.portal(404, "Fourth")
    if name:
        linked(three, 101)
    answers = [
        ("Default account:", "another\r"),
        ("Personal access key:", fourth.key + "\r"),
        ("Name of the account:", "\r"),
    ]
    if name:
        answers.append((r"Link it here and use it\? \[Y/n\]", "\r"))
    child = answer(tty("account", "use"), *answers)
    assert tty.end(child) == 0, seen(child)
    assert "Sign in to another account" in seen(child) and "Make it the default" not in seen(child)
    config = three.read_config()
    assert [a["name"] for a in config["accounts"]] == ["acme", "box", "third", "fourth"]
    assert config["defaultAccount"] == (101 if name else 404)
    if name:
        assert read_links(three) == {"localDefaultAccount": 404, "accounts": [101, 404]}


@pytest.mark.parametrize("command", ["remove", "create-override"])
def test_only_use_offers_to_sign_in(three, tty, command):
    child = tty("account", command)
    child.expect("third")
    child.send("\x03")
    tty.end(child)
    assert "another account" not in seen(child)


def test_settings_that_would_be_too_large_to_read_again(three):
    """Indented, these values exceed 1 MiB."""
    path = linked(three, 101)
    path.write_text(
        json.dumps(
            {"accounts": [101, 202], "localDefaultAccount": 101, "more": [1] * 300000},
            separators=(",", ":"),
        )
    )
    before = path.read_bytes()
    result = three("account", "use", "202")
    assert result.code == 3 and "settings.json" in result.err
    assert path.read_bytes() == before and used(three) == 101
