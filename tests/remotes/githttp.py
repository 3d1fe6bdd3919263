#!/usr/bin/env python3
"""A git server over HTTP on loopback, as hosts run it: `git http-backend` below ROOT.

    githttp.py ROOT MOODS LOG [--auth USER:PASSWORD] [--tls CERTIFICATE KEY]

It prints `port N` and serves until its standard input ends. Asked as a proxy, it answers for any
host of plain http itself, and leads to any other server. MOODS is a JSON file, read at each request:

    {"cut_after": N}       drop the connection after N bytes of a pack that is sent to us
    {"drop_answer": true}  take the pack, and drop the connection instead of an answer
    {"cut_answer": N}      drop the connection after N bytes of a pack that we send
    {"refuse_push": true}  answer 403 to everything about sending packs
    {"fail": 500}          answer this to everything
    {"moved": [OLD, NEW]}  send who asks below OLD to NEW
    {"hold": WORD}         answer requests for a path with WORD only once the mood has changed

Each request becomes a line of JSON in LOG; one that is held becomes another, {"held": PATH}, at once.
"""

import argparse
import base64
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from urllib.parse import unquote, urlsplit

# The server's git must not be led astray by whoever starts the tests.
SETTINGS = {"safe.directory": "*", "http.receivepack": "true"}


class Cut(Exception):
    """The connection ends here, without a word."""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("moods")
    parser.add_argument("log")
    parser.add_argument("--auth")
    parser.add_argument("--tls", nargs=2)
    return parser.parse_args()


def backend_environment():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment.update(GIT_PROJECT_ROOT=OPTIONS.root, GIT_HTTP_EXPORT_ALL="1")
    environment.update(GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null")
    environment["GIT_CONFIG_COUNT"] = str(len(SETTINGS))
    for number, (name, value) in enumerate(SETTINGS.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment


def pour(source, target):
    """Hands on what comes from one side, and its end."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    # An answer in two writes would wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def do_PROPFIND(self):
        self.answer(405, [], b"")

    def do_CONNECT(self):
        host, port = self.path.rsplit(":", 1)
        self.log_line({"method": "CONNECT", "path": self.path})
        with socket.create_connection((host, int(port))) as server:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=pour, args=(server, self.connection), daemon=True)
            back.start()
            pour(self.connection, server)
            back.join()
        self.close_connection = True

    def read_moods(self):
        with open(OPTIONS.moods) as file:
            self.moods = json.load(file)

    def is_held(self):
        return self.moods.get("hold", "/ ") in self.path

    def wait_while_held(self):
        self.read_moods()
        if self.is_held():
            self.log_line({"held": self.path})
        while self.is_held():
            time.sleep(0.01)
            self.read_moods()

    def serve(self):
        self.wait_while_held()
        self.received = 0
        self.note = {"method": self.command, "path": self.path, "status": None}
        self.note["proxied"] = self.path.startswith("http://")
        self.note["encoding"] = self.headers.get("Content-Encoding")
        self.note["user"] = self.user()
        try:
            self.note["status"] = self.handle_request()
        except (Cut, ConnectionError):
            self.close_connection = True
        finally:
            self.note["bytes"] = self.received
            self.log_line(self.note)

    def log_line(self, note):
        with LOCK, open(OPTIONS.log, "a") as log:
            log.write(json.dumps(note) + "\n")

    def handle_request(self):
        url = urlsplit(self.path)
        is_push = "git-receive-pack" in self.path
        sends_pack = self.command == "POST" and is_push
        body = self.body(self.moods.get("cut_after") if sends_pack else None)
        if "fail" in self.moods:
            return self.answer(self.moods["fail"], [], b"the server is out of sorts\n")
        old, new = self.moods.get("moved", ["/ ", ""])
        if self.path.startswith(old):
            return self.answer(301, [("Location", self.path.replace(old, new, 1))], b"")
        if not self.is_known():
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"who are you?\n")
        if is_push and self.moods.get("refuse_push"):
            return self.answer(403, [], b"you may only read this repository\n")
        status, headers, answer = self.ask_git(url, body)
        # A client first asks with an empty request whether it may send a large one.
        if sends_pack and self.received > 4 and self.moods.get("drop_answer"):
            raise Cut
        if self.command == "POST" and not is_push and "cut_answer" in self.moods:
            answer, whole = answer[: self.moods["cut_answer"]], len(answer)
            return self.answer(status, headers, answer, whole)
        return self.answer(status, headers, answer)

    def user(self):
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        return base64.b64decode(given).decode().partition(":")[0]

    def is_known(self):
        if OPTIONS.auth is None:
            return True
        expected = base64.b64encode(OPTIONS.auth.encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def body(self, limit):
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        chunks = self.chunks() if chunked else self.plain()
        parts = []
        for part in chunks:
            parts.append(part)
            self.received += len(part)
            if limit is not None and self.received >= limit:
                raise Cut
        return b"".join(parts)

    def plain(self):
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            part = self.rfile.read1(min(left, 16384))
            if not part:
                raise Cut
            left -= len(part)
            yield part

    def chunks(self):
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            part = self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return
            yield part

    def ask_git(self, url, body):
        environment = backend_environment()
        environment.update(
            REQUEST_METHOD=self.command,
            PATH_INFO=unquote(url.path),
            QUERY_STRING=url.query,
            CONTENT_TYPE=self.headers.get("Content-Type", ""),
            CONTENT_LENGTH=str(len(body)),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
            REMOTE_USER=self.note["user"] or "",
            REMOTE_ADDR=self.client_address[0],
        )
        command = ["git", "http-backend"]
        done = subprocess.run(command, input=body, env=environment, stdout=subprocess.PIPE)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = [value for name, value in headers if name == "Status"]
        headers = [(name, value) for name, value in headers if name != "Status"]
        return int(status[0].split()[0]) if status else 200, headers, answer

    def answer(self, status, headers, body, announced=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(announced or len(body)))
        self.end_headers()
        self.wfile.write(body)
        if announced and announced > len(body):
            raise Cut
        return status

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    tls = None

    def finish_request(self, request, client_address):
        # The handshake belongs to the client's own thread.
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        with request:
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)


OPTIONS = arguments()
LOCK = threading.Lock()


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if OPTIONS.tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*OPTIONS.tls)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"port {server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
