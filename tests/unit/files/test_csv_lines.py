"""Lines as they come out of any bytes, block by block."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaign.files.csv_lines import LONGEST_LINE, Changed, Lines, NotText

TEXT = st.text(st.sampled_from('ab,"\r\n\x0b\x85\u2028é€😀'), max_size=60)
any_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


def lines(path: Path, encoding: str = "utf-8", *, block_bytes: int = 7) -> list[str]:
    source = Lines(path, encoding, block_bytes=block_bytes)
    found = [line for some in iter(source.more, []) for line in some]
    source.close()
    return found


@any_file
@example(text="a\r\nb", block_bytes=2)
@example(text="a\r", block_bytes=2)
@example(text="\r\r\n\n\r", block_bytes=1)
@given(text=TEXT, block_bytes=st.integers(1, 9))
def test_lines_are_those_of_an_editor_wherever_blocks_end(tmp_path: Path, text: str, block_bytes: int) -> None:
    path = tmp_path / "list.csv"
    expected = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))
        assert lines(path, encoding, block_bytes=block_bytes) == expected


@any_file
@given(content=st.binary(max_size=60), block_bytes=st.integers(1, 9))
def test_what_is_not_utf_8_is_read_as_windows_1252_wherever_blocks_end(
    tmp_path: Path, content: bytes, block_bytes: int
) -> None:
    content = content.replace(b"\0", b" ").replace(b"\r", b" ")
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    source = Lines(path, "utf-8", block_bytes=block_bytes)
    found = [line for some in iter(source.more, []) for line in some]
    source.close()
    try:
        content.decode()
    except UnicodeDecodeError:
        assert source.legacy
    else:
        assert not source.legacy
    assert "\n".join(found) == content.decode(errors="campaign-windows-1252").removesuffix("\n")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", ""])
@pytest.mark.parametrize("more", [0, 1, 700_000])
def test_a_line_that_is_too_long_is_cut_and_the_next_is_whole(tmp_path: Path, end: str, more: int) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(f"first{end or chr(10)}{'x' * (LONGEST_LINE + more)}{end}{'last' if end else ''}".encode())
    kept = "x" * min(LONGEST_LINE + more, LONGEST_LINE + 1)
    assert lines(path, block_bytes=100_000) == ["first", kept, *(["last"] if end else [])]


def test_a_nul_byte_is_no_text_and_its_line_is_known(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"a\nb\nc\0\n")
    source = Lines(path, "utf-8")
    with pytest.raises(NotText) as caught:
        source.more()
    source.close()
    assert caught.value.lines == 2


def test_a_file_that_is_written_to_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(codecs.BOM_UTF8 + b"a\n" * 100)
    source = Lines(path, "utf-8-sig", block_bytes=64)
    assert source.more()
    with path.open("ab") as file:
        file.write(b"b\n")
    with pytest.raises(Changed):
        list(iter(source.more, []))
    source.close()
