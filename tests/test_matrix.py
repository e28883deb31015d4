"""The matrix: every account and config command through HubSpot's own client and
through hs, from the same files and against the same stand-in.

Compared are success or failure, the files (as parsed documents), what git
ignores of them, and the requests that matter. What differs stands in
DIFFERENCES with its reason, and with what hs does instead. What the official
client does by prompt alone it is told on a pseudo-terminal, hs by its options.
"""
import dataclasses
import json
import shlex
import subprocess

import pexpect
import pytest
import yaml

import conftest
from hubsim import isotime, make_key
from official import official_client, official_env  # noqa: F401 (the first: a fixture)

API = "api.hubapi.com"
CONFIG = "home/.hscli/config.yml"
OLD = "work/hubspot.config.yml"
ARCHIVE = "work/archived.hubspot.config.yml"
SETTINGS = "work/.hs/settings.json"
OVERRIDE = "work/.hsaccount"
# What git is asked about, where a case works inside a git work tree.
WATCHED = (
    ".hs/settings.json",
    ".hsaccount",
    "sub/.hs/settings.json",
    "hubspot.config.yml",
    "archived.hubspot.config.yml",
)
# Requests of the official client that no user asked for.
NOISE = ("/firealarm/", "/local/dev/tools/proxy/v1/usage")

STRANGER = make_key(99)  # a key that HubSpot does not know

ENTER, DOWN, SPACE = "\r", "\x1b[B", " "
YES = (r"\(Y/n\)", ENTER)
NO = (r"\([Yy]/[Nn]\)", "n" + ENTER)


# ==== A place to work in ====================================================


class Desk(conftest.Runner):
    """A home and a folder, and the means to furnish them. There are the same
    accounts at each: 11 acme, 22 beta, 33 gamma and 44 delta, a sandbox of 11."""

    def __init__(self, binary, sim, folder, tokens):
        folder.mkdir()
        super().__init__(binary, sim, folder)
        self.tokens = tokens  # number -> (token, when it ends)

    @property
    def env_of_git(self):
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}

    def entry(self, number, **fields):
        """An account as a config holds it, with a token that is still good."""
        portal = self.sim.portals[number]
        token, expiry = self.tokens[number]
        return {
            "name": portal.name,
            "accountId": number,
            "env": "prod",
            "authType": "personalaccesskey",
            "accountType": portal.type,
            "personalAccessKey": portal.key,
            "auth": {"tokenInfo": {"accessToken": token, "expiresAt": isotime(expiry)}},
            **fields,
        }

    def config(self, *accounts, default=True, **settings):
        """The global config; ids or entries. The first is the default."""
        entries = [a if isinstance(a, dict) else self.entry(a) for a in accounts]
        first = {"defaultAccount": entries[0]["accountId"]} if default else {}
        # without this the official client fetches a token to report the use
        settings = {"allowUsageTracking": False, **settings}
        self.write_yaml({**first, **settings, "accounts": entries})

    def deprecated(self, *accounts, default=True, name="hubspot.config.yml", **settings):
        """The deprecated config, with the fields that it had of old."""
        entries = []
        for account in accounts:
            entry = account if isinstance(account, dict) else self.entry(account)
            number = entry.pop("accountId")
            entry.pop("accountType")
            entries.append({"name": entry.pop("name"), "portalId": number, **entry})
        first = {"defaultPortal": entries[0]["name"]} if default else {}
        settings = {"allowUsageTracking": False, **settings}
        self.write_yaml({**first, **settings, "portals": entries}, self.cwd / name)

    def linked(self, *accounts, default=True):
        """The folder is linked to these; the first is its default."""
        first = {"localDefaultAccount": accounts[0]} if default and accounts else {}
        self.text(".hs/settings.json", json.dumps({**first, "accounts": accounts}))
        self.text(".hs/README.txt", "About this folder.\n")

    def text(self, name, text):
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *lines):
        """The folder is a git work tree, with these lines in .gitignore."""
        subprocess.run(["git", "init", "-q"], cwd=self.cwd, env=self.env_of_git, check=True)
        if lines:
            self.text(".gitignore", "\n".join(lines) + "\n")

    # ---- what is there

    def files(self):
        """name -> what the file says, for each that a user or a program reads."""
        found = {}
        for top in (self.home / ".hscli", self.cwd):
            for path in sorted(top.rglob("*")):
                name = str(path.relative_to(self.home.parent))
                if path.is_file() and not name.startswith(
                    ("home/.hscli/state.json", "home/.hscli/logs/", "work/.git/")
                ):
                    found[name] = self.document(path)
        return found

    def document(self, path):
        """What a file says to the programs that read it."""
        text = path.read_text()
        if path.suffix in (".yml", ".yaml"):
            return self.plain(yaml.load(text, Loader=conftest.Yaml12))
        if path.name == "settings.json":
            return json.loads(text)
        return {"README.txt": "(about the folder)", ".gitignore": "(as git reads it)"}.get(
            path.name, text
        )

    def plain(self, value):
        """A document without what differs from run to run: keys and tokens are
        named after their account."""
        if isinstance(value, dict):
            return {
                k: "(a time)" if k == "expiresAt" and v else self.plain(v) for k, v in value.items()
            }
        if isinstance(value, list):
            return [self.plain(v) for v in value]
        for number, key in self.keys.items():
            if value == key:
                return f"key of {number}"
        for portal in self.sim.portals.values():
            if value in portal.tokens:
                return f"token of {portal.hub_id}"
        return value

    @property
    def keys(self):
        return {99: STRANGER, **{n: p.key for n, p in self.sim.portals.items()}}

    def ignored(self):
        if not (self.cwd / ".git").exists():
            return set()
        return {
            name
            for name in WATCHED
            if subprocess.run(
                ["git", "check-ignore", "-q", name], cwd=self.cwd, env=self.env_of_git
            ).returncode
            == 0
        }

    def request(self, r):
        """The part of a request that HubSpot acts on."""
        body = self.plain(json.loads(r.body)) if r.body else ""
        token = (r.header("authorization") or "").removeprefix("Bearer ")
        host = "" if r.host == API else f"https://{r.host}"
        return " ".join(f"{r.method} {host}{r.target} {body} {self.plain(token)}".split())


@dataclasses.dataclass
class Outcome:
    """What a run came to."""

    ok: bool
    files: dict
    ignored: set
    requests: list
    before: dict  # the files as they were
    said: str


# ==== The cases =============================================================


@dataclasses.dataclass
class Case:
    start: object  # furnishes a Desk
    theirs: str  # the official client's command line
    ours: str
    keys: list  # [(what to wait for, what to type)], or None: no terminal
    cwd: str


CASES = {}


def case(theirs, ours=None, keys=None, cwd="."):
    """Both run in the folder that the function furnishes. {11} in a command
    line or in what is typed is the key of account 11, {99} that of none."""

    def keep(start):
        assert start.__name__ not in CASES, start.__name__
        CASES[start.__name__] = Case(start, theirs, ours or theirs, keys, cwd)
        return start

    return keep


# ---- account use


@case("account use beta")
def use_by_name(d):
    d.config(11, 22)


@case("account use 22")
def use_by_id(d):
    d.config(11, 22)


@case("account use nope")
def use_unknown(d):
    d.config(11, 22)


@case("account use 11-sandbox")
def use_name_of_digits(d):
    d.config(33, 11, d.entry(22, name="11-sandbox"))


@case("account use 22", cwd="sub")
def use_in_linked_folder(d):
    d.config(11, 22, 33)
    d.linked(11, 22)
    d.text("sub/x", "")


@case("account use 33")
def use_not_linked(d):
    d.config(11, 22, 33)
    d.linked(11, 22)


@case("account use 22")
def use_keeps_foreign_settings(d):
    d.config(11, 22)
    d.text(
        ".hs/settings.json",
        json.dumps({"localDefaultAccount": 11, "accounts": [11, 22], "mine": {"a": 1}}),
    )


@case("account use 22")
def use_beside_hsaccount(d):
    d.config(11, 22, 33)
    d.text(".hsaccount", "33")


@case("account use beta")
def use_deprecated(d):
    d.deprecated(11, 22)


# ---- account rename


@case("account rename beta 'My New_Name 2'")
def rename_to_kebab_case(d):
    d.config(11, 22)


@case("account rename beta ACME")
def rename_to_taken_name(d):
    d.config(11, 22)


@case("account rename beta !!!")
def rename_to_nothing(d):
    d.config(11, 22)


@case("account rename 22 new")
def rename_by_id(d):
    d.config(11, 22)


@case("account rename acme boss")
def rename_deprecated_default(d):
    d.deprecated(11, 22)


# ---- account remove


@case("account remove beta")
def remove_other(d):
    d.config(11, 22, 33, flags=["a"], mine=[1])


@case(
    "account remove acme",
    "account remove acme --new-default gamma",
    keys=[("❯ beta", DOWN), ("❯ gamma", ENTER)],
)
def remove_default(d):
    d.config(11, 22, 33)


@case("account remove acme")
def remove_default_without_an_answer(d):
    d.config(11, 22, 33)


@case("account remove beta", "account remove beta --force", keys=[YES, ("❯ acme", ENTER)])
def remove_account_of_hsaccount(d):
    d.config(11, 22, 33)
    d.text(".hsaccount", "22")


@case("account remove beta", "account remove beta --force")
def remove_linked(d):
    d.config(11, 22, 33)
    d.linked(11, 22)


@case("account remove acme")
def remove_last(d):
    d.config(11)


@case("account remove nope")
def remove_unknown(d):
    d.config(11, 22)


@case("account remove 11-sandbox")
def remove_name_of_digits(d):
    d.config(33, 11, d.entry(22, name="11-sandbox"))


# ---- account clean


@case("account clean")
def clean_with_none_inactive(d):
    d.config(11, 22)


@case("account clean", "account clean --force", keys=[YES])
def clean_inactive(d):
    d.config(11, 22, 33, 44)
    d.sim.portals[22].state = "inactive"
    d.sim.portals[44].state = "gone"


@case("account clean", keys=[NO])
def clean_declined(d):
    d.config(11, 22)
    d.sim.portals[22].state = "inactive"


@case("account clean", "account clean --force", keys=[YES])
def clean_beside_healthy_hsaccount(d):
    d.config(11, 22, 33)
    d.text(".hsaccount", "33")
    d.sim.portals[22].state = "inactive"


@case("account clean", "account clean --force --new-default gamma", keys=[YES])
def clean_inactive_default(d):
    d.config(11, 22, 33)
    d.sim.portals[11].state = "inactive"


@case("account clean", "account clean --force")
def clean_in_network_trouble(d):
    d.config(11, 22)
    d.sim.fail("POST /localdevauth", times=None, status=500)


# ---- account link

LINK = ("❯ Link existing", ENTER)


@case(
    "account link",
    "account link --account acme --account beta --default beta",
    keys=[
        LINK,
        ("❯◯ acme", SPACE),
        ("❯◉ acme", DOWN),
        ("❯◯ beta", SPACE),
        ("❯◉ beta", ENTER),
        ("❯ acme", DOWN),
        ("❯ beta", ENTER),
    ],
)
def link_two(d):
    d.config(11, 22, 33)
    d.git()


@case(
    "account link",
    "account link --account acme",
    keys=[LINK, ("❯◯ acme", SPACE), ("❯◉ acme", ENTER)],
    cwd="sub",
)
def link_below_a_gitignore(d):
    d.config(11, 22)
    d.git("*.log")
    d.text("sub/x", "")


@case(
    "account link",
    "account link --account acme",
    keys=[LINK, ("❯◯ acme", SPACE), ("❯◉ acme", ENTER)],
)
def link_where_git_ignores_a_like_name(d):
    d.config(11, 22)
    d.git("docs/.hsx")


@case(
    "account link",
    "account link --account acme",
    keys=[LINK, ("❯◯ acme", SPACE), ("❯◉ acme", ENTER)],
)
def link_outside_git(d):
    d.config(11, 22)


@case(
    "account link",
    "account link --account beta --default acme",
    keys=[LINK, ("❯◯ beta", SPACE), ("❯◉ beta", ENTER), ("❯ acme", ENTER)],
)
def link_another(d):
    d.config(11, 22, 33)
    d.linked(11)


@case(
    "account link",
    "account link --account beta --force",
    keys=[LINK, ("◉ beta.*from .hsaccount", ENTER), YES],
)
def link_takes_hsaccount_over(d):
    d.config(11, 22, 33)
    d.text(".hsaccount", "22")


@case(
    "account link",
    "account link --account acme --account beta --default acme --force",
    keys=[LINK, ("❯◯ acme", SPACE), ("❯◉ acme", ENTER), NO, ("❯ acme", ENTER)],
)
def link_with_another_default_than_hsaccount(d):
    d.config(11, 22, 33)
    d.text(".hsaccount", "22")


@case(
    "account link",
    "account link --account beta --default beta",
    cwd="sub",
    keys=[LINK, ("❯◯ beta", SPACE), ("❯◉ beta", ENTER), ("❯ acme", DOWN), ("❯ beta", ENTER)],
)
def link_below_a_linked_folder(d):
    d.config(11, 22)
    d.linked(11)
    d.text("sub/x", "")


@case("account link", "account link --account acme")
def link_refused_beside_deprecated(d):
    d.config(11)
    d.deprecated(22)


@case("account link")
def link_without_an_answer(d):
    d.config(11, 22)


# ---- account unlink


@case("account unlink", "account unlink --all", keys=[("❯◯ acme", "a"), ("◉ beta", ENTER)])
def unlink_all(d):
    d.config(11, 22)
    d.linked(11, 22)


@case(
    "account unlink",
    "account unlink --account beta",
    keys=[("❯◯ acme", DOWN), ("❯◯ beta", SPACE), ("❯◉ beta", ENTER)],
)
def unlink_one(d):
    d.config(11, 22)
    d.linked(11, 22)


@case(
    "account unlink", "account unlink --account acme", keys=[("❯◯ acme", SPACE), ("❯◉ acme", ENTER)]
)
def unlink_default(d):
    d.config(11, 22)
    d.linked(11, 22)


@case(
    "account unlink",
    "account unlink --account acme --default beta",
    keys=[("❯◯ acme", SPACE), ("❯◉ acme", ENTER), ("❯ beta", ENTER)],
)
def unlink_default_of_three(d):
    d.config(11, 22, 33)
    d.linked(11, 22, 33)


@case("account unlink", "account unlink --all")
def unlink_nothing_linked(d):
    d.config(11, 22)


# ---- account create-override, remove-override


@case("account create-override beta")
def override(d):
    d.config(11, 22)
    d.git()


@case("account create-override 22", "account create-override 22 --force", keys=[YES])
def override_replaced(d):
    d.config(11, 22)
    d.text(".hsaccount", "11")


@case("account create-override 22")
def override_without_an_answer(d):
    d.config(11, 22)
    d.text(".hsaccount", "11")


@case("account create-override nope")
def override_unknown(d):
    d.config(11, 22)


@case("account create-override 11")
def override_refused_with_deprecated_alone(d):
    d.deprecated(11)


@case("account remove-override --force", cwd="sub")
def override_removed(d):
    d.config(11, 22)
    d.text(".hsaccount", "22")
    d.text("sub/x", "")


@case("account remove-override --force")
def override_removed_where_none_is(d):
    d.config(11, 22)


@case("account remove-override --force")
def override_removed_that_is_stale(d):
    d.config(11, 22)
    d.text(".hsaccount", "99")


# ---- config set


@case(
    "config set --default-cms-publish-mode draft --http-timeout=5000 "
    "--allow-usage-tracking=false --allow-auto-updates --no-auto-open-browser"
)
def set_every_option(d):
    d.config(11, httpTimeout=30000, mine="x")


@case("config set --http-timeout 2999")
def set_low_timeout(d):
    d.config(11)


@case("config set --allow-auto-updates=maybe")
def set_bad_boolean(d):
    d.config(11)


@case("config set")
def set_nothing(d):
    d.config(11)


@case("config set --default-cms-publish-mode draft --http-timeout 4000")
def set_deprecated(d):
    d.deprecated(11, defaultMode="publish")


# ---- config migrate


@case("config migrate", "config migrate --force", keys=[YES])
def migrate(d):
    d.deprecated(11, 22, defaultMode="draft", httpTimeout=20000, flags=["a", "b"], mine={"x": 1})
    d.git("hubspot.config.yml")


@case("config migrate", "config migrate --force", keys=[YES])
def migrate_sandboxes(d):
    d.deprecated(
        11, d.entry(44, sandboxAccountType="STANDARD"), d.entry(22, sandboxAccountType="DEVELOPER")
    )


@case("config migrate", "config migrate --force", keys=[YES])
def migrate_beside_an_older_archive(d):
    d.deprecated(11)
    d.text("archived.hubspot.config.yml", "portals: [older]\n")


@case("config migrate", "config migrate --force", keys=[YES])
def migrate_name_with_space(d):
    d.deprecated(d.entry(11, name="My portal"), 22)


@case("config migrate --force")
def migrate_nothing(d):
    d.config(11)


@case("config migrate", "config migrate --force", keys=[YES])
def merge_without_conflict(d):
    d.config(33, 11, httpTimeout=30000)
    d.deprecated(11, 22, default=False, autoOpenBrowser=False, httpTimeout=30000)


@case(
    "config migrate",
    "config migrate --force",
    cwd="sub",
    keys=[
        (r"Merge.*\(Y/n\)", ENTER),
        (r"defaultCmsPublishMode from.*\(Y/n\)", ENTER),
        (r"httpTimeout from.*\(Y/n\)", ENTER),
        (r"defaultAccount from.*\(Y/n\)", ENTER),
    ],
)
def merge_with_conflicts(d):
    d.config(33, 11, httpTimeout=30000, defaultCmsPublishMode="publish", flags=["b", "c"], extra=5)
    d.deprecated(11, 22, httpTimeout=20000, defaultMode="draft", flags=["a", "b"])
    d.text("sub/x", "")


@case("config migrate --force")
def merge_by_force_with_absences(d):
    d.config(33, httpTimeout=30000, autoOpenBrowser=False)
    d.deprecated(11, default=False)


@case("config migrate --force")
def merge_with_taken_name(d):
    d.config(d.entry(33, name="acme"))
    d.deprecated(11)


# ---- account auth


@case("account auth --pak {11} --use-default-name")
def auth_first(d):
    d.sim.portals[11].name = "Acme Ltd. 2"


@case("account auth --pak {44} --name box --no-default")
def auth_sandbox(d):
    d.config(11)


@case("account auth --pak {22} --use-default-name --default")
def auth_in_linked_folder(d):
    d.config(11)
    d.linked(11)


@case("account auth --pak {11} --no-default")
def auth_again(d):
    d.config(22, d.entry(11, name="mine", auth={"tokenInfo": {}}, note="my own"))


@case("account auth --pak {11} --name other --default")
def auth_again_with_name(d):
    d.config(22, 11)


@case("account auth --pak {99} --use-default-name --default")
def auth_first_with_bad_key(d):
    pass


@case("account auth --pak {22} --use-default-name --default")
def auth_beside_deprecated(d):
    d.deprecated(11)


@case("account auth --pak {22} --name ACME --default")
def auth_taken_name(d):
    d.config(11)


@case("account auth --pak {22} --name 'a b' --default")
def auth_name_with_space(d):
    d.config(11)


@case("account auth --pak {22} --account 11 --use-default-name --default")
def auth_with_key_of_another(d):
    d.config(11)


# ---- auth, init


@case(
    "auth --pak {22}",
    "auth --pak {22} --no-default",
    keys=[(r"unique name.*\(beta\)", ENTER), (r"\(y/N\)", ENTER)],
)
def old_auth(d):
    d.deprecated(11)


@case("auth --pak {22}")
def old_auth_refused_beside_global(d):
    d.config(11)


@case(
    "init",
    "init --pak {11} --use-default-name",
    keys=[("access key:", "{11}" + ENTER), (r"unique name.*\(acme\)", ENTER)],
)
def init(d):
    d.git("*.log")


@case(
    "init",
    "init --pak {11} --use-default-name",
    keys=[("access key:", "{11}" + ENTER), (r"unique name.*\(acme\)", ENTER)],
)
def init_outside_git(d):
    pass


@case("init", "init --pak {11}")
def init_refused_beside_global(d):
    d.config(11)


# ---- account info, account list, api


@case("account info")
def info(d):
    d.config(11, 22)


@case("account info nope")
def info_unknown(d):
    d.config(11, 22)


@case("account info")
def info_in_linked_folder(d):
    d.config(11, 22)
    d.linked(22)


@case("account info")
def info_with_stale_hsaccount(d):
    d.config(11, 22)
    d.text(".hsaccount", "99")


@case("account list")
def listing(d):
    d.config(11, 22, 44)


@case("account list")
def listing_of_invalid_config(d):
    d.config(11, d.entry(22, name="acme"))


@case('api /test/echo/x -a beta --data \'{"a": [1, "é"]}\'')
def api_call(d):
    d.config(11, 22)


@case("api /test/echo -a nope")
def api_call_as_unknown(d):
    d.config(11, 22)


# ==== The differences =======================================================


@dataclasses.dataclass
class Differs:
    """What hs does otherwise, and why: for each of ok, files, ignored and
    requests that differs what it must be, or what makes that of the official
    client's (and of the files as they were)."""

    why: str
    ok: object = None
    files: object = None
    ignored: object = None
    requests: object = None


def as_before(_, before):
    """Nothing is written."""
    return before


def but(name, change, start=False):
    """The files that the official client leaves (or that there were at the
    start), but for one: changed, or where `change` gives None, not there."""

    def made(theirs, before):
        files = dict(before if start else theirs)
        files[name] = change(files.get(name))
        return {name: said for name, said in files.items() if said is not None}

    return made


def but_set(name, **members):
    return but(name, lambda document: {**document, **members})


def but_gone(name):
    return but(name, lambda _: None)


def but_named(at, name):
    """The account at this place has another name."""

    def change(config):
        accounts = list(config["accounts"])
        accounts[at] = {**accounts[at], "name": name}
        return {**config, "accounts": accounts}

    return but(CONFIG, change)


def but_untyped(*numbers):
    """No type for these accounts in the deprecated config."""
    return but(
        OLD,
        lambda config: {
            **config,
            "portals": [
                {k: v for k, v in a.items() if k != "accountType" or a["portalId"] not in numbers}
                for a in config["portals"]
            ],
        },
    )


FAILURE = "a failure never exits 0"
UNANSWERED = "what nobody answers is not done, and that is no success"
NOT_ANOTHER = "a name that is not in the config never becomes the default account"
DIGITS = "a name that begins with digits is a name"
UNTYPED = "the deprecated form needs no type, and none is made up"
ONE_TOKEN = "the second token is for the report of the use, which hs does not make"
REFUSED = "a config that every later command refuses is not written"
SIGN_IN = "POST /localdevauth/v1/auth/refresh {'encodedOAuthRefreshToken': 'key of %d'}"

DIFFERENCES = {
    "use_unknown": Differs(FAILURE, ok=False),
    "use_name_of_digits": Differs(DIGITS, files=but_set(CONFIG, defaultAccount=22)),
    "use_keeps_foreign_settings": Differs(
        "what hs does not know survives", files=but_set(SETTINGS, mine={"a": 1})
    ),
    "use_deprecated": Differs(UNTYPED, files=but_untyped(11, 22)),
    "rename_to_nothing": Differs(
        "an account without a name cannot be meant", ok=False, files=as_before
    ),
    "rename_by_id": Differs(
        "an account may be meant by its id everywhere", ok=True, files=but_named(1, "new")
    ),
    "rename_deprecated_default": Differs(UNTYPED, files=but_untyped(11, 22)),
    "remove_default_without_an_answer": Differs(
        "a config is not left without a default: --new-default names it", ok=False, files=as_before
    ),
    "remove_linked": Differs(
        "--force also unlinks what is no longer in the config",
        files=but_set(SETTINGS, accounts=[11]),
    ),
    "remove_last": Differs("the account is removed, as was asked", ok=True),
    "remove_unknown": Differs(FAILURE, ok=False),
    "remove_name_of_digits": Differs(
        DIGITS, files=but(CONFIG, lambda c: {**c, "accounts": c["accounts"][:2]}, start=True)
    ),
    "clean_declined": Differs(UNANSWERED, ok=False),
    "clean_beside_healthy_hsaccount": Differs(
        "an .hsaccount that names another account stays", files=but(OVERRIDE, lambda _: "33")
    ),
    "clean_inactive_default": Differs(
        "a config is not left without a default", files=but_set(CONFIG, defaultAccount=33)
    ),
    "clean_in_network_trouble": Differs(FAILURE, ok=False),
    "link_where_git_ignores_a_like_name": Differs(
        "git judges what is ignored: a line that has .hs in it is not yet .hs",
        ignored={".hs/settings.json", "sub/.hs/settings.json"},
    ),
    "link_without_an_answer": Differs(UNANSWERED, ok=False),
    "override_without_an_answer": Differs(UNANSWERED, ok=False),
    "override_unknown": Differs(FAILURE, ok=False),
    "override_removed_that_is_stale": Differs(
        "what is in the way can be removed", ok=True, files=but_gone(OVERRIDE)
    ),
    "set_deprecated": Differs(UNTYPED, files=but_untyped(11)),
    "migrate": Differs(
        "the archived config has the same keys in it: git ignores it as it did the old one",
        ignored={"hubspot.config.yml", "archived.hubspot.config.yml"},
    ),
    "migrate_name_with_space": Differs(REFUSED, files=but_named(0, "my-portal")),
    "migrate_beside_an_older_archive": Differs(
        "no file is overwritten that was not made by the run",
        files=lambda theirs, before: {
            **theirs,
            ARCHIVE: before[ARCHIVE],
            ARCHIVE.replace(".yml", "-2.yml"): before[OLD],
        },
    ),
    "merge_by_force_with_absences": Differs(
        "values are taken over, never absences",
        files=but_set(CONFIG, defaultAccount=33, httpTimeout=30000, autoOpenBrowser=False),
    ),
    "merge_with_taken_name": Differs(REFUSED, files=but_named(1, "acme_11")),
    "auth_first": Differs(ONE_TOKEN, requests=[SIGN_IN % 11]),
    "auth_first_with_bad_key": Differs(
        "a failed first sign-in leaves no file", files=but_gone(CONFIG)
    ),
    "auth_again": Differs(
        "what hs does not know survives",
        files=but(
            CONFIG,
            lambda c: {**c, "accounts": [c["accounts"][0], {**c["accounts"][1], "note": "my own"}]},
        ),
    ),
    "auth_taken_name": Differs(REFUSED, ok=False, files=as_before),
    "auth_name_with_space": Differs(REFUSED, ok=False, files=as_before, requests=[]),
    "auth_with_key_of_another": Differs(
        "--account says whose key it must be", ok=False, files=as_before
    ),
    "auth_beside_deprecated": Differs(
        "a script can sign in without a migration; a warning names it",
        ok=True,
        files=lambda theirs, before: {
            **before,
            CONFIG: {
                "defaultAccount": 22,
                "accounts": [
                    {
                        "name": "beta",
                        "accountId": 22,
                        "env": "prod",
                        "accountType": "STANDARD",
                        "authType": "personalaccesskey",
                        "personalAccessKey": "key of 22",
                        "auth": {
                            "tokenInfo": {"accessToken": "token of 22", "expiresAt": "(a time)"}
                        },
                    }
                ],
            },
        },
        requests=[SIGN_IN % 22],
    ),
    "old_auth": Differs(UNTYPED, files=but_untyped(11)),
    "init": Differs(ONE_TOKEN, requests=[SIGN_IN % 11]),
    "init_outside_git": Differs(
        ONE_TOKEN + "; and without git nobody reads a .gitignore",
        files=but_gone("work/.gitignore"),
        requests=[SIGN_IN % 11],
    ),
    "info_unknown": Differs(NOT_ANOTHER, ok=False, requests=[]),
    "api_call_as_unknown": Differs(NOT_ANOTHER, ok=False, requests=[]),
}


# ==== The test ==============================================================

ASPECTS = ("ok", "files", "ignored", "requests")


@pytest.fixture(scope="session")
def bin():
    """The first binary only: what is on disk does not depend on the build."""
    return str(conftest.BINS[0])


@pytest.fixture
def desk(bin, sim, tmp_path):
    """desk("theirs") makes a Desk; all have the same accounts and tokens."""
    portals = (
        sim.portal(11, "acme"),
        sim.portal(22, "beta"),
        sim.portal(33, "gamma"),
        sim.portal(44, "delta", type="STANDARD_SANDBOX", parent=11),
    )
    tokens = {portal.hub_id: portal.issue() for portal in portals}
    return lambda name: Desk(bin, sim, tmp_path / name, tokens)


def run_official(program, desk, args, keys, cwd):
    """(exit code, what was said), without a terminal where `keys` is None."""
    env = official_env(desk)
    if keys is None:
        done = subprocess.run(
            [program, *args],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr
    child = pexpect.spawn(
        str(program),
        args,
        env={**env, "TERM": "xterm-256color"},
        cwd=str(cwd),
        dimensions=(40, 120),
        encoding="utf-8",
        timeout=60,
    )
    child.logfile_read = conftest.Transcript()
    try:
        for wanted, typed in keys:
            child.expect(wanted)
            child.send(typed)
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    return child.exitstatus, child.logfile_read.text


def outcome(desk, case, command, run):
    """Furnishes the desk, runs a command there, and looks what came of it."""
    desk.sim.rules.clear()
    case.start(desk)
    before = desk.files()
    desk.sim.log.clear()

    def filled(text):
        for number, key in desk.keys.items():
            text = text.replace(f"{{{number}}}", key)
        return text

    keys = case.keys and [(wanted, filled(typed)) for wanted, typed in case.keys]
    code, said = run(desk, [filled(a) for a in shlex.split(command)], keys, desk.cwd / case.cwd)
    requests = [desk.request(r) for r in desk.sim.requests() if not r.path.startswith(NOISE)]
    return Outcome(code == 0, desk.files(), desk.ignored(), sorted(requests), before, said)


@pytest.mark.parametrize("name", CASES)
def test_same_as_official(name, desk, official_client):
    """hs does as the official client does, but for what is listed."""
    case, differs = CASES[name], DIFFERENCES.get(name, Differs("nothing is listed"))

    def run_ours(desk, args, _, cwd):
        done = desk(*args, cwd=cwd)
        return done.code, done.out + done.err

    theirs = outcome(
        desk("theirs"), case, case.theirs, lambda *how: run_official(official_client, *how)
    )
    ours = outcome(desk("ours"), case, case.ours, run_ours)
    for aspect in ASPECTS:
        expected, listed = getattr(theirs, aspect), getattr(differs, aspect)
        if listed is not None:
            expected = listed(expected, ours.before) if callable(listed) else listed
            assert expected != getattr(theirs, aspect), f"{aspect} does not differ any more"
        assert (
            getattr(ours, aspect) == expected
        ), f"{aspect} ({differs.why})\n---- theirs\n{theirs.said}\n---- ours\n{ours.said}"


def test_every_difference_has_its_case():
    """The table has no row that nothing uses."""
    assert not DIFFERENCES.keys() - CASES.keys()
