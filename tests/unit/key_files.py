"""Keys for tests, made by the openssl program: an implementation independent of ours."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """Run openssl; give its standard output, raise when it fails."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=data, capture_output=True, check=True
    )
    return done.stdout


@cache
def rsa_key(bits: int = 2048, which: int = 0) -> bytes:
    """Make a PKCS8 PEM of an RSA key; another `which` is another key."""
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")


@cache
def ed25519_key() -> bytes:
    """Make a PKCS8 PEM of an Ed25519 key."""
    return openssl("genpkey", "-algorithm", "ED25519")


@cache
def ec_key() -> bytes:
    """Make a PKCS8 PEM of a P-256 key."""
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


@cache
def traditional(pem: bytes) -> bytes:
    """Rewrite an RSA key as PKCS1."""
    return openssl("rsa", "-traditional", data=pem)


@cache
def encrypted(pem: bytes, passphrase: str) -> bytes:
    """Encrypt a key as PKCS8."""
    return openssl(
        "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", f"pass:{passphrase}", data=pem
    )


@cache
def encrypted_traditional(pem: bytes, passphrase: str) -> bytes:
    """Encrypt an RSA key in the old PEM way (Proc-Type, DEK-Info)."""
    return openssl("rsa", "-traditional", "-aes256", "-passout", f"pass:{passphrase}", data=pem)


@cache
def der(pem: bytes) -> bytes:
    """Rewrite a key as DER."""
    return openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=pem)


@cache
def public(pem: bytes) -> bytes:
    """Give the public half as PEM."""
    return openssl("pkey", "-pubout", data=pem)


def certificate(directory: Path, pem: bytes) -> bytes:
    """Make a self-signed certificate."""
    key = directory / "for-certificate.pem"
    key.write_bytes(pem)
    return openssl("req", "-x509", "-key", key, "-subj", "/CN=test", "-days", "2")
