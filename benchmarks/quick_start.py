"""C, the SDK's own quick start: python -m benchmarks.quick_start DATABASE URL [PEOPLE]

One Mail object and one call for each person, as https://github.com/sendgrid/sendgrid-python begins with it; the message
filled in by Python's own formatting, and per-person unsubscribe headers. Nothing is made slower than it is there: the
client is made once, and what each call makes anew (a connection, and for HTTPS a context that reads the authorities) is
made by python_http_client itself. Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
from time import perf_counter, process_time

from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Header, Mail

from benchmarks.floor import filled
from benchmarks.message import SUBJECT
from benchmarks.stand_in import API_KEY

PEOPLE = 3_000


def main(database: str, url: str, people: int) -> None:
    rows = sqlite3.connect(database).execute(
        "SELECT id, email, first_name, last_name, region, acted_at FROM supporters ORDER BY id LIMIT ?", (people,)
    )
    client = SendGridAPIClient(API_KEY, host=url)
    began, sent = perf_counter(), 0
    for row in rows:
        html, text, leave = filled(row)
        mail = Mail(
            from_email=("campaign@example.org", "Free to Walk Coalition"),
            to_emails=row[1],
            subject=SUBJECT,
            plain_text_content=text,
            html_content=html,
        )
        mail.add_header(Header("List-Unsubscribe", f"<{leave}>"))
        mail.add_header(Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        reply = client.send(mail)
        if reply.status_code != 202:
            raise SystemExit(f"the stand-in answered {reply.status_code}")
        sent += 1
    took_s = perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"recipients": sent, "seconds": took_s, "cpu_s": process_time(), "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else PEOPLE)
