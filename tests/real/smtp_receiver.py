#!/usr/bin/env python3
"""A real SMTP receiver on 127.0.0.1 for the tests: plain, STARTTLS or TLS, with or without AUTH, or in one of the ways
in which mail servers misbehave.

Prints one line of JSON, {"port": N}, once it accepts connections. Each mail it takes becomes NNNN.eml (the bytes as
received) and NNNN.json (envelope, and what an independent parser makes of it) in --maildir; a .json that is there is
whole, and its .eml is too. It never delivers or relays anything, and ends on SIGTERM.
"""

import argparse
import asyncio
import contextlib
import email
import email.policy
import hmac
import itertools
import json
import os
import pathlib
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

HOST = "127.0.0.1"


def write_whole(path, data):
    """Writes beside and renames, so that a reader never sees half a file."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def describe(content):
    """What a mail program would make of these bytes; `defects` are the ways in which they break the rules."""
    message = email.message_from_bytes(content, policy=email.policy.SMTP)
    plain = message.get_body(preferencelist=("plain",))
    html = message.get_body(preferencelist=("html",))
    defects = [str(defect) for part in message.walk() for defect in part.defects]
    defects += [str(defect) for part in message.walk() for value in part.values() for defect in value.defects]
    head = content.partition(b"\r\n\r\n")[0]
    if not head.isascii():
        defects.append("header is not ASCII")
    if any(len(line) > 998 for line in content.split(b"\r\n")):
        defects.append("line of more than 998 bytes")
    return {
        "subject": str(message["subject"] or ""),
        "text": plain.get_content().replace("\r\n", "\n") if plain else "",
        "html": html.get_content().replace("\r\n", "\n") if html else None,
        "headers": [[name, str(value)] for name, value in message.items()],
        "defects": defects,
    }


class Receiver:
    """aiosmtpd's handler: answers as told, and keeps what it accepted."""

    def __init__(self, options):
        self.reject = options.reject
        self.maildir = options.maildir
        self.implicit_tls = options.mode == "tls"
        self.numbers = itertools.count(1 + sum(1 for _ in options.maildir.glob("*.eml")))

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if self.reject == "rcpt550":
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.reject == "data452":
            return "452 4.2.2 mailbox is full, try again later"
        if self.reject == "data554":
            return "554 5.7.1 rejected as spam"
        if self.reject == "drop":
            # Gone after the final dot and before an answer: the sender cannot know whether it was taken.
            server.transport.abort()
            return "421 4.3.0 gone"
        number = next(self.numbers)
        record = {
            "mail_from": envelope.mail_from,
            "rcpt_tos": envelope.rcpt_tos,
            "tls": self.implicit_tls or session.ssl is not None,
            "user": session.auth_data,
            "helo": session.host_name,
            **describe(envelope.original_content),
        }
        write_whole(self.maildir / f"{number:04}.eml", envelope.original_content)
        write_whole(self.maildir / f"{number:04}.json", json.dumps(record, indent=1).encode())
        return "250 2.0.0 taken"


def authenticator(options):
    """Accepts the one user; the password is compared, never kept."""
    user, _, password = (options.auth or ":").partition(":")

    def authenticate(server, session, envelope, mechanism, data):
        right = (
            isinstance(data, LoginPassword)
            and options.reject != "auth535"
            and hmac.compare_digest(data.login, user.encode())
            and hmac.compare_digest(data.password, password.encode())
        )
        # With `handled` left false aiosmtpd itself answers 535 and counts the attempts.
        return AuthResult(success=right, handled=right, auth_data=user if right else None)

    return authenticate


async def stay_silent(reader, writer):
    """Takes the connection, reads what comes, and never says anything."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass
    writer.close()


async def serve(options):
    loop = asyncio.get_running_loop()
    context = None
    if options.mode != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    starttls = options.mode == "starttls"
    receiver = Receiver(options)

    def session():
        return SMTP(
            receiver,
            hostname="receiver.test",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=options.auth is not None,
            # aiosmtpd knows only of STARTTLS here: within implicit TLS everything is secret already.
            auth_require_tls=starttls,
            authenticator=authenticator(options),
        )

    if options.tarpit:
        server = await asyncio.start_server(stay_silent, HOST, options.port)
    else:
        implicit = context if options.mode == "tls" else None
        server = await loop.create_server(session, HOST, options.port, ssl=implicit)

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await ended.wait()
    server.close()


def main():
    parser = argparse.ArgumentParser(description="a real SMTP receiver for tests")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--mode", choices=["plain", "starttls", "tls"], default="plain")
    parser.add_argument("--auth", metavar="USER:PASS", help="AUTH is required, with these")
    parser.add_argument("--cert", type=pathlib.Path)
    parser.add_argument("--key", type=pathlib.Path)
    parser.add_argument("--maildir", type=pathlib.Path, required=True)
    parser.add_argument("--reject", choices=["rcpt550", "data452", "data554", "auth535", "drop"])
    parser.add_argument("--tarpit", action="store_true")
    options = parser.parse_args()
    if options.mode != "plain" and not (options.cert and options.key):
        parser.error(f"--mode {options.mode} needs --cert and --key")
    options.maildir.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(options))


if __name__ == "__main__":
    sys.exit(main())
