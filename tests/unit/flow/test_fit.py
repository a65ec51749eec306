"""Each network counts in its own way, and says by how much a post does not fit.

X's examples are of the kind that twitter-text's conformance suite has (https://github.com/twitter/twitter-text).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow.fit import fits, grapheme_length, mastodon_length, weighted_length

FAMILY = "👨‍👩‍👧‍👦"
NETWORKS = ("x", "bluesky", "mastodon")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("a" * 280, 280),
        ("日本語", 6),
        ("한국어 x", 8),
        ("é", 1),
        ("e\u0301", 1),  # composed before it is counted
        ("ば\u0301", 3),
        (FAMILY, 2),
        ("🏳️‍🌈🇺🇸", 4),
        ("😷" * 140, 280),
        ("“quoted” — dash…", 16 + 1),  # typographic signs count one
        ("https://example.org/" + "a" * 300, 23),
        ("example.org", 23),
        ("example.org/ and https://example.net", 23 + 5 + 23),
        ("a\r\nb", 3),
        ("@someone #tag $CASH", 19),
        ("https://nowhere.invalidtld", 26),
        ("", 0),
    ],
)
def test_x_counts_weighted_characters(text: str, length: int) -> None:
    assert weighted_length(text) == length


def test_x_takes_280_weighted_characters_and_says_how_many_are_too_many() -> None:
    assert fits("日" * 140, "x") is None
    assert fits("日" * 140 + "!", "x") == "X counts 281 weighted characters and takes 280: 1 too many"


def test_x_refuses_characters_that_no_post_may_have() -> None:
    assert "U+FFFE" in (fits("a\ufffeb", "x") or "")


def test_bluesky_takes_300_graphemes() -> None:
    assert fits(FAMILY * 100, "bluesky") is None
    assert fits("é" * 300, "bluesky") is None
    assert fits("e\u0301" * 301, "bluesky") == "Bluesky counts 301 graphemes and takes 300: 1 too many"


def test_bluesky_takes_3000_bytes() -> None:
    text = FAMILY * 121
    assert grapheme_length(text) < 300
    assert fits(text, "bluesky") == "Bluesky counts 3,025 UTF-8 bytes and takes 3,000: 25 too many"


def test_a_link_counts_in_full_on_bluesky_alone() -> None:
    text = "Sign https://example.org/" + "a" * 290
    assert fits(text, "bluesky") is not None
    assert fits(text, "x") is None
    assert fits(text, "mastodon") is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("https://example.org/" + "a" * 300, 23),
        ("example.org/" + "a" * 8, 20),  # no link without its scheme
        ("@minister@social.example.org hello", 15),
        ("mail someone@example.org now", 28),
        (FAMILY, 1),
        ("see https://example.org, then https://example.net.", 4 + 23 + 7 + 23 + 1),
    ],
)
def test_mastodon_counts_graphemes_with_a_fixed_length_for_links(text: str, length: int) -> None:
    assert mastodon_length(text) == length


def test_mastodon_takes_500_characters_with_the_content_warning() -> None:
    assert fits("a" * 500, "mastodon") is None
    assert fits("a" * 501, "mastodon") == "Mastodon counts 501 characters and takes 500: 1 too many"
    assert fits("a" * 490, "mastodon", warning="politics") is None
    assert "499 characters" not in (fits("a" * 493, "mastodon", warning="politics") or "")
    assert fits("a" * 493, "mastodon", warning="politics") == (
        "Mastodon counts 501 characters with the content warning and takes 500: 1 too many"
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_fits_nowhere(network: str, text: str) -> None:
    assert fits(text, network) == "the text is empty"


def test_a_network_that_is_not_known_is_an_error_of_the_program() -> None:
    with pytest.raises(ValueError, match="email"):
        fits("text", "email")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("text", ["a." * 500, "a.b-c." * 20_000, "#" * 100_000, FAMILY * 20_000, "https://" * 50_000])
def test_a_text_made_to_be_slow_is_refused_at_once(network: str, text: str) -> None:
    assert fits(text, network) is not None


@pytest.mark.parametrize("network", NETWORKS)
@given(text=st.text(max_size=400))
def test_whatever_fits_still_fits_when_it_is_shortened_by_nothing(network: str, text: str) -> None:
    wrong = fits(text, network)
    assert wrong == fits(text, network)
    assert wrong is None or wrong


@given(text=st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300))
def test_plain_text_without_dots_counts_one_each_everywhere(text: str) -> None:
    plain = text.replace(".", "").replace("@", "").replace(":", "")
    assert weighted_length(plain) == mastodon_length(plain) == grapheme_length(plain) == len(plain)


def test_a_server_may_take_more_or_less_than_its_network_does() -> None:
    assert fits("a" * 5_000, "mastodon", characters=5_000) is None
    assert fits("a" * 501, "mastodon", characters=501) is None
    assert fits("a" * 301, "mastodon", characters=300) == "Mastodon counts 301 characters and takes 300: 1 too many"
    assert fits("a" * 290, "mastodon", warning="politics??", characters=299) == (
        "Mastodon counts 300 characters with the content warning and takes 299: 1 too many"
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("odd", [0, 0x1B, 0x7F, 0xD83D, 0xDC00])
def test_what_no_network_can_show_is_refused(network: str, odd: int) -> None:
    assert fits(f"a{chr(odd)}b", network) == f"the text holds a character that nobody can read (U+{odd:04X})"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("fine", ["\n", "\t", "\u200d", "\u202a", "\u00a0", "\ue000"])
def test_what_can_be_written_is_no_reason_to_refuse(network: str, fine: str) -> None:
    assert fits(f"a{fine}b", network) is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("@a.b-c@example.org!", 7),
        ("@min_ister@social.example.org's", 12),
        ("@münchen@example.org", 20),  # a name is ASCII: no mention
        ("a@b@example.org", 15),
        ("@a@example.org@b", 16),  # too close to an address
        ("@a@example.org://x", 18),
        ("https://example.org/@a@example.net", 23),
        ("@a@bücher.example.org:3000", 2),
    ],
)
def test_mastodon_leaves_out_the_server_of_what_is_a_mention_to_it(text: str, length: int) -> None:
    assert mastodon_length(text) == length


def test_a_long_content_warning_leaves_no_room() -> None:
    assert fits("a", "mastodon", warning="w" * 500) == (
        "Mastodon counts 501 characters with the content warning and takes 500: 1 too many"
    )
    assert "6,001" in (fits("a", "mastodon", warning="w" * 6_000) or "")
