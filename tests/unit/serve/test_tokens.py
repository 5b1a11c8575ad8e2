"""Tokens of an identity provider, against a real server of keys and real keys."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scantrail.errors import KeyRefused, SettingsError
from scantrail.serve import tokens as module
from scantrail.serve.tokens import Tokens
from scantrail.settings import OidcSettings
from scantrail.vocabulary.access import Scope

ISSUER, AUDIENCE = "https://id.example", "scantrail"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def jwk(private, kid, **more):
    kind = jwt.algorithms.RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm  # fmt: skip
    return {**kind.to_jwk(private.public_key(), as_dict=True), "kid": kid, **more}


class Issuer:
    """A server of keys; `body` and `status` are what it answers."""

    def __init__(self):
        issuer = self
        self.keys = [
            jwk(RSA, "r", use="sig"), jwk(EC, "e", alg="ES256"),
            jwk(OTHER_RSA, "enc", use="enc"),
            {"kty": "oct", "kid": "o", "k": base64.urlsafe_b64encode(b"s" * 32).decode()},
        ]  # fmt: skip
        self.asked, self.status, self.delay = 0, 200, 0.0

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                time.sleep(issuer.delay)
                self.send_response(issuer.status)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": issuer.keys}).encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def issuer():
    made = Issuer()
    yield made
    made.close()


def settings(source, **more):
    return OidcSettings(**{"issuer": ISSUER, "audience": AUDIENCE, "jwks": source, **more})


def claims(**more):
    told = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 300,
        "scope": "openid scantrail:read scantrail:detect",
    }  # fmt: skip
    return {name: value for name, value in (told | more).items() if value is not None}


def token(key=RSA, algorithm="RS256", kid="r", header=None, **more):
    return jwt.encode(claims(**more), key, algorithm, headers={"kid": kid, **(header or {})})


def unsigned(header, signature=b"", **more):
    parts = [json.dumps(part).encode() for part in (header, claims(**more))]
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return body, base64.urlsafe_b64encode(signature).rstrip(b"=")


def refusal(tokens, text):
    with pytest.raises(KeyRefused) as caught:
        tokens.read(text)
    return str(caught.value)


def test_a_good_token_names_its_caller(issuer):
    tokens = Tokens(settings(issuer.url))
    for text in (token(), token(EC, "ES256", "e")):
        caller, ends = tokens.read(text)
        assert (caller.id, caller.scopes) == ("oidc alice", {Scope.READ, Scope.DETECT})
        assert 0 < ends - time.time() < 340
    assert issuer.asked == 1  # keys are kept


def test_keys_may_be_in_a_file(issuer, tmp_path):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": issuer.keys}))
    assert Tokens(settings(str(file))).read(token())[0].id == "oidc alice"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"iss": "https://other.example"}, "Invalid issuer"),
        ({"aud": "another"}, "Audience doesn't match"),
        ({"exp": 1}, "Signature has expired"),
        ({"exp": int(time.time()) - 60}, "Signature has expired"),
        ({"nbf": int(time.time()) + 86_400}, "The token is not yet valid (nbf)"),
        ({"exp": None}, 'Token is missing the "exp" claim'),
        ({"aud": None}, 'Token is missing the "aud" claim'),
        ({"sub": None}, 'Token is missing the "sub" claim'),
        ({"kid": "unknown"}, "no known key has signed it"),
        ({"kid": "enc", "key": OTHER_RSA}, "no known key has signed it"),
        ({"key": OTHER_RSA}, "Signature verification failed"),
        ({"algorithm": "RS512"}, "the algorithm 'RS512' is not allowed"),
        ({"kid": "e"}, "its key is for ES256, not RS256"),
        ({"header": {"crit": ["exp"]}}, ""),  # PyJWT's words, where it knows of these
    ],
)
def test_a_token_with_a_fault_is_refused(issuer, more, why):
    told = refusal(Tokens(settings(issuer.url)), token(**more))
    assert told.startswith(f"the token is refused: {why}")


def test_clocks_may_differ_by_the_leeway(issuer):
    late = token(exp=int(time.time()) - 10)
    assert Tokens(settings(issuer.url)).read(late)[0].id == "oidc alice"
    assert "expired" in refusal(Tokens(settings(issuer.url, leeway_seconds=0)), late)


def test_what_nobody_signed_is_refused(issuer):
    tokens = Tokens(settings(issuer.url))
    for name in ("none", "None", "NONE"):
        body, _ = unsigned({"alg": name, "kid": "r", "typ": "JWT"})
        assert refusal(tokens, (body + b".").decode()).endswith(f"'{name}' is not allowed")


def test_a_public_key_is_no_password(issuer):
    """Who signs by HS256 with the public key as the secret must not get in."""
    public = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body, _ = unsigned({"alg": "HS256", "kid": "r"})
    for secret in (public, json.dumps(issuer.keys[0]).encode(), b"s" * 32):
        sign = base64.urlsafe_b64encode(hmac.digest(secret, body, hashlib.sha256)).rstrip(b"=")
        told = refusal(Tokens(settings(issuer.url)), (body + b"." + sign).decode())
        assert told == "the token is refused: the algorithm 'HS256' is not allowed"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "..", "é.é.é", "eyJ9." * 50, "\x00"])
def test_no_text_breaks_the_reading(issuer, text):
    assert refusal(Tokens(settings(issuer.url)), text).startswith("the token is refused: ")


def test_a_new_key_is_looked_for_but_not_at_every_call(issuer, monkeypatch):
    tokens = Tokens(settings(issuer.url))
    tokens.read(token())
    issuer.keys.append(jwk(OTHER_RSA, "new"))
    fresh = token(OTHER_RSA, kid="new")
    for _ in range(20):
        refusal(tokens, fresh)
    assert issuer.asked == 1
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + module._PAUSE)
    assert tokens.read(fresh)[0].id == "oidc alice"
    assert issuer.asked == 2


def test_known_keys_serve_while_the_issuer_is_down_but_not_for_ever(issuer, monkeypatch):
    tokens = Tokens(settings(issuer.url))
    tokens.read(token())
    issuer.status = 500
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 400)
    assert tokens.read(token())[0].id == "oidc alice"
    assert issuer.asked == 2
    monkeypatch.setattr(time, "monotonic", lambda: clock() + module._STALE + 1)
    assert refusal(tokens, token()).endswith("can't be had; try again later")


def test_an_issuer_that_hangs_is_not_waited_for(issuer):
    issuer.delay = 3
    begun = time.perf_counter()
    told = refusal(Tokens(settings(issuer.url, timeout_seconds=0.2)), token())
    assert told.endswith("the keys of the issuer can't be had; try again later")
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("more", "given", "scopes"),
    [
        ({}, {"scope": "scantrail:admin x"}, {"admin"}),
        ({}, {"scope": ["scantrail:read", 7]}, {"read"}),
        ({}, {"scope": None}, set()),
        ({}, {"scope": {"admin": 1}}, set()),
        ({}, {"scope": "admin detect"}, set()),
        ({"scope_claim": "realm_access.roles", "scopes": {"ops": "admin"}},
         {"realm_access": {"roles": ["ops", "dev"]}}, {"admin"}),
        ({"scope_claim": "realm_access.roles"}, {"realm_access": "ops"}, set()),
    ],
)  # fmt: skip
def test_only_words_that_are_mapped_give_scopes(issuer, more, given, scopes):
    assert Tokens(settings(issuer.url, **more)).read(token(**given))[0].scopes == scopes


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"issuer": ""}, "oidc.issuer is missing; a token is checked by all of oidc.issuer, oidc.audience and oidc.jwks"),
        ({"audience": ""}, "oidc.audience is missing; a token is checked by all of oidc.issuer, oidc.audience and oidc.jwks"),
        ({"algorithms": ("HS256",)}, "oidc.algorithms: 'HS256' is not safe; expected some of ES256"),
        ({"algorithms": ("none",)}, "oidc.algorithms: 'none' is not safe; expected some of ES256"),
        ({"algorithms": ()}, "oidc.algorithms: none is given; expected some of ES256"),
        ({"jwks": "http://id.example/jwks"}, "oidc.jwks is 'http://id.example/jwks'; expected https://… or a file"),
        ({"jwks": "http://localhost.evil.example/"}, "oidc.jwks is 'http://localhost.evil.example/'; expected https://… or a file"),
        ({"jwks": "ftp://127.0.0.1/"}, "oidc.jwks is 'ftp://127.0.0.1/'; expected https://… or a file"),
        ({"scopes": {"x": "root"}}, "oidc.scopes: 'x' stands for 'root'; expected one of detect, read, review, admin"),
    ],
)  # fmt: skip
def test_settings_that_are_not_safe_are_refused(more, why):
    with pytest.raises(SettingsError) as caught:
        Tokens(
            OidcSettings(**{"issuer": ISSUER, "audience": AUDIENCE, "jwks": "https://x/"} | more)
        )
    assert str(caught.value).startswith(why)


def test_a_token_opens_the_service(issuer, call):
    from scantrail.settings import Settings
    from scantrail.testing import app_in_memory
    from scantrail.wiring import engine

    chain = engine(Settings(artifacts="none", oidc=settings(issuer.url)))
    send = call(app_in_memory(chain, insecure_local=False))
    shown = {"Authorization": f"Bearer {token()}"}
    assert send("GET", "/api/reports", headers=shown).status_code == 200
    assert send("GET", "/api/admin/keys", headers=shown).status_code == 403
    wrong = {"Authorization": f"Bearer {token(aud='x')}"}
    answer = send("GET", "/api/reports", headers=wrong)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "the token is refused: Audience doesn't match"
