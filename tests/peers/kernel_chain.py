"""Bitcoin Core's engine (py-bitcoinkernel) beside ours.

    kernel_chain.py import FILE FOLDER [THREADS]   imports a framed file of regtest blocks, prints tip and
                                 memory; THREADS check scripts beside the one that connects
    kernel_chain.py hashes HEXFILE       processes one hex block a line, prints every hash of the chain
    kernel_chain.py compare CASES        replays cases that our tests wrote and compares verdicts

A line of CASES is `new`, which starts a fresh chain, or a block in hex, `ok` or our reject reason,
and the tip (hash) after it, with tabs between. `FORTHCOIN_KERNEL_CASES=FILE cargo test -p chain` writes
them.
"""

import os
import resource
import sys
import tempfile

import pbk


class Kernel:
    """A regtest chain in a folder."""

    def __init__(self, folder, threads=2):
        self.checked = {}
        options = pbk.ContextOptions()
        options.set_chainparams(pbk.ChainParameters(pbk.ChainType.REGTEST))
        self.callbacks = pbk.ValidationInterfaceCallbacks(block_checked=self.block_checked)
        options.set_validation_interface(self.callbacks)
        self.context = pbk.Context(options)
        options = pbk.ChainstateManagerOptions(self.context, folder, folder + "/blocks")
        options.set_worker_threads_num(threads)
        self.chainman = pbk.ChainstateManager(options)

    def block_checked(self, _, block, state):
        self.checked[str(block.block_hash)] = (state.validation_mode, state.block_validation_result)

    def process(self, raw):
        """Whether the block was taken and, if it was connected, good; and what is said of it."""
        self.checked.clear()
        block = pbk.Block(raw)
        said = None
        try:
            self.chainman.process_block(block)
        except pbk.ProcessBlockException:
            return False, self.checked.get(str(block.block_hash))
        said = self.checked.get(str(block.block_hash))
        return said is None or said[0] == pbk.ValidationMode.VALID, said

    def tip(self):
        chain = self.chainman.get_active_chain()
        return chain.height, str(chain.block_tree_entries[chain.height].block_hash)


def do_import(file, folder, threads="2"):
    os.makedirs(folder + "/blocks")
    kernel = Kernel(folder, int(threads))
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


def do_compare(file):
    log = []
    connection = pbk.LoggingConnection(log.append)
    pbk.set_log_level_category(pbk.LogCategory.VALIDATION, pbk.LogLevel.DEBUG)
    pbk.enable_log_category(pbk.LogCategory.VALIDATION)
    kernel = folder = None
    chains = blocks = refused = unsaid = 0
    for number, line in enumerate(open(file), 1):
        line = line.rstrip("\n")
        if line == "new":
            if kernel is not None:
                del kernel.chainman
            folder = tempfile.TemporaryDirectory()
            kernel = Kernel(folder.name)
            chains += 1
            continue
        raw, verdict, tip = line.split("\t")
        log.clear()
        try:
            ok, said = kernel.process(bytes.fromhex(raw))
        except RuntimeError as error:
            ok, said = False, str(error)
        blocks += 1
        if ok != (verdict == "ok") or kernel.tip()[1] != tip:
            sys.exit(
                f"line {number}: ours {verdict!r}, tip {tip}; Core's {ok} {said}, "
                f"tip {kernel.tip()}\n{log}"
            )
        if verdict not in ("ok", "decode"):
            refused += 1
            # The engine tells the reason to its log alone, once for a block.
            if not any(verdict in text for text in log):
                unsaid += 1
                print(f"line {number}: ours {verdict!r} {said}; Core's log: {log}")
    print(
        f"{chains} chains, {blocks} blocks, {refused} refused: verdicts and tips agree; "
        f"{unsaid} reasons are not in Core's log"
    )
    del connection
    sys.exit(1 if unsaid else 0)


if __name__ == "__main__":
    {"import": do_import, "hashes": do_hashes, "compare": do_compare}[sys.argv[1]](*sys.argv[2:])
