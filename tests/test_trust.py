"""Which certificates are trusted. Every decision is compared with curl's and
Node's, where they are installed: both use OpenSSL."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from calls import answer, api, failed, is_sanitized  # noqa: F401 (api: a fixture)
from pki import CA, HOST, SERVER, Pki

PLAIN_CA = "basicConstraints=critical,CA:TRUE\n"
LIMITS = CA + "nameConstraints=critical,"
NO_IDS = "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
NODE = """
const tls = require('tls'), fs = require('fs');
const s = tls.connect({host: '127.0.0.1', port: +process.argv[1], servername: process.argv[2],
                       maxVersion: 'TLSv1.2', ca: fs.readFileSync(process.argv[3])},
                      () => { console.log('ok'); s.destroy(); });
s.on('error', e => { console.log(e.code || e.message); s.destroy(); });
"""


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


def serve(sim, context):
    """All TLS of the stand-in has this context from now on."""
    sim.authority.contexts["trust"] = context
    sim.kinds["*"] = sim.kinds["127.0.0.1"] = "trust"
    answer(sim, b"[1]", times=None)


def curl_trusts(sim, anchors):
    """Does curl trust the server? None where there is no curl."""
    if not shutil.which("curl"):
        return None
    done = subprocess.run(
        [
            "curl",
            "-sS",
            "--noproxy",
            "*",
            "--tls-max",
            "1.2",
            "--cacert",
            anchors,
            "--resolve",
            f"{HOST}:{sim.port_direct}:127.0.0.1",
            f"https://{HOST}:{sim.port_direct}/a",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 35, 60, 77), done.stderr
    return done.returncode == 0


def node_trusts(sim, anchors):
    if not shutil.which("node"):
        return None
    done = subprocess.run(
        ["node", "-e", NODE, str(sim.port_direct), HOST, anchors], capture_output=True, text=True
    )
    assert done.stdout, done.stderr
    return done.stdout == "ok\n"


# ---- The cases: name -> (function that makes the chain and the anchors, what
# hs must say or None, where curl and Node decide otherwise)

CASES = {}


def case(says=None, curl=None, node=None):
    """A case in which hs accepts the server, or says this. `curl`, `node`: what
    they decide if it is not the same."""

    def add(make):
        good = says is None
        CASES[make.__name__] = (
            make,
            says,
            good if curl is None else curl,
            good if node is None else node,
        )
        return make

    return add


def anchor(name, says=None, ext=CA, leaf=SERVER, leaf_subject=None, curl=None, node=None, **how):
    """A case of one anchor that signs the server's certificate."""

    def make(m):
        root = m(f"{name}-root", ext=ext, **how)
        return [m(f"{name}-leaf", issuer=root, ext=leaf, subject=leaf_subject)], [root]

    make.__name__ = f"anchor-{name}"
    case(says, curl, node)(make)


def leaf(name, says=None, ext=SERVER, curl=None, node=None, **how):
    """A case of a server's certificate that a good root has signed."""

    def make(m):
        root = m("root", ext=CA)
        return [m(f"leaf-{name}", issuer=root, ext=ext, **how)], [root]

    make.__name__ = f"leaf-{name}"
    case(says, curl, node)(make)


def chain(name, order, says=None, curl=None, node=None):
    """A case of a server's certificate and two authorities between it and the
    root, all sent in this order after the server's own."""

    def make(m):
        root = m("root", ext=CA)
        upper = m("upper", issuer=root, ext=CA)
        lower = m("lower", issuer=upper, ext=CA)
        own = m("own", issuer=lower, ext=SERVER)
        known = {
            "r": root,
            "u": upper,
            "l": lower,
            "o": own,
            "x": m("stranger", ext=CA),
            "y": m("other-leaf", issuer=root, ext=SERVER),
        }
        return [own, *(known[c] for c in order)], [root]

    make.__name__ = f"chain-{name}"
    case(says, curl, node)(make)


chain("in-order", "lu")
chain("with-root", "lur")
chain("reversed", "rul")
chain("swapped", "ul")
chain("duplicates", "lluullu")
chain("own-again", "oloou")
chain("unrelated-first", "xylu")
chain("unrelated-between", "lxu")
chain("unrelated-last", "lux")
chain("everything", "xryuoyulx")
chain("long", "x" * 80 + "lu")
chain("incomplete", "l", "not trusted")
chain("incomplete-with-root", "lr", "not trusted")
chain("none", "", "not trusted")

anchor("expired", r"authority 'expired-root' has expired \(20\d\d-\d\d-\d\d\)", days=(-30, -1))
anchor("not-yet-valid", r"not valid yet \(20\d\d-\d\d-\d\d\)", days=(2, 30))
anchor(
    "no-cert-sign",
    r"is not allowed to sign certificates \(key usage\)",
    ext=PLAIN_CA + "keyUsage=critical,digitalSignature\n",
)
anchor("unknown-critical", "critical extension", ext=CA + "1.2.3.4=critical,DER:0500\n")
anchor("unknown-not-critical", ext=CA + "1.2.3.4=DER:0500\n")
anchor("critical-key-id", "critical extension", ext=CA + "subjectKeyIdentifier=critical,hash\n")
anchor("no-authority", "is not a CA certificate", ext="basicConstraints=critical,CA:FALSE\n")
anchor("version-1", ext="")
anchor("only-key-usage", ext="keyUsage=critical,keyCertSign\n")
anchor("no-constraints-no-usage", "is not a CA certificate", ext="subjectKeyIdentifier=hash\n")
anchor("for-clients", "extended key usage", ext=CA + "extendedKeyUsage=clientAuth\n")
anchor("for-servers", ext=CA + "extendedKeyUsage=critical,serverAuth\n")
anchor("for-any", "extended key usage", ext=CA + "extendedKeyUsage=anyExtendedKeyUsage\n")
anchor(
    "policies",
    ext=CA + "policyConstraints=critical,requireExplicitPolicy:0\n"
    "inhibitAnyPolicy=critical,0\ncertificatePolicies=critical,1.2.3.4\n",
)
anchor("rsa-1024", "2048 bits", key="rsa:1024", node=True)
anchor("rsa-4096", key="rsa:4096")
anchor("rsa-4104", "longer than 4096 bits", key="rsa:4104", curl=True, node=True)
anchor("p384", key="P-384", md="sha384")
anchor("p521", key="P-521", md="sha512")
anchor("secp256k1", "an unsupported type of key", key="secp256k1", curl=True, node=True)
anchor(
    "ed25519",
    r"an unsupported type of key \(Ed25519\)",
    key="ED25519",
    md="default",
    curl=True,
    node=True,
)

anchor("permits", ext=LIMITS + "permitted;DNS:hubapi.com\n")
anchor("permits-dot", ext=LIMITS + "permitted;DNS:.hubapi.com\n")
anchor("permits-two", ext=LIMITS + "permitted;DNS:example.org,permitted;DNS:api.hubapi.com\n")
anchor("permits-other", "name constraints", ext=LIMITS + "permitted;DNS:example.org\n")
anchor("permits-part", "name constraints", ext=LIMITS + "permitted;DNS:ubapi.com\n")
anchor("permits-below", "name constraints", ext=LIMITS + "permitted;DNS:x.api.hubapi.com\n")
anchor(
    "permits-other-not-critical",
    "name constraints",
    ext=CA + "nameConstraints=permitted;DNS:example.org\n",
)
anchor(
    "permits-one-of-two-names",
    "name constraints",
    ext=LIMITS + "permitted;DNS:hubapi.com\n",
    leaf=f"subjectAltName=DNS:{HOST},DNS:example.org\n",
)
anchor("excludes", "name constraints", ext=LIMITS + "excluded;DNS:hubapi.com\n")
anchor("excludes-other", ext=LIMITS + "excluded;DNS:example.org\n")
anchor(
    "excludes-part-of-permitted",
    "name constraints",
    ext=LIMITS + "permitted;DNS:hubapi.com,excluded;DNS:api.hubapi.com\n",
)
anchor(
    "excludes-the-host-of-a-wildcard",
    "name constraints",
    curl=True,
    node=True,
    ext=LIMITS + "excluded;DNS:api.hubapi.com\n",
    leaf="subjectAltName=DNS:*.hubapi.com\n",
)
anchor("permits-email-only", ext=LIMITS + "permitted;email:example.org\n")
anchor("excludes-addresses", ext=LIMITS + "excluded;IP:0.0.0.0/0.0.0.0\n")
anchor(
    "excludes-its-address",
    "name constraints",
    ext=LIMITS + "excluded;IP:10.0.0.0/255.0.0.0\n",
    leaf=f"subjectAltName=DNS:{HOST},IP:10.1.2.3\n",
)
anchor(
    "permits-its-address",
    ext=LIMITS + "permitted;IP:10.0.0.0/255.0.0.0\n",
    leaf=f"subjectAltName=DNS:{HOST},IP:10.1.2.3\n",
)
anchor(
    "permits-other-address",
    "name constraints",
    ext=LIMITS + "permitted;IP:10.0.0.0/255.0.0.0\n",
    leaf=f"subjectAltName=DNS:{HOST},IP:11.1.2.3\n",
)
anchor(
    "permits-uri",
    "name constraints",
    ext=LIMITS + "permitted;URI:.example.org\n",
    leaf=f"subjectAltName=DNS:{HOST},URI:https://a.b/\n",
)
anchor(
    "permits-directory",
    ext=LIMITS + "permitted;dirName:dn\n[dn]\nO=Acme Corp\n",
    leaf_subject="/O=ACME  corp/CN=x",
)
anchor(
    "permits-other-directory",
    "name constraints",
    ext=LIMITS + "permitted;dirName:dn\n[dn]\nO=Acme Corp\n",
    leaf_subject="/O=Acme/CN=x",
)
anchor(
    "excludes-common-name",
    "name constraints",
    ext=LIMITS + "excluded;DNS:hubapi.com\n",
    leaf="",
    leaf_subject=f"/CN={HOST}",
)

leaf("for-clients", "extended key usage", ext=SERVER + "extendedKeyUsage=clientAuth\n")
leaf("for-any", "extended key usage", ext=SERVER + "extendedKeyUsage=anyExtendedKeyUsage\n")
leaf("for-servers", ext=SERVER + "extendedKeyUsage=critical,serverAuth,clientAuth\n")
leaf("unknown-critical", "critical extension", ext=SERVER + "1.2.3.4=critical,DER:0500\n")
leaf("encipherment", ext=SERVER + "keyUsage=critical,keyEncipherment\n", key="rsa:2048")
leaf(
    "non-repudiation",
    "key usage",
    ext=SERVER + "keyUsage=critical,nonRepudiation\n",
    key="rsa:2048",
)
leaf("wildcard", ext="subjectAltName=DNS:*.hubapi.com\n")
leaf("wildcard-too-wide", r"another name \(\*\.com\)", ext="subjectAltName=DNS:*.com\n")
leaf("capitals", ext="subjectAltName=DNS:API.HubApi.com\n")
leaf("only-common-name", ext="", subject=f"/CN={HOST}")
leaf("common-name-and-email", ext="subjectAltName=email:a@b.c\n", subject=f"/CN={HOST}")
leaf(
    "common-name-and-other",
    "another name",
    ext="subjectAltName=DNS:other.invalid\n",
    subject=f"/CN={HOST}",
)
leaf(
    "common-name-and-address",
    "another name",
    ext="subjectAltName=IP:1.2.3.4\n",
    subject=f"/CN={HOST}",
    node=True,
)
leaf(
    "common-name-of-another",
    r"another name \(other\.invalid\)",
    ext="",
    subject="/CN=other.invalid",
)
leaf("p384", key="P-384")
leaf("rsa-4096", key="rsa:4096")
leaf("rsa-4104", "longer than 4096 bits", key="rsa:4104", curl=True, node=True)
leaf("p521", "alert 40.*\n.*P-256 or P-384", key="P-521", curl=True, node=True)
leaf("ed25519", "alert 40.*\n.*P-256 or P-384", key="ED25519", curl=True, node=True)
leaf("sha1", r"an unsupported algorithm \(SHA-1\)", md="sha1")
leaf("sha224", md="sha224")
leaf("sha384", md="sha384")
leaf("sha512", md="sha512")


@case(r"an unsupported algorithm \(RSA-PSS\)", curl=True, node=True)
def signed_with_pss(m):
    root = m("pss-root", ext=CA, key="rsa:2048")
    return [m("pss-leaf", issuer=root, ext=SERVER, sign=("-sigopt", "rsa_padding_mode:pss"))], [
        root
    ]


@case(r"an unsupported type of key \(RSA-PSS\)", curl=True, node=True)
def anchor_with_pss_key(m):
    root = m("pss-key", ext=CA, key="RSA-PSS")
    return [m("pss-key-leaf", issuer=root, ext=SERVER)], [root]


@case("path length")
def anchor_path_length(m):
    root = m("short", ext=PLAIN_CA.strip() + ",pathlen:0\n")
    between = m("short-between", issuer=root, ext=CA)
    return [m("short-leaf", issuer=between, ext=SERVER), between], [root]


@case()
def anchor_path_length_is_enough(m):
    root = m("enough", ext=PLAIN_CA.strip() + ",pathlen:1\n")
    between = m("enough-between", issuer=root, ext=CA)
    return [m("enough-leaf", issuer=between, ext=SERVER), between], [root]


@case()
def path_length_does_not_count_self_issued(m):
    root = m("selfish", ext=PLAIN_CA.strip() + ",pathlen:0\n")
    renewed = m("selfish-new", issuer=root, subject="/CN=selfish", ext=CA)
    return [m("selfish-leaf", issuer=renewed, ext=SERVER), renewed], [root]


def between(name, says=None, ext=CA, node=None, **how):
    def make(m):
        root = m("root", ext=CA)
        issuer = m(f"between-{name}", issuer=root, ext=ext, **how)
        return [m(f"below-{name}", issuer=issuer, ext=SERVER), issuer], [root]

    make.__name__ = f"between-{name}"
    case(says, node=node)(make)


between("permits", ext=LIMITS + "permitted;DNS:hubapi.com\n")
between("permits-other", "name constraints", ext=LIMITS + "permitted;DNS:example.org\n")
between(
    "permits-other-not-critical",
    "name constraints",
    ext=CA + "nameConstraints=permitted;DNS:example.org\n",
)
between("for-clients", "extended key usage", ext=CA + "extendedKeyUsage=clientAuth\n")
between("for-servers", ext=CA + "extendedKeyUsage=critical,serverAuth\n")
between("expired", "'between-expired' has expired", days=(-9, -1))
between("version-1", "is not a CA certificate", ext="")
between("only-key-usage", "is not a CA certificate", ext="keyUsage=keyCertSign\n")
between("a-leaf", "is not a CA certificate", ext=SERVER + "basicConstraints=CA:FALSE\n")
between("no-cert-sign", "not allowed to sign", ext=PLAIN_CA + "keyUsage=critical,cRLSign\n")
between("unknown-critical", "critical extension", ext=CA + "1.2.3.4=critical,DER:0500\n")
between("rsa-1024", "2048 bits", key="rsa:1024", node=True)


def odd_path_length(name, der):
    """basicConstraints that no reader may take for "no limit"."""
    between(
        f"path-length-{name}",
        "an authority that is not trusted",
        ext=f"basicConstraints=critical,DER:{der}\nkeyUsage=critical,keyCertSign\n",
    )


odd_path_length("empty", "30050101ff0200")
odd_path_length("negative", "30060101ff0201ff")
odd_path_length("and-more", "30080101ff0201000500")
odd_path_length("after-two-bytes", "3004010201ff")


@case("name constraints")
def limits_hold_for_those_below(m):
    """An anchor's limits on directory names hold for the authority between."""
    root = m("acme", ext=LIMITS + "permitted;dirName:dn\n[dn]\nO=Acme\n", subject="/O=Acme/CN=r")
    issuer = m("acme-between", issuer=root, ext=CA, subject="/O=Other/CN=b")
    return [m("acme-leaf", issuer=issuer, ext=SERVER, subject="/O=Acme/CN=l"), issuer], [root]


def alone(name, says=None, ext=SERVER, **how):
    """A server's certificate that is in the CA file itself."""

    def make(m):
        own = m(f"alone-{name}", ext=ext, **how)
        return [own], [own]

    make.__name__ = f"alone-{name}"
    case(says)(make)


alone("plain")
alone("no-authority", ext=SERVER + "basicConstraints=critical,CA:FALSE\n")
alone("key-usage", ext=SERVER + "keyUsage=critical,digitalSignature\n")
alone("expired", "its certificate has expired", days=(-9, -1))
alone("for-clients", "extended key usage", ext=SERVER + "extendedKeyUsage=clientAuth\n")
alone("other-name", "another name", ext="subjectAltName=DNS:other.invalid\n")


@case("self-signed and not trusted")
def self_signed(m):
    return [m("self", ext=SERVER)], [m("root", ext=CA)]


@case(node=False)
def leaf_as_anchor(m):
    own = m("pinned", issuer=m("root", ext=CA), ext=SERVER)
    return [own], [own]


@case(node=False)
def authority_between_as_anchor(m):
    """A chain may end at any certificate of the CA file, as in curl."""
    issuer = m("upper", issuer=m("root", ext=CA), ext=CA)
    return [m("upper-leaf", issuer=issuer, ext=SERVER)], [issuer]


@case("has expired", node=False)
def expired_authority_between_as_anchor(m):
    issuer = m("between-expired", issuer=m("root", ext=CA), ext=CA, days=(-9, -1))
    return [m("below-expired", issuer=issuer, ext=SERVER)], [issuer]


def namesakes(m):
    """Two roots of one name, and a certificate that the second one has signed.
    Nothing but the signature tells them apart."""
    other, root = m("name", ext=CA + NO_IDS), m("name-2", ext=CA + NO_IDS, subject="/CN=name")
    return m("name-leaf", issuer=root, ext=SERVER + NO_IDS), other, root


@case("invalid signature, or an untrusted authority uses the name")
def same_name_as_the_root(m):
    own, other, _ = namesakes(m)
    return [own], [other]


@case()
def same_name_as_another_root(m):
    own, other, root = namesakes(m)
    return [own], [root, other]


@case(curl=False, node=False)
def same_name_as_another_root_first(m):
    own, other, root = namesakes(m)
    return [own], [other, root]


@case()
def key_ids_choose_between_roots_of_one_name(m):
    ids = "subjectKeyIdentifier=hash\n"
    root, fake = m("id-real", ext=CA + ids), m("id-fake", ext=CA + ids, subject="/CN=id-real")
    own = m("id-leaf", issuer=root, ext=SERVER + "authorityKeyIdentifier=keyid\n")
    return [own], [fake, root]


# Cross-signed: one name and key, two issuers.


def crossed(m):
    known, gone = m("known", ext=CA), m("gone", ext=CA)
    good = m("cross", issuer=known, ext=CA)
    other = m("cross-other", issuer=gone, share=good, subject="/CN=cross", ext=CA)
    old = m("cross-old", issuer=known, share=good, subject="/CN=cross", ext=CA, days=(-9, -1))
    return known, good, other, old, m("cross-leaf", issuer=good, ext=SERVER)


@case()
def cross_good_first(m):
    known, good, other, _, own = crossed(m)
    return [own, good, other], [known]


@case(curl=False, node=False)
def cross_good_last(m):
    known, good, other, _, own = crossed(m)
    return [own, other, good], [known]


@case()
def cross_expired_first(m):
    known, good, _, old, own = crossed(m)
    return [own, old, good], [known]


@case()
def cross_expired_last(m):
    known, good, _, old, own = crossed(m)
    return [own, good, old], [known]


@case()
def cross_to_an_expired_root(m):
    """The root is known, and also signed by one that has expired, which is sent
    and known too (AddTrust, 2020)."""
    old = m("addtrust", ext=CA, days=(-9, -1))
    root = m("new", ext=CA)
    cross = m("new-cross", issuer=old, share=root, subject="/CN=new", ext=CA, days=(-9, -1))
    issuer = m("new-between", issuer=root, ext=CA)
    return [m("new-leaf", issuer=issuer, ext=SERVER), issuer, cross, old], [old, root]


@case()
def names_differ_in_case_and_blanks(m):
    root = m("big", ext=CA, subject="/O=Big Corp/CN=Root")
    same = m("big-same", ext=CA, subject="/O=big  CORP/CN=root", share=root)
    return [m("big-leaf", issuer=root, ext=SERVER)], [same]


@pytest.mark.parametrize("name", CASES)
def test_as_in_curl_and_node(sim, hs, api, pki, tmp_path, name):
    make, says, curl, node = CASES[name]
    chain, anchors = make(pki.make)
    store = tmp_path / "anchors.pem"
    store.write_text("".join(path.read_text() for path in anchors))
    serve(sim, pki.context(*chain))
    if not is_sanitized(hs):  # their result does not depend on the build of hs
        assert curl_trusts(sim, store) in (None, curl)
        assert node_trusts(sim, store) in (None, node)
    done = api("/a", "--raw", "--max-wait", 0, "--ca-file", store)
    if says is None:
        assert (done.code, done.out) == (0, "[1]"), done.err
    else:
        failed(done, 7, HOST, says)
        assert done.out == ""


# ---- CA files


def trusted(pki, name, *settings):
    """A root as `openssl x509 -trustout` writes it, with its trust settings."""
    root = pki.make("root", ext=CA)
    path = pki.folder / f"{name}.trusted"
    pki.openssl("x509", "-in", root, "-trustout", *settings, "-out", path)
    return path


@pytest.mark.parametrize(
    "name, settings, good",
    [
        ("plain", [], True),
        ("named", ["-setalias", "the root"], True),
        ("servers", ["-addtrust", "serverAuth"], True),
        ("any", ["-addtrust", "anyExtendedKeyUsage"], True),
        ("email", ["-addtrust", "emailProtection"], False),
        ("not-servers", ["-addreject", "serverAuth"], False),
        ("not-any", ["-addreject", "anyExtendedKeyUsage"], False),
        ("not-email", ["-addreject", "emailProtection"], True),
        ("both", ["-addtrust", "serverAuth", "-addreject", "serverAuth"], False),
    ],
)
def test_openssl_trust_settings(sim, api, pki, name, settings, good):
    root = pki.make("root", ext=CA)
    own = pki.make("plain-leaf", issuer=root, ext=SERVER)
    serve(sim, pki.context(own, root))
    store = trusted(pki, name, *settings)
    assert "TRUSTED CERTIFICATE" in store.read_text()
    assert curl_trusts(sim, store) in (None, good)
    done = api("/a", "--raw", "--ca-file", store)
    if good:
        assert (done.code, done.out) == (0, "[1]"), done.err
    else:
        failed(done, 7, "marked as rejected")


def test_a_rejected_authority_ends_no_chain_that_it_is_part_of(sim, api, pki, tmp_path):
    """Also where the root above it is trusted."""
    root = pki.make("root", ext=CA)
    upper = pki.make("upper", issuer=root, ext=CA)
    serve(sim, pki.context(pki.make("upper-leaf", issuer=upper, ext=SERVER), upper))
    rejected = tmp_path / "upper"
    pki.openssl("x509", "-in", upper, "-trustout", "-addreject", "serverAuth", "-out", rejected)
    store = tmp_path / "store"
    store.write_text(root.read_text() + rejected.read_text())
    assert curl_trusts(sim, store) in (None, False)
    failed(api("/a", "--ca-file", store), 7, "'upper' is marked as rejected")


def test_pem_in_all_its_forms(sim, api, pki, tmp_path):
    root = pki.make("root", ext=CA)
    serve(sim, pki.context(pki.make("plain-leaf", issuer=root, ext=SERVER)))
    text = root.read_text()
    key = root.with_suffix(".key").read_text()
    files = {
        "x509": text.replace("CERTIFICATE", "X509 CERTIFICATE"),
        "crlf": text.replace("\n", "\r\n"),
        "bom": "\ufeff" + text,
        "no-newline": text.rstrip(),
        "junk": "Bag Attributes\n  x: ----- y\n-----BEGIN\n" + text + "-----END-----",
        "key-before": key + text,
        "key-behind": text + key,
        "one-line": text.replace("\n", "").replace("E-----", "E-----\n", 1),
        "indented": "".join(f"    {line}\n" for line in text.splitlines()),
        "explained": pki.openssl("x509", "-in", root, "-text").decode(),
        "padded": ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(text) + b"\0\0"),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content.encode())
        done = api("/a", "--raw", "--ca-file", path)
        assert (done.code, done.out) == (0, "[1]"), (name, done.err)


def test_other_formats_are_named_with_the_command_that_converts_them(sim, api, pki, tmp_path):
    root = pki.make("root", ext=CA)
    serve(sim, pki.context(pki.make("plain-leaf", issuer=root, ext=SERVER)))
    key, text = root.with_suffix(".key"), root.read_text()

    def made(name, *args):
        pki.openssl(*args, "-out", tmp_path / name)

    made("der", "x509", "-in", root, "-outform", "der")
    made("p7b", "crl2pkcs7", "-nocrl", "-certfile", root)
    made("p7b-der", "crl2pkcs7", "-nocrl", "-certfile", root, "-outform", "der")
    made("p12", "pkcs12", "-export", "-in", root, "-inkey", key, "-passout", "pass:")
    made("csr", "req", "-new", "-key", key, "-subj", "/CN=x")
    made("key-der", "pkey", "-in", key, "-outform", "der")
    shutil.copy(key, tmp_path / "key")
    (tmp_path / "utf-16").write_bytes(text.encode("utf-16"))
    (tmp_path / "utf-16-be").write_bytes(b"\xfe\xff" + text.encode("utf-16-be"))
    (tmp_path / "utf-16-no-bom").write_bytes(text.encode("utf-16-le"))
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "large").write_text("\n" * (8 << 20) + text)
    (tmp_path / "damaged").write_text(text[:200] + text[300:])
    says = {
        "der": (r"in DER \(binary\) format$", "openssl x509 -inform der -in FILE > ca.pem"),
        "p7b": (r"PKCS#7$", "openssl pkcs7 -print_certs -in FILE > ca.pem"),
        "p7b-der": (r"PKCS#7 in DER", "openssl pkcs7 -inform der -print_certs -in FILE > ca.pem"),
        "p12": (r"PKCS#12$", "openssl pkcs12 -cacerts -nokeys -in FILE > ca.pem"),
        "csr": ("a certificate request", None),
        "key": ("a private key", None),
        "key-der": ("not a certificate$", None),
        "utf-16": ("in UTF-16$", "iconv -f UTF-16 -t UTF-8 FILE > ca.pem"),
        "utf-16-be": ("in UTF-16$", "iconv -f UTF-16 -t UTF-8 FILE > ca.pem"),
        "utf-16-no-bom": ("in UTF-16$", "iconv -f UTF-16 -t UTF-8 FILE > ca.pem"),
        "text": ("it contains no certificate$", None),
        "large": ("larger than 8 MiB$", None),
        "damaged": ("its certificates are malformed$", None),
    }
    assert set(says) == {path.name for path in tmp_path.iterdir() if path.is_file()}
    for name, (why, command) in says.items():
        path = tmp_path / name
        for args, env in (
            (["--ca-file", path], {}),
            ([], {"SSL_CERT_FILE": path}),
            ([], {"NODE_EXTRA_CA_CERTS": path}),
        ):
            done = api("/a", *args, env=env)
            failed(done, 7)
            first, hint = done.err.splitlines()[-2:]
            assert re.search(why, first) and str(path) in first, (name, done.err)
            assert not command or command.replace("FILE", str(path)) in hint, (name, done.err)
    # What the hints say is true.
    for name in ("der", "p7b", "p7b-der", "utf-16"):
        command = says[name][1].replace("FILE", str(tmp_path / name)).replace("ca.pem", "made")
        subprocess.run(command, shell=True, check=True, cwd=tmp_path)
        done = api("/a", "--raw", "--ca-file", tmp_path / "made")
        assert (done.code, done.out) == (0, "[1]"), (name, done.err)


def test_many_begin_lines_take_linear_time(sim, api, pki, tmp_path):
    """Each used to be a search through the rest of the file."""
    root = pki.make("root", ext=CA)
    serve(sim, pki.context(pki.make("plain-leaf", issuer=root, ext=SERVER)))
    for line in (
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN X\n",
        "-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
        "-----END CERTIFICATE-----\n",
    ):
        path = tmp_path / "store"
        path.write_text(line * (7 * (1 << 20) // len(line)) + "\n" + root.read_text())
        done = api("/a", "--raw", "--ca-file", path)
        assert (done.code, done.out) == (0, "[1]"), done.err
        assert done.usage.ru_utime < 30


def test_node_extra_ca_certs_that_is_missing_is_a_warning(sim, api, pki, tmp_path):
    root = pki.make("root", ext=CA)
    serve(sim, pki.context(pki.make("plain-leaf", issuer=root, ext=SERVER)))
    for path in (tmp_path / "none.pem", root / "below-a-file.pem"):
        env = {"NODE_EXTRA_CA_CERTS": path}
        done = api("/a", "--raw", "--ca-file", root, env=env)
        assert (done.code, done.out) == (0, "[1]"), done.err
        assert done.err.count(str(path)) == 1 and "NODE_EXTRA_CA_CERTS" in done.err
        done = api("/a", "--raw", env=env)  # it makes nothing else trusted
        assert done.code == 7 and "not trusted" in done.err, done.err


# ---- Pipes, signals, --max-wait


def test_a_pipe_is_read_whole(sim, api, hs, pki, tmp_path):
    """<(...) of a shell, whose writer takes its time; and stdin."""
    root = pki.make("root", ext=CA)
    serve(sim, pki.context(pki.make("plain-leaf", issuer=root, ext=SERVER)))
    env = hs.env({"HUBSPOT_ACCESS_TOKEN": sim.portal(101).static_token})
    script = f"'{hs.bin}' api /a --raw --ca-file <(sleep 0.3; cat '{root}'; sleep 0.3)"
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"[1]"), done.stderr
    done = api("/a", "--raw", "--ca-file", "/dev/stdin", input=root.read_bytes())
    assert (done.code, done.out) == (0, "[1]"), done.err


def test_a_pipe_without_a_writer_is_not_waited_for(sim, api, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for args, env in (
        (["--ca-file", path], {}),
        ([], {"SSL_CERT_FILE": path}),
        ([], {"NODE_EXTRA_CA_CERTS": path}),
    ):
        failed(api("/a", *args, env=env), 7, str(path), "it is empty")
    assert sim.proxy.seen == []


@contextlib.contextmanager
def silent_pipe(path):
    """A pipe that has a writer, which writes nothing."""
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)
    yield path
    os.close(fd)


def test_max_wait_limits_the_reading_of_a_pipe(sim, api, tmp_path):
    with silent_pipe(tmp_path / "pipe") as path:
        failed(api("/a", "--ca-file", path, "--max-wait", 1), 7, "took too long", "--max-wait")
        failed(api("/a", "--ca-file", path, "--max-wait", 0), 7, "took too long", "--max-wait")


def stop(run, ready):
    """Interrupts a run as soon as `ready` says so."""
    deadline = time.monotonic() + 60
    while not ready() and time.monotonic() < deadline:
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)


def test_a_signal_ends_the_reading_of_a_pipe(sim, hs, tmp_path):
    with silent_pipe(tmp_path / "pipe") as path:
        env = {"HUBSPOT_ACCESS_TOKEN": sim.portal(101).static_token}
        run = hs.start("api", "/a", "--ca-file", path, env=env)
        fds = pathlib.Path(f"/proc/{run.pid}/fd")
        stop(run, lambda: any(os.path.realpath(fd) == str(path) for fd in fds.iterdir()))
        assert hs.ends(run)[0] == 130


P384 = (
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF,  # noqa: E501
    0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,  # noqa: E501
    0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,  # noqa: E501
)


def crowd_of(root, count):
    """Roots of one name, all with other keys: the points 2G, 3G, ... of P-384."""
    der = ssl.PEM_cert_to_DER_cert(root.read_text())
    at = der.index(b"\x03\x62\x00\x04") + 4
    p, gx, gy = P384
    x, y = gx, gy
    for _ in range(count):
        slope = (
            (3 * x * x - 3) * pow(2 * y, -1, p) if x == gx else (y - gy) * pow(x - gx, -1, p)
        ) % p
        new = (slope * slope - x - gx) % p
        x, y = new, (slope * (gx - new) - gy) % p
        point = x.to_bytes(48, "big") + y.to_bytes(48, "big")
        yield ssl.DER_cert_to_PEM_cert(der[:at] + point + der[at + 96 :])


@pytest.fixture
def crowd(sim, pki, tmp_path):
    """10,000 roots of one name, none of which has signed the server's
    certificate: a minute's work or more. And the one that has."""
    root = pki.make("crowd", ext=CA + NO_IDS, key="P-384")
    serve(sim, pki.context(pki.make("crowd-leaf", issuer=root, ext=SERVER + NO_IDS)))
    path = tmp_path / "crowd.pem"
    path.write_text("".join(crowd_of(root, 10000)))
    return path, root


def test_max_wait_limits_the_search_for_an_anchor(sim, api, crowd):
    path, root = crowd
    failed(
        api("/a", "--ca-file", path, "--max-wait", 1, timeout=120),
        7,
        "took too long",
        r"the name of its issuer \(crowd\)",
    )
    path.write_text(root.read_text() + path.read_text())
    done = api("/a", "--raw", "--ca-file", path, "--max-wait", 1, timeout=120)
    assert (done.code, done.out) == (0, "[1]"), done.err


def test_a_signal_ends_the_search_for_an_anchor(sim, hs, crowd):
    env = {"HUBSPOT_ACCESS_TOKEN": sim.portal(101).static_token}
    run = hs.start("api", "/a", "--ca-file", crowd[0], "--max-wait", 600, env=env)
    stop(run, lambda: sim.proxy.seen)
    code, err = hs.ends(run)
    assert code == 130 and "took too long" not in err, err


def test_one_anchor_many_times_is_tried_once(sim, api, pki, tmp_path):
    root, fake = pki.make("crowd", ext=CA + NO_IDS, key="P-384"), tmp_path / "fake"
    serve(sim, pki.context(pki.make("crowd-leaf", issuer=root, ext=SERVER + NO_IDS)))
    fake.write_text(next(crowd_of(root, 1)) * 6000)
    failed(api("/a", "--ca-file", fake, "--max-wait", 1), 7, "name of a trusted one")


# ---- The chain's limits


def test_a_chain_of_more_than_100_kib(sim, api, pki, tmp_path):
    """curl refuses it too: it is OpenSSL's limit."""
    root = pki.make("root", ext=CA)
    own = pki.make("plain-leaf", issuer=root, ext=SERVER)
    large = pki.make("large", ext=CA + "nsComment=" + "x" * 40000 + "\n")
    serve(sim, pki.context(own, large, large))
    assert curl_trusts(sim, root) in (None, True)
    assert api("/a", "--ca-file", root).code == 0
    serve(sim, pki.context(own, large, large, large))
    assert curl_trusts(sim, root) in (None, False)
    failed(api("/a", "--ca-file", root), 7, "a chain larger than 100 KiB")


def test_authorities_that_sign_each_other(sim, api, pki, tmp_path):
    """Certificates of a few keys that all sign one another: more paths than can
    be walked, and none that ends at the root."""
    roots = [pki.make(f"ring-{i}", ext=CA + NO_IDS) for i in range(6)]
    ring = [
        pki.make(
            f"ring-{i}-{k}",
            issuer=roots[i],
            share=roots[k],
            subject=f"/CN=ring-{k}",
            ext=CA + NO_IDS,
        )
        for i in range(6)
        for k in range(6)
    ]
    own = pki.make("ring-leaf", issuer=roots[0], ext=SERVER + NO_IDS)
    serve(sim, pki.context(own, *ring))
    stranger = pki.make("stranger", ext=CA)
    failed(api("/a", "--ca-file", stranger), 7, "not trusted")
    done = api("/a", "--raw", "--ca-file", roots[5])
    assert (done.code, done.out) == (0, "[1]"), done.err


def test_a_wildcard_is_for_no_address(sim, api, pki):
    """*.0.0.1 has the form of a name, and 127.0.0.1 that of one below it."""
    root = pki.make("root", ext=CA)
    context = pki.context(pki.make("of-address", issuer=root, ext="subjectAltName=DNS:*.0.0.1\n"))
    there = f"https://127.0.0.1:{sim.port_direct}/b"
    sim.fail("/a", status=302, headers={"Location": there}, times=None)
    sim.authority.contexts["trust"] = context
    sim.kinds["127.0.0.1"] = "trust"
    bundle = sim.authority.folder / "both.pem"
    bundle.write_text(root.read_text() + sim.authority.root.read_text())
    failed(api("/a", "--ca-file", bundle, "--max-wait", 0), 7, "another name")


# ---- Two connections of one run: the second chain is known, or it is not


class InTurn(dict):
    """hubsim's kinds: each connection to this host is of the next kind."""

    def __init__(self, host, kinds):
        super().__init__()
        self.host, self.turns = host, iter(kinds)

    def get(self, host, *_):
        return next(self.turns) if host == self.host else "normal"


def serve_in_turn(sim, *contexts, to="/b"):
    """Each connection to HubSpot's API gets the next one of these contexts. The first
    response ends its connection and redirects to the second one."""
    for i, context in enumerate(contexts):
        sim.authority.contexts[f"turn-{i}"] = context
    sim.kinds = InTurn(HOST, [f"turn-{i}" for i in range(len(contexts))])
    sim.fail("/a", status=302, headers={"Location": to}, framing="close")
    answer(sim, b"[1]", "/b")


class Thief:
    """A server that sends the certificate of another one, without its key. Stands for
    an SSLContext, which would refuse that: it replaces the bytes on their way."""

    def __init__(self, context, own, stolen):
        self.context, self.own, self.stolen = context, own, stolen

    def wrap_socket(self, sock, server_side):
        near, far = socket.socketpair()
        sock = sock.dup()

        def copy(source, to, change):
            with contextlib.suppress(OSError):
                while data := source.recv(1 << 16):
                    to.sendall(change(data))
                to.shutdown(socket.SHUT_WR)

        for args in (
            (sock, far, lambda data: data),
            (far, sock, lambda data: data.replace(self.own, self.stolen)),
        ):
            threading.Thread(target=copy, args=args, daemon=True).start()
        return self.context.wrap_socket(near, server_side=server_side)


def second(name, says=None):
    def add(make):
        SECOND[name] = (make, says)
        return make

    return add


SECOND = {}
second("same")(lambda m, own, middle, root: [own, middle])
second("more")(lambda m, own, middle, root: [own, middle, m("stranger", ext=CA)])
second("twice")(lambda m, own, middle, root: [own, middle, middle])
second("renewed")(lambda m, own, middle, root: [m("renewed", issuer=root, ext=SERVER)])
second("alone", "not trusted")(lambda m, own, middle, root: [own])
second("impostor", "name of a trusted one|invalid signature|not trusted")(
    lambda m, own, middle, root: [own, m("impostor", subject="/CN=middle", ext=CA + NO_IDS)]
)
second("expired", "has expired")(
    lambda m, own, middle, root: [
        m("expired", issuer=middle, ext=SERVER + NO_IDS, share=own, days=(-9, -1)),
        middle,
    ]
)
second("elsewhere", "another name")(
    lambda m, own, middle, root: [
        m("elsewhere", issuer=middle, ext="subjectAltName=DNS:x.example\n" + NO_IDS, share=own),
        middle,
    ]
)
second("large", "a chain larger than 100 KiB")(
    lambda m, own, middle, root: [
        own,
        middle,
        *[m("large", ext=CA + "nsComment=" + "x" * 40000 + "\n")] * 3,
    ]
)


@pytest.mark.parametrize("name", SECOND)
def test_the_second_chain_of_a_run(sim, api, pki, name):
    root = pki.make("root", ext=CA)
    middle = pki.make("middle", issuer=root, ext=CA + NO_IDS)
    own = pki.make("middle-leaf", issuer=middle, ext=SERVER + NO_IDS)
    make, says = SECOND[name]
    serve_in_turn(sim, pki.context(own, middle), pki.context(*make(pki.make, own, middle, root)))
    done = api("/a", "--raw", "--ca-file", root, "--max-wait", 0)
    if says:
        failed(done, 7, says)
    else:
        assert (done.code, done.out) == (0, "[1]"), done.err
    assert [r.path for r in sim.requests()] == (["/a"] if says else ["/a", "/b"])
    assert not any(r.tls[2] for r in sim.requests())  # no session was resumed


def test_a_known_chain_is_not_known_for_another_host(sim, api, pki):
    root = pki.make("root", ext=CA)
    context = pki.context(pki.make("plain-leaf", issuer=root, ext=SERVER))
    serve_in_turn(sim, context, to="https://app.hubspot.com/b")
    sim.kinds = {"*": "turn-0"}
    failed(api("/a", "--ca-file", root, "--max-wait", 0), 7, "app.hubspot.com", "another name")
    assert [r.path for r in sim.requests()] == ["/a"]


def test_a_known_chain_without_its_key(sim, api, pki):
    root = pki.make("rsa-root", ext=CA, key="rsa:2048")

    def leaf(name):
        pem = pki.make(name, issuer=root, ext=SERVER + NO_IDS, subject="/CN=leaf")
        return pem, ssl.PEM_cert_to_DER_cert(pem.read_text())

    own, der = leaf("stolen")
    thieves = (leaf(f"thief-{i}") for i in range(20))  # serial numbers differ in length
    thief, other = next(t for t in thieves if len(t[1]) == len(der))
    serve_in_turn(sim, pki.context(own), Thief(pki.context(thief), other, der))
    done = api("/a", "--ca-file", root, "--max-wait", 0)
    failed(done, 7, "does not have the private key")
    assert [r.path for r in sim.requests()] == ["/a"]
