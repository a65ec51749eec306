# ruff: noqa: RUF001 -- punctuation of many scripts is what this file is about
"""Links, mentions and hashtags stand where Bluesky is told that they stand, counted in bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.channels.bluesky_facets import facets, handles

DIDS = {"ana.example.org": "did:plc:ana", "jo.example.com": "did:plc:jo"}
FAMILY = "👨‍👩‍👧‍👦"


def slices(text: str) -> list[tuple[str, str]]:
    """What each facet covers, and what it says."""
    raw = text.encode()
    return [
        (raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(), says(facet))
        for facet in facets(text, DIDS)
    ]


def says(facet: dict[str, Any]) -> str:
    (feature,) = facet["features"]
    kind = feature["$type"].removeprefix("app.bsky.richtext.facet#")
    value: str = feature[{"link": "uri", "mention": "did", "tag": "tag"}[kind]]
    return value


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("Read https://example.org/letter now", "https://example.org/letter"),
        ("Read https://example.org/letter.", "https://example.org/letter"),
        ("Read https://example.org/letter...", "https://example.org/letter"),
        ("Read https://example.org/letter?!", "https://example.org/letter"),
        ("Read https://example.org/letter…", "https://example.org/letter"),
        ("(https://example.org/letter)", "https://example.org/letter"),
        ("(see https://example.org/letter).", "https://example.org/letter"),
        ("https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("(https://example.org/a_(b)).", "https://example.org/a_(b)"),
        ('"https://example.org/"', "https://example.org/"),
        ("“https://example.org/”,", "https://example.org/"),
        ("«https://example.org/»", "https://example.org/"),
        ("<https://example.org/>", "https://example.org/"),
        (f"{FAMILY} https://example.org/ {FAMILY}", "https://example.org/"),
        ("署名：https://example.org/。ありがとう", "https://example.org/"),
        ("وقّعوا الرسالة: https://example.org/؟", "https://example.org/"),
        ("\u200fhttps://example.org/a\nnext", "https://example.org/a"),
        ("HTTPS://EXAMPLE.ORG/A", "HTTPS://EXAMPLE.ORG/A"),
        ("https://münchen.example.org/ü?a=1&b=2#c,d", "https://münchen.example.org/ü?a=1&b=2#c,d"),
        ("https://example.org/@ana.example.org#tag", "https://example.org/@ana.example.org#tag"),
    ],
)
def test_a_link_ends_where_its_sentence_goes_on(text: str, link: str) -> None:
    assert slices(text) == [(link, link)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("go to example.org now", "example.org"),
        ("go to example.org.", "example.org"),
        ("(example.org/letter)", "example.org/letter"),
        ("“example.org/letter?a=b#c”", "example.org/letter?a=b#c"),
        ("example.org:8080/a", "example.org:8080/a"),
        ("www.Example.org", "www.Example.org"),
        ("EXAMPLE.ORG!", "EXAMPLE.ORG"),
        ("署名はexample.orgへ", "example.org"),
    ],
)
def test_a_domain_that_stands_alone_is_a_link(text: str, shown: str) -> None:
    assert slices(text) == [(shown, f"https://{shown}")]


@pytest.mark.parametrize(
    "text",
    [
        "e.g. this, i.e. that, in the U.S. of old",
        "v1.2 and 192.168.0.1",
        "Sign now.It matters",
        "mail ana.org@example.org or ana@example.org",
        "nothing.invalidtld",
        "-example.org-x",
        "and...so",
        "http:// and https://. (https://) https://…",
        "@amazon says no",
        "@minister@social.example.org",
        "mail ana@example.org",
        "@1.2 @-a.example @a.b.3",
        "@nobody.example.net",
        "#1 #2024 # ## #️⃣ #. #_ #٣ C#major a#b &#39;",
        "US$AMZN $5 $TOOLONG $",
        "",
    ],
)
def test_what_only_looks_like_one_stays_plain_text(text: str) -> None:
    found = slices(text)
    assert found == ([("#٣", "٣")] if "#٣" in text else [])


@pytest.mark.parametrize(
    "text",
    [
        "@ana.example.org",
        "@Ana.Example.ORG!",
        "(@ana.example.org)",
        ".@ana.example.org says",
        "thanks to @ana.example.org.",
        "“@ana.example.org”",
        "¿@ana.example.org?",
        f"{FAMILY}@ana.example.org",
        "こんにちは@ana.example.orgさん",
        "@ana.example.org's letter",
    ],
)
def test_a_mention_is_a_handle_whose_account_is_known(text: str) -> None:
    ((shown, did),) = slices(text)
    assert (shown.lower(), did) == ("@ana.example.org", "did:plc:ana")
    assert handles(text) == ("ana.example.org",)


def test_every_handle_is_named_once_also_one_that_nobody_may_have() -> None:
    text = (
        "@jo.example.com @ana.example.org, @JO.example.com and @ana.bsky.socail at https://example.org/@x.example.org"
    )
    assert handles(text) == ("jo.example.com", "ana.example.org", "ana.bsky.socail")
    assert [did for _, did in slices(text)] == [
        "did:plc:jo",
        "did:plc:ana",
        "did:plc:jo",
        "https://example.org/@x.example.org",
    ]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#FreeToWalk", ["FreeToWalk"]),
        ("#FreeToWalk, #NoFaces! (#Now) #a_b.", ["FreeToWalk", "NoFaces", "Now", "a_b"]),
        ("#FreeToWalk’s and #FreeToWalk—and so on", ["FreeToWalk", "FreeToWalk"]),
        ("#face-recognition #R&D #U.S.", ["face-recognition", "R&D", "U.S"]),
        ("#2nd #2018x", ["2nd", "2018x"]),
        ("#顔認証、#監視", ["顔認証", "監視"]),
        ("＃顔認証", ["顔認証"]),
        ("日本語#タグ", ["タグ"]),
        ("#لا_للتعرف، #कैमरा। #größe", ["لا_للتعرف", "कैमरा", "größe"]),
        ("#עַל־יְדֵי #מ״כ #メ〜テレ #ア・イ。", ["עַל־יְדֵי", "מ״כ", "メ〜テレ", "ア・イ"]),
        ("#🦋 🧵#a", ["🦋", "a"]),
        ("#a#b", ["a"]),
        ("#a\u200bb", ["a"]),
        ("$AMZN ($amzn)", ["$AMZN", "$AMZN"]),
    ],
)
def test_a_hashtag_ends_where_its_sentence_goes_on(text: str, tags: list[str]) -> None:
    found = slices(text)
    assert [tag for _, tag in found] == tags
    assert all(shown[1:].lower() == tag.removeprefix("$").lower() for shown, tag in found)


def test_a_hashtag_has_at_most_64_graphemes_and_640_bytes() -> None:
    flag = "🏳️‍⚧️"
    assert slices("#" + "a" * 64) == [("#" + "a" * 64, "a" * 64)]
    assert slices("#" + "a" * 65) == []
    assert len(slices("#" + "e\u0301" * 64)) == 1
    assert slices("#" + "e\u0301" * 65) == []
    assert slices("#" + ("a" + "\u0301" * 40) * 8) == []  # 8 graphemes of 81 bytes
    assert slices("#" + flag) == [("#🏳️", "🏳️")]  # Bluesky's app ends a hashtag at a joiner


PIECES = st.sampled_from(
    [
        *("https://example.org/a", "http://example.com/(b)", "example.net/c", "@ana.example.org", "@jo.example.com"),
        *(
            "@x.example",
            "#tag",
            "＃札",
            "#1",
            "$AMZN",
            "a@b.example",
            " ",
            " ",
            "\n",
            ".",
            ",",
            "(",
            ")",
            "…",
            "”",
            "。",
        ),
        *(FAMILY, "🇪🇺", "é", "e\u0301", "日本", "سلام", "\u200f", "\U0001f9f5", "word", "https://", "@", "#", "-", "_"),
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
def test_every_facet_covers_just_what_it_names_and_none_covers_another(text: str) -> None:
    raw = text.encode()
    made = facets(text, DIDS)
    for facet in made:
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        assert 0 <= start < end <= len(raw)
        shown, said = raw[start:end].decode(), says(facet)  # decodes: no character is cut
        (feature,) = facet["features"]
        match feature["$type"].rpartition("#")[2]:
            case "link":
                assert said in (shown, f"https://{shown}")
            case "mention":
                assert DIDS[shown.removeprefix("@").lower()] == said
            case _:
                assert said in (shown[1:], shown.upper())
    assert all(one["index"]["byteEnd"] <= two["index"]["byteStart"] for one, two in pairwise(made))


@given(st.lists(PIECES, max_size=30).map("".join))
def test_every_mention_that_is_shown_is_among_the_handles(text: str) -> None:
    assert {did for _, did in slices(text) if did.startswith("did:")} <= {DIDS.get(name) for name in handles(text)}


@pytest.mark.parametrize("piece", ["@a.", "#a-", "a.b-c.", "https://", ")", "$A", "日本#", "example.org/("])
def test_a_text_made_to_be_slow_is_read_all_the_same(piece: str) -> None:
    facets(piece * (3_000 // len(piece.encode())), DIDS)
