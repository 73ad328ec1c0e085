from __future__ import annotations

import copy
import pickle

import httpx
import key_files
import pytest
from attrs import asdict
from secret_leaks import fragments, leaked_fragments

from kalshi_ext.config import settings_from_env
from kalshi_ext.errors import Misuse
from kalshi_ext.redact import Secret
from kalshi_ext.transport.auth import KalshiAuth
from kalshi_ext.transport.signing import Anonymous, Signer, signer, wall_clock_ms

KEY_ID = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def every_signer() -> dict[str, Signer]:
    return {
        "rsa": signer(key_id=KEY_ID, private_key=key_files.rsa_key()),
        "ed25519": signer(key_id=KEY_ID, private_key=key_files.ed25519_key()),
        "bearer": signer(bearer_token=TOKEN),
    }


@pytest.fixture(params=["rsa", "ed25519", "bearer"])
def authenticated_signer(request: pytest.FixtureRequest) -> Signer:
    return every_signer()[request.param]


def test_a_key_gives_three_headers() -> None:
    headers = every_signer()["ed25519"].headers("GET", b"/trade-api/v2/x?y=1", 1_700_000_000_000)
    assert list(headers) == [
        "KALSHI-ACCESS-KEY",
        "KALSHI-ACCESS-TIMESTAMP",
        "KALSHI-ACCESS-SIGNATURE",
    ]
    assert headers["KALSHI-ACCESS-KEY"] == KEY_ID
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1700000000000"


def test_a_token_gives_the_authorization_header() -> None:
    for given in (TOKEN, f" {TOKEN}\n", Secret(TOKEN)):
        headers = signer(bearer_token=given).headers("GET", "/x", 0)
        assert headers == {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("locked", [None, "open sesame"], ids=["plain", "encrypted"])
def test_a_key_from_the_environment_signs(locked: str | None) -> None:
    plain = key_files.ed25519_key()
    text = key_files.encrypted(plain, locked) if locked else plain
    variables = {"KALSHI_KEY_ID": KEY_ID, "KALSHI_PRIVATE_KEY": text.decode()}
    if locked:
        variables["KALSHI_PRIVATE_KEY_PASSPHRASE"] = locked
    settings = settings_from_env(variables)
    made = signer(
        key_id=settings.key_id, private_key=settings.private_key, passphrase=settings.passphrase
    )
    assert made.authenticated


def test_without_credentials_nothing_is_added() -> None:
    anonymous = signer()
    assert anonymous == Anonymous()
    assert not anonymous.authenticated
    assert anonymous.headers("GET", "/x", 0) == {}


def test_every_signer_with_credentials_says_so(authenticated_signer: Signer) -> None:
    assert authenticated_signer.authenticated


def test_no_text_of_a_signer_shows_its_secret(authenticated_signer: Signer) -> None:
    texts = [
        repr(authenticated_signer),
        str(authenticated_signer),
        f"{authenticated_signer}",
        repr([authenticated_signer]),
    ]
    texts.append(repr(asdict(authenticated_signer)))
    secrets = [TOKEN, *fragments(key_files.rsa_key()), *fragments(key_files.ed25519_key())]
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []


def test_a_signer_shows_at_most_the_last_four_of_its_key_id() -> None:
    assert repr(every_signer()["rsa"]) == "RsaSigner(key_id='…608c')"
    short = signer(key_id="abcd", private_key=key_files.ed25519_key())
    assert repr(short) == "Ed25519Signer(key_id='…')"


def test_a_signer_cannot_be_pickled(authenticated_signer: Signer) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(authenticated_signer, protocol)


def test_a_copy_of_a_signer_is_itself(authenticated_signer: Signer) -> None:
    assert copy.copy(authenticated_signer) is authenticated_signer
    assert copy.deepcopy([authenticated_signer])[0] is authenticated_signer


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key_id": KEY_ID}, "private_key: key_id and private_key belong together"),
        ({"private_key": "KEY"}, "key_id: key_id and private_key belong together"),
        ({"key_id": KEY_ID, "private_key": "KEY", "bearer_token": TOKEN}, "not both"),
        ({"passphrase": "secret words"}, "passphrase: it belongs to a private_key"),
        ({"key_id": "two words", "private_key": "KEY"}, "key_id: must be printable ASCII"),
        ({"key_id": "a\r\nX: y", "private_key": "KEY"}, "key_id: must be printable ASCII"),
        ({"key_id": "", "private_key": "KEY"}, "key_id: must be printable ASCII"),
        ({"bearer_token": "token words"}, "bearer_token: must be printable ASCII"),
        ({"bearer_token": "a\r\nX: y"}, "bearer_token: must be printable ASCII"),
        ({"bearer_token": ""}, "bearer_token: must be printable ASCII"),
        ({"bearer_token": 5}, "bearer_token: must be printable ASCII"),
    ],
)
def test_half_or_doubled_credentials_are_refused(given: dict[str, object], message: str) -> None:
    given = {k: key_files.rsa_key() if v == "KEY" else v for k, v in given.items()}
    with pytest.raises(Misuse, match=message) as caught:
        signer(**given)
    secrets = [key_files.rsa_key(), TOKEN, "secret words", "token words"]
    assert leaked_fragments(caught.value, *secrets) == []


def test_an_unusable_key_leaks_from_no_frame_of_the_signer() -> None:
    locked = key_files.encrypted(key_files.rsa_key(), "correct horse battery")
    with pytest.raises(Misuse, match="wrong passphrase") as caught:
        signer(key_id=KEY_ID, private_key=locked, passphrase="incorrect horse battery")
    assert leaked_fragments(caught.value, locked, "incorrect horse battery") == []


def requests_sent(auth: httpx.Auth, *calls: tuple[str, str]) -> list[httpx.Request]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        for method, url in calls:
            client.request(method, url)
    return requests


def test_the_httpx_auth_signs_the_final_path_of_every_request_afresh() -> None:
    ticks = iter([1_000, 2_000])
    recorder = Recorder()
    auth = KalshiAuth(recorder, clock=lambda: next(ticks))
    url = "https://api.example/trade-api/v2/portfolio/orders/a b?limit=5"
    requests = requests_sent(auth, ("GET", url), ("DELETE", url))
    path = b"/trade-api/v2/portfolio/orders/a%20b?limit=5"
    assert recorder.calls == [("GET", path, 1_000), ("DELETE", path, 2_000)]
    assert [request.headers["X-Signed"] for request in requests] == ["1000", "2000"]


def test_the_httpx_auth_works_on_an_event_loop() -> None:
    import asyncio

    async def run() -> httpx.Response:
        transport = httpx.MockTransport(
            lambda request: httpx.Response(200, headers=request.headers)
        )
        async with httpx.AsyncClient(transport=transport, auth=KalshiAuth(Recorder())) as client:
            return await client.get("https://api.example/x")

    assert "X-Signed" in asyncio.run(run()).headers


def test_the_httpx_auth_sends_no_credentials_in_the_clear() -> None:
    auth = KalshiAuth(Recorder())
    with pytest.raises(Misuse, match="over https only"):
        requests_sent(auth, ("GET", "http://api.example/x"))
    assert (
        len(requests_sent(auth, ("GET", "http://127.0.0.1:9/x"), ("GET", "http://localhost/x")))
        == 2
    )


def test_the_wall_clock_counts_milliseconds() -> None:
    assert len(str(wall_clock_ms())) == 13


class Recorder:
    authenticated = True

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes | str, int]] = []

    def headers(self, method: str, raw_path: bytes | str, timestamp_ms: int) -> dict[str, str]:
        self.calls.append((method, raw_path, timestamp_ms))
        return {"X-Signed": str(timestamp_ms)}
