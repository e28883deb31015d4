"""Untrusted text never starts a line of output, and its controls are visible.

A runner of a CI system obeys lines that begin with "::" (GitHub) and "##[" or "##vso[" anywhere in
a line; a terminal obeys controls. Such text is planted in every field that hs reads: responses,
configs, file names, arguments and environment.
"""
import json
import os
import re

import pytest
import yaml

from conftest import write_links

BREAK = (
    "p\n::stop-commands::t\r\n::add-mask::t\r::x\u2028::x\u2029::x\u0085::x\x0b::x\x0c::x\t"
    "\x1b[2J\x1b]0;t\x07\u009b31m\u202e\u2066\u200f\u061c##[group]t ##vso[task.x]t"
)
PLANTS = {"break": BREAK, "start": "::error::p", "blank": " \u00a0\u3000::error::p##[x]"}
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# Fields that hs needs in order to continue; all others are planted.
KEPT = {"oauthAccessToken", "encodedOAuthRefreshToken", "url", "access_token", "refresh_token"}


def harmless(text, where):
    found = CONTROLS.search(text)
    assert not found, f"{found!r} in {where}: {text!r}"
    for line in text.split("\n"):
        assert not line.strip().startswith("::"), f"a command in {where}: {line!r}"
        assert not re.search(r"##[a-z]*\[", line), f"a command in {where}: {line!r}"


def planted(value, plant, key=None, depth=0):
    if isinstance(value, dict):
        return {k: planted(v, plant, k, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [planted(v, plant, key, depth + 1) for v in value]
    return plant if isinstance(value, str) and key not in KEPT else value


@pytest.fixture(params=PLANTS)
def plant(request):
    return PLANTS[request.param]


@pytest.fixture
def run(hs):
    """run(args, ...): run hs and check that its output is harmless."""

    def call(*args, **how):
        result = hs(*args, **how)
        harmless(result.out, f"stdout of {args}")
        harmless(result.err, f"stderr of {args}")
        return result

    return call


@pytest.fixture
def plants(sim, monkeypatch):
    """plants(plant): replace all strings in HubSpot's responses from now on."""
    answer = type(sim).answer

    def begin(plant):
        def changed(self, request):
            got = answer(self, request)
            try:
                got.body = json.dumps(planted(json.loads(got.body), plant)).encode()
            except ValueError:
                pass
            return got

        monkeypatch.setattr(type(sim), "answer", changed)

    return begin


@pytest.fixture
def tree(hs):
    folder = hs.cwd / "t"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    return folder


COMMANDS = {
    "auth": ["account", "auth", "--pak-stdin", "--use-default-name"],
    "list": ["account", "list"],
    "info": ["account", "info"],
    "why": ["account", "info", "--why"],
    "use": ["account", "use", "beta"],
    "remove": ["account", "remove", "beta"],
    "clean": ["account", "clean", "--force"],
    "link": ["account", "link", "-a", "beta"],
    "secrets": ["secrets", "list"],
    "add": ["secrets", "add", "A_B"],
    "update": ["secrets", "update", "A_B"],
    "delete": ["secrets", "delete", "A_B", "--force"],
    "apply": ["secrets", "apply", "-f", "-", "--prune", "--force"],
    "create": ["sandbox", "create", "--name", "box", "--type", "developer", "--force"],
    "sandbox": ["sandbox", "delete", "-a", "box", "--force"],
    "upload": ["files", "upload", "t", "d"],
    "fetch": ["files", "fetch", "d", "out"],
}


@pytest.mark.parametrize(
    "options", [[], ["--json"], ["--debug"]], ids=lambda o: "".join(o) or "text"
)
@pytest.mark.parametrize("name", COMMANDS)
def test_responses(run, hs, sim, plants, plant, tree, name, options):
    acme = sim.portal(1000001, "acme")
    box = sim.portal(1000003, "box", type="DEVELOPMENT_SANDBOX", parent=1000001)
    acme.sandbox_limits["DEVELOPER"] = 9
    if name != "add":
        acme.secrets.update({"A_B": "planted-value-1", "C": "planted-value-2"})
    acme.add_file("d/a.txt", b"x")
    hs.write_config(acme, sim.portal(1000002, "beta"), box)
    typed = {"auth": sim.portal(1000004, "new").key, "apply": "A_B=planted-value-3\n"}.get(
        name, "planted-value-4"
    )
    assert run(*COMMANDS[name], *options, input=typed).code == 0
    plants(plant)
    run(*COMMANDS[name], *options, "--max-wait", "2", input=typed)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 488, 500])
@pytest.mark.parametrize(
    "name", [n for n in COMMANDS if n not in ("list", "use", "remove", "link")] + ["api"]
)
def test_errors(run, hs, sim, plant, tree, name, status):
    acme = sim.portal(1000001, "acme")
    hs.write_config(acme, sim.portal(1000002, "beta"), sim.portal(1000003, "box", parent=1000001))
    body = {
        k: plant
        for k in (
            "status",
            "message",
            "correlationId",
            "category",
            "subCategory",
            "errorType",
            "policyName",
            "error",
            "error_description",
        )
    }
    body["errors"] = [
        {"message": plant, "in": plant, "code": plant, "context": {"requiredScopes": [plant]}}
    ]
    body["context"] = {plant: [plant], "missingScopes": [plant]}
    sim.fail("*" if name != "api" else "/x*", times=None, status=status, body=json.dumps(body))
    command = COMMANDS.get(name, ["api", "/x"])
    result = hs(*command, "--max-wait", "0", input=sim.portal(1000004, "new").key)
    assert result.code != 0
    if name != "api":  # whose stdout is the response itself
        harmless(result.out, f"stdout of {name}")
    harmless(result.err, f"stderr of {name}")


def test_an_error_page_of_a_proxy(run, hs, sim, plant):
    hs.write_config(sim.portal(1000001, "acme"))
    sim.fail("*", times=None, status=502, body=f"<html><title>{plant}</title>{plant}")
    assert run("secrets", "list", "--max-wait", "0").code != 0


FIELDS = [
    "name",
    "env",
    "authType",
    "accountType",
    "personalAccessKey",
    "accountId",
    "parentAccountId",
]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("field", FIELDS + ["defaultAccount", "key", "path"])
def test_configs(run, hs, sim, plant, tree, field, options):
    hs.write_config(sim.portal(1000001, "acme"), sim.portal(1000002, "beta"))
    config = hs.read_config()
    if field in FIELDS:
        config["accounts"][1][field] = plant
    elif field == "defaultAccount":
        config[field] = plant
    elif field == "key":
        config[plant] = plant
    hs.write_yaml(config)
    more = []
    if field == "path":
        path = hs.cwd / plant.replace("/", "").replace("\x00", "")
        os.rename(hs.config_path, path)
        more = ["--config", path]
    for command in (
        ["account", "list"],
        ["account", "info", "beta"],
        ["account", "info", "--why"],
        ["account", "remove", "beta"],
        ["account", "clean", "--force"],
        ["api", "/x"],
        ["secrets", "list"],
        ["files", "upload", "t", "d"],
        ["files", "fetch", "d", "out"],
    ):
        run(*command, *more, *(options if command[0] != "api" else []))


@pytest.mark.parametrize(
    "file", [".hsaccount", ".hs/settings.json", ".hsignore", ".env", "hubspot.config.yml"]
)
def test_other_files(run, hs, sim, plant, tree, file):
    hs.write_config(sim.portal(1000001, "acme"))
    path = hs.cwd / file
    path.parent.mkdir(exist_ok=True)
    for text in (
        plant,
        json.dumps({"localDefaultAccount": plant, "accounts": [plant], plant: 1}),
        f"A='{plant}",
        f'A={plant}\nB="{plant}',
        f"{plant}: [",
        yaml.dump({plant: plant, "portals": plant}),
    ):
        path.write_text(text)
        for command in (
            ["account", "list"],
            ["account", "info", "--why"],
            ["account", "link", "-a", "acme"],
            ["account", "unlink", "--all"],
            ["secrets", "apply", "-f", ".env", "--dry-run"],
            ["files", "upload", "t", "d", "--dry-run"],
            ["files", "upload", "t", "d"],
            ["config", "migrate", "--force"],
            ["account", "remove-override", "--force"],
        ):
            run(*command)


@pytest.mark.parametrize(
    "options", [[], ["--json"], ["--dry-run"]], ids=lambda o: "".join(o) or "text"
)
def test_file_names(run, hs, sim, plant, tree, options):
    acme = sim.portal(1000001, "acme")
    hs.write_config(acme)
    name = plant.replace("/", "")
    (tree / name).write_text("x")
    (tree / (name + ".d")).mkdir()
    (tree / (name + ".d") / "b.txt").write_text("x")
    os.symlink(name, tree / ("link" + name))
    run("files", "upload", "t", "d", *options)
    run("files", "upload", f"t/{name}", f"d/{name}", *options)
    run("files", "upload", "t/a.txt", f"{name}/", *options)
    run("files", "upload", "t", "d", "--manifest", f"t/{name}.m", *options)
    run("files", "upload", "t", "d", "--exclude", name, "--include", name, *options)
    if options != ["--dry-run"]:
        run("files", "fetch", name, name + ".out", *options)
        run("files", "fetch", "d", name + ".out", "--resume", name + ".m", *options)


def test_arguments(run, hs, sim, plant, tree):
    hs.write_config(sim.portal(1000001, "acme"), sim.portal(1000002, "beta"))
    for command in (
        [plant],
        ["account", plant],
        ["account", "list", f"--{plant}"],
        ["account", "list", plant],
        ["help", plant],
        ["account", "use", plant],
        ["account", "info", plant],
        ["account", "list", "-a", plant],
        ["account", "rename", "acme", plant],
        ["account", "remove", plant],
        ["account", "remove", "acme", "--new-default", plant],
        ["account", "link", "-a", plant],
        ["account", "auth", "--pak-stdin", "--name", plant],
        ["config", "set", "--http-timeout", plant],
        ["config", "set", "--default-cms-publish-mode", plant],
        ["api", plant],
        ["api", "/x", "-X", plant],
        ["api", "/x", "--data", f"@{plant}"],
        ["api", f"https://{plant}/x"],
        ["api", "/x", "--config", plant],
        ["api", "/x", "--ca-file", plant],
        ["api", "/x", "--max-wait", plant],
        ["secrets", "add", plant],
        ["secrets", "delete", plant, "--force"],
        ["secrets", "add", "A", "--value-file", plant],
        ["secrets", "add", "A", "--value-env", plant],
        ["secrets", "apply", "-f", plant],
        ["sandbox", "create", "--name", plant, "--type", plant],
        ["files", "upload", plant, "d"],
        ["files", "upload", "t", "d", "--concurrency", plant],
        ["files", "upload", "t", "d", "--access", plant],
        ["completion", plant],
    ):
        allowed = command[:2] in (["account", "rename"], ["secrets", "add"], ["secrets", "delete"])
        assert run(*command, input="k" * 100).code != 0 or allowed, command


@pytest.mark.parametrize(
    "name",
    [
        "HUBSPOT_ACCESS_TOKEN",
        "HUBSPOT_PERSONAL_ACCESS_KEY",
        "HUBSPOT_ACCOUNT_ID",
        "HUBSPOT_PERSONAL_ACCESS_KEY_FILE",
        "HUBSPOT_ACCESS_TOKEN_FILE",
        "HUBSPOT_ENVIRONMENT",
        "HUBSPOT_CONFIG_PATH",
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "HTTP_TIMEOUT",
        "HUBAPI_DOMAIN_OVERRIDE",
        "HOME",
    ],
)
def test_environment(run, hs, sim, plant, name):
    hs.write_config(sim.portal(1000001, "acme"))
    for command in (
        ["account", "list"],
        ["account", "info", "--why"],
        ["secrets", "list", "--max-wait", "1"],
        ["secrets", "list", "--use-env", "--max-wait", "1"],
    ):
        run(*command, env={name: plant})


def test_linked_directories(run, hs, sim, plant):
    hs.write_config(sim.portal(1000001, "acme"), sim.portal(1000002, "beta"))
    folder = hs.cwd / plant.replace("/", "")
    folder.mkdir()
    write_links(hs, {"localDefaultAccount": 1000001, "accounts": [1000001, 1000009]}, folder)
    for command in (
        ["account", "list"],
        ["account", "info", "--why"],
        ["account", "use", "beta"],
        ["account", "link", "-a", "beta"],
        ["account", "unlink", "-a", "beta"],
    ):
        run(*command, cwd=folder)
