"""bcoin as a regtest peer: we sync 500 blocks from it, it follows ours, transactions go both ways."""

import json
import os
import subprocess
import sys

from net_node import NOBODY, Node, free_port, wait_for


class Bcoin:
    def __init__(self, folder):
        self.port = free_port()
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "net_bcoin.js")
        self.process = subprocess.Popen(
            ["node", script, folder, str(self.port), str(free_port())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_BACKEND": "js"})
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):
            line = self.process.stdout.readline()
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer.get("result")

    def __call__(self, *act):
        self.process.stdin.write(json.dumps(act) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.kill()
        self.process.wait(20)


def main(program, folder):
    bcoin = Bcoin(os.path.abspath(folder))
    try:
        tip = bcoin("mine", 500)
        assert tip["height"] == 500, tip
        with Node(program, f"--peer=127.0.0.1:{bcoin.port}") as node:
            wait_for("bcoin's 500 blocks", lambda: node.tip() == tip["hash"], 60)
            info = wait_for("bcoin among our peers", lambda: node.rpc("getpeerinfo"), 10)[0]
            agent = info["subver"]
            sent = bcoin("send", 1)
            wait_for("bcoin's transaction in our pool",
                     lambda: sent in node.rpc("getrawmempool"), 60)
            made = bcoin("make", 2)
            assert node.rpc("sendrawtransaction", made["hex"]) == made["txid"]
            wait_for("our transaction in bcoin's pool", lambda: made["txid"] in bcoin("pool"), 60)
            ours = node.mine(3, NOBODY)[-1]
            wait_for("our blocks at bcoin", lambda: bcoin("tip")["hash"] == ours, 60)
            assert node.rpc("getrawmempool") == []
            theirs = bcoin("mine", 2)["hash"]
            wait_for("its next blocks at ours", lambda: node.tip() == theirs, 60)
            info = node.rpc("getpeerinfo")[0]
            assert info["banscore"] == 0, info
            print(f"bcoin ({agent}): 500 blocks from it, 3 to it, a transaction each way")
    finally:
        bcoin.close()


main(sys.argv[1], sys.argv[2])
