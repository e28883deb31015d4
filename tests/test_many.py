"""A config of 20,000 accounts, which is nearly 16 MiB: every command that reads or changes it, in
both forms. Time is not measured here, but what takes time with the square of the accounts (20,000
* 20,000) is stopped by the limit of a run. ../tests/bench has the figures."""
import json
import re

import pytest

from calls import is_sanitized

SECRET = "CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6" * 4
TOKEN = "CJjk" * 60
FORMS = {
    "global": ("accounts", "accountId", "defaultAccount: 1000001"),
    "deprecated": ("portals", "portalId", "defaultPortal: account-1"),
}


@pytest.fixture
def count(hs):
    return 2_000 if is_sanitized(hs) else 20_000


def account(i, id_key, name="account", parent=0):
    above = f"    parentAccountId: {parent}\n" if parent else ""
    return (
        f"  - name: {name}-{i}\n    {id_key}: {1000000 + i}\n    env: prod\n"
        f"    authType: apikey\n    accountType: STANDARD\n{above}    apiKey: >-\n      {SECRET}\n"
        f"    auth:\n      tokenInfo:\n        accessToken: >-\n          {TOKEN}\n"
        "        expiresAt: '2026-11-23T19:30:00.000Z'\n"
    )


def write(hs, count, form="global", more="", **how):
    """Each account whose number does not end in 0 is a child of the one before that does."""
    key, id_key, default = FORMS[form]
    path = hs.config_path if form == "global" else hs.cwd / "hubspot.config.yml"
    rows = (
        account(i, id_key, parent=1000000 + i - i % 10 if i % 10 and i > 10 else 0, **how)
        for i in range(1, count + 1)
    )
    return hs.write_yaml(f"{default}\n{key}:\n" + "".join(rows) + more, path)


def ids(path):
    return [int(n) for n in re.findall(r"^ +(?:- )?(?:accountId|portalId): (\d+)$", path, re.M)]


@pytest.mark.parametrize("form", FORMS)
def test_every_command_with_many_accounts(hs, sim, count, form):
    new = sim.portal(77, "newcomer")
    path = write(hs, count, form)
    everyone = list(range(1000001, 1000001 + count))

    def done(*args, left=everyone, **more):
        result = hs(*args, **more)
        assert result.code == 0, (args, result.err)
        assert ids(path.read_text()) == left
        return result

    table = done("account", "list").out.splitlines()
    assert len(table) >= count and sum(row.startswith("  account-") for row in table) > count // 2
    rows = done("account", "list", "--json").json["accounts"]
    assert sorted(row["accountId"] for row in rows) == everyone
    assert [row["accountId"] for row in rows[8:12]] == [1000009, 1000010, *everyone[10:12]]
    done("account", "info", f"account-{count}")
    done("account", "use", f"account-{count}")
    assert done("config", "get", "defaultAccount").out.strip() in (
        str(everyone[-1]),
        f"account-{count}",
    )
    done("config", "set", "--http-timeout", "30000")
    done("config", "list")
    done("account", "rename", f"account-{count // 2}", "other")
    assert re.search("^ *- name: other$", path.read_text(), re.M)
    words = done("__complete", "hs", "account", "use", "").out.splitlines()
    assert len(words) == count and f"account-{count}\t{everyone[-1]}" in words
    typo = hs("account", "use", "acount-77")
    assert typo.code == 3 and "account-77" in typo.err
    last = [*everyone[:-1]]
    done("account", "remove", str(everyone[-1]), "--new-default", "other", left=last)
    words = ["account", "auth"] if form == "global" else ["auth"]
    done(*words, "--pak-stdin", input=new.key, left=[*last, 77])


def test_links_with_many_accounts(hs, count):
    path = write(hs, count)
    links = hs.cwd / ".hs" / "settings.json"
    named = [f"account-{i}" for i in (1, count // 2, count)]
    options = [word for name in named for word in ("-a", name)]
    assert hs("account", "link", *options, "--default", named[1]).code == 0
    assert json.loads(links.read_text())["accounts"] == [
        1000001,
        1000000 + count // 2,
        1000000 + count,
    ]
    listed = hs("account", "list")
    assert listed.code == 0 and f"Default account: {named[1]} " in listed.out
    assert hs("account", "use", named[2]).code == 0
    assert json.loads(links.read_text())["localDefaultAccount"] == 1000000 + count
    assert hs("account", "remove", named[2], "--force").code == 0
    assert json.loads(links.read_text())["accounts"] == [1000001, 1000000 + count // 2]
    assert hs("account", "unlink", "--all").code == 0
    assert hs("account", "create-override", named[1], "--force").code == 0
    assert (hs.cwd / ".hsaccount").read_text() == str(1000000 + count // 2)
    assert ids(path.read_text()) == list(range(1000001, 1000000 + count))


def test_clean_among_many_accounts(hs, sim, count):
    """Many are removed, and nothing else; the others have no key to try."""
    gone = [sim.portal(2000 + n, f"gone-{n}", state="inactive") for n in range(300)]
    keys = "".join(
        f"  - {{name: {p.name}, accountId: {p.hub_id}, authType: personalaccesskey, "
        f"personalAccessKey: {p.key}}}\n"
        for p in gone
    )
    path = write(hs, count - 300, more=keys)
    result = hs("account", "clean", "--force")
    assert result.code == 0 and "300 accounts checked, 300 removed" in result.err, result.err
    assert ids(path.read_text()) == list(range(1000001, 1000001 + count - 300))


def test_a_migration_of_many_accounts(hs, count):
    """A tenth of the names is in the global config already, half of those for the same ID."""
    old = write(hs, count, "deprecated")

    def rows(most):
        return "accounts:\n" + "".join(
            account(i, "accountId").replace(
                f": {1000000 + i}", f": {1000000 + i + i % 2 * 5000000}"
            )
            for i in range(1, most + 1)
        )

    if count > 15_000:  # both together are too large
        path = hs.write_yaml(rows(count))
        before = path.read_bytes()
        result = hs("config", "migrate", "--force")
        assert result.code == 3 and "larger than 16 MiB" in result.err, result.err
        assert path.read_bytes() == before and old.exists()
    path = hs.write_yaml(rows(count // 10))
    present = ids(path.read_text())
    result = hs("config", "migrate", "--force")
    assert result.code == 0, result.err
    text = path.read_text()
    added = [n for n in range(1000001, 1000001 + count) if n not in set(present)]
    assert ids(text) == present + added and not old.exists()
    names = re.findall(r"^ *- name: (\S+)$", text, re.M)
    assert len(set(names)) == len(names) == len(present) + len(added)
    assert "account-1_1000001" in names and f"account-{count}" in names


@pytest.mark.parametrize(
    "text, words",
    {
        "bytes": ("a: " + "x" * (16 << 20) + "\n", "larger than 16 MiB"),
        "values": ("accounts:\n" + "- x\n" * 1_000_000, "over 1,000,000"),
        "keys": ("".join(f"k{i}: 1\n" for i in range(2001)), "over 2,000"),
        "anchors": ("a:\n" + "".join(f"- &a{i} x\n" for i in range(1001)), "over 1,000"),
    }.values(),
    ids=["bytes", "values", "keys", "anchors"],
)
def test_a_limit_is_named(hs, text, words):
    hs.write_yaml(text)
    result = hs("account", "list")
    assert result.code == 3 and words in result.err


def test_a_change_that_would_be_too_large(hs, count):
    """The file stays as it is."""
    path = write(hs, 10)
    rest = (16 << 20) - path.stat().st_size - len("x: ''\n")
    hs.write_yaml("x: '" + "y" * rest + "'\n" + path.read_text())
    before = path.read_bytes()
    assert len(before) == 16 << 20
    assert hs("account", "list").code == 0
    result = hs("account", "rename", "account-1", "n" * 2000)
    assert result.code == 3 and "would be larger than 16 MiB" in result.err, result.err
    assert path.read_bytes() == before


HOSTILE = {
    "aliases of many anchors": "a:\n"
    + "".join(f"- &a{i} x\n" for i in range(1000))
    + "b: ["
    + "*a0, " * 900_000
    + "]\n",
    "anchors in capital and small letters": "a:\n"
    + "".join(
        "- &" + "".join(c.upper() if i >> k & 1 else c for k, c in enumerate("abcdefghij")) + " x\n"
        for i in range(1000)
    )
    + "b: ["
    + "*abcdefghij, " * 900_000
    + "]\n",
    "maps with many keys": "".join(
        f"m{m}:\n" + "".join(f"  k{k}: 1\n" for k in range(1900)) for m in range(260)
    ),
    "laughs": "a0: &a0 [x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 60)),
    "brackets": "a: " + "[" * (15 << 20),
    "names that differ by case": "accounts:\n"
    + "".join(
        "- {accountId: %d, authType: apikey, apiKey: k, name: %s}\n"
        % (i + 1, "".join(c.upper() if i >> k & 1 else c for k, c in enumerate("abcdefghijklmno")))
        for i in range(20_000)
    ),
    "one ID": "accounts:\n"
    + "".join(
        f"- {{accountId: 7, authType: apikey, apiKey: k, name: n{i}}}\n" for i in range(20_000)
    ),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_soon(hs, text):
    """A quarter of a second is normal, up to two for 900,000 aliases."""
    hs.write_yaml(text)
    result = hs("account", "list")
    assert result.code == 3 and result.out == "", result
    if not is_sanitized(hs):
        assert result.usage.ru_utime < 5
