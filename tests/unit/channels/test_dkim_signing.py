"""A signature that receivers can verify, over what must be signed, by a key that is never shown."""

from __future__ import annotations

import re
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.channels import mime
from campaign.channels.dkim_signing import PrivateKey, Signer, signer
from campaign.errors import NotConfigured
from campaign.model.batch import MailContent, MailRow
from campaign.model.plan import Sender
from tests.builders import T0

SENDER = Sender("smtp", "hello@example.org", "Fair Streets", "1 Elm Street", reply_to="answers@example.org")
CONTENT = MailContent(SENDER, "Hello zqAzq", "<p>zqAzq</p>", "zqAzq\n.\n", ("zqAzq",), "en")
SHORT = """-----BEGIN RSA PRIVATE KEY-----
MIIBygIBAAJhAJq4x8WTw2DCY+3GO9g8xnKPblqEyWyuAhtSI5wMj+JfgYefmWpb
mhvkspFKiByhXZodRiENX+1QfrsABH4iqpCBNzg4kLd1T9D2P6M7T9tLo6Ae3Wju
a+ZUj8fe9YezWQIDAQABAmAyV6VIuEd+GEIDf9jBByVa6Shy83nGjufIk/VaNQws
D/9JbbixTpTaNpOTiri2+BnHD9hZBDHvBgrrLA/1M16Ajjjlcfvn9R25UznMGGqF
HsNiS8BtCM2dxQ4TW0LXdMECMQDOFy3aygpaJQ8aHv3vTk5ugpWEaDcuOZpxce5K
ZaO6pCPR+O5ZHmS43FLJEwqgI5UCMQDAMO/ITCJ9apu+wqOGAHJeD2vsQIK2/CgQ
5SN+vqOPtiO8fKCJuSNiEZI6R04hn7UCMGaTPNx30R068sBSiptQQ1NXpWmIoWZd
f1RVm3/mBM8BoV6B4sfyi7lC1+WCl7hK3QIwII6psAaluRU8OP6D8QlWVnTKVYVA
H3tr1iDa+HeXAZtbRmzeTTZdthk/6jt2EuAZAjEAjF57HYlD+XYKcReezf4g8vce
oTGaeURTzDpY200mUSAwvCOtvf9wbDUh0d3LWNVl
-----END RSA PRIVATE KEY-----
"""
"""Of 768 bits, made for this test: cryptography makes none so short."""
ROW = MailRow(0, "k" * 22, "ann@example.org", "Ann Ñandú", ("Ann",), "https://example.org/u/" + "x" * 200)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def made(key: PrivateKey) -> Signer:
    return Signer(domain="example.org", selector="s1", key=key)


def verifies(message: bytes, signing: Signer) -> bool:
    """By dkimpy, which asks DNS at the name where the record belongs."""

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        return signing.record.encode() if name.decode().rstrip(".") == signing.record_name else None

    return bool(dkim.verify(message, dnsfunc=dns))


def message(**changes: str) -> bytes:
    return mime.write(ROW._replace(**changes), CONTENT, made_at=T0)  # type: ignore[arg-type]  # text alone is changed


def signed_fields(message: bytes) -> list[str]:
    field = re.sub(r"\s+", "", message.decode().partition("\r\nFrom:")[0])
    (names,) = re.findall(r";h=([^;]*);", field)
    return [str(name) for name in names.split(":")]


def test_a_signed_message_verifies_by_the_record_in_dns_and_no_other(key: rsa.RSAPrivateKey) -> None:
    signing = made(key)
    signed = signing.signed(message())
    assert signed.endswith(message())
    assert verifies(signed, signing)
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    assert not verifies(signed, made(other))


def test_what_is_changed_on_the_way_does_not_verify(key: rsa.RSAPrivateKey) -> None:
    signing = made(key)
    signed = signing.signed(message())
    for before, after in (
        (b"Fair Streets", b"Evil Streets"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"example.org/u/x", b"example.net/u/x"),
        (b"<p>Ann", b"<p>Bob"),
        (b"To: ", b"To: bo@example.org\r\nTo: "),
        (b"MIME-Version", b"Cc: bo@example.org\r\nMIME-Version"),
    ):
        assert before in signed
        assert not verifies(signed.replace(before, after, 1), signing)


def test_both_fields_of_one_click_are_signed_and_none_can_be_added(key: rsa.RSAPrivateKey) -> None:
    names = signed_fields(made(key).signed(message()))
    for name in (
        "from",
        "to",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
    ):
        assert names.count(name) == 2, name
    assert names.count("cc") == 1
    assert names.count("content-type") == 2


def test_a_date_that_the_server_will_add_is_left_to_it(key: rsa.RSAPrivateKey) -> None:
    signing = made(key)
    signed = signing.signed(mime.write(ROW, CONTENT, made_at=None))
    assert "date" not in signed_fields(signed)
    assert verifies(b"Date: Fri, 22 May 2026 13:00:00 +0000\r\n" + signed, signing)


def test_the_same_message_gets_the_same_signature(key: rsa.RSAPrivateKey) -> None:
    assert made(key).signed(message()) == made(key).signed(message())


def test_no_line_of_a_signature_is_too_long(key: rsa.RSAPrivateKey) -> None:
    signed = made(key).signed(message())
    assert max(map(len, signed.partition(b"\r\nFrom:")[0].split(b"\r\n"))) <= 78


def test_an_ed25519_key_signs_as_rfc_8463_says() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signing = made(key)
    signed = signing.signed(message())
    assert b"a=ed25519-sha256" in signed
    assert signing.record.startswith("v=DKIM1; k=ed25519; p=")
    # dkimpy verifies these with a library that is not here: so what it hashes is verified by the key itself.
    hashed: list[bytes] = []

    class Verifying:
        def sign(self, digest: bytes) -> object:
            hashed.append(digest)
            return signing._key.sign(digest)

    again = Signer(domain="example.org", selector="s1", key=key)
    again._key = Verifying()  # type: ignore[assignment]  # called alike
    assert again.signed(message()) == signed
    key.public_key().verify(signing._key.sign(hashed[0]).signature, hashed[0])


@settings(max_examples=30)
@given(subject=st.text(max_size=90), body=st.text(max_size=200), name=st.text(max_size=40))
def test_every_message_that_we_write_verifies(key: rsa.RSAPrivateKey, subject: str, body: str, name: str) -> None:
    content = MailContent(SENDER, subject, body, body + "\r\n \t\r\n\r\n", (), "en")
    signing = made(key)
    assert verifies(signing.signed(mime.write(ROW._replace(name=name, values=()), content, made_at=T0)), signing)


def written(folder: Path, key: PrivateKey | ec.EllipticCurvePrivateKey, form: str = "PKCS8") -> Path:
    private: serialization.PrivateFormat = getattr(serialization.PrivateFormat, form)
    path = folder / "dkim.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return path


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_a_key_is_read_from_its_file_in_both_forms(tmp_path: Path, key: rsa.RSAPrivateKey, form: str) -> None:
    signing = signer(domain="münchen.example.org", selector="s1", key_file=written(tmp_path, key, form))
    assert signing.record_name == "s1._domainkey.xn--mnchen-3ya.example.org"
    assert not signing.is_weak
    assert verifies(signing.signed(message()), signing)


def test_a_key_that_will_not_do_is_said_with_its_variable_and_never_shown(tmp_path: Path) -> None:
    short = tmp_path / "short.pem"
    short.write_text(SHORT)
    with pytest.raises(NotConfigured, match="768 bits; receivers take none below 1,024"):
        signer(domain="example.org", selector="s1", key_file=short)
    with pytest.raises(NotConfigured, match="a key of another kind"):
        signer(domain="example.org", selector="s1", key_file=written(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(NotConfigured, match=r"CAMPAIGN_SMTP__DKIM_KEY_FILE: .* cannot be read \(no such file"):
        signer(domain="example.org", selector="s1", key_file=tmp_path / "none.pem")
    (tmp_path / "dkim.pem").write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(NotConfigured, match="CAMPAIGN_SMTP__DKIM_KEY_FILE") as wrong:
        signer(domain="example.org", selector="s1", key_file=tmp_path / "dkim.pem")
    assert "c2VjcmV0" not in str(wrong.value)


def test_a_weak_key_is_taken_and_known_as_weak(key: rsa.RSAPrivateKey) -> None:
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - it is to be weak
    assert made(weak).is_weak
    assert repr(made(key)) == "Signer(domain='example.org', selector='s1')"
