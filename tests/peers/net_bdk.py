"""BDK's wallet syncs a balance from our compact filters over the peer protocol (BIP157)."""

import asyncio
import sys
import tempfile

import bdkpython as bdk

from net_node import NOBODY, Node


def wallet():
    mnemonic = bdk.Mnemonic.from_string(
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
        "about")
    key = bdk.DescriptorSecretKey(bdk.NetworkKind.TEST, mnemonic, None)
    parts = [bdk.Descriptor.new_bip84(key, kind, bdk.NetworkKind.TEST)
             for kind in (bdk.KeychainKind.EXTERNAL, bdk.KeychainKind.INTERNAL)]
    return bdk.Wallet(*parts, bdk.Network.REGTEST, bdk.Persister.new_in_memory())


async def sync(wallet, port, folder):
    peer = bdk.Peer(address=bdk.IpAddress.from_ipv4(127, 0, 0, 1), port=port, v2_transport=False)
    builder = bdk.CbfBuilder().connections(1).peers([peer]).only_configured_peers()
    components = builder.data_dir(folder).scan_type(bdk.ScanType.SYNC()).build(wallet)
    components.node.run()

    async def warnings():
        while True:
            print("bdk:", await components.client.next_warning(), file=sys.stderr)

    listener = asyncio.ensure_future(warnings())
    try:
        update = await asyncio.wait_for(components.client.update(), 90)
    finally:
        listener.cancel()
    wallet.apply_update(update)
    components.client.shutdown()


def main(program):
    light = wallet()
    address = str(light.reveal_next_address(bdk.KeychainKind.EXTERNAL).address)
    with Node(program, "--filters") as node, tempfile.TemporaryDirectory() as folder:
        node.mine(5)
        node.mine(3, address)
        node.mine(110)
        names = node.rpc("getnetworkinfo")["localservicesnames"]
        assert "COMPACT_FILTERS" in names, names
        asyncio.run(sync(light, node.port, folder))
        balance = light.balance().total.to_sat()
        assert balance == 3 * 50 * 100_000_000, balance
        assert light.latest_checkpoint().height == 118, light.latest_checkpoint()
        print(f"bdk: {balance} base units found by filters of 118 blocks")


main(sys.argv[1])
