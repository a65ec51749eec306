"""The alert that the benchmarks send: 3 kB, four merge fields and one conditional, written as anybody would."""

from __future__ import annotations

from campaign.model.message import MailSource, Message, Source

SUBJECT = "Ask the company to stop selling face recognition"
_REASONS = """
A face is not a password. Nobody can change theirs after it was taken, and nobody is asked before a camera reads it on
the way to work, to a doctor, to a place of worship or to a protest.

The system that is on sale can name many people in one picture, follow them from camera to camera, and keep what it
saw. In the hands of a police force it is a line-up in which all of us stand, all day, without a warrant.

It errs most often with women and with people who have darker skin. A false match is not a number in a table: it is a
stop on the street, a night in a cell, a job that is lost while somebody explains.

Forty-one organisations that work for civil rights have written to the company. They ask for one thing: that it stop
selling this to governments. It will listen when the people who buy from it every week say the same.

We do not ask the company to be kind. It has told the public that it cares for civil liberties, and that it would act
where its services are abused. This is the case that it spoke of, and everybody can read it in its own papers.

What you write goes to the people who decide, under your own name. Two sentences of your own move more than two pages
of ours: who you are to them, and what you would not want a camera to know.

If you have no time today, keep this mail. The letter stands for as long as the system is on sale, and we shall tell
you what came of it, once, when there is something to tell.

Please do not forward this mail as it is: the links in it are yours. The page that they lead to has a button for
passing it on, and a version to print and to put up where people wait: in a clinic, a library, a laundry, a place of
worship. It names the forty-one organisations, says in one paragraph what is on sale, and leaves room for the name of
somebody nearby who can be asked.
""".strip().split("\n\n")
_STYLE = (
    "body{margin:0;background:#f4f4f2;color:#1d1d1b;font:16px/1.5 Georgia,serif}"
    "main{max-width:600px;margin:0 auto;padding:24px;background:#ffffff}"
    "a.act{display:inline-block;padding:12px 20px;background:#7a1f3d;color:#ffffff;text-decoration:none}"
    "footer{font-size:13px;color:#55554f}"
)
HTML = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{SUBJECT}</title><style>{_STYLE}</style></head>
<body><main>
<p>Dear {{{{ supporter.first_name or "friend" }}}} {{{{ supporter.last_name }}}},</p>
{{% if supporter.acted_at %}}<p>Thank you for having written already. Please pass this on to one person more.</p>
{{% else %}}<p>It takes two minutes to add your voice, and today is the day on which it counts most.</p>{{% endif %}}
{"".join(f"<p>{reason}</p>" for reason in _REASONS)}
<p><a class="act" href="https://act.example.org/face-recognition?region={{{{ supporter.region | urlencode }}}}">Write to
the company</a></p>
<footer><p>Free to Walk Coalition, 1 Example Street, Springfield, WA 98000, USA.
<a href="{{{{ unsubscribe_url }}}}">Unsubscribe with one click</a></p></footer>
</main></body></html>
"""
TEXT = """Dear {{ supporter.first_name or "friend" }} {{ supporter.last_name }},

Write to the company: https://act.example.org/face-recognition?region={{ supporter.region | urlencode }}

Free to Walk Coalition, 1 Example Street, Springfield, WA 98000, USA.
Unsubscribe with one click: {{ unsubscribe_url }}
"""


def alert() -> Message:
    """The alert as a message of a campaign, in English alone."""
    source = MailSource(
        language="en",
        subject=Source("alert/en.html", SUBJECT),
        preheader=Source("alert/en.html", ""),
        html=Source("alert/en.html", HTML),
        text=Source("alert/en.txt", TEXT),
        mjml=False,
    )
    return Message(name="alert", kind="email", mails={"en": source})
