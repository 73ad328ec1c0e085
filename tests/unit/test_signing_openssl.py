"""Our signatures, verified by the openssl program; and that verifier, tested by the rules of the
Wycheproof vectors for RSASSA-PSS (other salt lengths, hashes and altered signatures are invalid).
"""

from __future__ import annotations

import hashlib
import subprocess
from base64 import b64decode
from pathlib import Path

import key_files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kalshi_ext.transport.signing import signed_text, signer

KEY_ID = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c"
NOW = 1_763_800_000_123
PATH = "/trade-api/v2/portfolio/orders"
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt")


class OpensslVerifier:
    """Verify with openssl in a directory of its own."""

    def __init__(self, directory: Path, pem: bytes) -> None:
        self._key = directory / "key.pem"
        self._public = directory / "public.pem"
        self._signature = directory / "signature"
        self._message = directory / "message"
        self._key.write_bytes(pem)
        self._public.write_bytes(key_files.public(pem))

    def rsa(
        self, message: bytes, signature: bytes, salt: str = "32", digest: str = "sha256"
    ) -> bool:
        options = (*PSS, f"rsa_pss_saltlen:{salt}", "-sigopt", f"rsa_mgf1_md:{digest}")
        # The program reads as many bytes of the file as the key has, and no more.
        return len(signature) == 256 and self._run(
            message, signature, "dgst", f"-{digest}", *options, "-verify", self._public,
            "-signature", self._signature, self._message,
        )  # fmt: skip

    def ed25519(self, message: bytes, signature: bytes) -> bool:
        return self._run(
            message, signature, "pkeyutl", "-verify", "-pubin", "-inkey", self._public,
            "-rawin", "-in", self._message, "-sigfile", self._signature,
        )  # fmt: skip

    def sign_rsa(
        self, message: bytes, *, salt: int, digest: str = "sha256", mgf: str = "sha256"
    ) -> bytes:
        self._message.write_bytes(message)
        options = (*PSS, f"rsa_pss_saltlen:{salt}", "-sigopt", f"rsa_mgf1_md:{mgf}")
        return key_files.openssl("dgst", f"-{digest}", *options, "-sign", self._key, self._message)

    def encoded(self, signature: bytes) -> bytes:
        """Undo the RSA operation only; the padded block is left."""
        self._signature.write_bytes(signature)
        return key_files.openssl(
            "pkeyutl", "-verifyrecover", "-pubin", "-inkey", self._public,
            "-in", self._signature, "-pkeyopt", "rsa_padding_mode:none",
        )  # fmt: skip

    def _run(self, message: bytes, signature: bytes, *command: str | Path) -> bool:
        self._message.write_bytes(message)
        self._signature.write_bytes(signature)
        done = subprocess.run(["openssl", *map(str, command)], capture_output=True, check=False)
        return done.returncode == 0


@pytest.fixture
def verifier(tmp_path: Path) -> OpensslVerifier:
    return OpensslVerifier(tmp_path, key_files.rsa_key())


def rsa_signature(method: str, path: bytes | str, now: int = NOW) -> bytes:
    headers = signer(key_id=KEY_ID, private_key=key_files.rsa_key()).headers(method, path, now)
    return b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)


def salt_length(block: bytes) -> int:
    """Find the salt inside an EMSA-PSS block of SHA-256 (RFC 8017, 9.1.2)."""
    assert block[-1] == 0xBC
    masked, digest = block[:-33], block[-33:-1]
    blocks = (hashlib.sha256(digest + n.to_bytes(4)).digest() for n in range(len(masked) // 32 + 1))
    mask = b"".join(blocks)[: len(masked)]
    plain = bytes(a ^ b for a, b in zip(masked, mask, strict=True))
    return len(plain) - plain.index(1, 1) - 1


def test_an_rsa_signature_covers_timestamp_method_and_path(verifier: OpensslVerifier) -> None:
    message = f"{NOW}POST{PATH}".encode()
    assert verifier.rsa(message, rsa_signature("POST", PATH))
    for another in (f"{NOW}GET{PATH}", f"{NOW + 1}POST{PATH}", f"{NOW}POST{PATH}/"):
        assert not verifier.rsa(another.encode(), rsa_signature("POST", PATH))


def test_an_ed25519_signature_covers_the_same_text(tmp_path: Path) -> None:
    pem = key_files.ed25519_key()
    headers = signer(key_id=KEY_ID, private_key=pem).headers("DELETE", PATH, NOW)
    signature = b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)
    verifier = OpensslVerifier(tmp_path, pem)
    assert verifier.ed25519(f"{NOW}DELETE{PATH}".encode(), signature)
    assert not verifier.ed25519(f"{NOW}GET{PATH}".encode(), signature)


def test_the_salt_has_exactly_32_bytes(verifier: OpensslVerifier) -> None:
    for _ in range(5):
        assert salt_length(verifier.encoded(rsa_signature("GET", PATH))) == 32


def test_two_signatures_of_one_text_differ() -> None:
    assert rsa_signature("GET", PATH) != rsa_signature("GET", PATH)


@pytest.mark.parametrize("salt", ["0", "20", "31", "33", "64"])
def test_our_signature_is_none_of_another_salt_length(verifier: OpensslVerifier, salt: str) -> None:
    message = f"{NOW}GET{PATH}".encode()
    assert not verifier.rsa(message, rsa_signature("GET", PATH), salt=salt)


@pytest.mark.parametrize("digest", ["sha1", "sha384", "sha512"])
def test_our_signature_is_none_of_another_hash(verifier: OpensslVerifier, digest: str) -> None:
    message = f"{NOW}GET{PATH}".encode()
    assert not verifier.rsa(message, rsa_signature("GET", PATH), digest=digest)


def test_the_verifier_accepts_what_openssl_signs_our_way(verifier: OpensslVerifier) -> None:
    message = f"{NOW}GET{PATH}".encode()
    signature = verifier.sign_rsa(message, salt=32)
    assert verifier.rsa(message, signature)
    assert salt_length(verifier.encoded(signature)) == 32


@pytest.mark.parametrize(
    ("salt", "digest", "mgf"),
    [(0, "sha256", "sha256"), (20, "sha256", "sha256"), (31, "sha256", "sha256"),
     (33, "sha256", "sha256"), (64, "sha256", "sha256"), (32, "sha1", "sha1"),
     (32, "sha512", "sha512"), (32, "sha256", "sha1")],
)  # fmt: skip
def test_the_verifier_refuses_other_salts_and_hashes(
    verifier: OpensslVerifier, salt: int, digest: str, mgf: str
) -> None:
    message = f"{NOW}GET{PATH}".encode()
    assert not verifier.rsa(message, verifier.sign_rsa(message, salt=salt, digest=digest, mgf=mgf))


def test_the_verifier_refuses_altered_signatures(verifier: OpensslVerifier) -> None:
    message = f"{NOW}GET{PATH}".encode()
    good = rsa_signature("GET", PATH)
    number, size = int.from_bytes(good), len(good)
    modulus = int(key_files.openssl("rsa", "-modulus", "-noout", data=key_files.rsa_key())[8:], 16)
    altered = [
        b"",
        good[:-1],
        good + b"\0",
        b"\0" + good,
        bytes(size),
        b"\xff" * size,
        (number ^ 1).to_bytes(size),
        (number ^ (1 << (8 * size - 9))).to_bytes(size),
        (modulus - number).to_bytes(size),
        (1).to_bytes(size),
        (modulus - 1).to_bytes(size),
    ]
    if number + modulus < 1 << (8 * size):
        altered.append((number + modulus).to_bytes(size))
    assert verifier.rsa(message, good)
    assert [verifier.rsa(message, signature) for signature in altered] == [False] * len(altered)


def test_the_verifier_refuses_another_key(tmp_path: Path) -> None:
    another = OpensslVerifier(tmp_path, key_files.rsa_key(which=1))
    assert not another.rsa(f"{NOW}GET{PATH}".encode(), rsa_signature("GET", PATH))


SEGMENT = st.text("abcXYZ019-._~%:@!$&'()*+,;=", min_size=1, max_size=12)
PATHS = st.lists(SEGMENT, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))
QUERIES = st.text("abc=&?/%01 ".replace(" ", ""), max_size=20)


@given(path=PATHS, query=QUERIES, method=st.sampled_from(["GET", "post", "Put", "DELETE"]))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_path_is_signed_without_its_query(
    verifier: OpensslVerifier, path: str, query: str, method: str
) -> None:
    signature = rsa_signature(method, f"{path}?{query}".encode())
    assert verifier.rsa(f"{NOW}{method.upper()}{path}".encode(), signature)


@given(path=PATHS, query=QUERIES, now=st.integers(0, 10**14))
def test_what_is_signed_is_the_same_for_text_and_bytes(path: str, query: str, now: int) -> None:
    raw = f"{path}?{query}"
    signed = signed_text("get", raw, now)
    assert signed == signed_text("GET", raw.encode(), now) == f"{now}GET{path}".encode()
