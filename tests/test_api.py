"""`hs api`: requests, output and exit codes."""
import json
import os
import re
import resource
import subprocess
import time

import pytest

from calls import (  # noqa: F401 (api: a fixture)
    API,
    answer,
    api,
    failed,
    is_sanitized,
    oauth_account,
    raw,
)
from hubsim import isotime

PAT = "pat-na1-0123456789abcdef"


def python_form(text):
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def one_token(sim, portal, hs, **settings):
    """A config whose account has a good access token; the token."""
    token, expiry = portal.issue()
    hs.write_config(
        hs.account(
            portal, auth={"tokenInfo": {"accessToken": token, "expiresAt": isotime(expiry)}}
        ),
        **settings,
    )
    return token


# ---- the response's body

ORDINARY = [
    "{}",
    "[]",
    "null",
    "true",
    '"text"',
    '""',
    "0",
    "[[],{}]",
    '{"a":{},"b":[]}',
    '{"a":1,"b":[1,2,{"c":null}],"d":{"e":{"f":[]}}}',
    '{"é":"ü – 日本 🎈"}',
    '{"2":1,"1":2,"10":3,"a":4}',
    '[{"a":1},{"b":[true,false]}]',
    '{"a b":"c:d,e[f]{g}"}',
    '{"results":[{"id":"1","properties":{"n":"1.0"}}],"paging":{"next":{"after":"1"}}}',
]


def test_json_is_indented_like_other_tools(sim, api):
    """Python's json.dumps(indent=2) and JavaScript's JSON.stringify(…, null, 2)
    agree on these."""
    for text in ORDINARY:
        for sent in (text, python_form(text), f" \r\n\t{text} \n"):
            answer(sim, sent.encode())
            done = api("/a")
            assert (done.code, done.out) == (0, python_form(text)), (sent, done.err)


def test_json_keeps_what_parsers_lose(sim, api):
    """Digits, escapes, duplicate keys and their order."""
    kept = [
        "1.0",
        "12345678901234567890",
        "1e400",
        "-0",
        "-0.0",
        "1E+2",
        "0.10",
        "1.7976931348623157e309",
        "123456789012345678901234567890.123456789",
        r'"\u00e9\/\ud83d\ude00\u0000\b\""',
        r'"\ud800"',
        '"\x7f"',
        '"\u2028"',
    ]
    text = "[" + ",".join(kept) + "]"
    answer(sim, text.encode())
    assert api("/a").out == "[\n  " + ",\n  ".join(kept) + "\n]\n"
    answer(sim, b'{"b":1,"a":2,"b":{ },"":[ \n ],"a":3}')
    assert api("/a").out == '{\n  "b": 1,\n  "a": 2,\n  "b": {},\n  "": [],\n  "a": 3\n}\n'
    for text in kept:
        answer(sim, text.encode())
        assert api("/a").out == text + "\n"


def test_deep_nesting(sim, api):
    for depth in (100, 512, 513, 600, 5000):
        text = "[" * depth + "]" * depth
        answer(sim, text.encode())
        done = api("/a")
        assert done.code == 0, done.err
        assert re.sub(r"\s", "", done.out) == text, depth
    text = '{"a":' * 100 + "1" + "}" * 100
    answer(sim, text.encode())
    assert api("/a").out == python_form(text)


NO_JSON = [
    b"plain text",
    b"line\n",
    b"<p>hi</p>",
    b"\x00\x01\xff\xfe\r\n\x1b[31m",
    b'{"a":1',
    b"[1,2,]",
    b"{'a':1}",
    b"NaN",
    b'{"a":1}{"b":2}',
    b'{"a":1}\n{"b":2}\n',
    b"\xef\xbb\xbf{}",
    b'{"a":"\n"}',
    b"01",
    b"[1.]",
    b'"\\x"',
    b"{\\rtf1}",
    b"[2026-11-23] log\n",
    bytes(range(256)),
    b'{"a" 1}',
    b"truex",
    b"[1 2]",
    b" \n ",
]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream", ""])
def test_other_content_is_not_changed(sim, api, kind):
    for body in NO_JSON:
        answer(sim, body, kind=kind)
        done = api("/a")
        assert (done.code, raw(done)) == (0, body), done.err


def test_raw_is_byte_for_byte(sim, api):
    for body in (b'{ "a":1 }', b"[1]\n", b"[1,\r\n2]", b"", *NO_JSON):
        answer(sim, body)
        done = api("/a", "--raw")
        assert (done.code, raw(done)) == (0, body), done.err


def test_empty_bodies(sim, api):
    for how in (
        {"body": b""},
        {"status": 204},
        {"body": b"", "framing": "chunked"},
        {"body": b"", "framing": "close"},
    ):
        sim.fail("/a", **{"status": 200, **how})
        done = api("/a")
        assert (done.code, done.out) == (0, ""), (how, done.err)
    assert "204" in api("/test/status?code=204").err


def test_not_modified(sim, api):
    done = api("/test/status?code=304")
    failed(done, 1, "304")
    assert done.out == ""


LARGE = 600 * 1024  # more than is held back before it streams


def test_large_json_streams_indented(sim, api):
    items = [{"id": i, "n": "é" * (i % 7), "v": [1, {}]} for i in range(20000)]
    text = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    assert len(text.encode()) > LARGE
    for framing in ("length", "chunked", "close"):
        answer(sim, text.encode(), framing=framing)
        done = api("/a")
        assert done.code == 0
        assert done.out == python_form(text)
        answer(sim, text.encode(), framing=framing)
        assert api("/a", "--raw").out == text


@pytest.mark.parametrize(
    "start, kind",
    [
        (b"[2026-11-23] log line\n", "text/plain"),
        (b"{\\rtf1 text}\n", "application/rtf"),
        (b"{\\rtf1 text}\n", "application/octet-stream"),
        (b'{"a":1}\n', "application/x-ndjson"),
        (b"\x00\xff\x1b", "application/pdf"),
        (b"plain text\n", "application/json"),
    ],
)
def test_large_bodies_of_other_types_are_not_changed(sim, api, start, kind):
    body = start * (LARGE // len(start) + 1)
    answer(sim, body, kind=kind)
    done = api("/a")
    assert done.code == 0
    assert raw(done) == body


def peak_memory(hs, api_args, env, leave):
    """Runs until all but the last bytes of stdout are read: what memory the
    program has held at most (KiB), and how much it wrote. (The ru_maxrss of a
    child counts its parent's memory, too.)"""
    with subprocess.Popen(
        [hs.bin, "api", *api_args],
        env=hs.env(env),
        cwd=hs.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        got = 0
        while got < leave:
            piece = process.stdout.read1(1 << 20)
            assert piece, f"it ended after {got} bytes"
            got += len(piece)
        with open(f"/proc/{process.pid}/status") as status:
            peak = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
        while piece := process.stdout.read1(1 << 20):
            got += len(piece)
        assert process.wait(60) == 0
    return peak, got


@pytest.mark.parametrize(
    "kind, framing", [("json", "length"), ("text", "chunked"), ("text", "close")]
)
def test_memory_does_not_grow_with_the_response(sim, hs, kind, framing):
    size = (16 if is_sanitized(hs) else 200) << 20
    env = {"HUBSPOT_ACCESS_TOKEN": PAT}
    args = [f"/test/bytes?n={size}&type={kind}&framing={framing}"]
    peak, got = peak_memory(hs, args, env, size - (1 << 20))
    assert got >= size
    if not is_sanitized(hs):
        assert peak < 4096


def test_memory_of_deep_and_odd_json(sim, api):
    """JSON by its media type, but invalid in the middle."""
    body = b"[" + b'{"a":[1,2]},' * 60000 + b"oops" + b"[1]," * 1000
    answer(sim, body)
    done = api("/a")
    assert done.code == 0
    assert re.sub(r"\s", "", done.out) == body.decode()


# ---- stderr


def test_stderr(sim, api):
    answer(sim, b"{}", status=201)
    done = api("/a?x=1", "--data", "{}")
    assert done.out == "{}\n"
    assert "POST https://api.hubapi.com/a?x=1" in done.err
    assert "201" in done.err


def test_debug_shows_the_exchange_and_no_secret(sim, hs):
    portal = sim.portal(101)
    hs.write_config(portal)
    hs.hidden.add("Bearer")
    done = hs("api", "/test/echo?x=1", "--debug", "--data", '{"private":"body-text"}')
    assert done.code == 0
    for words in (
        "> POST https://api.hubapi.com/localdevauth/v1/auth/refresh?portalId=101",
        "> POST https://api.hubapi.com/test/echo?x=1&portalId=101",
        "< 200 OK",
        "Content-Length",
        "authorit",
        "proxy: 127.0.0.1",
    ):
        assert words in done.err, done.err
    assert "body-text" not in done.err
    hs.write_config({"name": "k", "accountId": 101, "authType": "apikey", "apiKey": portal.api_key})
    done = hs("api", "/test/echo", "--debug")
    assert done.code == 0 and "hapikey=" in done.err
    sim.fail("/test/echo", status=302, headers={"Location": f"/x?token={portal.api_key}"})
    hs("api", "/test/echo", "--debug")


def test_control_bytes_of_the_server_never_reach_stderr(sim, api):
    envelope = {
        "message": "bad \x1b[31mred\x07\r\nhs: all is well",
        "correlationId": "\x1b]0;x\x07",
        "errors": [{"message": "\x9b31m \u0085"}],
    }
    sim.fail("/a", status=400, body=envelope)
    done = api("/a", "--debug")
    assert done.code == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.err)


# ---- stdout


def test_stdout_that_cannot_be_written(sim, hs, api):
    """A closed pipe, a full disk, no stdout at all."""
    reader, writer = os.pipe()
    os.close(reader)
    for size in (10, 2 << 20):
        for flag in ([], ["--raw"]):
            args = [f"/test/bytes?n={size}", *flag]
            failed(api(*args, stdout=writer), 1, "stdout", "pipe")
            with open("/dev/full", "wb") as full:
                failed(api(*args, stdout=full), 1, "stdout", "space")
    os.close(writer)


def test_stdout_closed(sim, api):
    """No descriptor of hs may get its number."""

    def close_stdout():
        os.close(1)

    for size in (10, 2 << 20):
        done = api(f"/test/bytes?n={size}", "--raw", stdout=None, preexec_fn=close_stdout)
        failed(done, 1, "stdout")
    assert all(b"0123456789" not in r.body for r in sim.requests())


def test_all_descriptors_closed(sim, api):
    """Nothing of ours becomes stdin, stdout or stderr."""

    def close_all():
        for fd in (0, 1, 2):
            os.close(fd)

    done = api("/test/echo", "--data", "-", stdout=None, preexec_fn=close_all)
    assert done.code in (1, 2)
    assert sim.requests() == []
    assert api("/test/echo", stdout=None, preexec_fn=close_all).code == 1


def test_reader_that_closes_the_pipe_early(sim, hs):
    env = hs.env({"HUBSPOT_ACCESS_TOKEN": PAT})
    with subprocess.Popen(
        [hs.bin, "api", f"/test/bytes?n={20 << 20}"],
        env=env,
        cwd=hs.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.read(1000)
        process.stdout.close()
        err = process.stderr.read().decode()
        assert process.wait(60) == 1
    assert err.count("hs: ") == 1 and "stdout" in err


# ---- endpoints

ON_THE_WIRE = [
    ("/test/echo", "/test/echo"),
    ("test/echo", "/test/echo"),
    ("///test/echo", "/test/echo"),
    ("//evil.test/x", "/evil.test/x"),
    ("/test/echo?a=1&b=2", "/test/echo?a=1&b=2"),
    ("/test/echo?a=%20b&c=d+e", "/test/echo?a=%20b&c=d+e"),
    ("/test/a b\u00e9?q=\u00fc x", "/test/a%20b%C3%A9?q=%C3%BC%20x"),
    ("/test/\u65e5\u672c", "/test/%E6%97%A5%E6%9C%AC"),
    ("/test/%41%zz%", "/test/%41%zz%"),
    ("/test/a#b?c=#d", "/test/a%23b?c=%23d"),
    ("/test/?", "/test/?"),
    ("/test/a?b?c", "/test/a?b?c"),
    ('/test/<>"{}\\^`', "/test/%3C%3E%22%7B%7D%5C%5E%60"),
    ("/test/-._~!$&'()*+,;=:@", "/test/-._~!$&'()*+,;=:@"),
    ("/test/echo?next=https://evil.test/x", "/test/echo?next=https://evil.test/x"),
    ("/test/%0d%0aX:%20y", "/test/%0d%0aX:%20y"),
    ("/test/%2e%2e/%2F", "/test/%2e%2e/%2F"),
    (b"/test/\xff\xfe", "/test/%FF%FE"),
    ("https://api.hubapi.com/test/echo?x=1", "/test/echo?x=1"),
    ("HTTPS://API.HubAPI.com:443/test/echo", "/test/echo"),
    ("https://api.hubapi.com", "/"),
    ("https://api.hubapi.com?x=1", "/?x=1"),
]


def test_endpoints_on_the_wire(sim, api):
    answer(sim, b"[1]", path="/", times=None)
    for endpoint, target in ON_THE_WIRE:
        endpoint = os.fsdecode(endpoint)
        done = api(endpoint)
        assert done.code == 0, (endpoint, done.err)
        request = sim.requests()[-1]
        assert (request.host, request.port, request.target) == (API, 443, target), endpoint
        assert request.header("host") == API
    assert len(sim.requests()) == len(ON_THE_WIRE)


@pytest.mark.parametrize("account", ["101", None])
def test_foreign_endpoints_are_refused(sim, hs, api, account):
    """Before anything is sent."""
    hs.write_config(sim.portal(102))
    for url in (
        "https://evil.test/x",
        "http://api.hubapi.com/x",
        "http://evil.test/",
        "https://user@api.hubapi.com/x",
        "https://user:pw@api.hubapi.com/x",
        "https://api.hubapi.com:444/x",
        "https://api.hubapi.com.evil.test/x",
        "https://api.hubapi.com@evil.test/x",
        "https://evil.test\\@api.hubapi.com/x",
        "https://evil.test#@api.hubapi.com/x",
        "ftp://api.hubapi.com/x",
        "https://api.hubapi.com:443:1/x",
        "https://api.hubapi.com:x/",
        "https:///x",
        "https://api.hubapi.com\\.evil.test/x",
        "://x",
        "https://[::1]/x",
        "https://api.hubapi.com%2eevil.test/x",
        "https://api.hubapi.com./x",
        "https://apihubapi.com/",
        "file:///etc/passwd",
    ):
        done = api(url) if account else hs("api", url)
        failed(done, 2, "host|control|endpoint")
        assert done.out == ""
    assert sim.proxy.seen == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "/a\r\nX-Evil: 1",
        "/a\nb",
        "/a\rb",
        "/a\tb",
        "/a\x01",
        "/a\x7f",
        "/a\x1b[31m",
        "\n/a",
        "/a HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /b",
        "https://api.hubapi.com/a\r\nX: y",
        "/" + "a" * 100000,
        "/" + "\u00e9" * 20000,
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_endpoints_that_cannot_be_sent(sim, api, endpoint):
    failed(api(endpoint), 2, "endpoint")
    assert sim.proxy.seen == []


def test_portal_id_is_last_and_not_doubled(sim, hs):
    portal = sim.portal(101)
    one_token(sim, portal, hs)
    for endpoint, query in (
        ("/test/echo", "portalId=101"),
        ("/test/echo?", "portalId=101"),
        ("/test/echo?a=1", "a=1&portalId=101"),
        ("/test/echo?portalId=101", "portalId=101"),
        ("/test/echo?portalId=101&a=1", "portalId=101&a=1"),
        ("/test/echo?xportalId=5", "xportalId=5&portalId=101"),
        ("/test/echo?a=portalId=5", "a=portalId=5&portalId=101"),
        ("/test/echo?PORTALID=5", "PORTALID=5&portalId=101"),
    ):
        assert hs("api", endpoint).code == 0
        assert sim.requests()[-1].query == query, endpoint


def test_override_of_the_domain(sim, api):
    answer(sim, b"[1]", times=None)
    assert api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": "override"}).code == 0
    assert sim.requests()[-1].host == "override.com"
    assert api("https://override.com/a", env={"HUBAPI_DOMAIN_OVERRIDE": "override"}).code == 0
    failed(api("https://api.hubapi.com/a", env={"HUBAPI_DOMAIN_OVERRIDE": "override"}), 2, "host")
    assert (
        api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": "override", "HUBSPOT_ENVIRONMENT": "qa"}).code == 0
    )
    assert sim.requests()[-1].host == "overrideqa.com"
    assert api("/a", env={"HUBSPOT_ENVIRONMENT": "qa"}).code == 0
    assert sim.requests()[-1].host == "api.hubapiqa.com"


@pytest.mark.parametrize(
    "name",
    [
        "x" * 250,
        "x" * 252,
        "x." * 150,
        "x" * 1000,
        "x" * 100000,
        "a b",
        "a\r\nb",
        "a/b",
        "a@b",
        "user:pw@x",
        "a:80",
        "\u00e9",
    ],
    ids=lambda name: ascii(name[:9]) + str(len(name)),
)
def test_override_that_is_not_a_host_name(sim, api, name):
    done = api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": name})
    assert done.code in (2, 3, 7), (done.code, done.err[:300])
    assert sim.requests() == []


# ---- methods and bodies


def test_methods(sim, api):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for given in (method, method.lower(), method.capitalize()):
            done = api("/test/echo", "-X", given)
            assert done.code == 0, done.err
            request = sim.requests()[-1]
            assert (request.method, request.body) == (method, b"")
            done = api("/test/echo", f"--method={given}", "--data", '{"a":1}')
            assert done.code == 0
            request = sim.requests()[-1]
            assert (request.method, request.body) == (method, b'{"a":1}')
            assert request.header("content-type") == "application/json"
            assert request.header("content-length") == "7"
    count = len(sim.requests())
    for method in ("HEAD", "OPTIONS", "CONNECT", "", "GET\r\nX: y", "G ET", "FOO"):
        failed(api("/test/echo", "-X", method), 2)
    assert len(sim.requests()) == count


def test_an_empty_post_has_a_content_length(sim, api):
    """RFC 9110, 8.6: servers may insist on a Content-Length."""
    for method in ("POST", "PUT", "PATCH"):
        assert api("/test/echo", "-X", method).code == 0
        assert sim.requests()[-1].header("content-length") == "0"
    assert api("/test/echo").code == 0
    assert sim.requests()[-1].header("content-length") is None


def test_headers(sim, hs, api):
    assert api("/test/echo").code == 0
    request = sim.requests()[-1]
    names = [name.lower() for name, _ in request.headers]
    assert len(set(names)) == len(names)
    assert request.header("accept") == "application/json"
    assert request.header("user-agent").startswith("hs/")
    assert request.header("accept-encoding") == "identity"
    assert request.header("authorization") == f"Bearer {sim.portals[101].static_token}"
    assert request.query == ""
    assert request.header("cookie") is None and request.header("content-type") is None


DATA = [
    "null",
    "0",
    "false",
    '""',
    "[]",
    "{}",
    "-0",
    "1.0",
    "12345678901234567890",
    '{"a":1.0,"a":1e400}',
    ' { "b" : 1 ,\n"a":[ ] } ',
    '"é"',
    r'"\u00e9"',
    '{"10":1,"2":2}',
]


def test_data_is_sent_unchanged(sim, hs, api, tmp_path):
    path = tmp_path / "body.json"
    (hs.cwd / "rel.json").write_text("[7]")
    for text in DATA:
        path.write_text(text)
        for args, data in (
            (["--data", text], b""),
            ([f"--data={text}"], b""),
            (["--data", f"@{path}"], b""),
            (["--data", "-"], text),
        ):
            done = api("/test/echo", *args, input=data)
            assert done.code == 0, (args, done.err)
            request = sim.requests()[-1]
            assert (request.method, request.body) == ("POST", text.encode()), args
    assert api("/test/echo", "--data", "@rel.json").code == 0
    assert sim.requests()[-1].body == b"[7]"


def test_large_data(sim, api, tmp_path):
    path = tmp_path / "big.json"
    path.write_text("[" + "12345678," * 600000 + "1]")
    for args, data in ((["--data", f"@{path}"], b""), (["--data", "-"], path.read_bytes())):
        sim.fail("/up", status=200, body=b"[1]")
        done = api("/up", *args, input=data)
        assert done.code == 0, done.err
        assert sim.requests()[-1].body == path.read_bytes()
    with open(path, "ab") as file:
        file.truncate(40 << 20)
    failed(api("/up", "--data", f"@{path}"), 2, "32 MiB")


BAD_DATA = [
    ("{", "unexpected end"),
    ("[1,", "unexpected end"),
    ('"a', "unexpected end"),
    ("-", "unexpected end"),
    ("1.", "unexpected end"),
    ("{a:1}", "line 1, column 2"),
    ('{"a":1,}', "line 1, column 8"),
    ("[1]x", "line 1, column 4"),
    ('{\n  "a": nul\n}', "line 2, column 11"),
    ("'x'", "line 1, column 1"),
    ("01", "line 1, column 2"),
    ("undefined", "line 1, column 1"),
    ("[1]\n\n[2]", "line 3, column 1"),
    ("NaN", "line 1, column 1"),
    ("[" * 600 + "]" * 600, "line 1, column 513"),
]


def test_memory_does_not_grow_with_retries(sim, hs, api, tmp_path):
    """Each try kept a copy of the request."""
    if is_sanitized(hs):
        pytest.skip("a build with ASan needs all the addresses that there are")
    file = tmp_path / "large.json"
    file.write_text(json.dumps("x" * (10 << 20)))
    sim.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    sim.fail("POST /test/raw", times=4, status=429, headers={"Retry-After": "1"})
    done = api(
        "/test/raw",
        "--data",
        f"@{file}",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (40 << 20, 40 << 20)),
    )
    assert done.code == 0, done.err
    assert len(sim.requests("POST /test/raw")) == 5


def test_data_that_is_not_json(sim, api):
    failed(api("/test/echo", "--data", ""), 2, "--data", "empty|unexpected end")
    failed(api("/test/echo", "--data", "-"), 2, "--data", "empty|unexpected end")
    for text, where in BAD_DATA:
        if text != "-":
            failed(api("/test/echo", f"--data={text}"), 2, "--data", where)
        failed(api("/test/echo", "--data", "-", input=text), 2, "--data", where)
    assert sim.proxy.seen == []


def test_data_that_is_not_utf8(sim, api, tmp_path):
    """RFC 8259, 8.1: neither another encoding nor a byte order mark, which
    nobody sees in an editor."""
    path = tmp_path / "data.json"
    for data, word in (
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'"caf\xe9"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "byte order mark"),
    ):
        path.write_bytes(data)
        failed(api("/test/echo", "--data", f"@{path}"), 2, "--data", word)
    assert sim.proxy.seen == []


def test_data_that_cannot_be_read(sim, api, tmp_path):
    (tmp_path / "void").write_text("")
    for what, word in (
        (f"@{tmp_path}/nowhere", "No such file"),
        (f"@{tmp_path}", "directory"),
        ("@", ""),
        (f"@{tmp_path}/void", "unexpected end"),
        ("@/dev/zero", "32 MiB|JSON"),
    ):
        failed(api("/test/echo", "--data", what), 2, "--data", word)
    if os.geteuid():
        (tmp_path / "void").chmod(0)
        failed(api("/test/echo", "--data", f"@{tmp_path}/void"), 2, "denied")
    assert sim.proxy.seen == []


# ---- error statuses

CODES = {
    400: 1,
    401: 4,
    403: 4,
    404: 5,
    405: 1,
    409: 1,
    410: 1,
    415: 1,
    422: 1,
    423: 1,
    429: 6,
    477: 1,
    500: 1,
    501: 1,
    502: 1,
    503: 1,
    504: 1,
    521: 1,
    599: 1,
}


def test_error_statuses(sim, api):
    for status, code in CODES.items():
        body = {
            "status": "error",
            "message": f"Reason of {status}",
            "correlationId": f"c0ffee-{status}",
            "n": 12345678901234567890,
            "errors": [{"message": "a detail"}, {"message": "another one"}],
        }
        sim.fail("/a", status=status, body=body)
        done = api("/a", "--max-wait", 0)
        failed(
            done,
            code,
            str(status),
            f"Reason of {status}",
            f"c0ffee-{status}",
            "a detail",
            "another one",
        )
        assert done.out == json.dumps(body, indent=2) + "\n"
    assert len(sim.requests()) == len(CODES)


def test_the_correlation_id_of_the_header(sim, api):
    """A web page has no other; an id in the body takes precedence."""
    page = b"<html>no such page</html>"
    for headers, body, want in (
        ({"Content-Type": "text/html", "X-HubSpot-Correlation-Id": "c0ffee-1"}, page, "c0ffee-1"),
        ({"x-hubspot-correlation-id": "c0ffee-2"}, b"", "c0ffee-2"),
        ({"X-HubSpot-Correlation-Id": "c0ffee-3"}, {"message": "m"}, "c0ffee-3"),
        ({"X-HubSpot-Correlation-Id": "no"}, {"correlationId": "c0ffee-4"}, "c0ffee-4"),
    ):
        for status in (404, 405, 500):
            sim.fail("/a", status=status, headers=headers, body=body)
            done = api("/a", "--max-wait", 0)
            failed(done, 5 if status == 404 else 1, str(status), f"correlation id {want}")


@pytest.mark.parametrize(
    "how",
    [
        {"body": {"message": "m0", "correctHublet": "eu1"}},
        {"headers": {"X-HubSpot-Correct-Hublet": "eu1"}, "body": b""},
        {
            "headers": {"x-hubspot-correct-hublet": "eu1", "Content-Type": "text/html"},
            "body": b"<html>",
        },
    ],
)
def test_an_account_of_another_region(sim, hs, api, how):
    """Reported by the API, or by the token request."""
    sim.fail("*", status=488, times=None, **how)
    failed(api("/a"), 1, "488", "region eu1", "api-eu1.hubapi")
    if how["body"] != b"<html>":
        hs.write_config(sim.portals[101])
        done = hs("api", "/a")
        failed(done, 1, "488", "region eu1")
        assert "personal-access-key" not in done.err
    assert {r.host for r in sim.requests()} == {API}


@pytest.mark.parametrize(
    "region", ["evil.test/", "EU1", "e1", "europe1", "eu", "eu123", "1", "eu1\n", ""]
)
def test_an_invalid_region(sim, api, region):
    sim.fail("/a", status=488, body={"message": "m0", "correctHublet": region})
    done = api("/a")
    failed(done, 1, "488", "m0", "another region")
    assert "OVERRIDE" not in done.err


PAGE = b"\xef\xbb\xbf\n <!DOCTYPE html><html><title>Sign in to the network</title></html>"


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 407, 451, 500, 502, 511])
@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml", None]
)
def test_a_web_page_is_not_a_refusal_of_the_key(sim, hs, status, kind):
    portal = sim.portal(101)
    hs.write_config(portal)
    before = hs.config_path.read_bytes()
    sim.fail(
        "/localdevauth",
        status=status,
        body=PAGE,
        times=None,
        headers={"Content-Type": kind} if kind else {},
    )
    for args in (["api", "/test/echo"], ["account", "clean"], ["secrets", "list"]):
        done = hs(*args, "--max-wait", 0)
        assert (
            done.code == (1 if kind is None and status == 200 else 7) or args[1] == "clean"
        ), done.err
        assert "web page" in done.err and str(status) in done.err, done.err
        for word in ("personal-access-key", "good", "account auth", "nactive"):
            assert word not in done.err + done.out, done.err
    assert hs.config_path.read_bytes() == before


def test_a_redirect_is_not_a_refusal_of_the_key(sim, hs):
    hs.write_config(sim.portal(101))
    sim.fail(
        "/localdevauth",
        status=302,
        headers={"Location": "http://login.example.test/?sid=good-for-whoever"},
    )
    failed(
        hs("api", "/test/echo"),
        7,
        "redirect",
        r"http://login\.example\.test/\?\.\.\.",
        "HTTPS_PROXY",
    )
    assert len(sim.requests()) == 1


def test_a_web_page_from_the_api(sim, hs, api):
    """Its 401 does not mean that the token is invalid."""
    for status, code in ((401, 4), (403, 4)):
        sim.fail("/a", status=status, body=PAGE, headers={"Content-Type": "text/html"})
        done = api("/a")
        failed(done, code, str(status), "web page", "login page")
        assert "good" not in done.err
    sim.fail("/cms", status=200, body=PAGE, headers={"Content-Type": "text/html"})
    done = hs("secrets", "list", env={"HUBSPOT_ACCESS_TOKEN": sim.portals[101].static_token})
    failed(done, 1, "web page", "proxy")


def test_error_bodies_of_any_kind(sim, api):
    for body, kind in (
        (b"<html><b>502</b></html>", "text/html"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b'{"message":5,"errors":{},"context":[],"correlationId":[]}', "application/json"),
        (
            b'{"errors":[null,5,{"message":null,"context":null},[[]]],"context":5}',
            "application/json",
        ),
        (b'{"message":"' + b"x" * 5000 + b'"}', "application/json"),
        (b'{"errors":[' + b'{"message":"yyyyyyyyy"},' * 3000 + b"1]}", "application/json"),
        (b"{" * 3000, "application/json"),
        (b"\xff\xfe", ""),
        (b'{"message":"\xff\xfe"}', "application/json"),
        (b"[" + b'{"message":"long"},' * 40000 + b"1]", "application/json"),
    ):
        for status in (400, 502):
            answer(sim, body, kind=kind, status=status)
            done = api("/a", "--raw", "--max-wait", 0)
            failed(done, 1, str(status))
            assert raw(done) == body
            assert "<b>" not in done.err and len(done.err) < 4000


def test_missing_scopes(sim, hs):
    portal = sim.portal(101, scopes=["files"])
    hs.write_config(portal)
    done = hs("api", "/crm/v3/objects/contacts")
    failed(
        done,
        4,
        r"lacks scopes?: crm\.objects\.contacts\.read",
        "correlation id",
        "personal-access-key/101",
    )
    assert done.json["category"] == "MISSING_SCOPES"
    assert done.json["correlationId"] in done.err
    sim.fail("/a", status=403, body={"category": "MISSING_SCOPES", "message": "no"})
    failed(hs("api", "/a"), 4, "lacks scopes", "403")


def test_every_missing_scope_is_named_once(sim, api):
    """Also one whose name is a part of another's."""
    scopes = [
        "files.ui_hidden.read",
        "files",
        "content",
        *(f"crm.objects.custom-{n}.highly_sensitive.read" for n in range(12)),
    ]
    sim.fail(
        "/a",
        status=403,
        body={
            "category": "MISSING_SCOPES",
            "context": {"missingScopes": scopes[:2]},
            "errors": [{"context": {"requiredGranularScopes": scopes}}],
        },
    )
    done = api("/a")
    failed(done, 4)
    assert f"lacks scopes: {', '.join(scopes)}. Add" in done.err


def test_the_hint_is_about_the_credential_in_use(sim, hs):
    """The hint names hs account auth only if that helps."""
    portal = sim.portal(101)
    sim.fail("/a", status=401, times=None)
    sim.fail("/b", status=403, times=None, body={"category": "MISSING_SCOPES"})
    token = {"HUBSPOT_ACCESS_TOKEN": portal.static_token}
    key = {"HUBSPOT_ACCOUNT_ID": "101", "HUBSPOT_API_KEY": portal.api_key}
    pak = {"HUBSPOT_ACCOUNT_ID": "101", "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    for args, env, word in (
        ([], token, "HUBSPOT_ACCESS_TOKEN is invalid or has expired"),
        (["--use-env"], key, "HUBSPOT_API_KEY is invalid or has expired"),
        (["--use-env"], pak, "HUBSPOT_PERSONAL_ACCESS_KEY is invalid or has expired"),
    ):
        done = hs("api", "/a", *args, env=env)
        failed(done, 4, word)
        assert "hs account auth" not in done.err
    done = hs("api", "/b", env=token)
    failed(done, 4, "token lacks scopes")
    assert "personal-access-key" not in done.err
    hs.write_config(oauth_account(portal))
    failed(hs("api", "/a"), 4, "hs account auth --auth-type oauth2 --account 101")
    failed(hs("api", "/b"), 4, "lacks scopes", "--scopes")
    portal.state = "inactive"
    failed(hs("api", "/a", "--use-env", env=pak), 4, "set HUBSPOT_PERSONAL_ACCESS_KEY")


# ---- tokens


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_refused_token_is_fetched_again_once(sim, hs, method):
    portal = sim.portal(101)
    old = one_token(sim, portal, hs)
    sim.revoke()
    data = ["--data", "{}"] if method == "POST" else []
    done = hs("api", "/account-info/v3/details" if method == "GET" else "/a", "-X", method, *data)
    log = [(r.method, r.path) for r in sim.requests()]
    if method == "GET":
        assert done.code == 0, done.err
        assert done.json["portalId"] == 101
        assert log == [
            ("GET", "/account-info/v3/details"),
            ("POST", "/localdevauth/v1/auth/refresh"),
            ("GET", "/account-info/v3/details"),
        ]
        stored = hs.read_config()["accounts"][0]["auth"]["tokenInfo"]["accessToken"]
        assert stored != old and stored in portal.tokens
        assert len({r.conn for r in sim.requests()}) == 1
        before = len(sim.requests())
        assert hs("api", "/account-info/v3/details").code == 0
        assert len(sim.requests()) == before + 1
    else:  # no such endpoint: the 404 stands for having got past the door
        sim.fail("/a", status=401)
        sim.fail("/a", status=200, body=b"[1]")
        sim.log.clear()
        one_token(sim, portal, hs)
        done = hs("api", "/a", "-X", method, *data)
        assert (done.code, done.json) == (0, [1]), done.err
        assert [r.method for r in sim.requests()] == [method, "POST", method]
        assert sim.requests()[0].body == sim.requests()[2].body


def test_refused_fresh_token_is_final(sim, hs):
    """The body of the last 401 is shown, once."""
    portal = sim.portal(101)
    one_token(sim, portal, hs)
    sim.fail("/a", times=None, status=401, body={"message": "go away", "correlationId": "c-1"})
    done = hs("api", "/a")
    failed(done, 4, "go away", "c-1", "hs account auth")
    assert done.json == {"message": "go away", "correlationId": "c-1"}
    assert [r.path for r in sim.requests()] == ["/a", "/localdevauth/v1/auth/refresh", "/a"]
    hs.write_config(portal)
    sim.log.clear()
    failed(hs("api", "/a"), 4)
    assert [r.path for r in sim.requests()] == ["/localdevauth/v1/auth/refresh", "/a"]


def test_a_revoked_key(sim, hs):
    portal = sim.portal(101)
    one_token(sim, portal, hs)
    before = hs.config_path.read_bytes()
    sim.revoke()
    for state in ("inactive", "gone"):
        portal.state = state
        failed(hs("api", "/account-info/v3/details"), 4, "account", "hs account auth")
    portal.state, portal.key = "active", "another-key-than-the-one-in-the-config"
    failed(hs("api", "/account-info/v3/details"), 4, "hs account auth")
    assert hs.config_path.read_bytes() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b'{"oauthAccessToken":""}',
        b'{"oauthAccessToken":5,"hubId":101}',
        b'{"oauthAccessToken":"t","hubId":"x"}',
        b'{"oauthAccessToken":"abcdefghij\\r\\nX-Evil: 1","hubId":101,"expiresAtMillis":1}',
    ],
)
def test_invalid_token_responses(sim, hs, body):
    hs.write_config(sim.portal(101))
    sim.fail("/localdevauth", status=200, body=body)
    done = hs("api", "/test/echo")
    assert done.code in (1, 2), done.err
    assert done.out == "" and len(sim.requests("/test")) == 0


def test_a_token_that_expires_soon_is_renewed(sim, hs):
    portal = sim.portal(101)
    for seconds, calls in ((299, 2), (310, 1), (-5, 2)):
        token, _ = portal.issue()
        hs.write_config(
            hs.account(
                portal,
                auth={
                    "tokenInfo": {"accessToken": token, "expiresAt": isotime(time.time() + seconds)}
                },
            )
        )
        sim.log.clear()
        assert hs("api", "/account-info/v3/details").code == 0
        assert len(sim.requests()) == calls, seconds


def test_a_token_is_fetched_once_if_the_clock_is_ahead(sim, hs):
    """A fresh token that looks expired is used anyway."""
    portal = sim.portal(101)
    for n in range(3):
        portal.add_file(f"f/{n}.txt", b"x")
    for lifetime in (200, 0):
        hs.write_config(portal)
        portal.lifetime = lifetime
        sim.fail(
            "POST /localdevauth",
            status=200,
            times=1,
            body={
                "hubId": 101,
                "oauthAccessToken": portal.static_token,
                "expiresAtMillis": int((time.time() + lifetime) * 1000),
            },
        )
        sim.log.clear()
        assert hs("filemanager", "fetch", "f", "--overwrite").code == 0
        assert len(sim.requests("/localdevauth")) == 1


def test_one_connection_for_token_and_request(sim, hs):
    hs.write_config(sim.portal(101))
    assert hs("api", "/account-info/v3/details").code == 0
    assert len(sim.requests()) == 2
    assert len({r.conn for r in sim.requests()}) == 1
    assert len(sim.proxy.seen) == 1


def test_static_token(sim, hs, api):
    """HUBSPOT_ACCESS_TOKEN needs no config and no refresh; a 401 is final."""
    token = sim.portal(101).static_token
    env = {"HUBSPOT_ACCESS_TOKEN": f" {token}\n"}
    assert hs("api", "/account-info/v3/details", env=env).json["portalId"] == 101
    env["HUBSPOT_ACCOUNT_ID"] = "101"
    assert hs("api", "/account-info/v3/details", env=env).code == 0
    env["HUBSPOT_PORTAL_ID"] = env.pop("HUBSPOT_ACCOUNT_ID")
    assert hs("api", "/account-info/v3/details", env=env).code == 0
    assert [r.query for r in sim.requests()] == ["", "portalId=101", "portalId=101"]
    sim.fail("/a", status=401, times=None)
    failed(hs("api", "/a", env=env), 4)
    assert len(sim.requests()) == 4
    for bad in ("x", "-101", "0"):
        failed(hs("api", "/a", env={**env, "HUBSPOT_ACCOUNT_ID": bad}), 3, "HUBSPOT_ACCOUNT_ID")
    done = hs("api", "/a", env={"HUBSPOT_ACCESS_TOKEN": "abcdefghijk\r\nX-Evil: 1"})
    assert done.code in (2, 3, 4) and "X-Evil" not in done.err
    assert len(sim.requests()) == 4
    assert not hs.config_path.exists()


def test_a_long_token_is_sent_whole_or_not_at_all(sim, hs):
    token = "t" * 20000
    done = hs("api", "/test/echo", env={"HUBSPOT_ACCESS_TOKEN": token})
    if done.code == 0:
        assert sim.requests()[-1].header("authorization") == f"Bearer {token}"
    else:
        assert done.code in (2, 3, 4) and sim.requests() == []


def test_a_named_account_takes_precedence_over_the_token(sim, hs):
    hs.write_config(sim.portal(102))
    env = {"HUBSPOT_ACCESS_TOKEN": sim.portal(101).static_token}
    for args, portal in ((["-a", "102"], 102), (["--config", hs.config_path], 102), ([], 101)):
        assert hs("api", "/account-info/v3/details", *args, env=env).json["portalId"] == portal


def test_oauth2_account(sim, hs):
    portal = sim.portal(101)
    hs.write_config(oauth_account(portal))
    assert hs("api", "/account-info/v3/details").json["portalId"] == 101
    refresh, request = sim.requests()
    assert (refresh.method, refresh.target) == ("POST", "/oauth/2026-03/token")
    assert refresh.header("authorization") is None
    fields = dict(field.split(b"=", 1) for field in refresh.body.split(b"&"))
    assert fields.pop(b"grant_type") == b"refresh_token"
    assert set(fields) == {b"client_id", b"client_secret", b"refresh_token"}
    assert request.target == "/account-info/v3/details?portalId=101"
    info = hs.read_config()["accounts"][0]["auth"]["tokenInfo"]
    assert request.header("authorization") == f"Bearer {info['accessToken']}"
    assert info["refreshToken"] == portal.oauth["refresh_token"]
    assert hs("api", "/account-info/v3/details").code == 0
    assert len(sim.requests()) == 3
    sim.revoke()
    assert hs("api", "/account-info/v3/details").code == 0
    assert len(sim.requests()) == 6
    portal.oauth["refresh_token"] = "another-refresh-token-than-that"
    sim.revoke()
    failed(hs("api", "/account-info/v3/details"), 4, "sign in again")


def test_api_key_account(sim, hs):
    portal = sim.portal(101)
    hs.write_config({"name": "k", "accountId": 101, "authType": "apikey", "apiKey": portal.api_key})
    done = hs("api", "/account-info/v3/details?x=1")
    assert done.json["portalId"] == 101
    (request,) = sim.requests()
    assert request.target == f"/account-info/v3/details?x=1&portalId=101&hapikey={portal.api_key}"
    assert request.header("authorization") is None
    sim.fail("/a", status=401, times=None)
    failed(hs("api", "/a"), 4)
    assert len(sim.requests()) == 2


def test_use_env(sim, hs):
    portal = sim.portal(101)
    env = {"HUBSPOT_ACCOUNT_ID": "101", "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    assert hs("api", "/account-info/v3/details", "--use-env", env=env).json["portalId"] == 101
    assert [r.path for r in sim.requests()] == [
        "/localdevauth/v1/auth/refresh",
        "/account-info/v3/details",
    ]
    assert not hs.config_path.exists()
