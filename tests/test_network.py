"""The wire: answers that are broken, late, cut or odd; retries; redirects;
interrupts. hubsim plays the server, over real TLS."""
import contextlib
import datetime
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from calls import API, answer, api, failed, http, raw  # noqa: F401 (api: a fixture)
from hubsim import recv_head

NOWHERE = "n" * 64  # a label that is too long: no resolver is asked
OK = "HTTP/1.1 200 OK"


# ---- getting there


def test_name_that_is_not_found(sim, api):
    done = api("/a", env={"HTTPS_PROXY": None, "HUBAPI_DOMAIN_OVERRIDE": NOWHERE})
    failed(done, 7, f"cannot resolve {NOWHERE}", "DNS")
    assert done.out == "" and done.seconds < 10


def test_refused(sim, api):
    done = api("/a", env={"HTTPS_PROXY": f"http://127.0.0.1:{sim.dead_port}"})
    failed(done, 7, "cannot connect", "refused")
    done = api("/a", env={"HTTPS_PROXY": f"http://[::1]:{sim.dead_port}"})
    failed(done, 7, "cannot connect to ::1")


@pytest.fixture
def hosts(tmp_path):
    """hosts(line, ...) has a run see an /etc/hosts with these lines alone."""
    probe = "mount --make-rprivate / && mount --bind /dev/null /etc/hosts"
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True).returncode
    ):
        pytest.skip("no mount namespace can be made here")

    def make(hs, *lines):
        table = tmp_path / "hosts"
        table.write_text("".join(line + "\n" for line in lines))
        script = tmp_path / "hs-in-namespace"
        script.write_text(
            "#!/bin/sh\nexec unshare -m sh -c 'mount --make-rprivate / && mount --bind "
            f'{table} /etc/hosts && exec {hs.bin} "$@"\' hs "$@"\n'
        )
        script.chmod(0o755)
        hs.bin = str(script)

    return make


@pytest.mark.parametrize("dead", [8, 23, 60])
def test_a_living_address_behind_many_dead_ones(sim, hs, api, hosts, dead):
    """Families take turns before the list is cut, and doubles do not count."""
    lines = [f"fd00:dead:beef::{n:x} many.test" for n in range(1, dead + 1)]
    hosts(hs, *lines, lines[0], "127.0.0.1 many.test", "127.0.0.1 many.test")
    answer(sim, b"[1]")
    done = api(
        "/a",
        "--raw",
        "--max-wait",
        10,
        env={"HTTPS_PROXY": f"http://many.test:{sim.port_of_proxy}"},
    )
    assert (done.code, done.out) == (0, "[1]"), done.err


def test_the_16th_address_is_tried(sim, hs, api, hosts):
    hosts(hs, *[f"127.0.1.{n} many.test" for n in range(1, 16)], "127.0.0.1 many.test")
    answer(sim, b"[1]")
    done = api("/a", "--raw", env={"HTTPS_PROXY": f"http://many.test:{sim.port_of_proxy}"})
    assert (done.code, done.out) == (0, "[1]"), done.err


def test_addresses_that_are_all_dead(sim, hs, api, hosts):
    """That there is no way to an address is not the reason that is shown."""
    hosts(hs, "127.0.1.1 many.test", *[f"fd00:dead:beef::{n:x} many.test" for n in range(1, 9)])
    done = api("/a", "--max-wait", 2, env={"HTTPS_PROXY": f"http://many.test:{sim.dead_port}"})
    failed(done, 7, "cannot connect to many.test .*refused|timed out while connecting")
    assert done.seconds < 9


def test_addresses_are_tried_in_turn(sim, api):
    """`localhost` may be ::1 as well, where the proxy does not listen."""
    answer(sim, b"[1]")
    assert api("/a", env={"HTTPS_PROXY": f"http://localhost:{sim.port_of_proxy}"}).code == 0


def test_listener_that_never_accepts(sim, api):
    """Its backlog is full: connections neither succeed nor fail."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        done = api("/a", "--max-wait", 1, env={"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
        for sock in filling:
            sock.close()
    failed(done, 7, "timed out while (connecting|waiting for the proxy)")
    assert done.seconds < 9


# ---- an exchange that breaks

STAGES = ["start", "mid-head", "head", "body"]


@pytest.mark.parametrize("then", ["reset", "close"])
def test_broken_answers(sim, api, then):
    """None of a body that is not whole is shown."""
    for stage in STAGES:
        for framing in ("length", "chunked"):
            sim.log.clear()
            rule = answer(sim, b"[1,2,3]", framing=framing, at=stage, then=then, times=None)
            done = api("/a", "--max-wait", 0)
            failed(done, 7, API, "reset|closed")
            assert done.out == ""
            assert len(sim.requests()) == 1
            sim.rules.remove(rule)


@pytest.mark.parametrize("stage", STAGES)
def test_a_get_is_tried_again(sim, api, stage):
    for then in ("reset", "close"):
        sim.log.clear()
        answer(sim, b"[1,2,3]", at=stage, then=then)
        answer(sim, b"[4]")
        done = api("/a", "--raw", "--max-wait", 5)
        assert (done.code, done.out) == (0, "[4]"), done.err
        assert len(sim.requests()) == 2


def test_what_may_have_been_done_is_not_done_twice(sim, api):
    for method in ("POST", "PATCH"):
        for stage in STAGES:
            for then in ("reset", "close"):
                sim.log.clear()
                sim.rules.clear()
                answer(sim, b"[1,2,3]", at=stage, then=then)
                done = api("/a", "-X", method, "--data", "{}", "--max-wait", 5)
                failed(done, 7)
                assert done.out == "" and len(sim.requests()) == 1


def test_put_and_delete_may_be_repeated(sim, api):
    for method in ("PUT", "DELETE"):
        sim.log.clear()
        answer(sim, b"[1]", at="start", then="close")
        answer(sim, b"[2]")
        done = api("/a", "-X", method, "--max-wait", 5)
        assert (done.code, done.json) == (0, [2]), done.err
        assert [r.method for r in sim.requests()] == [method, method]


@pytest.mark.parametrize("stage", STAGES)
def test_hanging(sim, api, stage):
    answer(sim, b"[1,2,3]", at=stage, then="hang", times=None)
    done = api("/a", "--max-wait", 1)
    failed(done, 7, API, "timed out", "--max-wait")
    assert done.out == "" and done.seconds < 9
    assert len(sim.requests()) == 1


@pytest.mark.parametrize(
    "record",
    [b"\x15\3\3\0\2\1\x5a", b"\x15\3\3\0\0", b"\x16\3\3\0\0"],
    ids=["warnings", "empty alerts", "empty handshakes"],
)
def test_records_without_an_end_hold_nothing_up(api, hs, record):
    """Before any key is there, so that whoever is on the way can send them."""
    over = threading.Event()

    def serve():
        while not over.is_set():
            with contextlib.suppress(OSError), listener.accept()[0] as sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                sock.recv(65536)
                while not over.is_set():
                    sock.sendall(record * 20000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        env = {"HTTPS_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        watch = threading.Timer(15, over.set)
        watch.start()
        try:
            done = api("/a", "--max-wait", 2, env=env)
        finally:
            over.set()
            watch.cancel()
            with contextlib.suppress(OSError):
                socket.create_connection(listener.getsockname()).close()
            server.join()
    failed(done, 7, "timed out while negotiating TLS")
    assert done.seconds < 9


def test_a_header_that_drips(sim, api):
    """Bytes that keep coming do not move the head's deadline."""
    sim.raw = http(OK, "X: " + "y" * 3000, "Content-Length: 0")
    sim.fail("/a", raw=sim.raw, drip=(10, 0.05))
    done = api("/a", "--max-wait", 1)
    failed(done, 7, "timed out")
    assert done.seconds < 9


def test_a_body_that_drips_does_not_time_out(sim, api):
    """A long transfer that moves goes on past every limit."""
    answer(sim, b"[" + b"1," * 100 + b"2]", drip=(20, 0.4))
    done = api("/a", "--max-wait", 3, "--raw")
    assert done.code == 0, done.err
    assert done.out == "[" + "1," * 100 + "2]" and done.seconds > 4


def test_http_timeout_of_the_config(sim, hs):
    portal = sim.portal(101)
    hs.write_config(portal, httpTimeout=3000)
    answer(sim, b"[1]", at="start", then="hang", times=None)
    done = hs("api", "/a", "-X", "POST")
    failed(done, 7, "timed out while waiting for the response", "httpTimeout")
    assert 2.5 < done.seconds < 12


def test_a_large_body_that_breaks_is_not_repeated(sim, api):
    """What stdout has got cannot be taken back: the code says so."""
    body = b"0123456789abcde\n" * (2 << 16)
    for framing in ("length", "chunked"):
        sim.log.clear()
        answer(sim, body, kind="text/plain", framing=framing, at="body", then="close")
        done = api("/a", "--max-wait", 5)
        failed(done, 7, "closed after [0-9]+ bytes of the response")
        assert body.startswith(raw(done)) and 0 < len(done.out) < len(body)
        assert len(sim.requests()) == 1


def test_a_large_body_that_is_reset(sim, api):
    """A reset may overtake what came before it; what is shown is a beginning."""
    body = b"0123456789abcde\n" * (2 << 16)
    for framing in ("length", "chunked", "close"):
        answer(sim, body, kind="text/plain", framing=framing, at="body", then="reset")
        done = api("/a", "--max-wait", 0)
        failed(done, 7, "closed after [0-9]+ bytes of the response|reset")
        assert body.startswith(raw(done)) and len(done.out) < len(body)


def test_a_refusal_before_the_body_is_read(sim, api, tmp_path):
    """The server answers 413 on the head and closes; its reason is shown."""
    path = tmp_path / "big.json"
    path.write_text('"' + "x" * (6 << 20) + '"')
    sim.fail("/a", status=413, body={"message": "too large"}, early=True)
    done = api("/a", "--data", f"@{path}", "--max-wait", 0)
    failed(done, 1, "413", "too large")
    assert done.json == {"message": "too large"}


# ---- answers that are no HTTP


def chunks(*parts):
    return http(OK, "Transfer-Encoding: chunked", body=b"".join(parts))


MALFORMED = {
    "nothing": b"",
    "half a status line": b"HTTP/1.",
    "no end of the head": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
    "no http": b"SSH-2.0-OpenSSH\r\n\r\n",
    "binary": bytes(range(256)) * 8,
    "empty lines": b"\r\n\r\n\r\n\r\n",
    "version 2": http("HTTP/2 200 OK", "Content-Length: 0"),
    "version 0.9": http("HTTP/0.9 200 OK", "Content-Length: 0"),
    "status 2x0": http("HTTP/1.1 2x0 OK", "Content-Length: 0"),
    "status 20": http("HTTP/1.1 20 OK", "Content-Length: 0"),
    "status 2000": http("HTTP/1.1 2000 OK", "Content-Length: 0"),
    "status 099": http("HTTP/1.1 099 OK", "Content-Length: 0"),
    "status -20": http("HTTP/1.1 -20 OK", "Content-Length: 0"),
    "no status": http("HTTP/1.1", "Content-Length: 0"),
    "no space": http("HTTP/1.1200 OK", "Content-Length: 0"),
    "two spaces": http("HTTP/1.1  200 OK", "Content-Length: 0"),
    "lower case": http("http/1.1 200 ok", "Content-Length: 0"),
    "header without colon": http(OK, "Content-Length 0"),
    "header without name": http(OK, ": x", "Content-Length: 0"),
    "space before colon": http(OK, "Content-Length : 0"),
    "space before name": http(OK, " Content-Length: 0"),
    "folded length": http(OK, "Content-Length: 1", " 2", body=b"a" * 12),
    "NUL in name": http(OK, "X\0: a", "Content-Length: 0"),
    "NUL in value": http(OK, "X: a\0b", "Content-Length: 0"),
    "NUL in a folded line": http(OK, "X: a", " \0", "Content-Length: 0"),
    "NUL in reason": http(OK + "\0", "Content-Length: 0"),
    "head of 1 MiB": http(OK, "X: " + "y" * (1 << 20), "Content-Length: 0"),
    "head of many lines": http(OK, *["X: " + "y" * 1000] * 1000, "Content-Length: 0"),
    "status line of 1 MiB": http(OK + "x" * (1 << 20)),
    "switched": http("HTTP/1.1 101 Switching Protocols", "Upgrade: x"),
    "only 100": http("HTTP/1.1 100 Continue"),
    "length abc": http(OK, "Content-Length: abc", body=b"abc"),
    "length -1": http(OK, "Content-Length: -1", body=b"abc"),
    "length +3": http(OK, "Content-Length: +3", body=b"abc"),
    "length 3x": http(OK, "Content-Length: 3x", body=b"abc"),
    "length 0x3": http(OK, "Content-Length: 0x3", body=b"abc"),
    "length 1e1": http(OK, "Content-Length: 1e1", body=b"abcabcabca"),
    "length empty": http(OK, "Content-Length: ", body=b"abc"),
    "length huge": http(OK, "Content-Length: 99999999999999999999", body=b"abc"),
    "length 2^63": http(OK, "Content-Length: 9223372036854775808", body=b"abc"),
    "length large": http(OK, "Content-Length: 9223372036854775807", body=b"abc"),
    "two lengths": http(OK, "Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "two lengths in one": http(OK, "Content-Length: 3, 4", body=b"abcd"),
    "a length and none": http(OK, "Content-Length: 3,", body=b"abc"),
    "lengths without comma": http(OK, "Content-Length: 3 3", body=b"abc"),
    "length cut": http(OK, "Content-Length: 5", body=b"abc"),
    "coding gzip": http(OK, "Transfer-Encoding: gzip", body=b"abc"),
    "coding gzip, chunked": http(OK, "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "coding chunked, gzip": http(OK, "Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "two codings": http(
        OK, "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", body=b"3\r\nabc\r\n0\r\n\r\n"
    ),
    "gzip": http(
        OK, "Content-Encoding: gzip", "Content-Length: 20", body=b"\x1f\x8b\x08" + bytes(17)
    ),
    "br": http(OK, "Content-Encoding: br", "Content-Length: 4", body=b"\x0b\x02\x80a"),
    "chunk zz": chunks(b"zz\r\nabc\r\n0\r\n\r\n"),
    "chunk without digits": chunks(b"\r\nabc\r\n0\r\n\r\n"),
    "chunk ;": chunks(b";x\r\nabc\r\n0\r\n\r\n"),
    "chunk space": chunks(b" 3\r\nabc\r\n0\r\n\r\n"),
    "chunk -3": chunks(b"-3\r\nabc\r\n0\r\n\r\n"),
    "chunk 0x3": chunks(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "chunk 2^64": chunks(b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "chunk 2^63": chunks(b"8000000000000000\r\nabc\r\n0\r\n\r\n"),
    "chunk f": chunks(b"f" * 16 + b"\r\nabc\r\n0\r\n\r\n"),
    "chunk many digits": chunks(b"0" * 10000 + b"3\r\nabc\r\n0\r\n\r\n"),
    "chunk long extension": chunks(b"3;" + b"x" * 100000 + b"\r\nabc\r\n0\r\n\r\n"),
    "chunk CR inside": chunks(b"1\r1\r\nabcdefghijklmnopq\r\n0\r\n\r\n"),
    "chunk longer than said": chunks(b"3\r\nabcd\r\n0\r\n\r\n"),
    "chunk without end": chunks(b"3\r\nabc0\r\n\r\n"),
    "chunk cut": chunks(b"5\r\nabc"),
    "chunk size cut": chunks(b"3\r\nabc\r\n5"),
    "no last chunk": chunks(b"3\r\nabc\r\n"),
    "no end of trailer": chunks(b"3\r\nabc\r\n0\r\n"),
    "trailer cut": chunks(b"3\r\nabc\r\n0\r\nX: y\r\n"),
    "NUL in the trailer": chunks(b"3\r\nabc\r\n0\r\nX: \0\r\n\r\n"),
    "trailer of 1 MiB": chunks(b"3\r\nabc\r\n0\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n"),
    "trailers of 1 MiB": chunks(b"3\r\nabc\r\n0\r\n" + b"X: yyyyyyyy\r\n" * 90000 + b"\r\n"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(sim, api, name):
    sim.raw = MALFORMED[name]
    done = api("/test/raw", "--max-wait", 0)
    failed(done, 7, API)
    assert done.out == ""
    assert len(sim.requests()) == 1
    assert len(done.err) < 2000


def test_malformed_is_not_repeated(sim, api):
    for name in ("no http", "status 2x0", "length abc", "chunk zz", "gzip", "head of 1 MiB"):
        sim.log.clear()
        sim.raw = MALFORMED[name]
        failed(api("/test/raw"), 7)
        assert len(sim.requests()) == 1, name


def test_gzip_is_named(sim, api):
    sim.raw = MALFORMED["gzip"]
    failed(api("/test/raw"), 7, "gzip")


# ---- answers that are odd, and right

BODY = b'{"a":1}'
CHUNKED = b'7\r\n{"a":1}\r\n0\r\n\r\n'
RIGHT = {
    "no reason": http("HTTP/1.1 200", "Content-Length: 7", body=BODY),
    "empty reason": http("HTTP/1.1 200 ", "Content-Length: 7", body=BODY),
    "odd reason": b"HTTP/1.1 200 \xff\x1b[31m\r\nContent-Length: 7\r\n\r\n" + BODY,
    "LF alone": http(OK, "Content-Length: 7").replace(b"\r\n", b"\n") + BODY,
    "100": http("HTTP/1.1 100 Continue") * 3 + http(OK, "Content-Length: 7", body=BODY),
    "103": http(
        "HTTP/1.1 103 Early Hints",
        "Link: </x>; rel=preload",
        "Content-Length: 99",
        "Transfer-Encoding: chunked",
    )
    + http(OK, "Content-Length: 7", body=BODY),
    "many 1xx": http("HTTP/1.1 102 Processing") * 2000 + http(OK, "Content-Length: 7", body=BODY),
    "no spaces": http(OK, "Content-Length:7", body=BODY),
    "many spaces": http(OK, "content-length: \t 7 \t ", body=BODY),
    "same length twice": http(OK, "Content-Length: 7", "Content-Length: 7", body=BODY),
    "leading zeros": http(OK, "Content-Length: 0007", body=BODY),
    "empty values": http(OK, "X:", "Y: ", "Content-Length: 7", body=BODY),
    "more than said": http(OK, "Content-Length: 7", body=BODY + b"HTTP/1.1 500 No\r\n\r\n"),
    "identity": http(OK, "Content-Encoding: identity", "Content-Length: 7", body=BODY),
    "close": http(OK, "Connection: close", body=BODY),
    "no framing": http(OK, body=BODY),
    "HTTP/1.0": http("HTTP/1.0 200 OK", body=BODY),
    "HTTP/1.0 with length": http("HTTP/1.0 200 OK", "Content-Length: 7", body=BODY),
    "chunked": chunks(CHUNKED),
    "Chunked": http(OK, "transfer-encoding: CHUNKED", body=CHUNKED),
    "chunked over length": http(
        OK, "Content-Length: 3", "Transfer-Encoding: chunked", body=CHUNKED
    ),
    "byte by byte": chunks(*[b"1\r\n%c\r\n" % c for c in BODY], b"0\r\n\r\n"),
    "extensions": chunks(b'7;a;b=c;d="e;f"\r\n', BODY, b"\r\n0;x\r\n\r\n"),
    "space and extension": chunks(b"7 ; a\r\n", BODY, b"\r\n0  \r\n\r\n"),
    "trailers": chunks(b"7\r\n", BODY, b"\r\n0\r\nX: y\r\nContent-Length: 99\r\n\r\n"),
    "zeros": chunks(b"00000000000000000007\r\n", BODY, b"\r\n000\r\n\r\n"),
    "129 headers": http(OK, *["X: y"] * 129, "Content-Length: 7", body=BODY),
    "5000 headers": http(OK, *["X: y"] * 5000, "Content-Length: 7", body=BODY),
    "folded header": http(OK, "X: a", " b", "\tc", "Content-Length: 7", body=BODY),
    "folded, and the length at the end": http(
        OK, "X:", " b", " ", "Content-Length:", " 7", body=BODY
    ),
    "folded coding": http(OK, "Transfer-Encoding:", "\tchunked", body=CHUNKED),
    "folded with LF alone": http(OK, "X: a", " b", "Content-Length: 7").replace(b"\r\n", b"\n")
    + BODY,
    "same length twice in one": http(OK, "Content-Length: 7, 7", body=BODY),
    "same length many times": http(OK, "Content-Length: 7,7 ,07", "Content-Length: 7", body=BODY),
    "chunked twice": http(
        OK, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED
    ),
    "chunked twice in one": http(OK, "Transfer-Encoding: chunked, Chunked", body=CHUNKED),
    "coding identity": http(OK, "Transfer-Encoding: identity", "Content-Length: 7", body=BODY),
    "head of 60 KiB": http(OK, "X: " + "y" * 60000, "Content-Length: 7", body=BODY),
    "headers in any bytes": http(OK, "Content-Length: 7", body=BODY).replace(
        b"OK\r\n", b"OK\r\nX: \xff\x01\xfe\r\n"
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(sim, api, name):
    sim.raw = RIGHT[name]
    done = api("/test/raw", "--max-wait", 0, "--debug")
    assert done.code == 0, done.err
    assert done.out == '{\n  "a": 1\n}\n'
    assert "\x1b" not in done.err


def test_right_in_small_pieces(sim, api):
    """Each byte in a TLS record of its own."""
    for name in ("103", "extensions", "trailers", "LF alone", "close"):
        sim.fail("/a", raw=RIGHT[name], drip=(1, 0))
        done = api("/a", "--max-wait", 0)
        assert (done.code, done.out) == (0, '{\n  "a": 1\n}\n'), (name, done.err)


def test_answers_without_a_body(sim, api):
    for status, code in ((204, 0), (304, 1)):
        for more in ([], ["Content-Length: 5"], ["Transfer-Encoding: chunked"]):
            sim.fail("/a", raw=http(f"HTTP/1.1 {status} X", *more))
            done = api("/a", "--max-wait", 5)
            assert (done.code, done.out) == (code, ""), done.err


def test_upper_case_hex(sim, api):
    body = b"[" + b"1," * 1300 + b"1]"
    for form in (b"%x", b"%X"):
        sim.raw = chunks(form % len(body) + b"\r\n", body, b"\r\n0\r\n\r\n")
        assert raw(api("/test/raw", "--raw")) == body


# ---- connections


def test_kept_connections(sim, hs):
    """Used again, unless the server or its version says otherwise."""
    portal = sim.portal(101)
    token, _ = portal.issue()
    body = (
        '{"hubId":101,"oauthAccessToken":"%s","expiresAtMillis":%d}'
        % (token, time.time() * 1000 + 1e7)
    ).encode()
    length = f"Content-Length: {len(body)}"
    for kept, more in (
        (True, {"framing": "length"}),
        (True, {"framing": "chunked"}),
        (False, {"framing": "close"}),
        (False, {"headers": {"Connection": "keep-alive, Close"}}),
        (False, {"raw": http("HTTP/1.0 200 OK", length, body=body)}),
        (False, {"raw": http(OK, length, body=body + b"garbage behind it")}),
    ):
        hs.write_config(portal)
        sim.log.clear()
        answer(sim, body, path="/localdevauth", **more)
        done = hs("api", "/test/echo", "--max-wait", 5)
        assert done.code == 0, (more, done.err)
        assert len(sim.requests()) == 2
        assert (len({r.conn for r in sim.requests()}) == 1) == kept, more


def test_a_kept_connection_that_was_closed_meanwhile(sim, api):
    """No request may be lost on it, not even one that is not to be repeated."""
    later = http("HTTP/1.1 429 Later", "Retry-After: 1", "Content-Length: 2", body=b"{}")
    for method in ("GET", "POST"):
        sim.log.clear()
        sim.fail("/a", raw=later)  # and the server closes, without saying so
        answer(sim, b"[1]")
        done = api("/a", "-X", method, "--max-wait", 10)
        assert (done.code, done.json) == (0, [1]), done.err
        assert [r.method for r in sim.requests()] == [method, method]


def test_a_kept_connection_that_was_closed_needs_no_wait(sim, api):
    """The server closes after each response. --max-wait 0 allows no wait, and none is needed."""
    for n in range(5):
        sim.fail("/a/", raw=http("HTTP/1.1 302 Found", f"Location: {n}", "Content-Length: 0"))
        answer(sim, b"[1]", path=f"/a/{n}")
        done = api("/a/", "--raw", "--max-wait", 0)
        assert (done.code, done.out) == (0, "[1]"), done.err


# ---- later


@pytest.mark.parametrize(
    "method, status, again",
    [
        ("GET", 429, True),
        ("GET", 477, True),
        ("GET", 502, True),
        ("GET", 503, True),
        ("GET", 504, True),
        ("GET", 521, True),
        ("GET", 523, True),
        ("GET", 524, True),
        ("PUT", 502, True),
        ("DELETE", 504, True),
        ("POST", 429, True),
        ("POST", 503, False),
        ("POST", 477, True),
        ("PATCH", 429, True),
        ("POST", 502, False),
        ("POST", 504, False),
        ("PATCH", 502, False),
        ("POST", 524, False),
        ("GET", 500, False),
        ("GET", 501, False),
        ("GET", 400, False),
        ("GET", 404, False),
        ("GET", 409, False),
    ],
)
def test_what_is_tried_again(sim, api, method, status, again):
    body = ["--data", '{"n":1}'] if method in ("POST", "PATCH", "PUT") else []
    sim.fail("/a", status=status)
    answer(sim, b"[1]")
    done = api("/a", "-X", method, *body, "--max-wait", 5)
    assert (done.code == 0) == again, done.err
    assert len(sim.requests()) == 1 + again
    assert (done.out == "[\n  1\n]\n") == again
    assert len({(r.method, r.body) for r in sim.requests()}) == 1


METHODS = ["GET", "PUT", "DELETE", "POST", "PATCH"]
SAFE = METHODS[:3]
# What goes wrong once: a name, how, and which methods are repeated then.
TROUBLE = [
    *[(str(s), {"status": s}, METHODS) for s in (423, 429, 477)],
    ("503, wait", {"status": 503, "headers": {"Retry-After": "1"}}, METHODS),
    ("503, wait none", {"status": 503, "headers": {"Retry-After": "0"}}, METHODS),
    *[(str(s), {"status": s}, SAFE) for s in (502, 503, 504, 521, 523, 524)],
    ("503, wait unclear", {"status": 503, "headers": {"Retry-After": "soon"}}, SAFE),
    ("502, wait", {"status": 502, "headers": {"Retry-After": "1"}}, SAFE),
    *[
        (str(s), {"status": s, "headers": {"Retry-After": "1"}}, [])
        for s in (400, 401, 403, 404, 405, 409, 412, 500, 501, 505, 507, 520, 522, 525, 526)
    ],
    *[
        (f"{then} at {at}", {"status": 200, "body": b"[1,2,3]", "at": at, "then": then}, SAFE)
        for at in STAGES
        for then in ("reset", "close")
    ],
]


def test_the_matrix_of_retries(sim, hs):
    """Method, and status or place where it broke: is it repeated, and if it is not, is it
    said that it may have been done?"""
    env = {"HUBSPOT_ACCESS_TOKEN": sim.portal(101).static_token}
    rows = [(method, *trouble) for trouble in TROUBLE for method in METHODS]
    for start in range(0, len(rows), 15):
        runs = []
        for n, (method, _, how, _) in enumerate(rows[start : start + 15], start):
            sim.fail(f"/m/{n}/", **how)
            answer(sim, b"[1]", path=f"/m/{n}/")
            runs.append(hs.start("api", f"/m/{n}/", "-X", method, "--max-wait", 20, env=env))
        for n, ((method, name, how, again), run) in enumerate(
            zip(rows[start : start + 15], runs), start
        ):
            row = f"{method} {name}"
            code, err = hs.ends(run)
            repeated = method in again
            assert len(sim.requests(f"/m/{n}/")) == 1 + repeated, (row, err)
            assert (code == 0) == repeated, (row, err)
            unsure = not repeated and method != "GET" and how["status"] not in range(400, 500)
            assert ("the request may have taken effect" in err) == unsure, (row, err)


def test_an_earlier_try_that_may_have_been_done_is_not_forgotten(sim, api):
    """The last answer alone, a 409, would say that nothing was done."""
    sim.fail("/a", status=503, headers={"Retry-After": "0"})
    sim.fail("/a", status=409)
    failed(api("/a", "-X", "POST", "--max-wait", 5), 1, "409", "may have taken effect")
    sim.fail("/a", then="close")
    sim.fail("/a", status=404)
    failed(api("/a", "-X", "DELETE", "--max-wait", 5), 5, "404", "may have taken effect")
    sim.fail("/a", status=429, headers={"Retry-After": "0"})
    sim.fail("/a", status=409)
    done = api("/a", "-X", "POST", "--max-wait", 5)
    failed(done, 1, "409")
    assert "taken effect" not in done.err


def test_a_request_that_never_got_away_has_no_effect(sim, api):
    sim.tls("handshake-reset")
    done = api("/a", "-X", "POST", "--data", "{}", "--max-wait", 1)
    failed(done, 7)
    assert "taken effect" not in done.err


def test_an_interrupted_request_may_have_taken_effect(sim, hs):
    sim.fail("/a", at="start", then="hang", times=None)
    for method in ("POST", "GET"):
        sim.log.clear()
        code, err, _ = interrupt(hs, sim, lambda: sim.wait("/a"), "/a", "-X", method)
        assert code == 130 and ("may have taken effect" in err) == (method == "POST"), err


# ---- the rate limit


def limits(most, left, millis):
    return {
        "X-HubSpot-RateLimit-Max": str(most),
        "X-HubSpot-RateLimit-Remaining": str(left),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(millis),
    }


def after_a_limit(hs, sim, headers):
    """A config whose token must be fetched first; that answer has these headers."""
    portal = sim.portal(101)
    hs.write_config(portal)
    token, expiry = portal.issue()
    body = {"hubId": 101, "oauthAccessToken": token, "expiresAtMillis": int(expiry * 1000)}
    sim.fail(
        "/localdevauth",
        status=200,
        body=body,
        headers={"Content-Type": "application/json", **headers},
    )


@pytest.mark.parametrize("wait", [0, 2])
def test_pacing_obeys_max_wait(sim, hs, wait):
    """A wait that would be too long is not begun; nothing is sent in spite of the limit."""
    after_a_limit(hs, sim, limits(100, 0, 40000))
    done = hs("api", "/test/echo", "--max-wait", wait)
    failed(done, 6, "rate limited", "--max-wait")
    assert done.seconds < 20 and len(sim.requests()) == 1


def test_pacing_obeys_max_wait_in_a_bulk_run(sim, hs):
    """What was done until then is told, and the code says why the rest is not."""
    portal = sim.portal(101)
    hs.write_config(portal)
    sim.fail(
        "GET /cms",
        status=200,
        body={"results": []},
        headers={"Content-Type": "application/json", **limits(100, 0, 40000)},
    )
    done = hs("secrets", "apply", "-f", "-", "--max-wait", 2, input="A_ONE=1\nB_TWO=2\n")
    assert done.code in (6, 8) and "rate limited" in done.err and done.seconds < 20, done.err
    assert portal.secrets == {}
    (hs.cwd / "d").mkdir()
    for n in range(3):
        (hs.cwd / "d" / f"{n}.txt").write_text("x")
    sim.log.clear()
    sim.fail(
        "POST /filemanager",
        status=200,
        body={"objects": []},
        headers={"Content-Type": "application/json", **limits(100, 0, 40000)},
    )
    done = hs("filemanager", "upload", "d", "d", "--concurrency", 1, "--max-wait", 2)
    assert done.code == 8 and "rate limited" in done.err and done.seconds < 20, done.err
    assert len(sim.requests("POST /filemanager")) == 1


def test_pacing_is_announced(sim, hs):
    after_a_limit(hs, sim, limits(100, 0, 3000))
    done = hs("api", "/test/echo", "--max-wait", 30)
    assert done.code == 0, done.err
    assert re.search(
        r"^Rate limited; waiting [34] s \(limit: 100 requests per 3 s\)$", done.err, re.M
    ), done.err
    first, second = sim.requests()
    assert second.time - first.time >= 3


@pytest.mark.parametrize(
    "status, said",
    [
        (429, "Rate limited (429); retrying in 2 s"),
        (503, "api.hubapi.com returned 503; retrying in 2 s"),
        (477, "api.hubapi.com returned 477; retrying in 2 s"),
        (423, "api.hubapi.com returned 423; retrying in 2 s"),
    ],
)
def test_a_wait_of_two_seconds_is_announced(sim, api, status, said):
    sim.fail("/a", status=status, headers={"Retry-After": "2"})
    answer(sim, b"[1]")
    done = api("/a")
    assert done.code == 0 and said in done.err, done.err
    sim.fail("/a", status=status, headers={"Retry-After": "1"})
    answer(sim, b"[1]")
    done = api("/a")
    assert done.code == 0 and "waiting" not in done.err and "retrying" not in done.err, done.err


def test_a_rate_limit_is_announced_with_its_size(sim, api):
    sim.fail("/a", status=429, headers={"Retry-After": "2", **limits(110, 0, 10000)})
    answer(sim, b"[1]")
    done = api("/a")
    assert "Rate limited; waiting 2 s (limit: 110 requests per 10 s)" in done.err, done.err


def test_another_host_sets_no_pace(sim, hs):
    """Neither a CDN's limit nor its 429 holds up the API, nor the CDN's own files."""
    portal = sim.portal(101)
    hs.write_config(portal)
    portal.page = 1
    for n in range(4):
        portal.add_file(f"docs/f{n}.txt", b"x")
    sim.fail(
        "cdn.example.com/",
        status=200,
        body=b"x",
        times=None,
        headers={"Content-Type": "text/plain", **limits(1, 0, 50000)},
    )
    done = hs("filemanager", "fetch", "docs", "--concurrency", 1, "--max-wait", 20)
    assert done.code == 0 and done.seconds < 20, done.err
    assert "ate limited" not in done.err


def test_all_phases_together_obey_max_wait(sim, api):
    """Each of them alone is within it."""

    def serve(sock):
        recv_head(sock)
        sim.pause(3)
        sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        sim.pause(3)
        sim.serve_tunnel(sock, API, 443)

    port = sim.listen(serve)
    sim.fail("/a", then="hang", times=None)
    done = api("/a", "--max-wait", 4, env={"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
    failed(done, 7, "timed out")
    assert done.seconds < 8


def test_the_daily_limit_is_final(sim, api):
    sim.fail("/a", status=429, policy="DAILY", headers={"Retry-After": "1"}, times=None)
    done = api("/a")
    failed(done, 6, "429", "midnight")
    assert len(sim.requests()) == 1
    assert done.json["policyName"] == "DAILY"


@pytest.mark.parametrize("status", [429, 503, 477])
def test_retry_after_is_honoured(sim, api, status):
    sim.fail("/a", status=status, headers={"Retry-After": "2"})
    answer(sim, b"[1]")
    done = api("/a", "--max-wait", 10)
    assert done.code == 0
    first, second = sim.requests()
    assert 1.9 < second.time - first.time < 6


def test_retry_after_as_a_date(sim, api):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    sim.fail("/a", status=503, headers={"Retry-After": when.strftime("%a, %d %b %Y %H:%M:%S GMT")})
    answer(sim, b"[1]")
    assert api("/a", "--max-wait", 10).code == 0
    _, second = sim.requests()
    when = when.replace(microsecond=0).timestamp()  # as the answer says it
    assert when - 0.1 < second.time < when + 10


def test_the_interval_of_a_rate_limit(sim, api):
    sim.fail(
        "/a",
        status=429,
        headers={
            "X-HubSpot-RateLimit-Remaining": "0",
            "X-HubSpot-RateLimit-Interval-Milliseconds": "1500",
        },
    )
    answer(sim, b"[1]")
    assert api("/a", "--max-wait", 10).code == 0
    first, second = sim.requests()
    assert 1.4 < second.time - first.time < 6


@pytest.mark.parametrize("value", ["0", "-1", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", "", "0.1"])
def test_no_server_has_us_hammer_it(sim, api, value):
    sim.fail("/a", status=503, headers={"Retry-After": value}, times=None)
    done = api("/a", "--max-wait", 2)
    failed(done, 1, "503")
    assert 2 <= len(sim.requests()) <= 5
    assert done.seconds < 9


def test_waiting_for_the_rate_uses_up_no_try_of_network_trouble(sim, api):
    sim.fail("/a", times=4, status=429, headers={"Retry-After": "1"})
    sim.fail("/a", then="reset")
    answer(sim, b"[1]")
    assert api("/a").code == 0
    assert len(sim.requests("/a")) == 6


@pytest.mark.parametrize(
    "value", ["3600", "99999999999999999999", "86401", "Fri, 31 Dec 2100 23:59:59 GMT"]
)
def test_a_wait_that_is_too_long_is_not_begun(sim, api, value):
    sim.fail("/a", status=429, headers={"Retry-After": value}, times=None)
    done = api("/a", "--max-wait", 2)
    failed(done, 6, "429", "--max-wait")
    assert done.seconds < 9
    if value != "99999999999999999999":  # which is no number of seconds
        assert len(sim.requests()) == 1


def test_max_wait_bounds_all_trying(sim, api):
    for how, code in (
        ({"status": 503}, 1),
        ({"status": 429}, 6),
        ({"at": "start", "then": "close"}, 7),
    ):
        sim.log.clear()
        sim.rules.clear()
        sim.fail("/a", times=None, **how)
        done = api("/a", "--max-wait", 2)
        failed(done, code)
        assert 2 <= len(sim.requests()) <= 4
        assert done.seconds < 9


def test_max_wait_0_tries_once(sim, api):
    for how, code in (
        ({"status": 503}, 1),
        ({"status": 429}, 6),
        ({"at": "start", "then": "close"}, 7),
    ):
        sim.log.clear()
        sim.rules.clear()
        sim.fail("/a", times=None, **how)
        failed(api("/a", "--max-wait", 0), code)
        assert len(sim.requests()) == 1


def test_a_locked_resource_gets_two_seconds(sim, api):
    sim.fail("/a", status=423)
    answer(sim, b"[1]")
    assert api("/a", "--max-wait", 10).code == 0
    first, second = sim.requests()
    assert second.time - first.time > 1.9


# ---- redirects


def redirect(sim, to, status=302, path="/a", **how):
    return sim.fail(path, status=status, headers={"Location": to}, **how)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_follows_on_the_same_host(sim, api, status):
    redirect(sim, "/b?x=1", status)
    answer(sim, b"[1]", path="/b")
    assert api("/a", "--raw").out == "[1]"
    first, second = sim.requests()
    assert (second.host, second.target) == (API, "/b?x=1")
    assert second.header("authorization") == first.header("authorization") is not None
    assert first.conn == second.conn


def test_no_token_for_another_host(sim, api):
    for there in (
        "https://cdn.example.com/b",
        "https://evil.test/b",
        "https://api.hubapi.com:444/b",
        "https://x.api.hubapi.com/b",
        "https://api.hubapi.com.evil.test/b",
        "HTTPS://EVIL.test/b",
        "https://api.hubapi.com@evil.test/b",
    ):
        sim.log.clear()
        redirect(sim, there)
        answer(sim, b"[1]", path="/b")
        done = api("/a", "--raw", "--max-wait", 0)
        if done.code:  # the certificate is not for that name: fine as well
            failed(done, 7, "another name")
        for request in sim.requests("/b"):
            assert request.header("authorization") is None, there
            assert (request.host, request.port) != (API, 443)


@pytest.mark.parametrize("there", ["https://cdn.example.com/x", "//cdn.example.com/x", "https:/x"])
def test_an_address_elsewhere_is_shown_without_its_query(sim, api, there):
    """It may be a signed one."""
    redirect(sim, there + "?Signature=good-for-whoever-has-it")
    done = api("/a", "--debug")
    assert f"Location: {there}?" in done.err
    assert "good-for-whoever" not in done.err


def test_no_token_after_a_way_round(sim, api):
    redirect(sim, "https://evil.test/b")
    redirect(sim, "https://api.hubapi.com/c", path="/b")
    answer(sim, b"[1]", path="/c")
    assert api("/a", "--raw").out == "[1]"
    assert [r.host for r in sim.requests()] == [API, "evil.test", API]
    assert [bool(r.header("authorization")) for r in sim.requests()] == [True, False, False]


@pytest.mark.parametrize(
    "there, why",
    [
        ("http://api.hubapi.com/b", "plain http"),
        ("http://evil.test/b", "plain http"),
        ("ftp://evil.test/b", "not https"),
        ("HTTP://api.hubapi.com/b", "plain http"),
        ("https://", "malformed"),
        ("https:///b", "malformed"),
        ("javascript:x", "malformed"),
        ("https:b", "malformed"),
        ("", "without a destination"),
        ("https://api.hubapi.com:99999/b", "malformed"),
        ("/b\x01", "malformed"),
        ("https://a b/", "malformed"),
        ("///b", "malformed"),
        pytest.param(" x" * 20000, "too long", id="long"),
    ],
)
def test_redirects_that_are_not_followed(sim, api, there, why):
    redirect(sim, there)
    done = api("/a")
    failed(done, 1, why)
    assert len(sim.requests()) == 1
    assert len(sim.proxy.seen) == 1
    if 0 < len(there) < 100:
        assert there.replace("\x01", "") in re.sub(r"\\x01|\\u0001|[?\ufffd\u2401]", "", done.err)


def test_an_unfollowed_redirect_is_shown_without_secrets(sim, hs, api):
    hs.hidden |= {"hushhush", "good-for-whoever"}
    redirect(sim, "http://me:hushhush@evil.test/b?Signature=good-for-whoever#hushhush")
    failed(
        api("/a", "--debug"),
        1,
        r"redirect to http://evil\.test/b\?\.\.\. not followed \(plain http\)",
    )


@pytest.mark.parametrize(
    "there, target",
    [
        ("x", "/a/x"),
        ("./x", "/a/x"),
        ("../x", "/x"),
        ("../../../x", "/x"),
        ("?q=1", "/a/b?q=1"),
        ("x/../y", "/a/y"),
        ("/x/./y/../z", "/x/z"),
        ("//api.hubapi.com/x", "/x"),
        ("HTTPS://API.hubapi.com/x", "/x"),
        (".", "/a/"),
        ("x?a/../b#c", "/a/x?a/../b"),
        ("x y", "/a/x%20y"),
        ("%2e%2e/x", "/a/%2e%2e/x"),
        ("\\\\evil.test/x", "/a/%5C%5Cevil.test/x"),
        ("/\\evil.test/x", "/%5Cevil.test/x"),
        ("https://api.hubapi.com:443/x", "/x"),
        ("https://me:hushhush@api.hubapi.com/x", "/x"),
        ("./x:y", "/a/x:y"),
    ],
)
def test_relative_redirects(sim, hs, api, there, target):
    """As RFC 3986 resolves them; on the same host they keep the token."""
    hs.hidden.add("hushhush")
    redirect(sim, there, path="/a/b")
    answer(sim, b"[1]", path="/")
    done = api("/a/b?old=1", "--raw", "--max-wait", 0)
    assert (done.code, done.out) == (0, "[1]"), done.err
    first, second = sim.requests()
    assert (second.host, second.target) == (API, target)
    assert second.header("authorization") == first.header("authorization") is not None


def test_relative_redirects_on_another_host(sim, api):
    """What is relative there stays there, and without the token."""
    redirect(sim, "//evil.test/b/c")
    redirect(sim, "../d", path="/b/c")
    answer(sim, b"[1]", path="/d")
    assert api("/a", "--raw").out == "[1]"
    assert [r.host for r in sim.requests()] == [API, "evil.test", "evil.test"]
    assert [bool(r.header("authorization")) for r in sim.requests()] == [True, False, False]


def test_loops_end(sim, api):
    for there in ("/a", "a", "#x", "?x"):
        sim.log.clear()
        sim.rules.clear()
        redirect(sim, there, times=None)
        failed(api("/a"), 1, "302", "too many redirects")
        assert len(sim.requests()) == 6


def test_only_a_get_follows(sim, api):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for status in (301, 302, 303, 307, 308):
            sim.log.clear()
            redirect(sim, "b", status)
            failed(
                api("/a", "-X", method),
                1,
                str(status),
                "redirect to b not followed",
                "only for GET",
            )
            assert len(sim.requests()) == 1


def test_targets_of_redirects_are_clean(sim, api):
    """A fragment is not sent; what cannot stand in a request line is encoded,
    or the redirect is not followed."""
    for there, target in (
        ("/b#part", "/b"),
        ("https://api.hubapi.com/b?x#part", "/b?x"),
        ("https://api.hubapi.com?x=1", "/?x=1"),
        ("https://api.hubapi.com", "/"),
        ("/b c", "/b%20c"),
        ("/b HTTP/1.1 x", "/b%20HTTP/1.1%20x"),
        ("/b%20c", "/b%20c"),
    ):
        sim.log.clear()
        sim.rules.clear()
        redirect(sim, there)
        answer(sim, b"[1]", path="/")
        done = api("/a", "--raw", "--max-wait", 0)
        targets = [r.target for r in sim.requests()[1:]]
        assert targets == [target] or (" " in there and done.code == 1 and targets == []), there


# ---- interrupts


def interrupt(hs, sim, ready, *args, number=signal.SIGINT, env=None):
    """Sends the signal as soon as ready() returns; code, stderr, seconds."""
    env = hs.env({"HUBSPOT_ACCESS_TOKEN": "pat-na1-0123456789", **(env or {})})
    with subprocess.Popen(
        [hs.bin, "api", *args],
        env=env,
        cwd=hs.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            ready()
            began = time.monotonic()
            process.send_signal(number)
            err = process.stderr.read().decode()
            code = process.wait(60)
        finally:
            process.kill()
        return code, err, time.monotonic() - began


def contacted(sim):
    event = threading.Event()
    sim.spy = event.set
    return lambda: event.wait(60) or pytest.fail("no connection came")


@pytest.mark.parametrize(
    "where", ["proxy", "socks", "handshake", "start", "mid-head", "body", "pause"]
)
def test_interrupt(sim, hs, where):
    env, ready = {}, lambda: sim.wait("/a")
    if where in ("proxy", "socks"):
        sim.proxy.then = "hang"
        ready = contacted(sim)
        if where == "socks":
            env = {"HTTPS_PROXY": None, "ALL_PROXY": f"socks5://{sim.socks}"}
    elif where == "handshake":
        sim.tls("handshake-hang")
        ready = contacted(sim)
    elif where == "pause":
        sim.fail("/a", status=429, headers={"Retry-After": "50"}, times=None)
    else:
        sim.fail("/a", status=200, body=b"[1,2,3]", at=where, then="hang", times=None)
    code, err, seconds = interrupt(hs, sim, ready, "/a", env=env)
    assert code == 130, err
    assert "interrupted" in err
    assert seconds < 9


def test_interrupt_of_a_large_transfer(sim, hs):
    """A transfer whose reader does not read ends, too."""
    code, err, seconds = interrupt(
        hs, sim, lambda: sim.wait("/test/bytes"), f"/test/bytes?n={64 << 20}"
    )
    assert code == 130, err
    assert seconds < 9


def test_sigterm(sim, hs):
    sim.fail("/a", at="start", then="hang", times=None)
    code, err, seconds = interrupt(hs, sim, lambda: sim.wait("/a"), "/a", number=signal.SIGTERM)
    assert code == 143 and seconds < 9


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_that_the_parent_ignores(sim, hs, number):
    """As nohup has it, and a shell for what runs in its background."""
    answer(sim, b"[1]", then=lambda: process.send_signal(number) or time.sleep(0.2))
    ready = threading.Event()
    sim.spy = lambda: ready.wait(60)
    with subprocess.Popen(
        [hs.bin, "api", "/a", "--raw"],
        cwd=hs.cwd,
        stdin=subprocess.DEVNULL,
        env=hs.env({"HUBSPOT_ACCESS_TOKEN": "pat-na1-0123456789"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    ) as process:
        ready.set()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"[1]"), err


def test_interrupt_while_reading_stdin(sim, hs):
    reader, writer = os.pipe()
    env = hs.env({"HUBSPOT_ACCESS_TOKEN": "pat-na1-0123456789"})
    with subprocess.Popen(
        [hs.bin, "api", "/a", "--data", "-"],
        env=env,
        cwd=hs.cwd,
        stdin=reader,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.write(writer, b" " * (1 << 17))  # more than the pipe holds: it is reading
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert b"interrupted" in process.stderr.read()
    os.close(reader)
    os.close(writer)
    assert sim.requests() == []
