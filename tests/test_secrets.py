"""hs secrets list, add, update, delete, apply."""
import json
import os
import re
import signal
import resource
import threading

import pexpect
import pytest

from calls import failed, oauth_account, ok

PATH = "/cms/v3/functions/secrets"
VALUE = "s3cret-value-9f2c"
PEM = "-----BEGIN KEY-----\nMIIabcdefgh\nijklmnopqrs=\n-----END KEY-----\n"


@pytest.fixture
def acme(hs, sim):
    """A signed-in account; hs.hidden has the values that tests send."""
    portal = sim.portal(101, "Acme")
    hs.sign_in(portal)
    hs.hidden |= {VALUE, PEM.strip(), "MIIabcdefgh", "ijklmnopqrs="}
    sim.log.clear()
    return portal


def changes(sim):
    """The requests that change something: method, and the name they are about."""
    return [
        (r.method, r.json["key"] if r.body else r.path.removeprefix(PATH))
        for r in sim.requests(PATH)
        if r.method != "GET"
    ]


# ---- list


@pytest.mark.parametrize("group", ["secrets", "secret"])
def test_list_prints_the_names(hs, sim, acme, group):
    acme.secrets.update(ONE="first-value-1", TWO="second-value-2")
    done = ok(hs(group, "list"))
    assert done.out == "ONE\nTWO\n"
    assert len(sim.log) == 1  # nothing but the one call


def test_list_as_json(hs, sim, acme):
    acme.secrets.update(ONE="first-value-1", TWO="second-value-2")
    assert ok(hs("secrets", "list", "--json")).json == {"secrets": ["ONE", "TWO"]}


@pytest.mark.parametrize("body", ['{"results":[]}', "{}", '{"results":null}'])
def test_no_secrets(hs, sim, acme, body):
    sim.fail(f"GET {PATH}", status=200, body=body, times=None)
    done = ok(hs("secrets", "list"))
    assert done.out == "" and "no secrets" in done.err
    assert ok(hs("secrets", "list", "--json")).json == {"secrets": []}


def test_bytes_of_the_server_are_harmless_in_json_too(tty, sim):
    """A lone 9B is a CSI to a terminal that does not insist on UTF-8."""
    tty.write_config(sim.portal(101))
    sim.fail(f"GET {PATH}", status=200, body=b'{"results":["A\x9b31mB"]}')
    child = tty("secrets", "list", "--json")
    assert tty.end(child) == 0
    assert '"A\\x9b31mB"' in child.logfile_read.text


def test_the_name_as_an_option(hs, sim, acme):
    """hs secrets add --name X, which the official client accepts too."""
    ok(hs("secrets", "add", "--name", "API_KEY", input=VALUE))
    ok(hs("secrets", "update", "--name=API_KEY", input=VALUE))
    ok(hs("secrets", "delete", "--name", "API_KEY", "--force"))
    assert changes(sim) == [("POST", "API_KEY"), ("PUT", "API_KEY"), ("DELETE", "/API_KEY")]
    for verb in ("add", "update", "delete"):
        failed(
            hs("secrets", verb, "API_KEY", "--name", "OTHER", input=VALUE), 2, "two values for the"
        )


def test_names_of_the_server_are_harmless(hs, sim, acme):
    sim.fail(f"GET {PATH}", status=200, body=json.dumps({"results": ["A\x1b[2J", 7, None, "B"]}))
    assert ok(hs("secrets", "list")).out == "A\\u001b[2J\nB\n"


def test_list_of_another_account(hs, sim, acme):
    other = sim.portal(202, "Box", secrets={"OTHER": "other-value-3"})
    hs.sign_in(other)
    assert ok(hs("secrets", "list", "-a", "box")).out == "OTHER\n"
    failed(hs("secrets", "list", "-a", "bax"), 3, "bax")


def test_list_with_a_named_config(hs, sim, acme):
    other = sim.portal(202, "Box", secrets={"OTHER": "other-value-3"})
    file = hs.write_config(other, path=hs.cwd / "own.yml")
    assert ok(hs("secrets", "list", "-c", file)).out == "OTHER\n"
    ok(hs("secrets", "apply", "-f-", "-c", file, input="NEW=new-value-1"))
    assert "NEW" in other.secrets and not acme.secrets


def test_list_with_the_environments_account(hs, sim):
    portal = sim.portal(101, secrets={"ENVY": "value-of-envy"})
    env = {"HUBSPOT_ACCOUNT_ID": 101, "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    assert ok(hs("secrets", "list", "--use-env", env=env)).out == "ENVY\n"
    assert len(sim.log) == 2  # a token, the list


def test_list_with_a_static_token(hs, sim):
    portal = sim.portal(101, secrets={"STAT": "value-of-stat"})
    env = {"HUBSPOT_ACCESS_TOKEN": portal.static_token}
    assert ok(hs("secrets", "list", env=env)).out == "STAT\n"


@pytest.mark.parametrize("auth", ["oauth2", "apikey"])
def test_other_kinds_of_accounts(hs, sim, auth):
    portal = sim.portal(101, "Acme", secrets={"ANY": "value-of-any"})
    account = {"name": "acme", "accountId": 101, "env": "prod", "authType": auth}
    if auth == "apikey":
        account["apiKey"] = portal.api_key
    else:
        account["auth"] = oauth_account(portal)["auth"]
    hs.write_config(account)
    assert ok(hs("secrets", "list")).out == "ANY\n"


def test_a_value_of_many_lines_leaves_the_key_hidden(hs, sim, tmp_path):
    """Each line is looked for in what is printed; so is the key, with --debug."""
    portal = sim.portal(101)
    hs.write_config({"name": "x", "accountId": 101, "authType": "apikey", "apiKey": portal.api_key})
    value = "".join(f"line number {n}\n" for n in range(4500))
    (tmp_path / "value").write_text(value[:65000])
    done = ok(hs("secrets", "add", "NAME", "--value-file", tmp_path / "value", "--debug"))
    assert "hapikey=[hidden]" in done.err and portal.api_key not in done.err


# ---- add, update: where the value comes from


@pytest.mark.parametrize("verb, method", [("add", "POST"), ("update", "PUT")])
def test_the_value_comes_from_a_pipe(hs, sim, acme, verb, method):
    if verb == "update":
        acme.secrets["NAME"] = "old-value-123"
    done = ok(hs("secrets", verb, "NAME", input=VALUE + "\n"))
    assert acme.secrets["NAME"] == VALUE
    assert done.out == "" and "NAME" in done.err and "acme" in done.err
    assert ("minute" in done.err) == (verb == "update")
    assert changes(sim) == [(method, "NAME")]


@pytest.mark.parametrize(
    "given, kept, options",
    [
        (b"abc def 1", "abc def 1", []),
        (b"abc def 1\n", "abc def 1", []),
        (b"abc def 1\r\n", "abc def 1", []),
        (b"abc def 1\n\n", "abc def 1\n", []),
        (b"\n abc def\t\n", "\n abc def\t", []),
        (b"abc def 1\n", "abc def 1\n", ["--keep-newline"]),
        (PEM.encode(), PEM[:-1], []),
        (PEM.encode(), PEM, ["--keep-newline"]),
        ('ü€😀 "\\'.encode(), 'ü€😀 "\\', []),
        (b"\x01\x7f", "\x01\x7f", []),
    ],
)
@pytest.mark.parametrize("way", ["pipe", "--value-stdin", "--value-file"])
def test_only_one_line_break_is_removed_from_a_value(
    hs, sim, acme, tmp_path, way, given, kept, options
):
    file = tmp_path / "value"
    file.write_bytes(given)
    how = {"pipe": [], "--value-stdin": [way], "--value-file": [way, file]}[way]
    ok(hs("secrets", "add", "NAME", *how, *options, input=b"" if file in how else given))
    assert acme.secrets["NAME"] == kept


def test_the_value_comes_from_the_environment(hs, sim, acme):
    ok(hs("secrets", "add", "NAME", "--value-env", "MINE", env={"MINE": VALUE + "\n"}))
    assert acme.secrets["NAME"] == VALUE + "\n"


@pytest.mark.parametrize(
    "options, words",
    [
        (["--value-file", "no-such-file"], "no-such-file"),
        (["--value-env", "NOT_SET_AT_ALL"], "not set"),
        (["--value-env", VALUE], "not set"),
        (["--value-env", "EMPTY"], "empty"),
        (["--value-file", "/"], "director"),
        (["--value-stdin", "--value-env", "MINE"], "cannot be used together"),
        (["--value-file", "x", "--value-env", "MINE"], "cannot be used together"),
    ],
)
def test_a_value_that_cannot_be_read(hs, sim, acme, options, words):
    failed(
        hs("secrets", "add", "NAME", *options, input=VALUE, env={"MINE": VALUE, "EMPTY": ""}),
        2,
        words,
    )
    assert not sim.log


@pytest.mark.parametrize(
    "value, words",
    [
        (b"", "empty\n.*--value-file"),
        (b"\n", "empty"),
        (b"a\0b", "NUL"),
        (b"a\xff", "UTF-8"),
        (b"x" * (64 * 1024 + 1), "64 KiB"),
        (b"x" * 100_000, "too large"),
    ],
)
def test_invalid_values(hs, sim, acme, value, words):
    failed(hs("secrets", "add", "NAME", input=value), 2, words)
    assert not sim.log


def test_the_largest_value(hs, sim, acme):
    value = "0123456789abcde\n" * 4096
    ok(hs("secrets", "add", "NAME", "--keep-newline", input=value))
    assert acme.secrets["NAME"] == value


@pytest.mark.parametrize(
    "line",
    [
        ["NAME", VALUE],
        [VALUE, "NAME", "third"],
        ["NAME", "--", VALUE],
        ["--", "NAME", "-" + VALUE],
        [f"NAME={VALUE}"],
        ["NAME", f"--value={VALUE}"],
        ["NAME", "--value", VALUE],
    ],
)
@pytest.mark.parametrize("verb", ["add", "update"])
def test_a_value_is_never_an_argument(hs, sim, acme, verb, line):
    """hs() checks that no output has it."""
    acme.secrets["NAME"] = "old-value-123"
    failed(hs("secrets", verb, *line, input=VALUE), 2)
    assert not sim.log and acme.secrets == {"NAME": "old-value-123"}


# ---- names


@pytest.mark.parametrize("verb", ["add", "update", "delete"])
@pytest.mark.parametrize("name", [".", "..", "a\nb", "a\x1bb", "n" * 257, b"\xff", ""])
def test_invalid_names(hs, sim, acme, verb, name):
    done = hs(
        "secrets",
        verb,
        name if isinstance(name, str) else os.fsdecode(name),
        *(["--force"] if verb == "delete" else []),
        input=VALUE,
    )
    failed(done, 2)
    assert not sim.log


@pytest.mark.parametrize(
    "name", ["A/../B", "A/B", "%2e%2e", "a b", "ü", "q?x1#f&a", "...", "a%2Fb"]
)
def test_a_name_selects_exactly_one_secret(hs, sim, acme, name):
    acme.secrets.update({name: "old-value-123", "B": "value-of-b-1", "A": "value-of-a-1"})
    ok(hs("secrets", "update", name, input=VALUE))
    assert acme.secrets[name] == VALUE
    ok(hs("secrets", "delete", name, "--force"))
    assert acme.secrets == {"B": "value-of-b-1", "A": "value-of-a-1"}
    assert "/../" not in sim.requests(f"DELETE {PATH}")[0].target


@pytest.mark.parametrize("verb", ["add", "update", "delete"])
def test_without_a_terminal_the_name_is_needed(hs, sim, acme, verb):
    failed(
        hs("secrets", verb, "--force" if verb == "delete" else "--value-stdin", input=VALUE),
        2,
        "name",
        f"hs secrets {verb} <name>",
    )
    assert not sim.log


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_a_missing_name_is_not_found(hs, sim, acme, verb):
    acme.secrets["API_KEY"] = "old-value-123"
    options = ["--force"] if verb == "delete" else []
    failed(
        hs("secrets", verb, "API_KAY", *options, input=VALUE), 5, "API_KAY", "Did you mean API_KEY"
    )
    failed(hs("secrets", verb, "OTHER", *options, input=VALUE), 5, "secrets list")
    assert changes(sim) == []


def test_a_secret_deleted_during_the_update_is_not_found(hs, sim, acme):
    sim.fail(f"GET {PATH}", status=200, body={"results": ["NAME"]}, times=None)
    failed(hs("secrets", "update", "NAME", input=VALUE), 5)
    failed(hs("secrets", "delete", "NAME", "--force"), 5)


def test_add_does_not_overwrite(hs, sim, acme):
    acme.secrets["NAME"] = "old-value-123"
    failed(hs("secrets", "add", "NAME", input=VALUE), 2, "already exists", "secrets update")
    assert acme.secrets["NAME"] == "old-value-123" and changes(sim) == []


def test_a_secret_created_during_the_add(hs, sim, acme):
    acme.secrets["NAME"] = "old-value-123"
    sim.fail(f"GET {PATH}", status=200, body={"results": []})
    failed(hs("secrets", "add", "NAME", input=VALUE), 1, "409")
    assert acme.secrets["NAME"] == "old-value-123"


@pytest.mark.parametrize(
    "verb, action", [("add", "added"), ("update", "updated"), ("delete", "deleted")]
)
def test_changes_as_json(hs, sim, acme, verb, action):
    if verb != "add":
        acme.secrets["NAME"] = "old-value-123"
    done = ok(
        hs(
            "secrets",
            verb,
            "NAME",
            "--json",
            *(["--force"] if verb == "delete" else []),
            input=VALUE,
        )
    )
    assert done.json == {"secret": "NAME", "action": action, "accountId": 101}


# ---- delete


def test_delete_needs_confirmation(hs, sim, acme):
    acme.secrets["NAME"] = "old-value-123"
    failed(hs("secrets", "delete", "NAME"), 2, "--force")
    assert not sim.log
    ok(hs("secrets", "delete", "NAME", "--force"))
    assert acme.secrets == {}


# ---- on a terminal


@pytest.fixture
def person(acme, tty):
    return tty


def test_a_terminal_asks_for_name_and_value(person, acme):
    child = person("secrets", "add")
    child.expect("Name of the secret:")
    child.send("NAME\r")
    child.expect("Value of NAME:")
    child.send(VALUE + "\r")
    assert person.end(child) == 0
    assert acme.secrets["NAME"] == VALUE
    assert "*" * len(VALUE) in child.logfile_read.text


def test_a_dumb_terminal_does_not_echo_the_value(person, acme):
    child = person("secrets", "add", "NAME", env={"TERM": "dumb"})
    child.expect("Value of NAME:")
    child.send(VALUE + "\n")
    assert person.end(child) == 0
    assert acme.secrets["NAME"] == VALUE
    assert VALUE not in child.logfile_read.text


def test_a_terminal_lists_the_secrets_to_update(person, acme):
    acme.secrets.update(ONE="first-value-1", TWO="second-value-2")
    child = person("secrets", "update")
    child.expect("Secret to update:")
    child.expect("TWO")
    child.send("\x1b[B\r")
    child.expect("Value of TWO:")
    child.send(VALUE + "\r")
    assert person.end(child) == 0
    assert acme.secrets == {"ONE": "first-value-1", "TWO": VALUE}


@pytest.mark.parametrize("answer, code, left", [("y", 0, {}), ("n", 1, None), ("", 1, None)])
def test_a_terminal_asks_before_a_deletion(person, acme, answer, code, left):
    acme.secrets["NAME"] = "old-value-123"
    child = person("secrets", "delete")
    child.expect("Secret to delete:")
    child.send("\r")
    child.expect(r"Delete secret NAME from acme .*\[y/N\]")
    child.send(answer + "\r")
    assert person.end(child) == code
    assert acme.secrets == ({"NAME": "old-value-123"} if left is None else left)


@pytest.mark.parametrize("answer, code", [("y", 0), ("n", 1)])
def test_a_terminal_offers_to_update_an_existing_secret(person, acme, answer, code):
    acme.secrets["NAME"] = "old-value-123"
    child = person("secrets", "add", "NAME")
    child.expect("already exists")
    child.expect("Change its value")
    child.send(answer + "\r")
    if answer == "y":
        child.expect("Value of NAME:")
        child.send(VALUE + "\r")
    assert person.end(child) == code
    assert acme.secrets["NAME"] == (VALUE if answer == "y" else "old-value-123")


def test_nothing_to_pick_from(person, acme):
    child = person("secrets", "update")
    child.expect("no secrets")
    assert person.end(child) == 5


@pytest.mark.parametrize("text", [f"\x1b[200~{VALUE}\n{VALUE}\x1b[201~", "x" * 4097])
def test_a_prompt_stores_no_part_of_a_value(person, sim, acme, text):
    """Line breaks would be lost at a prompt, and so would what does not fit."""
    child = person("secrets", "add", "NAME")
    child.expect("Value of NAME:")
    for at in range(0, len(text), 512):
        child.send(text[at : at + 512])
    child.send("\r")
    child.expect("one line")
    assert person.end(child) == 2
    assert acme.secrets == {}


@pytest.mark.parametrize(
    "text",
    [f"{VALUE}\n{VALUE}\n", "x" * 4095 + "\n", "x" * 5000 + "\n"],
    ids=["two lines", "4095", "5000"],
)
def test_a_dumb_terminal_stores_no_part_of_a_value(person, acme, text):
    """The kernel truncates long lines there."""
    child = person("secrets", "add", "NAME", env={"TERM": "dumb"})
    child.expect("Value of NAME:")
    child.send(text)
    child.expect("one line")
    assert person.end(child) == 2
    assert acme.secrets == {}


def test_the_longest_value_at_a_dumb_terminal(person, acme):
    child = person("secrets", "add", "NAME", env={"TERM": "dumb"})
    child.expect("Value of NAME:")
    child.send("x" * 4094 + "\n")
    assert person.end(child) == 0
    assert acme.secrets["NAME"] == "x" * 4094


def test_a_line_break_at_the_end_of_a_paste_is_removed(person, acme):
    child = person("secrets", "add", "NAME")
    child.expect("Value of NAME:")
    child.send(f"\x1b[200~{VALUE}\n\x1b[201~\r")
    assert person.end(child) == 0
    assert acme.secrets["NAME"] == VALUE


def test_stdin_that_would_show_the_value_is_refused(person, sim, acme):
    child = person("secrets", "add", "NAME", "--value-stdin")
    child.expect("terminal")
    assert person.end(child) == 2
    child = person("secrets", "add", "NAME", "--no-input")
    child.expect("--value-file")
    assert person.end(child) == 2
    assert not sim.log


def test_an_empty_value_is_refused(person, acme):
    child = person("secrets", "add", "NAME")
    child.expect("Value of NAME:")
    child.send("\r")
    child.expect("empty")
    assert person.end(child) == 2


# ---- faults

COMMANDS = {
    "list": ["list"],
    "add": ["add", "NEW"],
    "update": ["update", "OLD"],
    "delete": ["delete", "OLD", "--force"],
}
METHODS = {"list": "GET", "add": "POST", "update": "PUT", "delete": "DELETE"}


@pytest.fixture(params=COMMANDS)
def command(request):
    return request.param


def run(hs, command, *more, **how):
    return hs("secrets", *COMMANDS[command], *more, input=VALUE, **how)


@pytest.mark.parametrize(
    "status, code, more",
    [
        (400, 1, {}),
        (401, 4, {}),
        (403, 4, {}),
        (404, 5, {}),
        (500, 1, {}),
        (429, 6, {"policy": "DAILY"}),
        (418, 1, {"body": "<html>no</html>"}),
        (500, 1, {"body": ""}),
    ],
)
def test_a_refusal_is_a_failure(hs, sim, acme, command, status, code, more):
    acme.secrets["OLD"] = "old-value-123"
    sim.fail(f"{METHODS[command]} {PATH}", status=status, times=None, **more)
    failed(run(hs, command), code, str(status))
    assert acme.secrets == {"OLD": "old-value-123"}


def test_missing_scopes_are_named(hs, sim, acme, command):
    acme.secrets["OLD"] = "old-value-123"
    acme.scopes.remove("cms.functions.read" if command == "list" else "cms.functions.write")
    failed(run(hs, command), 4, "scopes", "cms.functions")


@pytest.mark.parametrize(
    "status, headers", [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"}), (423, {})]
)
def test_retry_after_is_obeyed(hs, sim, acme, command, status, headers):
    acme.secrets["OLD"] = "old-value-123"
    sim.fail(f"{METHODS[command]} {PATH}", status=status, headers=headers)
    ok(run(hs, command))


def test_a_second_try_that_meets_the_secret_of_the_first(hs, sim, acme):
    sim.fail(
        "POST /cms",
        status=503,
        headers={"Retry-After": "0"},
        then=lambda: acme.secrets.update(NEW="value"),
    )
    failed(hs("secrets", "add", "NEW", input="value"), 1, "409", "added anyway")


def test_a_rate_limit_that_does_not_end(hs, sim, acme, command):
    acme.secrets["OLD"] = "old-value-123"
    sim.fail(f"{METHODS[command]} {PATH}", status=429, times=None)
    failed(run(hs, command, "--max-wait", "1"), 6, "429")


@pytest.mark.parametrize("how", [{"then": "reset"}, {"at": "body", "then": "close"}])
def test_a_broken_connection(hs, sim, acme, command, how):
    """Requests that are safe to repeat are repeated; an addition is not, and fails."""
    acme.secrets["OLD"] = "old-value-123"
    if command == "delete" and "at" in how:
        pytest.skip("its answer has no body")
    sim.fail(f"{METHODS[command]} {PATH}", **how)
    if command == "add":
        failed(run(hs, command), 7, "may have been added", "secrets list")
    else:
        ok(run(hs, command))


def test_a_server_that_never_answers(hs, sim, acme, command):
    acme.secrets["OLD"] = "old-value-123"
    hs.write_config(*hs.read_config()["accounts"], httpTimeout=3000)
    sim.fail(f"{METHODS[command]} {PATH}", then="hang", times=None)
    failed(run(hs, command, "--max-wait", "1"), 7, "timed out")


def test_a_refused_token_is_renewed(hs, sim, acme, command):
    acme.secrets["OLD"] = "old-value-123"
    acme.tokens.clear()
    ok(run(hs, command))


@pytest.mark.parametrize("value", [VALUE, "short", 'quo"te\\x', PEM.strip()])
@pytest.mark.parametrize("verb", ["add", "update"])
def test_a_server_that_quotes_the_value(hs, sim, acme, verb, value):
    """It is not shown in the error, nor with --debug."""
    acme.secrets["OLD"] = "old-value-123"
    hs.hidden.add(value)
    for where in ("message", "errors"):
        said = f"value {value} is bad"
        body = {"message": said} if where == "message" else {"errors": [{"message": said}]}
        sim.fail(f"{METHODS[verb]} {PATH}", status=400, body=json.dumps(body))
        done = hs("secrets", *COMMANDS[verb], "--debug", input=value)
        assert done.code == 1 and "400" in done.err
    done = hs("secrets", "apply", "-f", "-", "--json", input=f"NEW='{value}'")
    assert done.code == 0
    for more in ([], ["--json"]):
        sim.fail(f"PUT {PATH}", status=400, body=json.dumps(body))
        done = hs("secrets", "apply", "-f", "-", *more, input=f"NEW='{value}'")
        assert done.code == 1 and "400" in done.err + done.out


ID = "0f1e2d3c-1111-4444-8888-123456789abc"


@pytest.mark.parametrize(
    "value, said, shown",
    [
        ("1", "no more than 10 of 1 are allowed", "no more than 10 of [hidden] are allowed"),
        ("1", "nothing of it", "nothing of it"),
        ("HubSpot", "nothing of it", "nothing of it"),
        ("returned 400", "nothing of it", "nothing of it"),
        ("correlation", "nothing of it", "nothing of it"),
        ("secrets list", "see secrets list", "see [hidden]"),
        ("abc", "'abc' is bad, abcd is not", "'[hidden]' is bad, abcd"),
        ("4444", "PIN 4444", "PIN [hidden]"),
        ("pass", "it is xpassx", "it is x[hidden]x"),
        (VALUE, f"{VALUE}, {VALUE[:13]}...", "[hidden], [hidden]..."),
    ],
)
@pytest.mark.parametrize("where", ["message", "errors"])
@pytest.mark.parametrize("verb", ["add", "update", "apply"])
def test_only_the_servers_text_is_searched_for_the_value(
    hs, sim, acme, verb, value, said, shown, where
):
    """hs's own text, the status and the correlation id are never redacted."""
    if verb != "add":
        acme.secrets["NAME"] = "old-value-123"
    body = {"message": said} if where == "message" else {"errors": [{"message": said}]}
    sim.fail(f"{METHODS.get(verb, 'PUT')} {PATH}", status=400, body={**body, "correlationId": ID})
    words = ["apply", "-f", "-"] if verb == "apply" else [verb, "NAME"]
    done = hs(
        "secrets",
        *words,
        input=f"NAME='{value}'" if verb == "apply" else value,
        check_secrets=False,
    )
    assert done.code == 1, done.err
    assert (
        "HubSpot returned 400 Bad Request" in done.err and f"(correlation ID {ID})" in done.err
    ), done.err
    assert shown in done.err, done.err
    if shown != said:
        assert said not in done.err


@pytest.mark.parametrize("value", ["1", "Updated secret", "NAME", "Functions may", "acme"])
def test_a_value_does_not_redact_hs_messages(hs, sim, acme, value):
    acme.secrets["NAME"] = "old-value-123"
    done = ok(hs("secrets", "update", "NAME", input=value, check_secrets=False))
    assert "[hidden]" not in done.err and "Updated secret NAME in acme" in done.err


@pytest.mark.parametrize("key", ["k", "1", "abc-123", "0123456789ab-cdef"])
def test_an_api_key_of_any_length_is_hidden(hs, sim, key):
    hs.write_config({"name": "x", "accountId": 101, "authType": "apikey", "apiKey": key})
    sim.portal(101)
    done = hs("secrets", "list", "--debug", check_secrets=False)
    assert "hapikey=[hidden]" in done.err and f"hapikey={key}" not in done.err
    done = hs("api", f"/x?hapikey={key}&a=b", "--debug", check_secrets=False)
    assert "hapikey=[hidden]&a=b" in done.err and f"hapikey={key}" not in done.err


# ---- accepted changes that the list does not show

ARGS = {
    "add": ["add", "NAME"],
    "update": ["update", "NAME"],
    "delete": ["delete", "NAME", "--force"],
}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_accepted_but_not_listed(hs, sim, acme, more):
    """Seen in practice: the value is not stored, and no error is reported."""
    acme.unlisted.add("NAME")
    done = hs("secrets", "add", "NAME", "--max-wait", "1", *more, input=VALUE)
    failed(done, 1, "NAME: accepted, but not listed", "secrets list")
    assert done.out == "" and "Added" not in done.err and done.seconds < 8
    assert [m for m, _ in changes(sim)] == ["POST"]
    assert len(sim.requests(f"GET {PATH}")) > 2


def test_the_list_is_read_for_ten_seconds(hs, sim, acme):
    acme.unlisted.add("NAME")
    done = hs("secrets", "add", "NAME", input=VALUE)
    failed(done, 1, "accepted, but not listed", "Waiting for")
    assert 9 <= done.seconds < 30
    assert 4 < len(sim.requests(f"GET {PATH}")) < 20


@pytest.mark.parametrize("verb", ARGS)
def test_a_list_that_comes_late_is_waited_for(hs, sim, acme, verb):
    """The first two lists are old."""
    acme.secrets["OTHER"] = "other-value-1"
    before = {"results": ["OTHER"] + ["NAME"] * (verb != "add")}
    if verb != "add":
        acme.secrets["NAME"] = "old-value-123"
    sim.fail(f"GET {PATH}", status=200, body=before, after=1, times=2)
    done = ok(hs("secrets", *ARGS[verb], input=VALUE))
    assert len(sim.requests(f"GET {PATH}")) == (2 if verb == "update" else 4)
    assert done.err.count("NAME") == 1


def test_deleted_but_still_listed(hs, sim, acme):
    acme.secrets["NAME"] = "old-value-123"
    sim.fail(f"GET {PATH}", status=200, body={"results": ["NAME"]}, times=None)
    done = hs("secrets", "delete", "NAME", "--force", "--max-wait", "1")
    failed(done, 1, "NAME: accepted, but still listed")
    assert "Deleted" not in done.err


def test_updated_but_not_listed(hs, sim, acme):
    acme.secrets["NAME"] = "old-value-123"
    sim.fail(f"PUT {PATH}", status=204, then=lambda: acme.secrets.clear())
    failed(
        hs("secrets", "update", "NAME", "--max-wait", "0", input=VALUE),
        1,
        "NAME: accepted, but not listed",
    )


@pytest.mark.parametrize(
    "how, code, words",
    [
        ({"status": 403}, 4, "403"),
        ({"then": "reset"}, 7, "the connection was reset"),
        ({"status": 500}, 1, "500"),
        ({"status": 200, "body": "<html>"}, 1, "not JSON"),
    ],
)
@pytest.mark.parametrize("verb", [*ARGS, "apply"])
def test_a_list_that_fails_is_reported(hs, sim, acme, verb, how, code, words):
    """The message does not claim that the secret exists, or does not."""
    if verb in ("update", "delete"):
        acme.secrets["NAME"] = "old-value-123"
    sim.fail(f"GET {PATH}", after=1, times=None, **how)
    done = hs(
        "secrets",
        *ARGS.get(verb, ["apply", "-f", "-"]),
        "--max-wait",
        "1",
        input=f"NAME={VALUE}" if verb == "apply" else VALUE,
    )
    failed(
        done,
        code,
        "HubSpot accepted the change",
        "but hs could not check",
        "hs secrets list",
        words,
    )
    assert "not listed" not in done.err
    assert ("NAME" in acme.secrets) == (verb != "delete")


@pytest.mark.parametrize("timeout", [3000, 60000])
def test_a_list_that_hangs_is_read_once(hs, sim, timeout):
    """On the connection of the change. --max-wait 0 allows no second try, and ten seconds
    is the most, whatever httpTimeout says."""
    hs.write_config(sim.portal(101), httpTimeout=timeout)
    sim.fail(f"GET {PATH}", status=200, after=1, at="start", then="hang", times=None)
    done = hs("secrets", "add", "NAME", "--max-wait", "0", input=VALUE)
    failed(
        done,
        7,
        "HubSpot accepted the change",
        "but hs could not check it",
        "timed out",
        "hs secrets list",
    )
    assert [r.method for r in sim.requests(PATH)] == ["GET", "POST", "GET"]
    assert done.seconds < 40


def test_apply_reports_which_are_not_listed(hs, sim, acme):
    acme.secrets.update(GONE="gone-value-123")
    acme.unlisted |= {"TWO"}
    done = apply(hs, ENV, "--prune", "--force", "--max-wait", "1", "--json")
    assert done.code == 8 and "1 of 4" in done.err
    assert re.search("TWO: accepted, but not listed", done.err)
    assert done.json["failed"] == [
        {"name": "TWO", "action": "add", "message": "accepted, but not listed"}
    ]
    assert done.json["added"] == ["ONE", "THREE"] and done.json["deleted"] == ["GONE"]


def test_apply_when_none_is_listed(hs, sim, acme):
    acme.unlisted |= {"ONE", "TWO", "THREE"}
    done = apply(hs, ENV, "--max-wait", "1")
    assert done.code == 1 and done.err.count("accepted, but not listed") == 3, done.err


def test_apply_with_nothing_accepted_lists_nothing_again(hs, sim, acme):
    sim.fail(f"POST {PATH}", status=400, times=None)
    assert apply(hs, ENV).code == 1
    assert len(sim.requests(f"GET {PATH}")) == 1


def test_all_pages_of_the_list_are_read(hs, sim, acme):
    acme.secrets.update({f"N{i:02}": f"value-of-{i}" for i in range(25)})
    acme.secrets_page = 10
    assert ok(hs("secrets", "list")).out.split() == sorted(acme.secrets)
    ok(hs("secrets", "add", "Z", input=VALUE))
    failed(hs("secrets", "add", "N24", input=VALUE), 2, "already exists")


def test_an_endless_list_is_an_error(hs, sim, acme):
    """Whether the cursor stays the same, or is another one each time."""
    sim.fail(
        f"GET {PATH}",
        status=200,
        body={"results": ["A"], "paging": {"next": {"after": "x"}}},
        times=2,
    )
    assert ok(hs("secrets", "list")).out == "A\nA\n"
    for i in range(120):
        sim.fail(
            f"GET {PATH}",
            status=200,
            body={"results": ["A"], "paging": {"next": {"after": f"x{i}"}}},
        )
    failed(hs("secrets", "list"), 1, "does not end")


# ---- apply


def apply(hs, text, *options, **how):
    return hs("secrets", "apply", "-f", "-", *options, input=text, **how)


ENV = f"""\
# a comment
ONE={VALUE}
export TWO="line one\\nline 'two'"   # and why

THREE='{PEM}'
"""


def test_apply_adds_and_updates(hs, sim, acme):
    acme.secrets.update(ONE="old-value-123", KEEP="kept-value-123")
    (hs.cwd / ".env").write_text(ENV)
    done = ok(hs("secrets", "apply", "-f", ".env"))
    assert acme.secrets == {
        "ONE": VALUE,
        "TWO": "line one\nline 'two'",
        "THREE": PEM,
        "KEEP": "kept-value-123",
    }
    assert sorted(changes(sim)) == [("POST", "THREE"), ("POST", "TWO"), ("PUT", "ONE")]
    for word in ("Updated ONE", "Added TWO", "Added THREE", "minute"):
        assert word in done.err
    ok(hs("secrets", "apply", "--file", ".env"))
    assert len(acme.secrets) == 4


@pytest.mark.parametrize(
    "words",
    [
        ["-f", ".env", "secrets", "apply"],
        ["secrets", "-f.env", "apply"],
        ["-df", ".env", "secrets", "apply"],
    ],
)
def test_the_file_may_be_named_before_the_command(hs, sim, acme, words):
    """-f is --force in other commands, which has no value."""
    (hs.cwd / ".env").write_text(ENV)
    ok(hs(*words))
    assert len(acme.secrets) == 3
    acme.secrets["OLD"] = "old-value-123"
    done = hs("-f", "config", "migrate")
    assert done.code == 3 and "hubspot.config.yml" in done.err, done.err


def test_apply_with_few_descriptors(hs, sim, acme):
    names = [f"NAME_{n}" for n in range(40)]
    done = ok(
        apply(
            hs,
            "".join(f"{n}={VALUE}\n" for n in names),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)),
        )
    )
    assert sorted(acme.secrets) == sorted(names) and "descriptors" not in done.err
    assert len({r.conn for r in sim.requests(PATH)}) <= 3


def test_apply_prunes(hs, sim, acme):
    acme.secrets.update(ONE="old-value-123", GONE="gone-value-123")
    failed(apply(hs, ENV, "--prune"), 2, "--force")
    assert changes(sim) == []
    done = ok(apply(hs, ENV, "--prune", "--force"))
    assert sorted(acme.secrets) == ["ONE", "THREE", "TWO"]
    assert "Deleted GONE" in done.err


def test_apply_prune_with_nothing_to_delete_asks_nothing(hs, sim, acme):
    ok(apply(hs, ENV, "--prune"))


@pytest.mark.parametrize("answer, code", [("y", 0), ("", 1)])
def test_a_terminal_asks_about_prune(person, hs, sim, acme, answer, code):
    acme.secrets["GONE"] = "gone-value-123"
    (hs.cwd / ".env").write_text(ENV)
    child = person("secrets", "apply", "-f", ".env", "--prune")
    child.expect("GONE")
    child.expect(r"Delete 1 secret from acme")
    child.send(answer + "\r")
    assert person.end(child) == code
    assert ("GONE" in acme.secrets) == (code == 1)
    assert ("ONE" in acme.secrets) == (code == 0)


def test_apply_dry_run_changes_nothing(hs, sim, acme):
    acme.secrets.update(ONE="old-value-123", GONE="gone-value-123")
    done = ok(apply(hs, ENV, "--prune", "--dry-run"))
    assert done.out == "add TWO\nadd THREE\nupdate ONE\ndelete GONE\n"
    assert changes(sim) == [] and acme.secrets["ONE"] == "old-value-123"
    assert ok(apply(hs, ENV, "--prune", "--dry-run", "--json")).json == {
        "accountId": 101,
        "dryRun": True,
        "added": ["TWO", "THREE"],
        "updated": ["ONE"],
        "deleted": ["GONE"],
        "failed": [],
    }


def test_apply_as_json(hs, sim, acme):
    acme.secrets.update(ONE="old-value-123", GONE="gone-value-123")
    sim.fail(f"DELETE {PATH}", status=500)
    done = apply(hs, ENV, "--prune", "--force", "--json")
    assert done.code == 8
    failures = done.json.pop("failed")
    assert [(f["name"], f["action"]) for f in failures] == [("GONE", "delete")]
    assert "500" in failures[0]["message"]
    assert {k: v for k, v in done.json.items() if k != "failed"} == {
        "accountId": 101,
        "dryRun": False,
        "added": ["TWO", "THREE"],
        "updated": ["ONE"],
        "deleted": [],
    }


def test_a_failed_item_does_not_stop_the_others(hs, sim, acme):
    names = [f"N{i:02}" for i in range(30)]
    text = "".join(f"{n}=value-of-{n}\n" for n in names)
    sim.fail(f"POST {PATH}", status=500, after=3)
    sim.fail(f"POST {PATH}", then="reset", after=5)
    done = apply(hs, text)
    failed_names = re.findall(r"cannot add (N\d\d)", done.err)
    assert done.code == 8 and len(failed_names) == 2, done.err
    assert "2 of 30" in done.err
    assert set(names) - set(failed_names) <= set(acme.secrets)
    ok(apply(hs, text))
    assert sorted(acme.secrets) == names


@pytest.mark.parametrize(
    "how, code",
    [
        ({"status": 403}, 4),
        ({"status": 500}, 1),
        ({"then": "reset"}, 7),
        ({"status": 429, "policy": "DAILY"}, 6),
    ],
)
def test_the_exit_code_if_all_fail(hs, sim, acme, how, code):
    sim.fail(f"POST {PATH}", times=None, **how)
    done = apply(hs, ENV)
    assert done.code == code and "3 of 3" in done.err


@pytest.mark.parametrize("status", [429, 503])
def test_apply_obeys_retry_after(hs, sim, acme, status):
    sim.fail(f"POST {PATH}", status=status, headers={"Retry-After": "1"}, times=2)
    ok(apply(hs, ENV))
    assert len(acme.secrets) == 3


def test_apply_renews_a_refused_token(hs, sim, acme):
    acme.tokens.clear()
    ok(apply(hs, ENV))
    assert len(acme.secrets) == 3


def test_apply_renews_a_token_that_ends_on_the_way(hs, sim, acme):
    """Once, for all that were refused with the old one."""
    ok(hs("secrets", "list"))
    sim.log.clear()
    sim.fail(f"POST {PATH}", then=sim.revoke, after=1)
    ok(apply(hs, "".join(f"N{i}=value-of-{i}\n" for i in range(24))))
    assert len(acme.secrets) == 24
    assert len(sim.requests("POST /localdevauth/v1/auth/refresh")) == 1


def test_apply_with_a_token_that_is_refused_again(hs, sim, acme):
    sim.fail(f"POST {PATH}", status=401, times=None)
    done = apply(hs, ENV)
    assert done.code == 4 and "PLAIN" not in acme.secrets, done.err
    assert len(sim.requests(f"POST {PATH}")) <= 2 * len(ENV.splitlines())


def test_apply_uses_several_connections_at_once(hs, sim, acme):
    """The first eight responses are sent when all eight requests have arrived."""
    sim.fail(f"POST {PATH}", times=8, then=threading.Barrier(8, timeout=60).wait)
    ok(apply(hs, "".join(f"N{i}=value-of-{i}\n" for i in range(24))))
    posts = sim.requests(f"POST {PATH}")
    assert len(posts) == 24 and len({r.conn for r in posts}) == 8


@pytest.mark.parametrize(
    "text, words",
    [
        (b"", "no secret"),
        (b"# only\n\n", "no secret"),
        (b"ONE=1value-of-one\nTWO\n", "line 2: no ="),
        (b"=value-1234\n", "line 1: invalid name"),
        (b"9A=value-1234\n", "line 1"),
        (b"A B=value-1234\n", "line 1: no ="),
        (b"A: value-1234\n", "line 1"),
        (b"A=\n", "line 1: the value is empty"),
        (b"A=''\n", "line 1: the value is empty"),
        (b"\n\nA='value-1234\nB=x\n", "line 3: the closing quote is missing"),
        (b'A="value-1234\\q"\n', "line 1: programs disagree on escapes"),
        (b"A='value-1234'x\n", "line 1: unexpected text"),
        (b"A=value#1234\n", "line 1.*quotes"),
        (b"A=#value1234\n", "line 1.*quotes"),
        (b"A=value-1234\nB=x\nA=value-1234\n", "line 3: A is already set on line 1"),
        (b"A=value\x001234\n", "line 1"),
        (b"A='value\x001234'\n", "line 1: .*NUL"),
        (b"A=value-1234\xff\n", "line 1: .*UTF-8"),
        (b"A=value-1234\x1b[1m\n", "line 1: control character"),
        (b"A=" + b"x" * 65537 + b"\n", "line 1: .*64 KiB"),
        (b"A='" + b"x" * 65537 + b"'\n", "line 1: .*64 KiB"),
        (b"A" * 257 + b"=value-1234\n", "line 1: .*too long"),
        (b"#" * (1 << 20) + b"#", "too large"),
    ],
)
def test_a_bad_file_is_refused_before_anything_is_sent(hs, sim, acme, text, words):
    hs.hidden |= {"value-1234", "value1234", "value#1234"}
    (hs.cwd / "bad.env").write_bytes(text)
    failed(hs("secrets", "apply", "-f", "bad.env", "--prune", "--force"), 2, "bad.env", words)
    assert not sim.log


def test_a_bom_of_a_file_is_left_out(hs, sim, acme):
    """tests/test_dotenv.py has how the rest is read."""
    done = ok(apply(hs, "\ufeffA=one-value\n"))
    assert acme.secrets == {"A": "one-value"} and "byte order mark" in done.err


def test_one_run_reports_all_invalid_lines(hs, sim, acme):
    """With a fix for each, and without values."""
    hs.hidden |= {"value-1234"}
    text = [
        "A=value-1234 # ok",
        "B=$value-1234",
        "C='ok-value'",
        'D="value-1234\\t"',
        "E-F=value-1234",
        "",
        "A=value-1234",
        "G='value-1234",
        "H",
        "I=''",
    ]
    done = apply(hs, "\n".join(text), "--prune", "--force")
    failed(done, 2, "stdin: 7 lines")
    told = dict(re.findall(r"^  line (\d+): (.*)$", done.err, re.MULTILINE))
    assert list(told) == ["2", "4", "5", "7", "8", "9", "10"]
    for line, words in {
        "2": "single quotes",
        "4": "single quotes",
        "5": "hs secrets add",
        "7": "line 1",
        "8": "Close the quote",
        "9": "NAME=value",
    }.items():
        assert words in told[line], told
    assert not sim.log


def test_the_list_of_invalid_lines_is_limited(hs, sim, acme):
    done = apply(hs, "A=$x-value\n" * 100)
    failed(done, 2, "stdin: 100 lines", "and 80 more")
    assert len(done.err.splitlines()) == 22


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("way", ["apply", "--value-file", "pipe"])
def test_utf_16_is_named(hs, sim, acme, tmp_path, code, way):
    """PowerShell's > and Out-File write it."""
    file = tmp_path / "file"
    file.write_bytes("A=one-value\r\n".encode(code))
    how = {
        "apply": ["apply", "-f", file],
        "pipe": ["add", "NAME"],
        "--value-file": ["add", "NAME", "--value-file", file],
    }[way]
    failed(
        hs("secrets", *how, input=file.read_bytes() if way == "pipe" else b""),
        2,
        "UTF-16",
        "Save it as UTF-8",
    )
    assert not sim.log


@pytest.mark.parametrize("way", ["pipe", "--value-file", "--value-env"])
@pytest.mark.parametrize("marks", [1, 2])
def test_a_bom_at_the_start_of_a_value_is_removed(hs, sim, acme, tmp_path, way, marks):
    text = "\ufeff" * marks + "one-\ufeffvalue"
    (tmp_path / "file").write_text(text)
    how = {"pipe": [], "--value-file": [way, tmp_path / "file"], "--value-env": [way, "MINE"]}[way]
    done = ok(
        hs("secrets", "add", "NAME", *how, env={"MINE": text}, input=text if way == "pipe" else b"")
    )
    assert acme.secrets["NAME"] == "one-\ufeffvalue"
    assert done.err.count("byte order mark") == 1


def test_the_limit_is_checked_before_anything_is_sent(hs, sim, acme):
    acme.secrets.update({f"OLD{i}": f"old-value-{i}" for i in range(48)})
    failed(apply(hs, ENV), 1, "51", "50", "--prune")
    assert changes(sim) == []
    lines = "".join(f"N{i}=value-of-{i}\n" for i in range(51))
    sim.log.clear()
    failed(apply(hs, lines), 2, "50")
    assert not sim.log


def test_deletions_come_first_if_the_account_is_full(hs, sim, acme):
    acme.secrets.update({f"OLD{i}": f"old-value-{i}" for i in range(50)})
    ok(apply(hs, ENV, "--prune", "--force"))
    assert sorted(acme.secrets) == ["ONE", "THREE", "TWO"]
    assert [m for m, _ in changes(sim)] == ["DELETE"] * 50 + ["POST"] * 3


@pytest.mark.parametrize(
    "options, words",
    [([], "--file"), (["-f", "missing.env"], "missing.env"), (["-f", "."], "director")],
)
def test_a_file_that_cannot_be_read(hs, sim, acme, options, words):
    failed(hs("secrets", "apply", *options), 2, words)
    assert not sim.log


def test_an_interrupted_apply_reports_what_is_done(hs, sim, acme, tty):
    (hs.cwd / ".env").write_text("A=value-of-a-1\n")
    sim.fail(f"POST {PATH}", then="hang")
    child = tty("secrets", "apply", "-f", ".env")
    while not sim.requests(f"POST {PATH}"):
        child.expect([pexpect.TIMEOUT, "nothing is said"], timeout=0.05)
    child.sendintr()
    child.expect("interrupted")
    assert tty.end(child) == 130


# ---- a masked prompt on a plain terminal, and what is typed before it


@pytest.mark.parametrize(
    "text",
    [
        f"{VALUE}\r{VALUE}\r",
        f"{VALUE}\r\n{VALUE}",
        f"{VALUE}\n\n{VALUE}\n",
        PEM.replace("\n", "\r"),
    ],
    ids=["cr", "crlf", "lf", "pem"],
)
def test_a_paste_of_lines_without_brackets_is_refused(person, acme, text):
    """A terminal without bracketed paste sends the lines as if they were typed."""
    child = person("secrets", "add", "NAME")
    child.expect("Value of NAME:")
    child.send(text)
    child.expect("one line")
    assert person.end(child) == 2
    assert acme.secrets == {}


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_line_with_its_break_is_one_line(person, acme, end):
    child = person("secrets", "add", "NAME")
    child.expect("Value of NAME:")
    child.send(VALUE + end)
    assert person.end(child) == 0
    assert acme.secrets == {"NAME": VALUE}


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_what_is_typed_ahead_of_the_prompt_is_not_shown(person, sim, acme, term):
    """The value is typed while hs waits for the list of secrets."""
    box, started = {}, threading.Event()

    def type_ahead():
        started.wait(60)  # hs may ask before its terminal is known here
        box["child"].send(VALUE + "\n")

    sim.fail(f"GET {PATH}", status=200, body={"results": []}, then=type_ahead)
    box["child"] = child = person("secrets", "add", "NAME", env={"TERM": term})
    started.set()
    child.expect("Value of NAME:")
    assert person.end(child) == 0
    assert acme.secrets == {"NAME": VALUE}
    assert VALUE not in child.logfile_read.text


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_echo_is_on_again_after_a_signal(person, sim, acme, name):
    sim.fail(f"GET {PATH}", then="hang")
    child = person("secrets", "add", "NAME")
    sim.wait(f"GET {PATH}")
    assert not child.getecho()
    child.kill(getattr(signal, name))
    child.expect(pexpect.EOF)
    assert child.getecho()
    person.end(child)


def test_echo_is_on_again_at_the_end(person, acme):
    child = person("secrets", "add", "NAME")
    child.expect("Value of NAME:")
    child.send(VALUE + "\r")
    child.expect(pexpect.EOF)
    assert child.getecho()
    assert person.end(child) == 0


def test_an_invalid_name_is_asked_for_again(person, acme):
    child = person("secrets", "add")
    for name, words in (
        ("..", "not a valid secret name"),
        ("", "must not be empty"),
        ("A=B", "cannot contain '='"),
    ):
        child.expect("Name of the secret:")
        child.send(name + "\r")
        child.expect(words)
    child.expect("Name of the secret:")
    child.send("NAME\r")
    child.expect("Value of NAME:")
    child.send(VALUE + "\r")
    assert person.end(child) == 0
    assert acme.secrets == {"NAME": VALUE}
