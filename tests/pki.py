"""Certificates for the tests of trust: any issuer, any extension, any date.

    pki = Pki(folder)
    root = pki.make("root", ext=CA)
    leaf = pki.make("leaf", issuer=root, ext=SERVER)
    context = pki.context(leaf, root)           # a server that sends both

A certificate is its PEM file; its key lies beside it. Made by the openssl
command alone.
"""
import datetime
import pathlib
import ssl
import subprocess

HOST = "api.hubapi.com"
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
SERVER = f"subjectAltName=DNS:{HOST}\n"
CONFIG = """\
[ca]
default_ca = d
[d]
new_certs_dir = .
database = index
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
string_mask = {mask}
[p]
countryName = optional
organizationName = optional
commonName = optional
emailAddress = optional
[req]
distinguished_name = dn
string_mask = {mask}
[dn]
"""


class Pki:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "index").touch()

    def openssl(self, *args, **how):
        done = subprocess.run(
            ["openssl", *map(str, args)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **how,
        )
        assert done.returncode == 0, (args, done.stderr.decode(errors="replace"))
        return done.stdout

    def key(self, name, kind):
        path = self.folder / f"{name}.key"
        if not path.exists():
            how = (
                ["EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
                if kind.startswith(("P-", "secp"))
                else ["RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}"]
                if kind.startswith("rsa:")
                else [kind]
            )
            self.openssl("genpkey", "-algorithm", *how, "-out", path)
        return path

    def make(
        self,
        name,
        issuer=None,
        subject=None,
        key="P-256",
        share=None,
        ext="",
        days=(-1, 30),
        md="sha256",
        mask="utf8only",
        sign=(),
    ):
        """Makes NAME.pem, once. `issuer`: a certificate made here, or None: it signs
        itself. `share`: the certificate whose key it has. `mask`: the kind of
        string in its subject."""
        pem = self.folder / f"{name}.pem"
        if pem.exists():
            return pem
        (self.folder / f"{name}.cnf").write_text(CONFIG.format(mask=mask))
        (self.folder / f"{name}.ext").write_text(ext)
        own = self.key((share or pem).stem, key)
        pem.with_suffix(".key").exists() or pem.with_suffix(".key").symlink_to(own)
        self.openssl(
            "req",
            "-new",
            "-config",
            f"{name}.cnf",
            "-key",
            own,
            "-subj",
            subject or f"/CN={name}",
            "-out",
            f"{name}.csr",
        )
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = ((now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in days)
        by = (
            ["-selfsign", "-keyfile", own]
            if issuer is None
            else ["-cert", issuer, "-keyfile", issuer.with_suffix(".key")]
        )
        self.openssl(
            "ca",
            "-batch",
            "-notext",
            "-preserveDN",
            "-config",
            f"{name}.cnf",
            *by,
            "-md",
            md,
            "-startdate",
            start,
            "-enddate",
            end,
            "-extfile",
            f"{name}.ext",
            *sign,
            "-in",
            f"{name}.csr",
            "-out",
            pem,
        )
        return pem

    def context(self, leaf, *more):
        """A server's context that sends these certificates in this order."""
        chain = self.folder / f"{leaf.stem}.chain"
        chain.write_text("".join(p.read_text() for p in (leaf, *more)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(chain, leaf.with_suffix(".key"))
        return context
