"""Nothing is taken for SendGrid's that SendGrid has not signed, lately, byte for byte."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from campaign.channels.sendgrid_signature import AHEAD, OLDEST, SIGNATURE, TIMESTAMP, Signatures
from campaign.errors import NotConfigured
from campaign.sandbox.webhook import Signer

NOW = datetime(2026, 5, 22, 13, tzinfo=UTC)
SIGNER = Signer()
BODY = json.dumps([{"event": "delivered", "email": "jos\u00e9@example.org"}], indent=1).encode()


def refused(body: bytes, headers: dict[str, str], *, now: datetime = NOW, by: str = SIGNER.public_key) -> str:
    signatures = Signatures(by)
    signature, timestamp = headers[SIGNATURE], headers[TIMESTAMP]
    return signatures.refuses_headers(signature, timestamp, now=now) or signatures.refuses(signature, timestamp, body)


def test_a_good_signature_is_taken() -> None:
    assert refused(BODY, SIGNER.headers(BODY, NOW)) == ""


def test_what_the_stand_in_signs_is_what_sendgrids_own_library_takes() -> None:
    headers = SIGNER.headers(BODY, NOW)
    own = EventWebhook(SIGNER.public_key)
    assert own.verify_signature(BODY.decode(), headers[SIGNATURE], headers[TIMESTAMP])


def test_bytes_that_are_not_text_are_checked_like_any_others() -> None:
    assert refused(b"\xff\x00", SIGNER.headers(b"\xff\x00", NOW)) == ""
    assert refused(b"\xff\x01", SIGNER.headers(b"\xff\x00", NOW))


def test_the_same_json_written_anew_is_refused() -> None:
    anew = json.dumps(json.loads(BODY)).encode()
    assert refused(anew, SIGNER.headers(BODY, NOW)) == "its signature does not match"


def test_the_timestamp_is_signed_too() -> None:
    headers = SIGNER.headers(BODY, NOW) | {TIMESTAMP: str(int(NOW.timestamp()) + 1)}
    assert refused(BODY, headers) == "its signature does not match"


def test_another_key_does_not_open() -> None:
    assert refused(BODY, Signer().headers(BODY, NOW)) == "its signature does not match"


@pytest.mark.parametrize(
    ("age", "why"),
    [
        (timedelta(0), ""),
        (timedelta(hours=24, minutes=30), ""),
        (OLDEST + timedelta(seconds=1), "its timestamp is stale"),
        (-AHEAD, ""),
        (-AHEAD - timedelta(seconds=1), "its timestamp is in the future"),
    ],
)
def test_a_retry_of_yesterday_is_taken_and_older_ones_and_those_of_tomorrow_are_not(age: timedelta, why: str) -> None:
    assert refused(BODY, SIGNER.headers(BODY, NOW - age)) == why


@pytest.mark.parametrize(("signature", "timestamp"), [("", "1"), ("x", ""), ("", "")])
def test_what_is_not_signed_is_refused(signature: str, timestamp: str) -> None:
    assert refused(BODY, {SIGNATURE: signature, TIMESTAMP: timestamp}) == "it is not signed"


@pytest.mark.parametrize("timestamp", ["-1", "1.5", "soon", "9" * 40, "\u0661", " 1", "0x1"])
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    assert (
        refused(BODY, SIGNER.headers(BODY, NOW) | {TIMESTAMP: timestamp}) == "its signature or timestamp is malformed"
    )


@given(st.text(max_size=600), st.text(max_size=20), st.binary(max_size=50))
def test_whatever_is_claimed_it_is_refused_and_raises_nothing(signature: str, timestamp: str, body: bytes) -> None:
    assert refused(body, {SIGNATURE: signature, TIMESTAMP: timestamp})


@given(st.binary(max_size=90))
def test_whatever_a_signature_decodes_to_it_is_refused(made_up: bytes) -> None:
    headers = SIGNER.headers(BODY, NOW) | {SIGNATURE: base64.b64encode(made_up).decode()}
    assert refused(BODY, headers)


def other_keys() -> list[str]:
    curve, kind = (
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        rsa.generate_private_key(65537, 2048).public_key(),
    )
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [base64.b64encode(der).decode() for der in (curve.public_bytes(*form), kind.public_bytes(*form))]


@pytest.mark.parametrize(
    "given_key", ["", "MAo=", "not base64", *other_keys()], ids=["none", "der", "text", "p384", "rsa"]
)
def test_a_key_that_is_not_sendgrids_kind_is_told_with_its_variable(given_key: str) -> None:
    with pytest.raises(NotConfigured, match="CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY"):
        Signatures(given_key)
