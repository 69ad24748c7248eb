"""Takes every mail over SMTP and keeps it by recipient: who it was told, and what."""

import email
import email.policy
import socketserver
import threading


class Sink:
    """Listens on 127.0.0.1; never refuses."""

    def __init__(self, port=0):
        self.mails = {}
        self.lock = threading.Lock()
        sink = self

        class Talk(socketserver.StreamRequestHandler):
            timeout = 30

            def handle(self):
                try:
                    sink.talk(self.rfile, self.wfile)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", port), Talk)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def talk(self, lines, out):
        def say(text):
            out.write(f"{text}\r\n".encode())
            out.flush()

        say("220 sink ESMTP")
        recipients = []
        for line in lines:
            verb = line.strip().upper()
            if verb.startswith(b"RCPT TO:"):
                recipients.append(line.split(b"<")[-1].split(b"@")[0].decode())
            if verb.startswith((b"EHLO", b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP")):
                say("250 ok")
            elif verb == b"DATA":
                say("354 go on")
                self.keep(recipients, body(lines))
                recipients = []
                say("250 kept")
            elif verb == b"QUIT":
                return say("221 bye")
            else:
                say("500 what?")

    def keep(self, recipients, raw):
        message = email.message_from_bytes(raw, policy=email.policy.default)
        part = message.get_body(("plain",))
        mail = {"subject": str(message["subject"]), "text": part.get_content() if part else ""}
        with self.lock:
            for recipient in recipients:
                self.mails.setdefault(recipient, []).append(mail)

    def to(self, recipient):
        with self.lock:
            return list(self.mails.get(recipient, []))


def body(lines):
    kept = []
    for line in lines:
        if line == b".\r\n":
            break
        kept.append(line[1:] if line.startswith(b"..") else line)
    return b"".join(kept)
