"""A node of ours as a process on loopback, held by its control socket."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

# Where blocks are paid that nobody spends.
NOBODY = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, ask, seconds=60.0, every=0.1):
    """Waits until `ask` gives something true; says what is missing if it does not."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s: {what}")
        time.sleep(every)


class Refused(Exception):
    """What a call answered in place of a result."""


class Node:
    def __init__(self, program, *options, folder=None, host="127.0.0.1"):
        self.program = os.path.realpath(program)
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="forthcoin-net-")
        self.host = host
        self.port = free_port()
        self.options = options
        self.process = None
        self.start()

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [self.program, "regtest", "--datadir", self.folder,
             f"--listen={self.host}:{self.port}", *self.options],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={k: v for k, v in os.environ.items() if not k.startswith("FORTHCOIN_")})
        self.socket = os.path.join(self.folder, "regtest", "control.sock")

        def answers():
            assert self.process.poll() is None, f"the node ended: {self.said()}"
            try:
                self.rpc("getblockcount")
                return self.rpc("getnetworkinfo")["listening"]
            except (OSError, ValueError):
                return False
        wait_for("a node that answers", answers, 90)

    def rpc(self, method, *params):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(120)
            door.connect(self.socket)
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
            door.sendall(json.dumps(request).encode() + b"\n")
            with door.makefile("rb") as lines:
                line = lines.readline()
        answer = json.loads(line)
        if answer.get("error"):
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def words(self, text):
        """What a one-liner prints."""
        done = subprocess.run(
            [self.program, "regtest", "--datadir", self.folder, "-e", f"init-storage {text} bye"],
            capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    def mine(self, count, address=NOBODY):
        made = []
        while len(made) < count:
            made += self.rpc("generatetoaddress", min(100, count - len(made)), address)
        return made

    def height(self):
        return self.rpc("getblockcount")

    def tip(self):
        return self.rpc("getbestblockhash")

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        return 0

    def said(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return log.read()[-3000:]

    def stop(self, kill=False):
        if self.process and self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(60)
        self.log.close()

    def close(self):
        self.stop()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.said())
        self.close()
