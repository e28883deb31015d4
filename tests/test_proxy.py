"""Proxies: which one is used, how it is spoken to, and how it can fail."""
import base64
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from calls import API, answer, api, failed  # noqa: F401 (api: a fixture)
from hubsim import Over, recv_head, reset

# A name that no resolver finds, and that none is asked for: its label is too long.
NOWHERE = "n" * 64


def seen(sim):
    """Whom the proxies were asked for since the last look."""
    found = [(s["kind"], s["host"], s["port"]) for s in sim.proxy.seen]
    sim.proxy.seen.clear()
    return found


@pytest.fixture
def listen(sim):
    """listen(serve) gives the port where serve(sock) meets each connection."""
    before = len(sim.listeners)
    yield sim.listen
    for listener in sim.listeners[before:]:
        listener.close()
    del sim.listeners[before:]


def proxy(sim, user="", scheme="http"):
    port = sim.port_of_socks if scheme.startswith("socks") else sim.port_of_proxy
    return f"{scheme}://{user}127.0.0.1:{port}"


def test_names_and_their_order(sim, api):
    """HTTPS_PROXY, ALL_PROXY, HTTP_PROXY; of each the lower-case form first;
    empty ones do not count."""
    good, dead = proxy(sim), f"http://127.0.0.1:{sim.dead_port}"
    order = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY"]
    answer(sim, b"[1]", times=None)
    for at, name in enumerate(order):
        env = {
            "HTTPS_PROXY": None,
            **dict.fromkeys(order[:at], ""),
            **dict.fromkeys(order[at + 1 :], dead),
            name: good,
        }
        assert api("/a", env=env).code == 0, name
        env[name] = dead
        for other in order[at + 1 :]:
            env[other] = good
        done = api("/a", env=env)
        failed(done, 7, "cannot connect", name)
    assert len(seen(sim)) == len(order)


@pytest.mark.parametrize(
    "form",
    [
        "http://127.0.0.1:{}",
        "127.0.0.1:{}",
        "HTTP://127.0.0.1:{}/",
        " http://127.0.0.1:{} ",
        "http://localhost:{}",
        "http://localhost:{}/path?x#y",
    ],
)
def test_forms(sim, api, form):
    answer(sim, b"[1]")
    done = api("/a", env={"HTTPS_PROXY": form.format(sim.port_of_proxy)})
    assert done.code == 0, done.err
    assert seen(sim) == [("connect", API, 443)]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1:1",
        "https://127.0.0.1:1",
        "http://",
        "http://:80",
        "http://host:0",
        "http://host:65536",
        "http://host:x",
        "http://[::1",
        "http://a b:80",
        "socks4://127.0.0.1:1",
        "http://me:hushhush@ho st:80",
        "://x",
    ],
)
def test_bad_urls(sim, hs, api, url):
    hs.hidden.add("hushhush")
    done = api("/a", env={"HTTPS_PROXY": url})
    failed(done, 2, "HTTPS_PROXY")
    assert sim.requests() == []


def test_no_proxy(sim, api):
    """Where it is bypassed the name must be found, and this one cannot be."""
    host = f"{NOWHERE}.com"
    bypassing = [
        host,
        host.upper(),
        "*",
        ".com",
        "com",
        "*.com",
        f"{host}:443",
        f"other.test,{host}",
        f"other.test, {host}",
        f"other.test {host}",
        f" , ,{host},",
        "com:443",
    ]
    passing = [
        "",
        f"x{host}",
        f"x.{host}",
        f"{host}:444",
        "om",
        "other.test",
        "10.0.0.0/8",
        f"{host}.",
        ",",
        ":443",
        "/8",
    ]
    for name in ("no_proxy", "NO_PROXY"):
        for entry in bypassing:
            done = api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": NOWHERE, name: entry})
            failed(done, 7, "cannot resolve")
            assert seen(sim) == [], entry
        for entry in passing:
            done = api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": NOWHERE, name: entry})
            failed(done, 7, "another name")
            assert seen(sim) == [("connect", host, 443)], entry


def test_an_empty_no_proxy_in_lower_case_hides_nothing(sim, api):
    env = {"HUBAPI_DOMAIN_OVERRIDE": NOWHERE, "no_proxy": "", "NO_PROXY": "*"}
    failed(api("/a", env=env), 7, "cannot resolve")


# ---- HTTP proxies


@pytest.mark.parametrize(
    "user, pair",
    [
        ("me:hushhush@", ("me", "hushhush")),
        ("m%40e:hush%3Ahush%2F%25@", ("m@e", "hush:hush/%")),
        ("me:@", ("me", "")),
        ("me@", ("me", "")),  # RFC 7617: the colon is part of it all the same
        ("me:a@b@", ("me", "a@b")),
        ("m%C3%A9:x@", ("m\u00e9", "x")),
    ],
)
def test_basic_credentials(sim, hs, api, user, pair):
    sim.proxy.auth = pair
    answer(sim, b"[1]")
    code = base64.b64encode(":".join(pair).encode()).decode()
    hs.hidden.update(code and {code}, {w for w in pair[1:] if len(w) > 7})
    done = api("/a", "--debug", env={"HTTPS_PROXY": proxy(sim, user)})
    assert done.code == 0, done.err
    assert sim.requests("/a")[0].header("proxy-authorization") is None


def test_credentials_that_are_missing_or_wrong(sim, hs, api):
    sim.proxy.auth = ("me", "hushhush")
    hs.hidden.add("wrongwrong")
    for user in ("", "me:wrongwrong@"):
        done = api("/a", "--debug", env={"HTTPS_PROXY": proxy(sim, user)})
        failed(done, 7, "407", "user and password", "HTTPS_PROXY")
    assert len(seen(sim)) == 2
    assert sim.requests() == []


@pytest.mark.parametrize(
    "headers, offers, basic",
    [
        (["Basic realm=x"], "Basic", True),
        (["basic"], "basic", True),
        ([], None, True),
        (["Negotiate", "NTLM"], "Negotiate, NTLM", False),
        (["Negotiate, NTLM"], "Negotiate, NTLM", False),
        (['Digest realm="a, Basic b", nonce="x\\"y, z", qop=auth'], "Digest", False),
        (
            ['Digest realm="x", nonce="y", Basic realm="z"', "NTLM TlRMTVNTUAAC=="],
            "Digest, Basic, NTLM",
            True,
        ),
        (['Bearer error="x" , scope = "y"'], "Bearer", False),
        (["Negotiate", "negotiate"], "Negotiate", False),
        (["X" * 5000], None, False),
    ],
)
@pytest.mark.parametrize("user", ["", "me:wrongwrong@"])
def test_sign_in_schemes_are_named(sim, hs, api, headers, offers, basic, user):
    hs.hidden.add("wrongwrong")
    sim.proxy.raw = "".join(
        [
            "HTTP/1.1 407 Sign in\r\n",
            *[f"Proxy-Authenticate: {h}\r\n" for h in headers],
            "Content-Length: 0\r\n\r\n",
        ]
    ).encode()
    done = api("/a", env={"HTTPS_PROXY": proxy(sim, user)})
    failed(
        done,
        7,
        "407 Sign in",
        "only Basic",
        "HTTPS_PROXY",
        f"offers {offers}[,).]" if offers else "Basic",
    )
    assert ("rejected the user and password" in done.err) == (basic and bool(user)), done.err
    assert ("HTTPS_PROXY=http://user:password@" in done.err) == (basic and not user), done.err
    assert len(done.err) < 1000 and len(seen(sim)) == 1


def test_a_proxy_that_says_the_password_again(sim, hs, api):
    """Its reason is shown, but for the password, percent-encoded or not."""
    hs.hidden |= {"hush hush", "hush%20hush"}
    sim.proxy.raw = b"HTTP/1.1 407 wrong: hush hush, hush%20hush\r\n\r\n"
    failed(api("/a", env={"HTTPS_PROXY": proxy(sim, "me:hush%20hush@")}), 7, "407 wrong")


@pytest.mark.parametrize("status", [302, 400, 403, 404, 502, 503])
def test_proxy_that_refuses(sim, api, status):
    sim.proxy.status = status
    done = api("/a", "--max-wait", 1)
    failed(done, 7, "proxy 127.0.0.1", API, str(status))
    assert done.out == ""


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_connect_is_tried_again(sim, api, listen, method):
    """Of a request that waits behind CONNECT nothing was sent: any may be repeated."""
    answers = []

    def serve(sock):
        recv_head(sock)
        if answers:
            sock.sendall(answers.pop(0))
            raise Over
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        sim.serve_tunnel(sock, API, 443)

    port = listen(serve)
    for status, again in (
        (429, True),
        (502, True),
        (503, True),
        (504, True),
        (302, False),
        (400, False),
        (403, False),
        (407, False),
        (423, False),
        (500, False),
    ):
        sim.log.clear()
        answers[:] = [
            b"HTTP/1.1 %d No\r\nRetry-After: 1\r\nX-HubSpot-RateLimit-Remaining: 0\r\n\r\n" % status
        ]
        rule = answer(sim, b"[1]", path=f"{method} /a")
        done = api(
            "/a", "-X", method, "--max-wait", 10, env={"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        )
        assert (done.code == 0) == again, (status, done.err)
        assert len(sim.requests()) == again and "taken effect" not in done.err
        if not again:
            failed(done, 7, str(status))
            sim.rules.remove(rule)


def test_the_wait_that_a_proxy_asks_for(sim, api, listen):
    answers = [b"HTTP/1.1 503 Full\r\nRetry-After: 2\r\n\r\n"]

    def serve(sock):
        recv_head(sock)
        times.append(time.monotonic())
        if answers:
            sock.sendall(answers.pop(0))
            raise Over
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        sim.serve_tunnel(sock, API, 443)

    times = []
    answer(sim, b"[1]")
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{listen(serve)}"}
    done = api("/a", "-X", "POST", env=env)
    assert done.code == 0 and "503 Full; retrying in 2 s" in done.err, done.err
    assert times[1] - times[0] > 1.9
    answers[:] = [b"HTTP/1.1 429 Full\r\nRetry-After: 99\r\n\r\n"]
    failed(api("/a", "--max-wait", 5, env=env), 7, "429 Full")
    assert len(times) == 3


def test_what_an_earlier_try_sent_does_not_count(sim, api, listen):
    """The first try was answered 429, of the second nothing was sent: a third is safe."""
    steps = ["tunnel", "reset", "tunnel"]

    def serve(sock):
        recv_head(sock)
        if steps.pop(0) == "reset":
            reset(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        sim.serve_tunnel(sock, API, 443)

    sim.fail("/a", raw=b"HTTP/1.1 429 Later\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\n{}")
    answer(sim, b"[1]")
    done = api(
        "/a",
        "-X",
        "POST",
        "--max-wait",
        10,
        env={"HTTPS_PROXY": f"http://127.0.0.1:{listen(serve)}"},
    )
    assert done.code == 0, done.err
    assert len(sim.requests()) == 2 and steps == []


def test_proxy_that_finds_no_such_host(sim, api):
    sim.proxy.unresolved = {API}
    failed(api("/a", "--max-wait", 0), 7, "502")


@pytest.mark.parametrize("then, word", [("reset", "reset"), ("close", "closed")])
def test_proxy_that_leaves(sim, api, then, word):
    sim.proxy.then = then
    failed(api("/a", "--data", "{}", "--max-wait", 0), 7, word)
    assert len(seen(sim)) == 1


def test_proxy_that_hangs(sim, api):
    sim.proxy.then = "hang"
    done = api("/a", "--max-wait", 1)
    failed(done, 7, "timed out", "proxy")
    assert done.seconds < 9


@pytest.mark.parametrize(
    "answer_, word",
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "not HTTP"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\n", "closed in the middle of the response header"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000, "64 KiB"),
        (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", "malformed"),
        (b"", "closed"),
    ],
)
def test_the_proxy_is_named_if_it_sent_it(sim, api, answer_, word):
    sim.proxy.raw = answer_
    failed(
        api("/a", "--max-wait", 0),
        7,
        f"cannot reach {API} through the proxy 127.0.0.1: .*{word}",
        "HTTPS_PROXY",
    )
    sim.proxy.raw = None
    sim.fail("/a", raw=answer_)  # now from the server, through the same proxy
    done = api("/a", "--max-wait", 0)
    failed(done, 7, f"{API}: .*{word}")
    assert "proxy" not in done.err.lower(), done.err


@pytest.mark.parametrize(
    "answer_",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"\x05\x00",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000,
        b"\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_a_proxy_that_sends_nonsense(sim, api, answer_):
    sim.proxy.raw = answer_
    done = api("/a", "--max-wait", 0)
    failed(done, 7)
    assert done.out == "" and sim.requests() == []


def test_a_proxy_that_sends_more_than_a_header(sim, api, listen):
    """An answer's head may have more than one line, and a 1xx before it."""

    def serve(sock):
        recv_head(sock)
        sock.sendall(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connected\r\n"
            b"Proxy-Agent: x\r\nContent-Length: 0\r\n\r\n"
        )
        sim.serve_tunnel(sock, API, 443)

    answer(sim, b"[1]")
    done = api("/a", "--raw", env={"HTTPS_PROXY": f"http://127.0.0.1:{listen(serve)}"})
    assert (done.code, done.out) == (0, "[1]"), done.err


def test_plain_bytes_before_tls_are_no_answer(sim, api, listen):
    """What a proxy sends in clear behind its 200 must never be taken for what
    the server says over TLS."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n[666666]"

    def serve(sock):
        recv_head(sock)
        sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n" + forged)
        sim.serve_tunnel(sock, API, 443)

    answer(sim, b"[1]", times=None)
    done = api(
        "/a", "--raw", "--max-wait", 0, env={"HTTPS_PROXY": f"http://127.0.0.1:{listen(serve)}"}
    )
    assert "666666" not in done.out
    failed(done, 7)
    assert sim.requests() == []  # and no token went out


def test_a_dead_proxy_is_named(sim, api):
    done = api("/a", env={"HTTPS_PROXY": f"http://127.0.0.1:{sim.dead_port}"})
    failed(done, 7, "cannot connect to 127.0.0.1", "refused", "HTTPS_PROXY")


def test_a_proxy_that_cannot_be_found(sim, api):
    failed(api("/a", env={"HTTPS_PROXY": f"http://{NOWHERE}:80"}), 7, "cannot resolve", NOWHERE)


# ---- SOCKS


def socks(sim, user="", scheme="socks5"):
    return {"HTTPS_PROXY": None, "ALL_PROXY": proxy(sim, user, scheme)}


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks(sim, api, scheme):
    """The proxy looks the name up, in either form."""
    answer(sim, b"[1]")
    done = api("/a", env=socks(sim, scheme=scheme))
    assert done.code == 0, done.err
    assert seen(sim) == [("socks5", API, 443)]


def test_socks_with_a_password(sim, hs, api):
    sim.proxy.auth = ("m@e", "hushhush")
    answer(sim, b"[1]")
    hs.hidden.add("wrongwrong")
    assert api("/a", "--debug", env=socks(sim, "m%40e:hushhush@")).code == 0
    assert seen(sim) == [("socks5", API, 443)]
    failed(api("/a", "--debug", env=socks(sim, "m%40e:wrongwrong@")), 7, "SOCKS", "password")
    failed(api("/a", env=socks(sim)), 7, "SOCKS", "user and password")
    assert len(sim.requests()) == 1


def test_socks_that_refuses(sim, api):
    sim.proxy.status = 403
    failed(api("/a", env=socks(sim)), 7, "SOCKS proxy 127.0.0.1", "refused")
    sim.proxy.status = 200
    sim.proxy.unresolved = {API}
    failed(api("/a", env=socks(sim)), 7, "SOCKS", "unreachable")


ASKED, GRANTED = b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)
NO_SOCKS = "through the SOCKS proxy 127.0.0.1: it is not a SOCKS 5 proxy"
REFUSED = "cannot reach .* through the SOCKS proxy 127.0.0.1: "


@pytest.mark.parametrize(
    "user, answers, words",
    [
        ("", [b"\x04\x5a"], [NO_SOCKS, "ALL_PROXY"]),
        ("", [b"\x00\x5b"], [NO_SOCKS]),
        ("", [b"S"], [NO_SOCKS]),
        ("", [b"HTTP/1.1 400 Bad Request\r\n\r\n"], [NO_SOCKS, "use http:// in ALL_PROXY"]),
        ("", [b"\x15\x03\x01\x00\x02\x02\x46"], [NO_SOCKS]),
        ("", [b""], ["closed"]),
        ("", [b"\x05"], ["closed"]),
        (
            "",
            [b"\x05\xff"],
            ["it requires a user and password", "ALL_PROXY=socks5://user:password@"],
        ),
        ("me:x@", [b"\x05\xff"], ["an authentication method that hs does not support"]),
        ("", [b"\x05\x02"], ["did not offer"]),
        ("", [b"\x05\x01"], ["did not offer"]),
        ("me:x@", [b"\x05\x01"], ["did not offer"]),
        ("me:x@", [b"\x05\x03"], ["did not offer"]),
        ("me:x@", [b"\x05\x02", b"\x01\x01"], ["rejected the user and password", "ALL_PROXY"]),
        ("me:x@", [b"\x05\x02", b"\x01\xff"], ["rejected the user and password"]),
        ("me:x@", [b"\x05\x02", b"\x04\x00"], ["user and password is malformed"]),
        ("me:x@", [b"\x05\x02", b"\x01"], ["closed"]),
        *[
            ("", [ASKED, b"\x05" + bytes([code]) + tail], [REFUSED + ".*" + word])
            for code, word in (
                (1, "general failure"),
                (2, "rules"),
                (3, "network unreachable"),
                (4, "host unreachable"),
                (5, "connection refused"),
                (6, "TTL expired"),
                (7, "does not support CONNECT"),
                (8, "host names"),
                (9, "unknown reason .code 9"),
                (255, "unknown reason .code 255"),
            )
            for tail in (b"", b"\x00\x01" + bytes(6))
        ],
        ("", [ASKED, b"\x04" + GRANTED[1:]], ["response is malformed"]),
        ("", [ASKED, b"\x05\x00\x00\x02" + bytes(6)], ["response is malformed"]),
        ("", [ASKED, GRANTED[:5]], ["closed"]),
    ],
)
def test_the_causes_of_socks(sim, hs, api, listen, user, answers, words):
    def serve(sock):
        for part in answers:
            sock.recv(600)
            sock.sendall(part)
        sock.recv(1 if answers[-1] == GRANTED else 0)
        raise Over

    port = listen(serve)
    done = api(
        "/a",
        "--max-wait",
        0,
        env={"HTTPS_PROXY": None, "ALL_PROXY": f"socks5h://{user}127.0.0.1:{port}"},
    )
    failed(done, 7, "SOCKS proxy 127.0.0.1", *words)
    assert sim.requests() == []


@pytest.mark.parametrize("user", ["u" * 256 + ":p@", "u:" + "p" * 256 + "@", "%40" * 256 + ":p@"])
def test_socks_has_room_for_255_bytes(sim, api, user):
    """They are not cut: another user's name could be what is left."""
    failed(api("/a", env=socks(sim, user)), 2, "longer than 255", "ALL_PROXY")
    assert seen(sim) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"\x04\x5a",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x05\x00\x05\x00\x00\x09aaaaaaaaaa",
        b"\x05\x00\x05",
        b"\x05\xff",
        b"",
        b"\x05\x00\x05\x01\x00\x01\0\0\0\0\0\0",
        b"\x05\x00\x05\xff\x00\x01\0\0\0\0\0\0",
    ],
)
def test_a_socks_proxy_that_sends_nonsense(sim, api, listen, raw):
    def serve(sock):
        sock.recv(100)
        sock.sendall(raw[:2])
        if raw[2:]:
            sock.recv(300)
            sock.sendall(raw[2:])
        raise Over

    port = listen(serve)
    done = api(
        "/a", "--max-wait", 0, env={"HTTPS_PROXY": None, "ALL_PROXY": f"socks5://127.0.0.1:{port}"}
    )
    failed(done, 7)
    assert done.out == "" and sim.requests() == []


def test_socks_that_hangs(sim, api):
    sim.proxy.then = "hang"
    done = api("/a", "--max-wait", 1, env=socks(sim))
    failed(done, 7, "timed out")
    assert done.seconds < 9


def test_socks_answer_in_small_pieces(sim, api, listen):
    """With a name and an IPv6 address as the bound one, a byte at a time."""
    for bound in (b"\x03\x04name", b"\x04" + bytes(16), b"\x01" + bytes(4)):

        def serve(sock):
            sock.recv(100)
            for piece in (b"\x05", b"\x00"):
                sock.sendall(piece)
            sock.recv(300)
            for byte in b"\x05\x00\x00" + bound + b"\x01\xbb":
                sock.sendall(bytes([byte]))
            with contextlib.suppress(OSError):
                sim.serve_tunnel(sock, API, 443)

        answer(sim, b"[1]")
        port = listen(serve)
        done = api("/a", env={"HTTPS_PROXY": None, "ALL_PROXY": f"socks5://127.0.0.1:{port}"})
        assert done.code == 0, (bound, done.err)


# ---- real proxies, which pass on to the stand-in's


def started(command, folder, port):
    """A proxy in the foreground, as soon as it listens."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        if process.poll() is not None:
            pytest.skip(f"{command[0]} does not run here")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    pytest.fail(f"{command[0]} does not listen")


def tinyproxy(folder, port, above):
    (folder / "conf").write_text(
        f"Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\nBasicAuth me hushhush\n"
        f"ConnectPort 443\nUpstream http 127.0.0.1:{above}\n"
    )
    return ["tinyproxy", "-d", "-c", str(folder / "conf")]


def squid(folder, port, above):
    helper = folder / "helper"
    helper.write_text(
        "#!/bin/sh\nwhile read -r user word; do\n"
        "[ \"$user $word\" = 'me hushhush' ] && echo OK || echo ERR\ndone\n"
    )
    helper.chmod(0o755)
    (folder / "conf").write_text(
        f"http_port 127.0.0.1:{port}\nauth_param basic program {helper}\n"
        "acl users proxy_auth REQUIRED\n"
        "http_access allow users\nhttp_access deny all\ncache deny all\n"
        "cache_log none\naccess_log none\n"
        f"cache_peer 127.0.0.1 parent {above} 0 no-query no-digest default\n"
        "never_direct allow all\n"
        f"pid_filename {folder}/pid\nshutdown_lifetime 0\npinger_enable off\n"
    )
    return ["squid", "-N", "-f", str(folder / "conf")]


@pytest.mark.parametrize("kind", [tinyproxy, squid], ids=lambda k: k.__name__)
def test_a_real_proxy(sim, hs, api, kind):
    if not shutil.which(kind.__name__, path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip(f"{kind.__name__} is not installed")
    with tempfile.TemporaryDirectory(prefix="hs-proxy-") as folder, socket.socket() as port:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        port.bind(("127.0.0.1", 0))
        number = port.getsockname()[1]
        port.close()
        command = kind(folder, number, sim.port_of_proxy)
        command[0] = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin")
        process = started(command, folder, number)
        try:
            hs.hidden |= {"hushhush", "wrongwrong"}
            answer(sim, b"[1]", times=None)
            done = api(
                "/a",
                "--raw",
                "--max-wait",
                20,
                env={"HTTPS_PROXY": f"http://me:hushhush@127.0.0.1:{number}"},
            )
            assert (done.code, done.out) == (0, "[1]"), done.err
            done = api("/a", env={"HTTPS_PROXY": f"http://127.0.0.1:{number}"})
            failed(done, 7, "407", "HTTPS_PROXY=http://user:password@", "offers Basic")
            done = api("/a", env={"HTTPS_PROXY": f"http://me:wrongwrong@127.0.0.1:{number}"})
            failed(done, 7, "40[17]", "rejected the user and password|Unauthorized")
        finally:
            process.terminate()
            process.wait(30)
