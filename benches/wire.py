"""A git remote whose every received byte is counted."""
import socket
import subprocess
import sys
import threading
import time


class Wire:
    """A port that leads to another one and counts what clients send."""

    def __init__(self, target):
        self.sent = 0
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, counts):
        try:
            while data := source.recv(1 << 16):
                if counts:
                    self.sent += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Remote:
    """A bare repository behind a counting wire."""

    def __init__(self, folder):
        self.path = folder / "backup.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.path], check=True)
        subprocess.run(["git", "-C", self.path, "config", "gc.auto", "0"], check=True)
        port = free_port()
        programs = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
        self.daemon = subprocess.Popen(
            [f"{programs.stdout.strip()}/git-daemon", "--reuseaddr", "--export-all", "--enable=receive-pack",
             f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"],
            stderr=subprocess.DEVNULL)
        wait_for(port)
        self.wire = Wire(port)
        self.url = f"git://127.0.0.1:{self.wire.port}/backup.git"

    def close(self):
        self.daemon.kill()
        self.daemon.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit("git daemon did not start")
