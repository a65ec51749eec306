"""What a form with files sends is read to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

from campaign.sandbox.multipart import Part, parts


@given(body=st.binary(max_size=300) | st.sampled_from([b"\r\n", b"--", b"\r\n--x", b"\n\n\r\n\r\n"]))
def test_a_file_comes_through_to_the_byte(body: bytes) -> None:
    sent, content_type = encode_multipart_formdata({"description": "Möwe", "file": ("a.jpg", body, "image/jpeg")})
    assert list(parts(content_type, sent)) == [
        Part("description", "Möwe".encode()),
        Part("file", body, "a.jpg", "image/jpeg"),
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf of"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nno head\r\n--x--"),
    ],
)
def test_what_is_no_form_is_told(content_type: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"form|field"):
        parts(content_type, body)
