"""TLS: whom the program trusts, and what it says to those it does not."""
import os
import pathlib
import ssl

import pytest

from calls import answer, api, failed  # noqa: F401 (api: a fixture)

OK = ("normal", "rsa", "p384", "intermediate", "tls12-only", "no-close-notify")
REFUSED = {
    "expired": "expired",
    "not-yet-valid": "not valid yet",
    "wrong-host": "another name",
    "self-signed": "not trusted",
    "unknown-issuer": "not trusted",
    "missing-intermediate": "not trusted",
    "critical-extension": "critical extension",
    "rsa1024": "2048 bits",
    "sha1": "SHA-1",
    "p521": "cipher.*RSA, P-256 or P-384",
    "tls10-only": r"handshake_failure.*\n.*hs offers TLS 1\.2",
    "tls11-only": r"handshake_failure.*\n.*hs offers TLS 1\.2",
    "tls13-only": r"not support TLS 1\.2",
    "cbc-only": r"alert 40 \(handshake_failure\)\n.*hs offers TLS 1\.2, .*cipher",
    "alert": r"alert 40 \(handshake_failure\)\n.*hs offers TLS 1\.2, .*cipher",
    "garbage": r"does not use TLS|not support TLS 1\.2",
    "handshake-reset": "reset",
    "handshake-close": "closed",
}


@pytest.mark.parametrize("kind", OK)
def test_accepted(sim, api, kind):
    sim.tls(kind)
    answer(sim, b"[1]", times=None)
    done = api("/a", "--raw")
    assert (done.code, done.out) == (0, "[1]"), done.err
    version, cipher, _ = sim.requests("/a")[0].tls
    assert version == "TLSv1.2"
    assert cipher.startswith("ECDHE-") and ("GCM" in cipher or "POLY1305" in cipher)


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(sim, api, kind):
    sim.tls(kind)
    done = api("/a", "--max-wait", 0)
    failed(done, 7, "api.hubapi.com", REFUSED[kind])
    assert done.out == ""
    assert sim.requests() == []
    assert len(sim.proxy.seen) == 1


def test_a_certificate_is_no_matter_of_retries(sim, api):
    for kind in ("expired", "self-signed", "tls13-only"):
        sim.tls(kind)
        sim.proxy.seen.clear()
        failed(api("/a"), 7)
        assert len(sim.proxy.seen) == 1


def test_a_handshake_that_fails_once_is_tried_again(sim, api):
    """Nothing of the request was sent, so even a POST may go again."""
    kinds = iter(["handshake-reset"])

    class Once(dict):
        def get(self, host, *_):
            return "normal" if host == "*" else next(kinds, "normal")

    sim.kinds = Once()
    answer(sim, b"[1]")
    done = api("/a", "--data", "{}", "--raw", "--max-wait", 5)
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert len(sim.requests()) == 1
    assert len(sim.proxy.seen) == 2


def test_handshake_that_hangs(sim, api):
    sim.tls("handshake-hang")
    done = api("/a", "--max-wait", 1)
    failed(done, 7, "timed out", "TLS")
    assert done.seconds < 9


def test_close_delimited_needs_close_notify(sim, api):
    """Without it nobody can tell a whole answer from a cut one."""
    sim.tls("no-close-notify")
    answer(sim, b"[1]", framing="close")
    done = api("/a", "--max-wait", 0)
    failed(done, 7, "closed after [0-9]+ bytes of the response")
    assert done.out == ""


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_other_framings_need_no_close_notify(sim, api, framing):
    sim.tls("no-close-notify")
    answer(sim, b"[1]", framing=framing)
    done = api("/a", "--raw")
    assert (done.code, done.out) == (0, "[1]"), done.err


# ---- trust


def pem(sim):
    return pathlib.Path(sim.ca_file).read_text()


def test_trust_comes_from_the_named_source(sim, api, tmp_path):
    """--ca-file replaces SSL_CERT_FILE; that and SSL_CERT_DIR replace the
    system's list; NODE_EXTRA_CA_CERTS adds to it."""
    root = pem(sim)
    stranger = str(sim.authority.issuer("stranger"))
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "root.pem").write_text(root)
    (folder / "README").write_text("no certificate\n")
    answer(sim, b"[1]", times=None)
    good = [
        (["--ca-file", sim.ca_file], {"SSL_CERT_FILE": None}),
        (["--ca-file", sim.ca_file], {"SSL_CERT_FILE": stranger}),
        (["--ca-file", sim.ca_file], {"SSL_CERT_FILE": "/nowhere"}),
        ([], {"SSL_CERT_FILE": None, "SSL_CERT_DIR": folder}),
        ([], {"SSL_CERT_FILE": None, "SSL_CERT_DIR": f"/nowhere:{folder}"}),
        ([], {"SSL_CERT_FILE": stranger, "SSL_CERT_DIR": folder}),
        ([], {"SSL_CERT_FILE": None, "NODE_EXTRA_CA_CERTS": sim.ca_file}),
        ([], {"SSL_CERT_FILE": stranger, "NODE_EXTRA_CA_CERTS": sim.ca_file}),
    ]
    for args, env in good:
        done = api("/a", "--raw", *args, env=env)
        assert (done.code, done.out) == (0, "[1]"), (args, env, done.err)
    bad = [
        ([], {"SSL_CERT_FILE": None}),
        ([], {"SSL_CERT_FILE": stranger}),
        (["--ca-file", stranger], {}),
        (["--ca-file", stranger], {"SSL_CERT_DIR": folder}),
        ([], {"SSL_CERT_FILE": None, "NODE_EXTRA_CA_CERTS": stranger}),
    ]
    before = len(sim.requests())
    for args, env in bad:
        failed(api("/a", *args, env=env), 7, "not trusted", "--ca-file")
    assert len(sim.requests()) == before


def test_pem_files_as_people_have_them(sim, api, tmp_path):
    """CRLF, text between the certificates, bad ones among good ones, a last
    line without its end."""
    root = pem(sim)
    broken = (
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUdeadbeef\n" "-----END CERTIFICATE-----\n"
    )
    empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
    other = pathlib.Path(sim.authority.issuer("stranger")).read_text()
    answer(sim, b"[1]", times=None)
    files = {
        "crlf": root.replace("\n", "\r\n"),
        "comments": f"# the authority\n\nSubject: x\n{root}trailing text\n",
        "bad-first": broken + root,
        "bad-last": root + broken,
        "empty": empty + other + root,
        "cut": root + "-----BEGIN CERTIFICATE-----\nMIIB",
        "no-newline": root.rstrip(),
        "many": other * 300 + root,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text, newline="")
        done = api("/a", "--raw", "--ca-file", path, "--debug")
        assert (done.code, done.out) == (0, "[1]"), (name, done.err)
        skipped = name in ("bad-first", "bad-last", "empty", "cut")
        assert ("could not be read" in done.err) == skipped, (name, done.err)


def test_a_store_that_holds_nothing_is_an_error(sim, api, tmp_path):
    """It never falls back to a wider one."""
    garbage = tmp_path / "garbage"
    garbage.write_bytes(os.urandom(5000))
    (tmp_path / "void").write_text("")
    key = tmp_path / "key"
    key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    big = tmp_path / "big"
    with open(big, "wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "folder").mkdir()
    why = {
        "/nowhere/ca.pem": "No such file",
        garbage: "",
        tmp_path / "void": "empty",
        key: "a private key",
        big: "larger than 8 MiB",
        tmp_path / "folder": "a directory",
    }
    for path, word in why.items():
        for args, env in (
            (["--ca-file", path], {}),
            ([], {"SSL_CERT_FILE": path}),
            ([], {"NODE_EXTRA_CA_CERTS": path}),
        ):
            if env.get("NODE_EXTRA_CA_CERTS") == "/nowhere/ca.pem":
                continue  # a warning: see test_trust.py
            done = api("/a", *args, env=env)
            failed(done, 7, str(path), word)
    failed(api("/a", env={"SSL_CERT_FILE": None, "SSL_CERT_DIR": tmp_path / "folder"}), 7, "folder")
    assert sim.proxy.seen == []


def test_a_pipe_in_a_ca_folder_is_not_waited_for(sim, api, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "ca.pem").symlink_to(sim.ca_file)
    answer(sim, b"[1]")
    done = api("/a", env={"SSL_CERT_FILE": None, "SSL_CERT_DIR": tmp_path}, timeout=60)
    assert done.code == 0, done.err


def test_a_file_with_many_names_is_read_once(sim, api, tmp_path):
    """c_rehash adds a link to each certificate of a directory."""
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "ca.pem").write_text(pem(sim))
    (tmp_path / "2b349938.0").symlink_to("ca.pem")
    (other / "ca.pem").symlink_to(tmp_path / "2b349938.0")
    (other / "hard.pem").hardlink_to(tmp_path / "ca.pem")
    (other / "copy.pem").write_text(pem(sim))
    (other / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    (other / "2b349938.0").symlink_to("bad.pem")
    answer(sim, b"[1]")
    env = {"SSL_CERT_FILE": None, "SSL_CERT_DIR": f"{tmp_path}:{other}:{tmp_path}"}
    done = api("/a", "--debug", env=env)
    assert done.code == 0, done.err
    assert "trust: 2 authorities" in done.err  # the file, and a copy of it
    assert "trust: 1 certificates could not be read" in done.err


def test_the_name_is_sent_and_checked(sim, api):
    """The certificate for *.example.com serves the host that the request names,
    and no deeper one."""
    answer(sim, b"[1]", times=None)
    assert api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": "x.example"}).code == 0
    failed(api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": "x.y.example"}), 7, "another name")
    failed(api("/a", env={"HUBAPI_DOMAIN_OVERRIDE": "stranger"}), 7, "another name")


def test_tls_1_2_hint(sim, api):
    sim.tls("tls13-only")
    assert "hs supports only TLS 1.2" in api("/a").err
    assert ssl.HAS_TLSv1_3
