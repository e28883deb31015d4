"""Managing accounts, in scripts and on a terminal.

How each command compares with the official client is test_matrix.py's.
"""
import json
import os
import resource
import signal
import subprocess
import threading
import time

import pytest
import yaml

from calls import git, ignored, is_sanitized, names, refused, write_old
from conftest import read_links

REFRESH = "/localdevauth/v1/auth/refresh"
GLOBAL = "the global config"


@pytest.fixture
def abc(hs, sim):
    """acme (the default), beta and gamma, in the global config."""
    hs.write_config(
        *(sim.portal(n, name) for n, name in ((11, "acme"), (22, "beta"), (33, "gamma"))),
        mine=[1, "two"],
    )
    return hs


def write_settings(hs, *linked, default=None, **more):
    path = hs.cwd / ".hs" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"accounts": list(linked), "localDefaultAccount": default, **more}))
    return path


# ---- missing arguments


@pytest.mark.parametrize(
    "args, option",
    [
        (["account", "use"], "hs account use <name-or-id>"),
        (["account", "remove"], "hs account remove <name-or-id>"),
        (["account", "remove", "acme"], "--new-default"),
        (["account", "link"], "--account"),
        (["account", "link", "--account", "acme", "--account", "beta"], "--default"),
        (["account", "create-override"], "create-override <name-or-id>"),
        (["account", "auth"], "--pak-stdin"),
        (["config", "set"], "--http-timeout"),
    ],
    ids=lambda a: " ".join(a) if isinstance(a, list) else None,
)
def test_a_missing_answer_is_an_error(abc, sim, args, option):
    refused(abc, args, 2, option)
    assert not sim.log


def test_answers_that_depend_on_the_config(abc, sim):
    write_settings(abc, 11, 22, 33, default=11)
    refused(abc, ["account", "unlink"], 2, "--account", "--all")
    refused(abc, ["account", "unlink", "--account", "acme"], 2, "--default")
    (abc.cwd / ".hsaccount").write_text("22")
    refused(abc, ["account", "remove-override"], 2, "--force")
    refused(abc, ["account", "create-override", "acme"], 2, "--force")
    sim.portals[33].state = "inactive"
    refused(abc, ["account", "clean"], 2, "--force", sends=True)
    write_old(abc, sim.portal(44))
    refused(abc, ["config", "migrate"], 2, "--force")


@pytest.mark.parametrize(
    "args",
    [
        ["account", "use", "acmee"],
        ["account", "info", "acmee"],
        ["account", "rename", "acmee", "x"],
        ["account", "remove", "acmee"],
        ["account", "link", "--account", "acmee"],
        ["account", "link", "--account", "acme", "--default", "acmee"],
        ["account", "remove", "acme", "--new-default", "acmee"],
        ["account", "create-override", "acmee"],
    ],
    ids=" ".join,
)
def test_an_unknown_account_is_not_replaced_by_another(abc, sim, args):
    done = refused(abc, args, 3)
    assert "acmee" in done.err and "'acme'" in done.err and not sim.log


def test_a_name_of_digits_is_a_name(hs, sim):
    hs.write_config(hs.account(sim.portal(11)), hs.account(sim.portal(22), name="11-box"))
    assert hs("account", "use", "11-box").code == 0
    assert hs.read_config()["defaultAccount"] == 22
    assert hs("account", "remove", "11-box", "--new-default", "11").code == 0
    assert [a["accountId"] for a in hs.read_config()["accounts"]] == [11]


# ---- rename


def test_a_default_of_digits_never_selects_a_new_account(hs, sim):
    """The old form names it, and ids take precedence over names."""
    write_old(hs, sim.portal(11, "22"))
    done = hs("auth", "--pak-stdin", input=sim.portal(22, "acme").key)
    assert done.code == 0 and "still 22 (11)" in done.err, done.err
    assert "(11)" in hs("account", "list").out.splitlines()[0]
    assert hs("auth", "--pak-stdin", "--default", input=sim.portal(33).key).code == 0
    assert "(33)" in hs("account", "list").out.splitlines()[0]


def test_rename(abc):
    done = abc("account", "rename", "beta", "HTTPServer2 east", "--json")
    assert done.code == 0 and done.json["account"]["name"] == "http-server2-east"
    assert names(abc) == ["acme", "http-server2-east", "gamma"]
    assert abc.read_config()["mine"] == [1, "two"]
    assert abc("account", "rename", "22", "beta").code == 0
    assert names(abc)[1] == "beta"


@pytest.mark.parametrize(
    "new, word", [("Acme", "already used"), ("!!!", "name"), ("33", "already used")]
)
def test_rename_refuses(abc, new, word):
    refused(abc, ["account", "rename", "beta", new], 2, word)


def test_the_default_of_a_deprecated_file_follows_its_name(hs, sim):
    path = write_old(hs, sim.portal(11, "acme"), sim.portal(22, "beta"))
    assert hs("account", "rename", "acme", "new").code == 0
    assert hs.read_config(path)["defaultPortal"] == "new"


# ---- remove


def test_removing_the_default_in_a_script(abc):
    assert abc("account", "remove", "acme", "--new-default", "gamma").code == 0
    config = abc.read_config()
    assert config["defaultAccount"] == 33 and names(abc) == ["beta", "gamma"]
    assert list(config) == ["defaultAccount", "mine", "accounts"]
    done = abc("account", "remove", "gamma")  # only one is left: no question
    assert done.code == 0 and abc.read_config()["defaultAccount"] == 22


def test_new_default_applies_only_if_the_default_is_removed(abc):
    assert abc("account", "remove", "beta", "--new-default", "gamma").code == 0
    assert abc.read_config()["defaultAccount"] == 11


def test_removing_the_last_one_leaves_the_settings(hs, sim):
    hs.write_config(sim.portal(11, "acme"), mine="kept")
    assert hs("account", "remove", "acme").code == 0
    assert hs.read_config() == {"mine": "kept", "accounts": []}


def test_other_files_that_name_a_removed_account(abc):
    (abc.cwd / ".hsaccount").write_text("22")
    write_settings(abc, 22, 33, default=22, other=1)
    done = abc("account", "remove", "beta")
    assert done.code == 0 and ".hsaccount" in done.err and "settings.json" in done.err
    assert (abc.cwd / ".hsaccount").exists() and read_links(abc)["accounts"] == [22, 33]
    (abc.cwd / ".hsaccount").write_text("33")
    done = abc("account", "remove", "gamma", "--force")
    assert done.code == 0 and not (abc.cwd / ".hsaccount").exists()
    assert read_links(abc) == {"accounts": [22], "localDefaultAccount": 22, "other": 1}


def test_an_override_belongs_to_the_global_config(abc, sim):
    """It is kept if the account is removed from another config."""
    other = abc.write_config(sim.portals[11], sim.portals[22], path=abc.cwd / "other.yml")
    (abc.cwd / ".hsaccount").write_text("22")
    done = abc("account", "remove", "beta", "--config", other, "--force")
    assert done.code == 0 and names(abc, other) == ["acme"] and ".hsaccount" not in done.err
    assert (abc.cwd / ".hsaccount").read_text() == "22"


def test_a_stale_override_is_named(abc):
    path = abc.cwd / ".hsaccount"
    path.write_text("99")
    done = refused(abc, ["account", "info"], 3, str(path), "99")
    assert "--account" in done.err
    assert abc("account", "remove-override", "--force").code == 0 and not path.exists()


# ---- clean


def test_clean_removes_only_what_is_inactive(abc, sim):
    sim.portals[22].state = "inactive"
    sim.portals[33].key = "CiR" + "x" * 150  # revoked: HubSpot no longer knows the old one
    (abc.cwd / ".hsaccount").write_text("11")
    done = abc("account", "clean", "--force", "--json")
    assert done.code == 8 and names(abc) == ["acme", "gamma"]
    assert (abc.cwd / ".hsaccount").read_text() == "11"
    answer = done.json
    assert [a["accountId"] for a in answer["removed"]] == [22]
    assert [a["accountId"] for a in answer["unchecked"]] == [33]
    assert [a["accountId"] for a in answer["active"]] == [11]


def test_clean_of_the_default(abc, sim):
    sim.portals[11].state = "gone"
    refused(abc, ["account", "clean", "--force"], 2, "--new-default", sends=True)
    assert abc("account", "clean", "--force", "--new-default", "beta").code == 0
    assert abc.read_config()["defaultAccount"] == 22 and names(abc) == ["beta", "gamma"]


def small(hs, *args):
    """A run that may have so many addresses: enough for what grows with the accounts, not
    for what grows with their square. (ru_maxrss would count the memory of its parent.)"""
    if is_sanitized(hs):
        return hs(*args)  # needs all the addresses that there are
    return hs(
        *args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
    )


def test_clean_of_many_accounts_stays_small(hs, sim):
    portals = [sim.portal(1000 + n, f"p{n}", state="inactive") for n in range(1200)]
    hs.write_config(sim.portal(11, "acme"), *portals)
    done = small(hs, "account", "clean", "--force")
    assert done.code == 0 and names(hs) == ["acme"], done.err


def test_clean_with_nothing_to_do(abc):
    done = abc("account", "clean")
    assert done.code == 0 and "3 accounts checked" in done.err


@pytest.mark.parametrize(
    "how", [{"status": 500}, {"then": "reset"}, {"status": 429, "policy": "DAILY"}]
)
def test_an_error_does_not_mean_inactive(abc, sim, how):
    sim.fail(REFRESH, times=None, **how)
    done = refused(
        abc,
        ["account", "clean", "--force", "--max-wait", "1"],
        6 if how.get("status") == 429 else 1 if "status" in how else 7,
        sends=True,
    )
    assert "cannot check" in done.err


def test_clean_asks_for_many_accounts_at_once(hs, sim):
    """All hang until the last one of eight has come: one at a time would never end."""
    portals = [sim.portal(100 + n) for n in range(8)]
    hs.write_config(*portals)
    sim.fail(REFRESH, times=8, at="head", then="hang")
    run = subprocess.Popen(
        [hs.bin, "account", "clean"],
        env=hs.env(),
        cwd=hs.cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while len([r for r in sim.log if r.path.startswith(REFRESH)]) < 8:
        assert time.monotonic() < end and run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    assert len(hs.read_config()["accounts"]) == 8


# ---- config set


def test_config_set(abc):
    done = abc(
        "config",
        "set",
        "--http-timeout=30000",
        "--default-cms-publish-mode",
        "DRAFT",
        "--no-allow-usage-tracking",
        "--allow-auto-updates",
        "--auto-open-browser",
        "false",
    )
    assert done.code == 0
    config = abc.read_config()
    assert {k: config[k] for k in config if k != "accounts"} == {
        "defaultAccount": 11,
        "mine": [1, "two"],
        "defaultCmsPublishMode": "draft",
        "httpTimeout": 30000,
        "allowUsageTracking": False,
        "allowAutoUpdates": True,
        "autoOpenBrowser": False,
    }
    assert list(config)[-1] == "accounts"


@pytest.mark.parametrize(
    "option",
    [
        "--http-timeout=2999",
        "--http-timeout=abc",
        "--http-timeout=5000.5",
        "--http-timeout=",
        "--default-cms-publish-mode=live",
        "--allow-usage-tracking=maybe",
        "--no-such",
    ],
)
def test_config_set_refuses(abc, option):
    refused(abc, ["config", "set", option], 2)


def test_config_set_in_a_deprecated_file(hs, sim):
    path = write_old(hs, sim.portal(11), defaultMode="publish")
    assert hs("config", "set", "--default-cms-publish-mode", "draft").code == 0
    config = hs.read_config(path)
    assert config["defaultCmsPublishMode"] == "draft" and "defaultMode" not in config


# ---- migrate


def test_migrate(hs, sim):
    git(hs, "init", "-q")
    path = write_old(
        hs,
        sim.portal(11, "acme"),
        sim.portal(22, "beta"),
        defaultMode="draft",
        flags=["a"],
        mine={"deep": [1]},
    )
    (hs.cwd / ".gitignore").write_text("hubspot.config.yml\n")
    old = path.read_bytes()
    done = hs("config", "migrate", "--force", "--json")
    assert done.code == 0 and done.json["added"] == ["acme", "beta"]
    config = hs.read_config()
    assert list(config)[0] == "defaultAccount" and list(config)[-1] == "accounts"
    assert config["defaultAccount"] == 11 and config["defaultCmsPublishMode"] == "draft"
    assert config["flags"] == ["a"] and config["mine"] == {"deep": [1]}
    assert [a["accountType"] for a in config["accounts"]] == ["STANDARD"] * 2
    archive = hs.cwd / "archived.hubspot.config.yml"
    assert not path.exists() and archive.read_bytes() == old
    assert archive.stat().st_mode & 0o777 == 0o600 and ignored(hs, archive.name)
    assert hs("account", "list").code == 0


def test_migrate_with_force_never_removes_values(hs, sim):
    hs.write_config(
        sim.portal(11, "acme"), httpTimeout=30000, defaultCmsPublishMode="publish", flags=["x"]
    )
    write_old(
        hs,
        sim.portal(11),
        sim.portal(22, "acme"),
        sim.portal(33, "gamma"),
        defaultMode="draft",
        flags=["x", "y"],
        httpTimeout=None,
        allowAutoUpdates=None,
    )
    done = hs("config", "migrate", "--force", "--json")
    assert done.code == 0, done.err
    config = hs.read_config()
    assert "allowAutoUpdates" not in config
    assert config["httpTimeout"] == 30000 and config["defaultCmsPublishMode"] == "draft"
    assert config["flags"] == ["x", "y"]
    assert [(a["accountId"], a["name"]) for a in config["accounts"]] == [
        (11, "acme"),
        (22, "acme_22"),
        (33, "gamma"),
    ]
    assert done.json["present"] == ["portal-11"]
    assert hs("account", "list").code == 0


def test_a_migration_of_many_accounts_stays_small(hs):
    """Memory and time grow with the accounts, not with their square; what aliases stand
    for is not copied without end."""
    old = hs.cwd / "hubspot.config.yml"
    many = [f"- {{portalId: {n}, authType: apikey, apiKey: k}}\n" for n in range(1, 3001)]
    hs.write_yaml("portals:\n" + "".join(many), old)
    done = small(hs, "config", "migrate", "--force")
    assert done.code == 0 and len(hs.read_config()["accounts"]) == 3000, done.err
    big = "big: &b [" + ",".join("1" * 20_000) + "]\n"
    hs.write_yaml(big + "portals:\n" + "".join(many[:300]).replace("k}", "k, z: *b}"), old)
    hs.config_path.unlink()
    before = hs.files()
    done = small(hs, "config", "migrate", "--force")
    assert done.code == 3 and "too large" in done.err, done.err
    assert hs.files() == before


def test_a_migration_into_a_global_file_of_the_old_form(hs, sim):
    """Its default is a name, which may be the name of another account."""
    acme = {k: v for k, v in hs.account(sim.portal(11, "acme")).items() if k != "accountId"}
    hs.write_yaml({"portals": [{**acme, "portalId": 11}]})
    write_old(hs, sim.portal(22, "acme"))
    done = hs("config", "migrate", "--force")
    assert done.code == 0, done.err
    assert [a["name"] for a in hs.read_config()["portals"]] == ["acme", "acme_22"]
    assert "(22)" in hs("account", "list").out.splitlines()[0]


def test_a_migration_keeps_unknown_keys_that_look_like_settings(hs, sim):
    write_old(hs, sim.portal(11, "acme"), Flags="mine", ACCOUNTS=3)
    assert hs("config", "migrate", "--force").code == 0
    config = hs.read_config()
    assert config["Flags"] == "mine" and config["ACCOUNTS"] == 3


def test_an_older_archive_is_never_lost(hs, sim):
    for n in range(3):
        write_old(hs, sim.portal(11 + n))
        assert hs("config", "migrate", "--force").code == 0
    found = sorted(p.name for p in hs.cwd.iterdir())
    assert found == [
        "archived.hubspot.config-2.yml",
        "archived.hubspot.config-3.yml",
        "archived.hubspot.config.yml",
    ]
    assert len({(hs.cwd / name).read_bytes() for name in found}) == 3


@pytest.mark.parametrize("text", ["", "portals: []\n", "defaultPortal: x\n", "portals: 1\n"])
def test_nothing_to_migrate(hs, sim, text):
    (hs.cwd / "hubspot.config.yml").write_text(text)
    refused(hs, ["config", "migrate", "--force"], 3)
    (hs.cwd / "hubspot.config.yml").unlink()
    refused(hs, ["config", "migrate", "--force"], 3, "nothing to migrate")


@pytest.mark.parametrize("beside", [True, False])
def test_a_migration_never_writes_an_invalid_config(hs, sim, beside):
    """Invalid names are changed; unusable entries are not migrated."""
    portals = [sim.portal(n, f"x{n}") for n in (11, 22, 33, 44, 55, 66)]
    path = write_old(hs, *portals)
    old = yaml.safe_load(path.read_text())
    for account, change in zip(
        old["portals"],
        (
            {"name": "my portal"},
            {"name": "MY-Portal"},
            {"name": ["x"]},
            {"personalAccessKey": None},
            {"authType": "none"},
            {"name": "\u3000"},
        ),
    ):
        account.update(change)
    path.write_text(yaml.safe_dump({**old, "defaultPortal": "my portal"}, sort_keys=False))
    if beside:
        hs.write_config(sim.portal(77, "my-portal"))
    done = hs("config", "migrate", "--force", "--json")
    assert done.code == 0 and done.json["unusable"] == ["x44", "x55"] and "x44, x55" in done.err
    listed = hs("account", "list", "--json").json
    assert listed["defaultAccount"] == 11
    assert {a["accountId"]: a["name"] for a in listed["accounts"] if a["accountId"] != 77} == (
        {11: "my-portal_11", 22: "MY-Portal_22", 33: "account-33", 66: "account-66"}
        if beside
        else {11: "my-portal", 22: "MY-Portal_22", 33: "account-33", 66: "account-66"}
    )


def test_a_migration_without_usable_accounts(hs, sim):
    path = write_old(hs, sim.portal(11))
    path.write_text(path.read_text().replace("authType", "kind"))
    refused(hs, ["config", "migrate", "--force"], 3, "no usable account in")


def test_nothing_to_migrate_at_a_named_path(hs, sim):
    (hs.cwd / "hubspot.config.yml").write_text("portals: []\n")
    refused(hs, ["config", "migrate", "--force", "-c", "nope.yml"], 3, "nope.yml does not exist")


def test_migrate_can_be_run_again_after_a_kill_between_its_steps(hs, sim):
    """Killed when the global file was written and the old one not yet renamed."""
    write_old(hs, sim.portal(11, "acme"))
    before = (hs.cwd / "hubspot.config.yml").read_bytes()
    assert hs("config", "migrate", "--force").code == 0
    config = hs.config_path.read_bytes()
    (hs.cwd / "archived.hubspot.config.yml").unlink()
    (hs.cwd / "hubspot.config.yml").write_bytes(before)
    assert hs("config", "migrate", "--force").code == 0
    assert hs.config_path.read_bytes() == config
    assert (hs.cwd / "archived.hubspot.config.yml").read_bytes() == before


# ---- auth, init


def test_init_and_auth(hs, sim):
    git(hs, "init", "-q")
    done = hs("init", "--pak-stdin", "--name", "acme", input=hs.key(sim.portal(11)))
    assert done.code == 0, done.err
    path = hs.cwd / "hubspot.config.yml"
    assert path.stat().st_mode & 0o777 == 0o600 and ignored(hs, path.name)
    assert hs.read_config(path)["defaultPortal"] == "acme"
    assert hs.read_config(path)["portals"][0]["portalId"] == 11
    done = hs("auth", "--pak-stdin", "--name", "beta", input=hs.key(sim.portal(22)))
    assert done.code == 0, done.err
    assert [p["name"] for p in hs.read_config(path)["portals"]] == ["acme", "beta"]
    assert not hs.config_path.exists()
    refused(hs, ["init", "--pak-stdin"], 3, "hs auth", input=hs.key(22))


@pytest.mark.parametrize("name", ["x.yml", "sub/x.yml", "./x.yml"])
def test_init_makes_git_ignore_its_file(hs, sim, name):
    git(hs, "init", "-q")
    (hs.cwd / "sub").mkdir()
    done = hs("init", "-c", name, "--pak-stdin", input=hs.key(sim.portal(11)))
    assert done.code == 0, done.err
    assert (hs.cwd / name).exists() and ignored(hs, name)


def test_a_failed_first_sign_in_leaves_no_file(hs, sim):
    key = "CiR" + "x" * 150
    for args in (["account", "auth"], ["init"], ["auth"]):
        code = 3 if args == ["auth"] else 4
        refused(hs, [*args, "--pak-stdin"], code, input=key, sends=True)
    assert hs.files() == {}


@pytest.mark.parametrize("command", ["auth", "init"])
def test_the_old_commands_refuse_beside_a_global_config(abc, sim, command):
    refused(abc, [command, "--pak-stdin"], 3, "hs account auth", input=abc.key(sim.portal(44)))
    assert not sim.log


@pytest.mark.parametrize("name", ["two words", "tab\there", "ACME", "no\u00a0break", ""])
def test_a_bad_name_is_refused_before_anything_is_written(abc, sim, name):
    refused(
        abc,
        ["account", "auth", "--pak-stdin", "--name", name],
        2,
        input=abc.key(sim.portal(44)),
        sends=name == "ACME",
    )


# ---- permissions


def test_loose_modes_are_reported_and_fixed(abc):
    abc.config_path.chmod(0o644)
    abc.config_path.parent.chmod(0o755)
    done = abc("account", "list")
    assert done.code == 0 and "0644" in done.err and str(abc.config_path) in done.err
    assert abc.config_path.stat().st_mode & 0o777 == 0o644
    assert abc("account", "use", "beta").code == 0
    assert abc.config_path.stat().st_mode & 0o777 == 0o600
    assert abc.config_path.parent.stat().st_mode & 0o777 == 0o700
    assert "warning" not in abc("account", "list").err


@pytest.mark.parametrize(
    "inside, covered, warned", [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_deprecated_config_that_git_does_not_ignore(hs, sim, inside, covered, warned):
    if inside:
        git(hs, "init", "-q")
    write_old(hs, sim.portal(11))
    if covered:
        (hs.cwd / ".gitignore").write_text("*.yml\n")
    for args in (
        ["account", "list"],
        ["auth", "--no-default"],
        ["config", "set", "--http-timeout", "4000"],
    ):
        done = hs(*args, env={"HUBSPOT_PERSONAL_ACCESS_KEY": sim.portals[11].key})
        assert done.code == 0 and done.err.count("git does not ignore") == warned, args


@pytest.mark.parametrize("args", [["account", "auth"], ["auth"]], ids=" ".join)
def test_signing_in_warns_that_others_could_read_the_keys(hs, sim, args):
    """The write fixes the mode, so that no later command would warn."""
    path = hs.write_config(sim.portal(11)) if args != ["auth"] else write_old(hs, sim.portal(11))
    path.chmod(0o644)
    env = {"HUBSPOT_PERSONAL_ACCESS_KEY": sim.portal(22).key}
    done = hs(*args, env=env)
    assert done.code == 0 and done.err.count("can be read by other users") == 1, done.err
    assert path.stat().st_mode & 0o777 == 0o600 and "other users" not in hs(*args, env=env).err


# ---- why


def test_why(abc, sim):
    (abc.cwd / ".hs").mkdir()
    path = abc.cwd / ".hs" / "settings.json"
    path.write_text('{\n  "accounts": [22],\n  "localDefaultAccount": 22\n}\n')
    why = abc("account", "info", "--why", "--json").json["why"]
    assert why["account"] == f"{path}, line 3"
    assert str(abc.config_path) in why["config"] and GLOBAL in why["config"]
    assert "HTTPS_PROXY" in why["proxy"] and sim.env["SSL_CERT_FILE"] in why["ca"]
    done = abc("account", "info", "acme", "--why", "--config", abc.config_path)
    assert done.code == 0 and "--config" in done.out and "the command line" in done.out
    path.unlink()
    done = abc("account", "info", "--why")
    assert f"{abc.config_path}, line 1" in done.out


def test_why_works_without_hubspot(abc, sim):
    sim.fail(REFRESH, times=None, then="reset")
    done = abc("account", "info", "--why", "--max-wait", "0")
    assert done.code == 7 and "Config:" in done.out and "HTTPS_PROXY" in done.out


def test_info_shows_everything_known(abc, sim):
    sim.portals[22].scopes = ["files", "content"]
    done = abc("account", "info", "beta")
    for word in ("beta", "22", "standard", "personalaccesskey", "prod", "files", "content", "20"):
        assert word in done.out, word
    answer = abc("account", "info", "beta", "--json").json
    assert answer["scopes"] == ["files", "content"] and answer["tokenExpiresAt"].endswith("Z")


# ---- all at once, and killed


def test_fifty_commands_at_once_lose_nothing(hs, sim):
    portals = [sim.portal(1001 + n, f"p{n}") for n in range(20)]
    hs.write_config(*portals)
    extra = [sim.portal(2001 + n, f"x{n}") for n in range(10)]
    runs = [(["account", "rename", f"p{n}", f"q{n}"], b"") for n in range(15)]
    runs += [
        (["account", "auth", "--pak-stdin", "--use-default-name"], p.key.encode()) for p in extra
    ]
    runs += [
        (["account", "link", "--account", str(1001 + n), "--default", str(1001 + n)], b"")
        for n in range(15)
    ]
    runs += [(["config", "set", "--http-timeout", str(4000 + n)], b"") for n in range(5)]
    runs += [(["account", "remove", f"p{n}"], b"") for n in range(15, 20)]
    assert len(runs) == 50
    started = [
        (
            subprocess.Popen(
                [hs.bin, *args],
                env=hs.env(),
                cwd=hs.cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ),
            args,
            data,
        )
        for args, data in runs
    ]
    for run, args, data in started:
        _, error = run.communicate(data, 60)
        assert run.returncode == 0, (args, error.decode())
    config = hs.read_config()
    found = {a["accountId"]: a["name"] for a in config["accounts"]}
    assert found == {**{1001 + n: f"q{n}" for n in range(15)}, **{p.hub_id: p.name for p in extra}}
    assert 4000 <= config["httpTimeout"] < 4005
    assert sorted(read_links(hs)["accounts"]) == [1001 + n for n in range(15)]
    assert [p.name for p in hs.config_path.parent.iterdir()] == ["config.yml"]
    assert sorted(p.name for p in (hs.cwd / ".hs").iterdir()) == ["README.txt", "settings.json"]


def test_many_hubs_of_one_name_sign_in_at_once(hs, sim):
    """Each gets a unique name, and the first one is the default."""
    portals = [sim.portal(501 + n, "Acme") for n in range(12)]
    gate = threading.Barrier(12, timeout=60)
    sim.fail(REFRESH, times=12, then=gate.wait)
    runs = [
        hs.start("account", "auth", "--json", env={"HUBSPOT_PERSONAL_ACCESS_KEY": p.key})
        for p in portals
    ]
    ends = [hs.ends(run) for run in runs]
    assert [code for code, _ in ends] == [0] * 12, ends
    found = {a["accountId"]: a["name"] for a in hs.read_config()["accounts"]}
    assert sorted(found) == [p.hub_id for p in portals]
    first = next(number for number, name in found.items() if name == "acme")
    assert all(name == f"acme-{number}" for number, name in found.items() if number != first)
    assert (
        hs.read_config()["defaultAccount"] == first == hs.read_config()["accounts"][0]["accountId"]
    )
    assert sum("now the default account" in err for _, err in ends) == 1


# ---- at a terminal


def test_ctrl_c_is_130_and_changes_nothing(abc, tty):
    before = abc.files()
    for args in (["account", "remove"], ["account", "link"], ["config", "set"], ["account", "use"]):
        child = tty(*args)
        child.expect(r"\?")
        child.send("\x03")
        assert tty.end(child) == 130
    assert abc.files() == before


@pytest.mark.parametrize(
    "args, before",
    [
        (["remove", "acme"], ["New default account:", "Remove that file", "Unlink it there"]),
        (
            ["clean"],
            ["Remove 1 inactive", "New default account:", "Remove that file", "Unlink it there"],
        ),
    ],
    ids=["remove", "clean"],
)
def test_ctrl_c_at_the_last_question_changes_nothing_either(abc, tty, sim, args, before):
    """Everything is asked before anything is written."""
    (abc.cwd / ".hsaccount").write_text("11")
    write_settings(abc, 11, 22, default=22)
    sim.portals[11].state = "inactive"
    was = abc.files()
    for depth in range(len(before)):
        child = tty("account", *args)
        for question in before[:depth]:
            child.expect(question)
            child.send("\r")
        child.expect(before[depth])
        child.send("\x03")
        assert tty.end(child) == 130 and abc.files() == was, before[depth]


def test_remove_at_a_terminal(abc, tty):
    (abc.cwd / ".hsaccount").write_text("11")
    child = tty("account", "remove")
    child.expect("Account to remove:")
    child.send("acm\r")
    child.expect("New default account:")
    child.send("\x1b[B\r")
    child.expect("Remove that file")
    child.send("\r")
    assert tty.end(child) == 0
    assert names(abc) == ["beta", "gamma"] and abc.read_config()["defaultAccount"] == 33
    assert not (abc.cwd / ".hsaccount").exists()


def test_clean_at_a_terminal(abc, tty, sim):
    sim.portals[33].state = "inactive"
    child = tty("account", "clean")
    child.expect("Remove 1 inactive account")
    child.send("n\r")
    assert tty.end(child) == 1 and len(names(abc)) == 3
    child = tty("account", "clean")
    child.expect("Remove 1 inactive account")
    child.send("\r")
    assert tty.end(child) == 0 and names(abc) == ["acme", "beta"]


@pytest.mark.parametrize(
    "keys, name",
    [
        ("\r", "acme_22"),
        ("\x1b[B\rother\r", "other"),
        ("\x1b[B\rtwo words\rBETA\rother\r", "other"),
        ("\x1b[B\x1b[B\r", None),
    ],
)
def test_migrate_at_a_terminal(abc, tty, sim, keys, name):
    write_old(abc, sim.portal(44, "acme"), sim.portal(55, "delta"), httpTimeout=9000)
    path = abc.config_path
    abc.write_config(*(sim.portals[n] for n in (11, 22)), httpTimeout=30000)
    child = tty("config", "migrate")
    child.expect("Move the accounts")
    child.send("\r")
    child.expect("defaultAccount:")
    child.send("\r")
    child.expect("httpTimeout:")
    child.send("\x1b[B\r")
    child.expect("The name acme is already used")
    child.send(keys.replace("acme_22", "acme_44"))
    assert tty.end(child) == 0
    config = abc.read_config(path)
    assert config["defaultAccount"] == 11 and config["httpTimeout"] == 9000
    found = {a["accountId"]: a["name"] for a in config["accounts"]}
    assert found.get(44) == (name and name.replace("_22", "_44")) and found[55] == "delta"


def test_a_declined_migration_fails(abc, tty, sim):
    write_old(abc, sim.portal(44))
    before = abc.files()
    child = tty("config", "migrate")
    child.expect("Move the accounts")
    child.send("n\r")
    assert tty.end(child) == 1 and abc.files() == before


def test_auth_offers_to_migrate(hs, tty, sim):
    write_old(hs, sim.portal(11, "acme"))
    portal = sim.portal(22, "Beta")
    child = tty("account", "auth", "--use-default-name", "--no-default")
    child.expect("Move its accounts to the global config first")
    child.send("\r")
    child.expect("Personal access key:")
    child.send(portal.key + "\r")
    assert tty.end(child) == 0
    assert names(hs) == ["acme", "beta"] and hs.read_config()["defaultAccount"] == 11


def test_config_set_at_a_terminal(abc, tty):
    child = tty("config", "set")
    child.expect("Setting:")
    child.send("\x1b[B\r")
    child.expect("Milliseconds:")
    child.send("20000\r")
    assert tty.end(child) == 0 and abc.read_config()["httpTimeout"] == 20000


def test_init_at_a_terminal(hs, tty, sim):
    portal = sim.portal(11, "Acme Corp")
    child = tty("init")
    child.expect("Personal access key:")
    child.send(portal.key + "\r")
    child.expect("Name of the account:")
    child.send("\r")
    assert tty.end(child) == 0
    config = hs.read_config(hs.cwd / "hubspot.config.yml")
    assert config["defaultPortal"] == "acme-corp" and config["portals"][0]["name"] == "acme-corp"


# ---- rename, further


@pytest.mark.parametrize(
    "given, name",
    [
        ("BETA", "beta"),
        ("  My   Portal ", "my-portal"),
        ("a.b_c-d", "abcd"),
        ("4711", "4711"),
        ("22", "22"),
        ("x" * 300, "x" * 300),
    ],
)
def test_rename_makes_the_name_kebab_case(abc, given, name):
    done = abc("account", "rename", "beta", given)
    assert done.code == 0, done.err
    assert names(abc) == ["acme", name, "gamma"]
    assert abc("account", "list").code == 0


@pytest.mark.parametrize(
    "name",
    [
        "acme-sandbox",
        "a-b",
        "a",
        "0",
        "2024-east",
        "abc123def",
        "123abc",
        "a1-b2-c3",
        "x-" * 40 + "x",
    ],
)
def test_rename_keeps_a_name_in_kebab_case(abc, name):
    """The official client converts acme-sandbox to acmesandbox."""
    done = abc("account", "rename", "beta", name)
    assert done.code == 0 and "Dropped" not in done.err, done.err
    assert names(abc) == ["acme", name, "gamma"]


@pytest.mark.parametrize(
    "given, name, dropped",
    [
        ("Acme-Sandbox", "acme-sandbox", "-"),
        ("acme_eu", "acmeeu", "_"),
        ("a--b", "ab", "-"),
        ("-a", "a", "-"),
        ("a-", "a", "-"),
        ("My Portal!", "my-portal", "!"),
        ("a.b_c-d.e", "abcde", ". _ -"),
        ("a@b", "a-b", "@"),
        ("Zürich Süd", "z-rich-s-d", "ü"),
        ("a\u3000b", "a-b", ""),
        ("My  Portal", "my-portal", ""),
        ("myPortal", "my-portal", ""),
        ("HTTPServer2 east", "http-server2-east", ""),
        ("a\tb", "a-b", ""),
    ],
)
def test_rename_reports_dropped_characters(abc, given, name, dropped):
    for json_too in ([], ["--json"]):
        done = abc("account", "rename", *json_too, "22", "--", given)
        assert done.code == 0, done.err
        told = [line for line in done.err.splitlines() if line.startswith("Dropped")]
        assert [line.rpartition(": ")[2] for line in told] == ([dropped] if dropped else [])
        assert names(abc)[1] == name


@pytest.mark.parametrize(
    "args, code, word",
    [
        (["beta"], 2, "<new-name>"),
        ([], 2, "<account>"),
        (["beta", "x", "y"], 2, "argument"),
        (["", "x"], 2, "empty"),
        (["beta", ""], 2, "empty"),
        (["beta", "   "], 2, "name"),
        (["beta", "GAMMA"], 2, "already used"),
        (["beta", "x", "-a", "acme"], 2, "--account"),
        (["beta", "x", "-c", "none.yml"], 3, "none.yml"),
    ],
)
def test_rename_refuses_invalid_arguments(abc, args, code, word):
    refused(abc, ["account", "rename", *args], code, word)


def test_rename_accepts_the_account_as_an_option(abc):
    assert abc("account", "rename", "beta", "x", "-a", "22").code == 0
    assert names(abc) == ["acme", "x", "gamma"]


def test_every_command_keeps_unknown_keys_of_the_config(hs, sim):
    """In the file and in an account, with their order and type."""
    accounts = [
        hs.account(sim.portal(n, name), theirs={"deep": [1.5, None, "no", "0x1f"]})
        for n, name in ((11, "acme"), (22, "beta"), (33, "gamma"))
    ]
    hs.write_config(
        *accounts, zeta="yes", alpha=["2026-11-23", {"ü": "日本"}], httpUseLocalhost=False
    )
    before = hs.read_config()
    for args in (
        ["account", "rename", "beta", "crate"],
        ["account", "use", "crate"],
        ["config", "set", "--http-timeout", "4000"],
        ["account", "remove", "gamma"],
        ["account", "rename", "crate", "beta"],
        ["account", "use", "acme"],
    ):
        done = hs(*args)
        assert done.code == 0, done.err
    now = hs.read_config()
    assert now.pop("httpTimeout") == 4000
    assert now == {**before, "accounts": before["accounts"][:2]} and list(now) == list(before)


# ---- remove, further


@pytest.mark.parametrize(
    "args, code, word",
    [
        (["acme", "--new-default", "acme"], 2, "--new-default"),
        (["acme", "--force"], 2, "--new-default"),
        (["acme", "--new-default="], 2, "--new-default"),
        (["acme", "beta"], 2, "argument"),
        ([""], 2, "empty"),
        (["beta", "-c", "none.yml"], 3, "none.yml"),
    ],
)
def test_remove_refuses(abc, args, code, word):
    refused(abc, ["account", "remove", *args], code, word)


@pytest.mark.parametrize("keys, stays", [("n\r", True), ("\r", False)])
def test_remove_asks_about_the_override(abc, tty, keys, stays):
    path = abc.cwd / ".hsaccount"
    path.write_text("22")
    child = tty("account", "remove", "beta")
    child.expect("Remove that file")
    child.send(keys)
    assert tty.end(child) == 0
    assert names(abc) == ["acme", "gamma"] and path.exists() == stays


@pytest.mark.parametrize("keys, left", [("n\r", [22, 33]), ("\r", [33])])
def test_remove_asks_about_the_linked_directory(abc, tty, keys, left):
    write_settings(abc, 22, 33, default=33)
    child = tty("account", "remove", "beta")
    child.expect("Unlink it there")
    child.send(keys)
    assert tty.end(child) == 0
    assert read_links(abc) == {"accounts": left, "localDefaultAccount": 33}


def test_remove_keeps_the_override_of_another_account(abc):
    path = abc.cwd / ".hsaccount"
    for text in ("11", "99", "garbage"):
        path.write_text(text)
        abc.write_config(*(abc.sim.portals[n] for n in (11, 22)))
        done = abc("account", "remove", "beta", "--force")
        assert done.code == 0 and path.read_text() == text and names(abc) == ["acme"]


def test_remove_from_a_deprecated_file(hs, sim):
    path = write_old(
        hs, sim.portal(11, "acme"), sim.portal(22, "beta"), sim.portal(33, "gamma"), mine=1
    )
    done = hs("account", "remove", "acme", "--new-default", "33", "--json")
    assert done.code == 0 and done.json["account"]["accountId"] == 11
    config = hs.read_config(path)
    assert config["defaultPortal"] == "gamma" and [p["name"] for p in config["portals"]] == [
        "beta",
        "gamma",
    ]
    assert list(config) == ["defaultPortal", "mine", "portals"] and not hs.config_path.exists()


def test_removing_an_account_that_others_merge(hs, sim):
    """An account that another one merges (<<) stays, or its fields are copied."""
    one, two = sim.portal(11), sim.portal(22)
    hs.write_yaml(
        f"""\
defaultAccount: 22
accounts:
  - &one {{name: one, accountId: 11, authType: personalaccesskey, personalAccessKey: {one.key}}}
  - {{<<: *one, name: two, accountId: 22, personalAccessKey: {two.key}}}
"""
    )
    before = hs.config_path.read_bytes()
    done = hs("account", "remove", "one")
    assert done.code in (0, 3)
    assert done.code == 0 or hs.config_path.read_bytes() == before
    assert hs.read_config()["accounts"][-1]["authType"] == "personalaccesskey"
    assert hs("api", "/test/echo", "-a", "two").code == 0


# ---- clean, further


def test_clean_of_many_at_once_finishes(hs, sim):
    """Responses wait until twelve requests have arrived."""
    portals = [
        sim.portal(100 + n, f"p{n}", state=("active", "inactive", "gone")[n % 3]) for n in range(12)
    ]
    hs.write_config(*portals)
    gate = threading.Barrier(12, timeout=60)
    sim.fail(REFRESH, times=12, then=gate.wait)
    done = hs("account", "clean", "--force", "--json")
    assert done.code == 0, done.err
    assert names(hs) == ["p0", "p3", "p6", "p9"]
    assert [a["accountId"] for a in done.json["removed"]] == [100 + n for n in range(12) if n % 3]
    assert "12 accounts checked, 8 removed" in done.err


def test_clean_of_a_hundred(hs, sim):
    portals = [
        sim.portal(100 + n, f"p{n}", state="inactive" if n % 2 else "active") for n in range(100)
    ]
    hs.write_config(*portals)
    assert hs("account", "clean", "--force").code == 0
    assert names(hs) == [f"p{n}" for n in range(0, 100, 2)]


@pytest.mark.parametrize(
    "args, env, code",
    [([], {"HTTPS_PROXY": "http://127.0.0.1:9"}, 7), ([], {"SSL_CERT_FILE": "/dev/null"}, 7)],
)
def test_network_errors_do_not_mean_inactive(abc, sim, args, env, code):
    for portal in sim.portals.values():
        portal.state = "inactive"
    refused(abc, ["account", "clean", "--force", "--max-wait", "0", *args], code, env=env)
    assert not sim.log


@pytest.mark.parametrize(
    "how",
    [
        {"status": 500},
        {"status": 503},
        {"then": "reset"},
        {"then": "close", "at": "body"},
        {"status": 401},
        {"status": 403},
        {"status": 404},
        {"status": 200, "body": "{"},
        {
            "status": 401,
            "body": {
                "category": "INVALID_AUTHENTICATION",
                "subCategory": "LocalDevAuthErrorType.INVALID_PORTAL_ID",
            },
        },
        {
            "status": 404,
            "body": {"category": "OTHER", "subCategory": "LocalDevAuthErrorType.INVALID_PORTAL_ID"},
        },
    ],
    ids=str,
)
def test_an_account_that_cannot_be_checked_stays(abc, sim, how):
    """One fails, one is inactive, one is active: exit code 8, and one is removed."""
    sim.portals[22].state = "inactive"
    sim.fail(f"POST {REFRESH}", times=None, **how).takes = (
        lambda request: request.path == REFRESH and request.param("portalId") == "33"
    )
    done = abc("account", "clean", "--force", "--max-wait", "0")
    if how.get("status") == 200:  # an answer that came is an answer
        assert done.code in (0, 8), done.err
    else:
        assert done.code == 8 and "gamma" in done.err and "cannot check" in done.err
    assert names(abc) == ["acme", "gamma"]


def test_revoked_keys_do_not_mean_inactive(abc, sim):
    for portal in sim.portals.values():
        portal.key = "CiR" + str(portal.hub_id) * 60
    done = refused(abc, ["account", "clean", "--force"], 4, sends=True)
    assert "3 of 3" in done.err


def test_clean_updates_files_that_name_a_removed_account(abc, sim):
    sim.portals[22].state = "gone"
    path = abc.cwd / ".hsaccount"
    path.write_text("22")
    write_settings(abc, 11, 22, default=11)
    assert abc("account", "clean", "--force").code == 0
    assert names(abc) == ["acme", "gamma"] and not path.exists()
    assert read_links(abc)["accounts"] == [11]


def test_clean_tries_keys_only(abc, sim):
    """Other kinds of accounts cannot be inactive, and QA's have their own flag."""
    oauth = {
        "name": "o",
        "accountId": 44,
        "authType": "oauth2",
        "auth": {
            "clientId": "c" * 9,
            "clientSecret": "s" * 9,
            "tokenInfo": {"refreshToken": "r" * 9},
        },
    }
    abc.write_config(
        abc.account(sim.portals[11]),
        oauth,
        {"name": "k", "accountId": 55, "authType": "apikey", "apiKey": "k" * 30},
        abc.account(sim.portals[22], env="qa"),
    )
    for portal in sim.portals.values():
        portal.state = "inactive"
    done = abc("account", "clean", "--force", "--new-default", "o", "--json")
    assert done.code == 0, done.err
    assert [a["accountId"] for a in done.json["removed"]] == [11] and len(sim.log) == 1
    assert abc("account", "clean", "--force", "--qa").code == 0
    assert names(abc) == ["o", "k"] and sim.log[-1].host.endswith("hubapiqa.com")


def test_clean_refuses_a_new_default_that_is_removed_too(abc, sim):
    sim.portals[11].state = sim.portals[22].state = "inactive"
    args = ["account", "clean", "--force", "--new-default", "beta"]
    refused(abc, args, 2, "--new-default", sends=True)
    assert abc("account", "clean", "--force").code == 0  # one is left, it is the default
    assert abc.read_config()["defaultAccount"] == 33


def test_clean_asks_for_the_next_default(abc, tty, sim):
    sim.portals[11].state = "inactive"
    child = tty("account", "clean")
    child.expect("Remove 1 inactive account")
    child.send("\r")
    child.expect("New default account:")
    child.send("gamma\r")
    assert tty.end(child) == 0
    assert names(abc) == ["beta", "gamma"] and abc.read_config()["defaultAccount"] == 33


# ---- config set, further


@pytest.mark.parametrize(
    "args, key, value",
    [
        (["--http-timeout", "3000"], "httpTimeout", 3000),
        (["--httpTimeout=2147483647"], "httpTimeout", 2147483647),
        (["--default-cms-publish-mode=publish"], "defaultCmsPublishMode", "publish"),
        (["--allow-usage-tracking"], "allowUsageTracking", True),
        (["--allowUsageTracking=false"], "allowUsageTracking", False),
        (["--allow-auto-updates", "true"], "allowAutoUpdates", True),
        (["--no-allow-auto-updates"], "allowAutoUpdates", False),
        (["--auto-open-browser=TRUE"], "autoOpenBrowser", True),
        (["--no-auto-open-browser", "--json"], "autoOpenBrowser", False),
    ],
)
def test_each_setting(abc, args, key, value):
    before = abc.read_config()
    done = abc("config", "set", *args)
    assert done.code == 0, done.err
    now = abc.read_config()
    assert now.pop(key) is value or now == before
    assert now == before
    if "--json" in args:
        assert list(done.json) == [key]
    again = abc.config_path.read_bytes()
    assert abc("config", "set", *args).code == 0 and abc.config_path.read_bytes() == again


@pytest.mark.parametrize(
    "keys, key, value",
    [
        (["\r", "publish\r"], "defaultCmsPublishMode", "publish"),
        (["\x1b[B\x1b[B\r", "n\r"], "allowUsageTracking", False),
        (["\x1b[F\r", "\r"], "autoOpenBrowser", True),
        (["\x1b[A\x1b[A\r", "y\r"], "allowAutoUpdates", True),
    ],
)
def test_config_set_asks_for_each_setting(abc, tty, keys, key, value):
    child = tty("config", "set")
    for label, text in zip(("Setting:", "Publish mode:|Allow it"), keys):
        child.expect(label)
        child.send(text)
    assert tty.end(child) == 0
    assert abc.read_config()[key] == value


@pytest.mark.parametrize("answer", ["2999", "many", "-5", "1e4"])
def test_an_invalid_timeout_is_not_set(abc, tty, answer):
    before = abc.files()
    child = tty("config", "set")
    child.expect("Setting:")
    child.send("\x1b[B\r")
    child.expect("Milliseconds:")
    child.send(f"{answer}\r")
    child.expect("from 3000 to 2147483647")
    child.close(force=True)
    assert abc.files() == before


# ---- config get, config list


DEFAULTS = {
    "defaultAccount": None,
    "defaultCmsPublishMode": "publish",
    "httpTimeout": 15000,
    "allowUsageTracking": True,
    "allowAutoUpdates": False,
    "httpUseLocalhost": False,
    "autoOpenBrowser": True,
}


def as_text(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("key", DEFAULTS)
def test_config_get_prints_the_default_of_a_key_that_is_not_set(hs, sim, key):
    hs.write_config(sim.portal(11), defaultAccount=None)
    done = hs("config", "get", key)
    assert done.code == 0 and done.out == as_text(DEFAULTS[key]) + "\n" and not done.err
    assert hs("config", "get", key, "--json").json == {
        "key": key,
        "value": DEFAULTS[key],
        "set": False,
    }


@pytest.mark.parametrize(
    "key, value",
    [
        ("defaultAccount", "portal-11"),
        ("defaultCmsPublishMode", "draft"),
        ("httpTimeout", 20000),
        ("allowUsageTracking", False),
        ("allowAutoUpdates", True),
        ("httpUseLocalhost", True),
        ("autoOpenBrowser", False),
    ],
)
def test_config_get_and_list_print_what_is_set(hs, sim, key, value):
    hs.write_config(sim.portal(11), **{"defaultAccount": 11, key: value})
    assert hs("config", "get", key).out == as_text(value) + "\n"
    listed = hs("config", "list", "--json").json
    assert listed["config"] == str(hs.config_path)
    want = DEFAULTS | {"defaultAccount": "11", key: value}
    assert {row["key"]: row["value"] for row in listed["keys"]} == want
    assert {row["key"] for row in listed["keys"] if row["set"]} == {"defaultAccount", key}
    assert hs("config", "get", "--json").json == hs("config", "ls", "--json").json == listed


def test_config_list(abc):
    done = abc("config", "list")
    assert done.code == 0 and done.out == abc("config", "get").out
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["Key", "Value", "Source"] and len(rows) == len(DEFAULTS) + 1
    assert ["defaultAccount", "11", str(abc.config_path)] in rows
    assert ["httpTimeout", "15000", "default"] in rows


def test_config_set_and_get_agree(abc):
    before = abc.files()
    assert abc("config", "get", "httpTimeout").code == 0 and abc.files() == before
    assert abc("config", "set", "--http-timeout", "7000", "--no-allow-usage-tracking").code == 0
    assert abc("config", "get", "httpTimeout").out == "7000\n"
    assert abc("config", "get", "allowUsageTracking").out == "false\n"


def test_config_get_prints_the_value_that_is_used(hs, sim):
    hs.write_config(sim.portal(11), httpTimeout=5)
    done = hs("config", "get", "httpTimeout")
    assert done.out == "3000\n" and "must be a number from 3000" in done.err


def test_config_get_of_a_deprecated_file(hs, sim):
    write_old(hs, sim.portal(11, "acme"), defaultMode="draft")
    assert hs("config", "get", "defaultCmsPublishMode").out == "draft\n"
    assert hs("config", "get", "defaultMode").out == "draft\n"
    assert hs("config", "get", "defaultPortal").out == hs("config", "get", "defaultAccount").out


def test_config_get_of_the_environment(hs, sim):
    portal = sim.portal(11)
    env = {
        "HUBSPOT_ACCOUNT_ID": "11",
        "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key,
        "HTTP_TIMEOUT": "4000",
        "HTTP_USE_LOCALHOST": "TRUE",
    }
    for key, value in (
        ("defaultAccount", "11"),
        ("httpTimeout", "4000"),
        ("httpUseLocalhost", "true"),
        ("autoOpenBrowser", "true"),
    ):
        assert hs("config", "get", key, "--use-env", env=env).out == value + "\n"


@pytest.mark.parametrize(
    "key, hint",
    [
        ("httpTimout", "Did you mean 'httpTimeout'? Run hs config list."),
        ("httptimeout", "Did you mean 'httpTimeout'?"),
        ("nothing-like-it", "Run hs config list."),
        ("accounts", "Run hs account list."),
        ("portals", "Run hs account list."),
        ("flags", "Run hs config list."),
    ],
)
def test_config_get_refuses_an_unknown_key(abc, key, hint):
    refused(abc, ["config", "get", key], 2, hint)


def test_config_get_without_a_config(hs):
    refused(hs, ["config", "get", "httpTimeout"], 3, "does not exist")
    refused(hs, ["config", "list"], 3, "does not exist")


# ---- migrate, further


@pytest.mark.parametrize("name", ["hubspot.config.yml", "hubspot.config.yaml"])
def test_the_nearest_file_upward_is_migrated(hs, sim, name):
    write_old(hs, sim.portal(11), path=hs.cwd / name)
    below = hs.cwd / "with space" / "ünï"
    below.mkdir(parents=True)
    done = hs("config", "migrate", "--force", cwd=hs.home, env={"INIT_CWD": below})
    assert done.code == 0, done.err
    assert names(hs) == ["portal-11"] and not (hs.cwd / name).exists()
    assert [p.name for p in hs.cwd.glob("archived*")] == ["archived.hubspot.config.yml"]


def test_a_named_file_is_migrated(hs, sim, tmp_path):
    path = write_old(hs, sim.portal(11), path=tmp_path / "mine.yml")
    assert hs("config", "migrate", "--force", "-c", path).code == 0
    assert names(hs) == ["portal-11"] and not path.exists()


def test_a_migration_keeps_tokens(hs, sim):
    """No key and no new token is needed afterwards."""
    portal = sim.portal(11)
    write_old(hs, portal)
    assert hs("api", "/test/echo").code == 0
    assert hs("config", "migrate", "--force").code == 0
    sim.log.clear()
    assert hs("api", "/test/echo").code == 0 and len(sim.log) == 1


def test_aliases_and_merges_come_out_whole(hs, sim):
    one, two = sim.portal(11), sim.portal(22)
    (hs.cwd / "hubspot.config.yml").write_text(
        f"""\
base: &base {{env: prod, authType: personalaccesskey, theirs: &t [1, {{a: b}}]}}
portals:
  - <<: *base
    portalId: 11
    name: one
    personalAccessKey: {one.key}
    more: *t
  - {{<<: *base, portalId: 22, name: two, personalAccessKey: {two.key}, theirs: own}}
"""
    )
    assert hs("config", "migrate", "--force").code == 0
    first, second = hs.read_config()["accounts"]
    assert first["theirs"] == first["more"] == [1, {"a": "b"}] and second["theirs"] == "own"
    assert first["authType"] == second["authType"] == "personalaccesskey"
    assert first["accountId"] == 11 and "portalId" not in first and "<<" not in first
    for which in ("one", "two"):
        assert hs("api", "/test/echo", "-a", which).code == 0


def test_account_types_of_old_sandboxes(hs, sim):
    path = write_old(hs, sim.portal(1), sim.portal(2), sim.portal(3))
    old = yaml.safe_load(path.read_text())
    old["portals"][0]["sandboxAccountType"] = "DEVELOPER"
    old["portals"][1]["sandboxAccountType"] = "STANDARD"
    hs.write_yaml(old, path)
    assert hs("config", "migrate", "--force").code == 0
    accounts = hs.read_config()["accounts"]
    assert [a["accountType"] for a in accounts] == [
        "DEVELOPMENT_SANDBOX",
        "STANDARD_SANDBOX",
        "STANDARD",
    ]
    assert not any("sandboxAccountType" in a for a in accounts)


def test_every_name_is_in_use(hs, sim):
    """Even the next candidate; names stay unique, ignoring case."""
    hs.write_config(sim.portal(1, "acme"), hs.account(sim.portal(2), name="acme_11"))
    write_old(hs, sim.portal(11, "ACME"), sim.portal(12, "acme"))
    assert hs("config", "migrate", "--force").code == 0
    found = [n.lower() for n in names(hs)]
    assert len(found) == len(set(found)) == 4 and found[:2] == ["acme", "acme_11"]
    assert hs("account", "list").code == 0


@pytest.mark.parametrize("which", ["11", 11, "portal-11", None])
def test_the_old_default_is_migrated(hs, sim, which):
    write_old(hs, sim.portal(22), sim.portal(11), defaultPortal=which)
    assert hs("config", "migrate", "--force").code == 0
    assert hs.read_config().get("defaultAccount") == (11 if which else None)


@pytest.mark.parametrize("text", ["{", "portals: [", "- x", "portals: *none"])
@pytest.mark.parametrize("side", ["old", "global"])
def test_a_broken_file_is_named_and_nothing_moves(hs, sim, text, side):
    path = write_old(hs, sim.portal(11))
    hs.write_config(sim.portal(22))
    if side == "global":
        path = hs.config_path
    path.write_text(text)
    refused(hs, ["config", "migrate", "--force"], 3, str(path))


def test_the_global_config_is_not_migrated_to_itself(abc, sim):
    link = abc.cwd / "link.yml"
    link.symlink_to(abc.config_path)
    for path in (abc.config_path, link):
        refused(abc, ["config", "migrate", "--force", "-c", path], 2, "it is the global config")


def test_a_clash_without_a_terminal(abc, sim):
    """The hint names --force, whatever is on stdin."""
    write_old(abc, sim.portal(44, "acme"), httpTimeout=9000)
    for data in (b"", b"y\ny\ny\n"):
        refused(abc, ["config", "migrate"], 2, "--force", input=data)
        refused(abc, ["config", "migrate", "--no-force"], 2, "--force", input=data)


@pytest.mark.parametrize("keys, code", [("\x03", 130), ("\x04", 2)])
@pytest.mark.parametrize("depth", range(4))
def test_a_cancelled_migration_moves_nothing(abc, tty, sim, keys, code, depth):
    write_old(abc, sim.portal(44, "acme"), httpTimeout=9000)
    abc.write_config(*(sim.portals[n] for n in (11, 22)), httpTimeout=30000)
    before = abc.files()
    child = tty("config", "migrate")
    for n, label in enumerate(
        ("Move the accounts", "defaultAccount:", "httpTimeout:", "The name acme is already used")[
            : depth + 1
        ]
    ):
        child.expect(label)
        child.send(keys if n == depth else "\r")
    assert tty.end(child) == code and abc.files() == before


@pytest.mark.parametrize(
    "files_there, changed",
    [
        ({".gitignore": "hubspot.config.yml\n"}, ".gitignore"),
        ({".gitignore": "*.yml\n"}, None),
        ({".gitignore": "archived.hubspot.config.yml\n"}, None),
        ({}, "sub/.gitignore"),
        ({"sub/.gitignore": "hubspot.config.*\n", ".gitignore": "archived*\n"}, None),
    ],
)
def test_git_ignores_the_archive(hs, sim, files_there, changed):
    git(hs, "init", "-q")
    sub = hs.cwd / "sub"
    sub.mkdir()
    for name, text in files_there.items():
        (hs.cwd / name).write_text(text)
    write_old(hs, sim.portal(11), path=sub / "hubspot.config.yml")
    done = hs("config", "migrate", "--force", cwd=sub)
    assert done.code == 0, done.err
    assert ignored(hs, "sub/archived.hubspot.config.yml")
    for name, text in files_there.items():
        assert ((hs.cwd / name).read_text() == text) == (name != changed)
    assert not changed or str(hs.cwd / changed) in done.err


def test_an_archive_that_git_does_not_ignore_is_reported(hs, sim, tmp_path):
    git(hs, "init", "-q")
    (tmp_path / "elsewhere").write_text("x\n")
    (hs.cwd / ".gitignore").symlink_to(tmp_path / "elsewhere")
    write_old(hs, sim.portal(11))
    done = hs("config", "migrate", "--force")
    assert done.code == 0 and "git does not ignore" in done.err
    assert (tmp_path / "elsewhere").read_text() == "x\n" and names(hs) == ["portal-11"]


# ---- auth and init, further


def test_auth_beside_a_file_that_stays(hs, tty, sim):
    """If the migration is declined, the key is saved in the global config only."""
    path = write_old(hs, sim.portal(11, "acme"))
    before = path.read_bytes()
    portal = sim.portal(22, "Beta")
    child = tty("account", "auth", "--use-default-name")
    child.expect("Move its accounts to the global config first")
    child.send("n\r")
    child.expect("Personal access key:")
    child.send(portal.key + "\r")
    assert tty.end(child) == 0
    assert names(hs) == ["beta"] and path.read_bytes() == before


@pytest.mark.parametrize("keys, code", [("\x03", 130), ("\x04", 2)])
def test_auth_cancelled_at_the_offer_does_nothing(hs, tty, sim, keys, code):
    write_old(hs, sim.portal(11))
    before = hs.files()
    child = tty("account", "auth")
    child.expect("Move its accounts")
    child.send(keys)
    assert tty.end(child) == code and hs.files() == before


def test_auth_offers_no_migration_beside_a_global_config(abc, tty, sim):
    write_old(abc, sim.portal(44))
    child = tty("account", "auth", "--use-default-name", "--no-default")
    child.expect("Personal access key:")
    assert "Move its accounts" not in child.logfile_read.text
    child.send(sim.portal(55, "Delta").key + "\r")
    assert tty.end(child) == 0 and names(abc)[-1] == "delta"


@pytest.mark.parametrize("command", [["auth"], ["init"], ["account", "auth"]], ids=" ".join)
@pytest.mark.parametrize(
    "args, word",
    [
        ([], "--pak-stdin"),
        (["--pak-stdin", "--pak", "x" * 30], "--pak"),
        (["--pak-stdin", "--name", "a", "--use-default-name"], "--name"),
        (["--pak-stdin", "--name", "a b"], "white space"),
        (["--pak-stdin", "--name="], "--name"),
    ],
)
def test_a_sign_in_with_missing_or_conflicting_options(hs, sim, command, args, word):
    if command == ["auth"]:
        write_old(hs, sim.portal(11))
    refused(hs, [*command, *args], 2, word, input=sim.portal(22).key)
    assert not sim.log


def test_an_unknown_auth_type(hs, sim):
    for command in ("auth", "init"):
        refused(hs, [command, "--auth-type", "magic", "--pak-stdin"], 2, "--auth-type", input="x")


@pytest.mark.parametrize("command", [["auth"], ["account", "auth"]], ids=" ".join)
def test_the_key_of_another_account_is_refused(hs, sim, command):
    if command == ["auth"]:
        write_old(hs, sim.portal(11), sim.portal(22))
    else:
        hs.write_config(sim.portal(11), sim.portal(22))
    args = [*command, "-a", "22", "--pak-stdin"]
    refused(hs, args, 3, "11", "22", input=hs.key(11), sends=True)


def test_auth_updates_in_place(hs, sim):
    path = write_old(hs, sim.portal(11, "mine"), sim.portal(22), kept=[1])
    old = hs.read_config(path)
    sim.portals[11].key = sim.portals[11].key[:-8] + "abcdefg="
    done = hs("auth", "--pak-stdin", input=hs.key(11))
    assert done.code == 0, done.err
    now = hs.read_config(path)
    account = now["portals"][0]
    assert account["personalAccessKey"] == hs.key(11) and account["name"] == "mine"
    assert account["auth"]["tokenInfo"].pop("accessToken") in sim.portals[11].tokens
    assert now["defaultPortal"] == "mine" and now["kept"] == [1] and list(now) == list(old)
    assert now["portals"][1] == old["portals"][1] and not hs.config_path.exists()


def test_auth_without_a_file(hs, sim):
    refused(hs, ["auth", "--pak-stdin"], 3, "hs init", input=hs.key(sim.portal(11)))
    refused(hs, ["auth", "-c", "none.yml", "--pak-stdin"], 3, "none.yml", input=hs.key(11))
    assert not sim.log


def test_init_with_a_config_in_a_parent_directory(hs, sim):
    write_old(hs, sim.portal(11))
    below = hs.cwd / "below"
    below.mkdir()
    refused(hs, ["init", "--pak-stdin"], 3, "hs auth", input=hs.key(sim.portal(22)), cwd=below)
    assert not sim.log


@pytest.mark.parametrize(
    "name",
    [
        "mine.yml",
        "with space.yml",
        "#odd.yml",
        "!odd.yml",
        "st*r.yml",
        "br[a]cket.yml",
        "back\\slash.yml",
        "tail ",
        "ünï.yml",
        "que?.yml",
    ],
)
def test_git_ignores_what_init_makes(hs, sim, name):
    """Whatever its name: it is not read as a pattern."""
    git(hs, "init", "-q")
    done = hs("init", "-c", name, "--pak-stdin", "--use-default-name", input=hs.key(sim.portal(11)))
    assert done.code == 0, done.err
    assert names_old(hs, hs.cwd / name) == ["portal-11"]
    assert ignored(hs, name), (hs.cwd / ".gitignore").read_text()
    assert not ignored(hs, "stair.yml") and not ignored(hs, "odd.yml")


def names_old(hs, path):
    return [p["name"] for p in hs.read_config(path)["portals"]]


def test_init_writes_to_the_right_directory(hs, sim):
    folder = hs.cwd / "ünï cödé"
    folder.mkdir()
    done = hs(
        "init",
        "--pak-stdin",
        "--use-default-name",
        input=hs.key(sim.portal(11)),
        env={"INIT_CWD": folder},
    )
    assert done.code == 0, done.err
    assert os.listdir(folder) == ["hubspot.config.yml"] and os.listdir(hs.cwd) == [folder.name]
    assert not hs.config_path.exists()


def test_init_writes_no_ignore_file_outside_a_work_tree(hs, sim):
    assert hs("init", "--pak-stdin", "--use-default-name", input=hs.key(sim.portal(11))).code == 0
    assert os.listdir(hs.cwd) == ["hubspot.config.yml"]


@pytest.mark.parametrize("command", [["init"], ["account", "auth"]], ids=" ".join)
@pytest.mark.parametrize(
    "how",
    [
        {"status": 500},
        {"status": 401},
        {"then": "reset"},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": "x"},
    ],
    ids=str,
)
def test_a_sign_in_that_fails_leaves_nothing(hs, sim, command, how):
    sim.fail(REFRESH, times=None, **how)
    done = hs(*command, "--pak-stdin", "--max-wait", "0", input=hs.key(sim.portal(11)))
    assert done.code not in (0, 2), done
    assert hs.files() == {}


# ---- modes, further


@pytest.mark.parametrize("umask", [0, 0o077])
def test_files_with_keys_are_private(hs, sim, umask):
    key = hs.key(sim.portal(11))
    assert hs("init", "--pak-stdin", "--use-default-name", input=key, umask=umask).code == 0
    old = hs.cwd / "hubspot.config.yml"
    assert old.stat().st_mode & 0o777 == 0o600
    old.chmod(0o666)
    assert hs("config", "migrate", "--force", umask=umask).code == 0
    for path in (hs.cwd / "archived.hubspot.config.yml", hs.config_path):
        assert path.stat().st_mode & 0o777 == 0o600
    assert hs.config_path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("bits", [0o755, 0o750, 0o711, 0o705])
def test_a_directory_that_others_can_read_is_not_reported(abc, bits):
    """The file in it is 0600, and other users cannot replace it."""
    abc.config_path.parent.chmod(bits)
    done = abc("account", "list")
    assert done.code == 0 and done.err == ""


@pytest.mark.parametrize(
    "what, bits",
    [
        *(("file", bits) for bits in (0o644, 0o640, 0o660, 0o604, 0o602)),
        *(("folder", bits) for bits in (0o777, 0o770, 0o720, 0o702, 0o775)),
    ],
)
def test_each_loose_mode_is_reported(abc, what, bits):
    path = abc.config_path if what == "file" else abc.config_path.parent
    path.chmod(bits)
    for args in (["account", "list"], ["config", "set", "--http-timeout", "4000"]):
        assert path.stat().st_mode & 0o777 == bits
        done = abc(*args)
        assert done.code == 0 and f"{bits:04o}" in done.err and str(path) in done.err, done.err
    assert path.stat().st_mode & 0o077 == 0


# ---- why, further


@pytest.mark.parametrize(
    "env, words",
    [
        ({}, ["127.0.0.1", "HTTPS_PROXY"]),
        ({"NO_PROXY": "hubapi.com"}, ["none for", "NO_PROXY"]),
        ({"HTTPS_PROXY": None, "ALL_PROXY": "http://127.0.0.1:9"}, ["port 9", "ALL_PROXY"]),
    ],
)
def test_why_names_the_proxy(abc, sim, env, words):
    """Even if it cannot be reached."""
    sim.fail("*", times=None, then="close")
    done = abc("account", "info", "--why", "--json", "--max-wait", "0", env=env)
    for word in words:
        assert word in done.json["why"]["proxy"], done.out


def test_why_names_the_authorities(abc, sim, tmp_path):
    other = tmp_path / "mine.pem"
    other.write_bytes(open(sim.ca_file, "rb").read())

    def why(*args, **env):
        done = abc("account", "info", "--why", "--json", "--max-wait", "0", *args, env=env)
        return done.json["why"]["ca"]

    assert why() == f"{sim.ca_file} (SSL_CERT_FILE)"
    assert why("--ca-file", other) == f"{other} (--ca-file)"
    assert why(SSL_CERT_FILE=None, SSL_CERT_DIR=tmp_path) == f"{tmp_path} (SSL_CERT_DIR)"
    assert why(SSL_CERT_DIR=tmp_path) == (
        f"{sim.ca_file} (SSL_CERT_FILE) and {tmp_path} (SSL_CERT_DIR)"
    )
    found = why(SSL_CERT_FILE=None, NODE_EXTRA_CA_CERTS=other)
    assert found.endswith(f" and {other} (NODE_EXTRA_CA_CERTS)")
    assert "(system)" in found or "built-in" in found


def test_why_names_what_chose_the_config(hs, sim, tmp_path):
    path = hs.write_config(sim.portal(11), path=tmp_path / "x.yml")

    def why(*args, **env):
        return hs("account", "info", "--why", "--json", *args, env=env).json["why"]

    assert "--config" in why("-c", path)["config"]
    assert "HUBSPOT_CONFIG_PATH" in why(HUBSPOT_CONFIG_PATH=path)["config"]
    write_old(hs, sim.portal(22))
    found = why()
    assert (
        str(hs.cwd / "hubspot.config.yml") in found["config"]
        and "no global config exists" in found["config"]
    )
    assert found["account"] == f"{hs.cwd}/hubspot.config.yml, line 1"
    environment = why(
        USE_ENVIRONMENT_HUBSPOT_CONFIG="true",
        HUBSPOT_ACCOUNT_ID=22,
        HUBSPOT_PERSONAL_ACCESS_KEY=hs.key(22),
    )
    assert environment["config"].endswith("(USE_ENVIRONMENT_HUBSPOT_CONFIG)")
    assert environment["account"] == "HUBSPOT_ACCOUNT_ID"
    environment = why(
        USE_ENVIRONMENT_HUBSPOT_CONFIG="true",
        HUBSPOT_PORTAL_ID=22,
        HUBSPOT_PERSONAL_ACCESS_KEY=hs.key(22),
    )
    assert environment["account"] == "HUBSPOT_PORTAL_ID"


def test_why_names_the_override(abc):
    path = abc.cwd / ".hsaccount"
    path.write_text("22")
    below = abc.cwd / "below"
    below.mkdir()
    why = abc("account", "info", "--why", "--json", cwd=below).json["why"]
    assert why["account"] == f"{path}, line 1"
