"""The service that the scenarios break: a small web server that can be told how to misbehave.

    serve.py --port N [option]...

`/health` answers `200 ok` while all is well. `/become/HOW` makes it worse until it is started anew, or gets a HUP.
"""

import argparse
import mmap
import os
import signal
import socket
import sys
import threading
import time

ANSWERS = {
    "well": ("200 OK", "ok\n"),
    "error": ("500 Internal Server Error", "out of ideas\n"),
    "page": ("200 OK", "<h1>We are sorry</h1>\n"),
}


class Server:
    def __init__(self, args):
        self.args = args
        self.how = "well"
        self.hoard = []

    def answer(self, line):
        with line:
            line.settimeout(10)
            request = line.recv(4096).decode(errors="replace").split()
            path = request[1] if len(request) > 1 else "/"
            if path.startswith("/become/"):
                self.become(path.rpartition("/")[2])
                return self.say(line, "200 OK", "as you wish\n")
            if self.how == "hung":
                # Accepts, and never answers.
                time.sleep(600)
            trouble = self.trouble()
            if trouble:
                return self.say(line, "503 Service Unavailable", trouble + "\n")
            return self.say(line, *ANSWERS[self.how])

    def say(self, line, status, body):
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        line.sendall((head + body).encode())

    def become(self, how):
        if how == "deaf":
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        elif how == "greedy":
            threading.Thread(target=self.take_memory, daemon=True).start()
        elif how == "crashed":
            threading.Timer(0.2, os._exit, [1]).start()
        else:
            self.how = how

    def take_memory(self):
        while True:
            self.hoard.append(mmap.mmap(-1, 4 << 20))
            for page in range(0, 4 << 20, 4096):
                self.hoard[-1][page] = 1

    def trouble(self):
        """Why it cannot serve, from what it needs: its back end, room for its data."""
        if self.args.backend:
            try:
                socket.create_connection(("127.0.0.1", self.args.backend), timeout=1).close()
            except OSError as err:
                return f"no back end on port {self.args.backend}: {err}"
        if self.args.data:
            try:
                new = os.path.join(self.args.data, "journal.new")
                with open(new, "wb", buffering=0) as file:
                    if file.write(b"x" * 8192) != 8192:
                        return f"cannot write to {self.args.data}: no space left"
                os.rename(new, os.path.join(self.args.data, "journal"))
            except OSError as err:
                return f"cannot write to {self.args.data}: {err}"
        return None

    def run(self):
        family = socket.AF_INET6 if ":" in self.args.address else socket.AF_INET
        self.listener = socket.create_server((self.args.address, self.args.port), family=family, backlog=128)
        if self.args.pidfile:
            with open(self.args.pidfile, "w") as file:
                file.write(f"{os.getpid()}\n")
        if self.args.lives:
            threading.Timer(self.args.lives, os._exit, [1]).start()
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                # Told to be deaf: lives on, and listens no more.
                while True:
                    signal.pause()
            threading.Thread(target=self.guarded, args=[line], daemon=True).start()

    def guarded(self, line):
        try:
            self.answer(line)
        except OSError:
            pass


def valid(config):
    """Whether each line of the config is `KEY = VALUE`; says which is not."""
    with open(config) as file:
        for number, text in enumerate(file, 1):
            if text.strip() and "=" not in text:
                print(f"{config}:{number}: expected KEY = VALUE, found `{text.strip()}`", file=sys.stderr)
                return False
    return True


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--port", type=int)
    args.add_argument("--address", default="127.0.0.1")
    args.add_argument("--pidfile")
    args.add_argument("--config", help="read at the start; it ends with 1 when a line is wrong")
    args.add_argument("--check-config", action="store_true", help="only that")
    args.add_argument("--data", help="a folder that it must be able to write to")
    args.add_argument("--backend", type=int, help="a port that must answer")
    args.add_argument("--slow", type=float, default=0, help="seconds until it listens")
    args.add_argument("--slow-after", help="a file: slow only while that is there")
    args.add_argument("--lives", type=float, help="seconds until it crashes")
    args.add_argument("--lives-if", help="a file: mortal only while that is there")
    args.add_argument("--fails-if", help="a file: ends with 1 at the start while that is there")
    args.add_argument("--stubborn", action="store_true", help="ignores TERM")
    args.add_argument("--group", help="a folder of cgroup v1 to live in, where it is there")
    args = args.parse_args()
    if args.config and not valid(args.config):
        return 1
    if args.fails_if and os.path.exists(args.fails_if):
        print("cannot start", file=sys.stderr)
        return 1
    if args.check_config:
        return 0
    if args.group and os.path.isdir(args.group):
        with open(f"{args.group}/cgroup.procs", "w") as file:
            file.write(f"{os.getpid()}\n")
    if args.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if args.lives_if and not os.path.exists(args.lives_if):
        args.lives = None
    if not args.slow_after or os.path.exists(args.slow_after):
        time.sleep(args.slow)
    server = Server(args)
    signal.signal(signal.SIGHUP, lambda *_: server.become("well"))
    if args.data and server.trouble():
        print(server.trouble(), file=sys.stderr)
        return 1
    server.run()


if __name__ == "__main__":
    sys.exit(main())
