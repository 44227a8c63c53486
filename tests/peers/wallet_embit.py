"""Descriptors and PSBTs, ours and PyPI embit's: each reads, signs and finishes the other's.

Usage: wallet_embit.py PROGRAM
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from embit import bip32, bip39
from embit.descriptor import Descriptor
from embit.networks import NETWORKS
from embit.psbt import PSBT, DerivationPath
from embit.script import Script, address_to_scriptpubkey
from embit.transaction import Transaction, TransactionInput, TransactionOutput

NETWORK = NETWORKS["regtest"]
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "wallet-examples"
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


class Ours:
    """The program, without chain and socket, in a folder of its own."""

    def __init__(self, program: str, folder: str):
        self.program, self.folder = program, folder

    def __call__(self, code: str) -> str:
        command = [self.program, "regtest", "--offline", "--datadir", self.folder + "/data"]
        env = dict(os.environ, FORTHCOIN_PASSPHRASE_FILE=str(EXAMPLES / "passphrase"))
        ran = subprocess.run(
            [*command, "-e", code + "\nbye"],
            cwd=self.folder, env=env, capture_output=True, text=True, check=False,
        )
        if ran.returncode != 0:
            raise SystemExit(f"{code}: {ran.stderr}")
        return ran.stdout.strip()

    def write(self, name: str, psbt: PSBT) -> None:
        pathlib.Path(self.folder, name).write_text(psbt.to_string())

    def read(self, name: str) -> PSBT:
        return PSBT.from_string(pathlib.Path(self.folder, name).read_text().strip())


def roots() -> list:
    phrases = (EXAMPLES / "phrases").read_text().splitlines()
    seeds = [bip39.mnemonic_to_seed(phrase) for phrase in phrases]
    return [bip32.HDKey.from_seed(seed, version=NETWORK["xprv"]) for seed in seeds]


def descriptors(ours: Ours) -> int:
    """The addresses that embit derives from our descriptors are those that we give out."""
    compared = 0
    for wallet, account in [("plain", "segwit"), ("plain", "taproot"), ("watch-only", "watch-0")]:
        shown = ours(f"load {wallet}.wallet use-account {account} wallet-info")
        lines = [line.split()[-1] for line in shown.splitlines() if "descriptor" in line]
        names = [line.split()[-1] for line in shown.splitlines() if line.strip().startswith("name")]
        theirs = Descriptor.from_string(lines[names.index(account)])
        given = ours(
            f"load {wallet}.wallet use-account {account} : five 5 0 do next-address type cr loop ; five"
        ).split()
        for index, address in enumerate(given):
            wanted = theirs.derive(first(theirs, given[0]) + index, 0)
            assert wanted.address(NETWORK) == address, (wallet, account, index)
            compared += 1
    return compared


def first(theirs, address) -> int:
    """How many addresses the sample wallet has given out already."""
    for index in range(50):
        if theirs.derive(index, 0).address(NETWORK) == address:
            return index
    raise SystemExit(f"{address} is not of the descriptor")


def ceremony(ours: Ours, keys: list) -> str:
    """Two of embit's signers and one of ours; we finish."""
    psbt = ours.read("1-unsigned.psbt")
    assert psbt.sign_with(keys[0]) == 1 and psbt.sign_with(keys[2]) == 1
    ours.write("theirs.psbt", psbt)
    ours("load signer-4.wallet multisig-sign theirs.psbt mixed.psbt")
    raw = ours("psbt-extract mixed.psbt")
    tx = Transaction.from_string(raw)
    assert tx.txid() == psbt.tx.txid()
    # Version 2, as we write it, is the same to embit.
    ours('s" mixed.psbt" 2 s" two.psbt" psbt-convert-to')
    assert ours.read("two.psbt").tx.txid() == tx.txid()
    return tx.txid().hex()


def single(ours: Ours, root, purpose: int, account: str) -> str:
    """A PSBT that embit made, signed and finished by us, and by embit."""
    path = bip32.parse_path(f"m/{purpose}h/1h/0h/0/3")
    key = root.derive(path)
    descriptor = {84: "wpkh", 86: "tr"}[purpose]
    script = Descriptor.from_string(f"{descriptor}({key.key.get_public_key()})").script_pubkey()
    # The transaction that made the coin: we sign no amount that is not proven by it.
    before = Transaction(
        2,
        [TransactionInput(bytes(range(32)), 0, sequence=0xFFFFFFFD)],
        [TransactionOutput(1_000, Script(script.data)), TransactionOutput(100_000_000, Script(script.data))],
        0,
    )
    tx = Transaction(
        2,
        [TransactionInput(before.txid(), 1, sequence=0xFFFFFFFD)],
        [TransactionOutput(99_000_000, address_to_scriptpubkey(PAYEE))],
        0,
    )
    psbt = PSBT(tx)
    psbt.inputs[0].witness_utxo = TransactionOutput(100_000_000, Script(script.data))
    if purpose == 84:
        psbt.inputs[0].non_witness_utxo = before
    origin = DerivationPath(root.my_fingerprint, path)
    public = key.key.get_public_key()
    if purpose == 86:
        psbt.inputs[0].taproot_internal_key = public
        psbt.inputs[0].taproot_bip32_derivations[public] = ([], origin)
    else:
        psbt.inputs[0].bip32_derivations[public] = origin
    name = f"single-{account}.psbt"
    ours.write(name, psbt)
    ours(f"load plain.wallet psbt-sign {name} signed-{name}")
    signed = ours.read("signed-" + name)
    raw = ours(f"psbt-extract signed-{name}")
    assert Transaction.from_string(raw).txid() == psbt.tx.txid()
    # Theirs, finished by us.
    assert psbt.sign_with(root) == 1
    if purpose == 84:
        assert psbt.inputs[0].partial_sigs[public] is not None
        assert signed.inputs[0].partial_sigs.keys() == psbt.inputs[0].partial_sigs.keys()
    ours.write("theirs-" + name, psbt)
    ours(f"psbt-extract theirs-{name}")
    return account


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for pattern in ("*.wallet", "*.psbt"):
            for path in EXAMPLES.glob(pattern):
                pathlib.Path(folder, path.name).write_bytes(path.read_bytes())
        ours = Ours(os.path.abspath(sys.argv[1]), folder)
        keys = roots()
        print(f"{descriptors(ours)} addresses are equal")
        print(f"the treasury's payment {ceremony(ours, keys)} is signed by both")
        for purpose, account in [(84, "segwit"), (86, "taproot")]:
            print(f"{single(ours, keys[0], purpose, account)} is signed by each and finished by us")


if __name__ == "__main__":
    main()
