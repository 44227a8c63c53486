"""Bitcoin Core's engine (py-bitcoinkernel) beside ours.

    kernel_chain.py import FILE FOLDER   imports a framed file of regtest blocks, prints tip and memory
    kernel_chain.py hashes HEXFILE       processes one hex block a line, prints every hash of the chain
    kernel_chain.py compare CASES        replays cases that our tests wrote and compares verdicts

A line of CASES is `new`, which starts a fresh chain, or `HEX VERDICT TIP`: a block in hex, `ok` or
our reject reason, and the tip (hash) after it.
"""

import re
import resource
import sys
import tempfile

import pbk


class Kernel:
    """A regtest chain in a folder; the last reject reason is read from the engine's log."""

    def __init__(self, folder, threads=2):
        self.last = None
        options = pbk.ContextOptions()
        options.set_chainparams(pbk.ChainParameters(pbk.ChainType.REGTEST))
        self.callbacks = pbk.ValidationInterfaceCallbacks(block_checked=self.checked)
        options.set_validation_interface(self.callbacks)
        self.context = pbk.Context(options)
        options = pbk.ChainstateManagerOptions(self.context, folder, folder + "/blocks")
        options.set_worker_threads_num(threads)
        self.chainman = pbk.ChainstateManager(options)

    def checked(self, _, block, state):
        self.last = state.validation_mode, state.block_validation_result

    def process(self, raw):
        """Whether the block was taken without a broken rule, and what class of fault it was."""
        self.last = None
        try:
            self.chainman.process_block(pbk.Block(raw))
        except pbk.ProcessBlockException:
            return False, self.last
        return self.last is None or self.last[0] == pbk.ValidationMode.VALID, self.last

    def tip(self):
        chain = self.chainman.get_active_chain()
        return chain.height, str(chain.block_tree_entries[chain.height].block_hash)


def do_import(file, folder):
    import os

    os.makedirs(folder + "/blocks")
    pbk.logging_disable = True
    kernel = Kernel(folder)
    # The C call gives 0 for success.
    assert not kernel.chainman.import_blocks([file])
    height, _ = kernel.tip()
    del kernel.chainman
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"height {height}, user {usage.ru_utime:.2f} s, system {usage.ru_stime:.2f} s, "
        f"VmHWM: {usage.ru_maxrss} kB"
    )


def do_hashes(file):
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel(folder)
        for line in open(file):
            if line.strip():
                ok, why = kernel.process(bytes.fromhex(line.strip()))
                assert ok, why
        chain = kernel.chainman.get_active_chain()
        for entry in chain.block_tree_entries:
            print(entry.height, entry.block_hash)


REASON = re.compile(r"\(?(?P<reason>[a-zA-Z0-9-]+(?:\(0x[0-9a-f]+\))?(?: \([^)]*\))?)(?:, (?P<debug>.*?))?\)?$")


def reason_of(lines):
    """The reject reason in what the engine logged while it took a block."""
    for line in reversed(lines):
        for mark in (" FAILED (", "Consensus::CheckTxInputs: ", "ConnectBlock: ", "InvalidChainFound", "AcceptBlockHeader: ", "CheckBlock: "):
            pass
        found = re.search(
            r"(?:FAILED \(|AcceptBlock: |AcceptBlockHeader: [^:]*|ConnectTip: [^:]*|ConnectBlock\(\): |"
            r"InvalidBlockFound[^:]*|Block validation error: |error: )(?P<reason>[a-zA-Z0-9().x -]*)",
            line,
        )
        if found:
            return line.strip()
    return lines[-1].strip() if lines else ""


def do_compare(file):
    lines = []
    pbk.logging_set_options(pbk.LoggingOptions()) if False else None
    connection = pbk.LoggingConnection(lambda message: lines.append(message))
    pbk.enable_log_category(pbk.LogCategory.VALIDATION)
    pbk.set_log_level_category(pbk.LogCategory.ALL, pbk.LogLevel.DEBUG)
    kernel, folder = None, None
    chains = blocks = broken = unsaid = 0
    for number, line in enumerate(open(file), 1):
        line = line.strip()
        if line == "new":
            if kernel is not None:
                del kernel.chainman
            kernel = None
            folder = tempfile.TemporaryDirectory()
            kernel = Kernel(folder.name)
            chains += 1
            continue
        raw, verdict, tip = line.rsplit("\t", 2)
        del lines[:]
        try:
            ok, why = kernel.process(bytes.fromhex(raw))
        except RuntimeError as error:
            ok, why = False, error
        blocks += 1
        if ok != (verdict == "ok") or kernel.tip()[1] != tip:
            sys.exit(f"line {number}: we say {verdict}, tip {tip}; Core: {ok} {why} {kernel.tip()} {lines}")
        if verdict != "ok":
            broken += 1
            text = " ".join(lines)
            said = verdict.split(" (")[0]
            if verdict == "decode":
                continue
            if said not in text:
                unsaid += 1
                print(f"line {number}: we say {verdict}; Core's log: {lines}")
    print(f"{chains} chains, {blocks} blocks, {broken} refused: same verdicts and tips; "
          f"{unsaid} reasons not found in Core's log")
    del connection
    sys.exit(1 if unsaid else 0)


if __name__ == "__main__":
    {"import": do_import, "hashes": do_hashes, "compare": do_compare}[sys.argv[1]](*sys.argv[2:])
