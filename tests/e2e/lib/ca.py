# SPDX-License-Identifier: Apache-2.0
"""Certificates of the world: two authorities, the gateway, clients and the partners' servers.

Each certificate is one openssl(1) process; they run in parallel, all with ECDSA P-256.
"""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONFIG = "[req]\ndistinguished_name = dn\nstring_mask = utf8only\n[dn]\n"
_EXPIRED_CONFIG = """[ca]
default_ca = d
[d]
database = {0}/index
serial = {0}/serial
new_certs_dir = {0}
default_md = sha256
policy = p
unique_subject = no
x509_extensions = e
[p]
commonName = supplied
[e]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = DNS:{1}
"""


@dataclass(frozen=True)
class Certificate:
    """Files of one certificate. chain is key and certificate in one, as *_tls_chain_files wants."""
    name: str
    pem: Path
    key: Path
    chain: Path

    @property
    def pair(self) -> tuple[Path, Path]:
        return self.pem, self.key

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as Postfix writes it."""
        return _colons(hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.pem.read_text())).digest())

    @property
    def public_key_fingerprint(self) -> str:
        """SHA-256 of the public key, as Postfix writes it."""
        return _colons(self._public_key_digest())

    @property
    def tlsa(self) -> str:
        """Data of a TLSA record that pins the public key of the server (RFC 7672, 3 1 1)."""
        return f"3 1 1 {self._public_key_digest().hex()}"

    def _public_key_digest(self) -> bytes:
        armoured = _run(["openssl", "x509", "-in", self.pem, "-noout", "-pubkey"])
        return hashlib.sha256(base64.b64decode("".join(armoured.split("\n")[1:-2]))).digest()


class Authorities:
    """All certificates by name; authorities["client-cn"] and so on. authorities.ca is ours."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._certificates: dict[str, Certificate] = {}
        directory.mkdir()
        (directory / "openssl.cnf").write_text(_CONFIG)

    def __getitem__(self, name: str) -> Certificate:
        return self._certificates[name]

    @property
    def ca(self) -> Path:
        """The certificate of the authority that the gateway and its good partners trust."""
        return self["ca"].pem

    def make_all(self, servers: dict[str, dict[str, Any]]) -> None:
        """Make both authorities, the gateway's and clients' certificates, and those of servers.

        servers maps a name to the arguments of issue().
        """
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._authority, ("ca", "other-ca"),
                          ("/O=Test World/CN=Test World CA", "/O=Elsewhere/CN=Another CA")))
            wanted: dict[str, dict[str, Any]] = {
                "gateway": {"subject": "/CN=gw.example", "san": "DNS:gw.example"},
                "gateway-client": {"subject": "/CN=gw.example", "san": "DNS:gw.example"},
                "client-cn": {"subject": "/O=Bank/CN=mx.bank.example",
                              "san": "DNS:mx.bank.example"},
                "client-san-only": {"subject": "/O=Bank", "san": "DNS:mx.bank.example"},
                "client-no-subject": {"subject": "/", "san": "critical,DNS:mx.bank.example"},
                "client-other-cn": {"subject": "/O=Shop/CN=mx.shop.example",
                                    "san": "DNS:mx.shop.example"},
                "client-other-ca": {"subject": "/CN=mx.bank.example",
                                    "san": "DNS:mx.bank.example", "issuer": "other-ca"},
                "client-self-signed": {"subject": "/CN=mx.bank.example",
                                       "san": "DNS:mx.bank.example", "issuer": None},
                "client-expired": {"subject": "/CN=mx.bank.example",
                                   "san": "DNS:mx.bank.example", "expired": True},
                "snakeoil": {"subject": "/CN=gw.example", "san": "DNS:gw.example",
                             "issuer": None},
                **servers}
            for job in [pool.submit(self.issue, name, **how) for name, how in wanted.items()]:
                job.result()

    def issue(self, name: str, subject: str, san: str, issuer: str | None = "ca",
              expired: bool = False, usage: str = "serverAuth,clientAuth",
              days: int = 30) -> Certificate:
        """Make one more certificate; issuer None makes it self-signed."""
        if expired:
            return self._issue_expired(name, subject, san)
        extensions = ["subjectKeyIdentifier=hash", "basicConstraints=CA:FALSE",
                      f"extendedKeyUsage={usage}", f"subjectAltName={san}"]
        if issuer is None:
            return self._request(name, subject, extensions, ["-x509", "-days", str(days)])
        extensions.append("authorityKeyIdentifier=keyid")
        return self._issue_signed(name, subject, extensions, self[issuer], days)

    def _authority(self, name: str, subject: str) -> Certificate:
        return self._request(name, subject, [
            "subjectKeyIdentifier=hash", "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign,cRLSign"], ["-x509", "-days", "30"])

    def _request(self, name: str, subject: str, extensions: list[str],
                 arguments: list[str | Path]) -> Certificate:
        result = self._files(name)
        command: list[str | Path] = [
            "openssl", "req", "-utf8", "-config", self.directory / "openssl.cnf", "-nodes",
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-keyout", result.key, "-out", result.pem, "-subj", subject, *arguments]
        for extension in extensions:
            command += ["-addext", extension]
        _run(command)
        return self._finish(result)

    def _issue_signed(self, name: str, subject: str, extensions: list[str], issuer: Certificate,
                      days: int) -> Certificate:
        """OpenSSL 1.1.1 can't sign with the key of another in one step."""
        result = self._files(name)
        request, wanted = (self.directory / f"{name}.{part}" for part in ("csr", "extensions"))
        wanted.write_text("".join(f"{extension}\n" for extension in extensions))
        _run(["openssl", "req", "-new", "-utf8", "-config", self.directory / "openssl.cnf", "-nodes",
              "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-keyout", result.key, "-out", request, "-subj", subject])
        _run(["openssl", "x509", "-req", "-in", request, "-CA", issuer.pem, "-CAkey", issuer.key,
              "-set_serial", str(int.from_bytes(os.urandom(8), "big")), "-days", str(days),
              "-extfile", wanted, "-out", result.pem])
        return self._finish(result)

    def _issue_expired(self, name: str, subject: str, san: str) -> Certificate:
        """Only "openssl ca" of OpenSSL 3.0 takes dates of the past."""
        result = self._files(name)
        work = self.directory / f"{name}.work"
        work.mkdir()
        (work / "index").touch()
        (work / "serial").write_text("1000\n")
        (work / "ca.cnf").write_text(_EXPIRED_CONFIG.format(work, san.partition(":")[2]))
        _run(["openssl", "req", "-new", "-config", self.directory / "openssl.cnf", "-nodes",
              "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-keyout", result.key, "-out", work / "csr", "-subj", subject])
        _run(["openssl", "ca", "-batch", "-notext", "-config", work / "ca.cnf",
              "-cert", self["ca"].pem, "-keyfile", self["ca"].key,
              "-in", work / "csr", "-out", result.pem,
              "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"])
        return self._finish(result)

    def _files(self, name: str) -> Certificate:
        stem = self.directory / name
        return Certificate(name, stem.with_suffix(".pem"), stem.with_suffix(".key"),
                           stem.with_suffix(".chain"))

    def _finish(self, made: Certificate) -> Certificate:
        made.chain.touch(0o600)
        made.chain.write_text(made.key.read_text() + made.pem.read_text())
        made.pem.chmod(0o644)
        made.key.chmod(0o600)
        self._certificates[made.name] = made
        return made


def _colons(digest: bytes) -> str:
    return digest.hex(":").upper()


def _run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout
