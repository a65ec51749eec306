# ruff: noqa: RUF001 -- the punctuation of many scripts is what this file is about
"""X's weighted length is that of twitter-text's own conformance suite, configuration 3.

What goes in and comes out is from https://github.com/twitter/twitter-text, conformance/validate.yml
(WeightedTweetsWithDiscountedEmojiCounterTest, UnicodeDirectionalMarkerCounterTest) and conformance/extract.yml (urls);
texts of which only the length matters are built here.
"""

from __future__ import annotations

import unicodedata

import pytest
import twitter_text
from hypothesis import example, given
from hypothesis import strategies as st

from campaign.flow.fit import fits, weighted_length

URL = "https://example.com/path"
FAMILY = "👨‍👩‍👧‍👦"
HOST = "あいうえおかきくけこ" * 5


@pytest.mark.parametrize(
    ("text", "length", "valid"),
    [
        ("Hi http://test.co", 26, True),
        ("http://test.co", 23, True),
        ("-" * 285, 285, False),
        (f"{'a' * 11} {URL} {'b' * 263}", 299, False),  # the address counts 23, whatever its length
        (f"{'a' * 264} {URL} ", 289, False),
        (f"{URL} " * 10, 240, True),
        ("日" * 140, 280, True),
        ("日" * 160, 320, False),
        ("the" + "日" * 160, 323, False),
        ("😷" * 160, 320, False),
        ("A\u0301B", 2, True),  # composed before it is counted
        ("A\ufb2c", 4, True),  # composed into three (a composition exclusion of NFC)
        ("x" * 280 + "A\u0301", 281, False),
        (f"H🐱☺{FAMILY}", 7, True),
        ("😷👾😡🔥💩", 10, True),
        ("🙋🏽👨‍🎤", 4, True),
        (FAMILY * 140, 280, True),
        ("Unicode 10.0 emoji: 🤪; 🧕; 🧕🏾; 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 34, True),
        ("Unicode 9.0 emoji: 🤠; 💃; 💃🏾", 29, True),
        ("".join(map(chr, range(0x2000, 0x200C))), 12, True),
        ("‐‑‒–—―‖‗‘’‚‛“”„‟′″‴‵‶‷", 22, True),
        ("\u200e\u2020\u2031\u2038\u1100", 10, True),  # beside those ranges each counts two
        ("randomurl" * 7 + "s.com", 68, True),  # a label of 64 characters is none
        (f"{'あ' * 120} http://{HOST}あいう.com", 358, False),  # over 63 characters in punycode
        (f"{'あ' * 120} http://{HOST}あい.com", 264, True),
        ("ABC\u202a\uffffABC\ufffe", 12, False),
        ("\u2066\u202ahttp://foobar.پاکستان/\u202c\u2069", 31, True),
        ("🇺🇸🇪🇺", 4, True),
        ("#️⃣1️⃣", 4, True),
        ("❤️❤", 4, True),
        ("", 0, False),
    ],
)
def test_a_text_weighs_what_the_conformance_suite_says(text: str, length: int, valid: bool) -> None:  # noqa: FBT001
    assert weighted_length(text) == length
    assert (fits(text, "x") is None) == valid


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("Go to http://example.com/a+ or http://example.com/a-", ["http://example.com/a+", "http://example.com/a-"]),
        ("http://example.org/wiki/Primer_(film)", ["http://example.org/wiki/Primer_(film)"]),
        ("(http://example.com)", ["http://example.com"]),
        ("http://example.com/Русские_слова", ["http://example.com/Русские_слова"]),
        ("http://example.com/これは。example.net中国語", ["http://example.com/", "example.net"]),
        ("http://example.com/path....", ["http://example.com/path"]),
        ("example.co.jp foo.baz", ["example.co.jp"]),
        ("MLB.tv t.co it.so it.so/abcde", ["MLB.tv", "t.co", "it.so", "it.so/abcde"]),
        ("http://example.org/wiki/Hatfield–McCoy_feud please", ["http://example.org/wiki/Hatfield–McCoy_feud"]),
        ("example.comてすとですexample.みんなです", ["example.com", "example.みんな"]),
        ("http://a_b.c-d.com", ["http://a_b.c-d.com"]),
        ("ELPAÍS.com", ["ELPAÍS.com"]),
        ("http://t.co/" + "a" * 41, []),
        ("john.doe.gov@example.com", []),
        ("#example.com @example.com $example.com", []),
        ("test.tar.bz2", []),
        ("http://no-tld", []),
        ("http://t.co/pbY2NfTZ's", ["http://t.co/pbY2NfTZ"]),
        ("http://foobar.みんな/", ["http://foobar.みんな/"]),
        ("http://xn--ls8h.la/", ["http://xn--ls8h.la/"]),
    ],
)
def test_what_is_an_address_to_x_counts_23(text: str, urls: list[str]) -> None:
    rest = text
    for url in urls:
        assert url in rest
        rest = rest.replace(url, "", 1)
    heavy = sum(ord(one) > 4351 for one in rest)
    least = 23 * len(urls) + len(rest) + heavy
    assert weighted_length(text) == (23 if text == "http://no-tld" else least)


def test_an_address_under_a_domain_newer_than_the_librarys_list_counts_23_all_the_same() -> None:
    assert twitter_text.extract_urls("https://a.kids") == []
    assert weighted_length("https://a.kids") == 23
    assert weighted_length("https://nowhere.invalidtld") == 26


PIECES = st.sampled_from(
    [
        *("https://example.org/a", "example.net", "HTTP://EXAMPLE.COM", "https://a.みんな/", "t.co/x", "@a", "#b"),
        *(FAMILY, "🇪🇺", "👍🏽", "❤", "\ufe0f", "\u200d", "1", "#", "\u20e3", "é", "e\u0301", "日本", "한", "سلام"),
        *(" ", "\n", "\r\n", ".", ",", "(", ")", "…", "。", "a", "/", "-", "_", "\u2020", "©", "🫠", "🐈\u200d⬛"),
    ]
)


@given(st.one_of(st.text(max_size=280), st.lists(PIECES, max_size=60).map("".join)))
@example("#\ufe0f\u20e3")
@example("a" + "\u0344" * 3)
def test_looking_for_emoji_only_where_they_can_be_changes_no_length(text: str) -> None:
    whole: int = twitter_text.parse_tweet(text).weightedLength
    known = [url.lower() for url in twitter_text.extract_urls(unicodedata.normalize("NFC", text))]
    if all(any(url in one for url in known) for one in text.lower().split() if "://" in one):
        assert weighted_length(text) == whole
    assert weighted_length(text) >= whole
