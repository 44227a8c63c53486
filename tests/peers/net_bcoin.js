'use strict';
// A full node of bcoin on regtest, in memory, held by lines of JSON on standard input.
const readline = require('readline');
const path = require('path');

// LevelDB is C++ that was not built; a node in memory opens no database of it.
const Module = require('module');
const load = Module._load;
Module._load = (name, ...rest) => (name === 'leveldown' ? class {} : load(name, ...rest));

const bcoin = require(path.join(process.argv[2], 'node_modules', 'bcoin'));
const {FullNode, KeyRing, MTX, Coin, TX} = bcoin;

bcoin.set('regtest');
const node = new FullNode({
  network: 'regtest', memory: true, workers: false, listen: true, logConsole: true, logLevel: 'none',
  publicHost: '127.0.0.1', host: '127.0.0.1', port: Number(process.argv[3]),
  httpHost: '127.0.0.1', httpPort: Number(process.argv[4]), noAuth: true, noDns: true,
  persistent: false, bip151: false
});
const ring = KeyRing.generate('regtest');
ring.witness = true;

async function mine(count) {
  for (let i = 0; i < count; i++) {
    const job = await node.miner.createJob(null, ring.getAddress());
    const block = await job.mineAsync();
    await node.chain.add(block);
  }
  return tip();
}

function tip() {
  return {height: node.chain.height, hash: node.chain.tip.rhash()};
}

// Spends the coinbase of a height.
async function spend(height) {
  const block = await node.getBlock(height);
  const mtx = new MTX();
  const coin = Coin.fromTX(block.txs[0], 0, height);
  mtx.addCoin(coin);
  mtx.addOutput(ring.getAddress(), coin.value - 10000);
  mtx.sign(ring);
  return mtx.toTX();
}

const acts = {
  mine, tip,
  // As its own: it tells its peers.
  send: async (height) => {
    const tx = await spend(height);
    await node.sendTX(tx);
    node.relay(tx);
    return tx.txid();
  },
  // As hex, for somebody else to tell.
  make: async (height) => {
    const tx = await spend(height);
    return {txid: tx.txid(), hex: tx.toRaw().toString('hex')};
  },
  pool: () => [...node.mempool.map.values()].map(entry => entry.tx.txid()),
  peers: () => node.pool.peers.size()
};

(async () => {
  await node.ensure();
  await node.open();
  await node.connect();
  node.startSync();
  console.log(JSON.stringify({result: 'ready'}));
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [name, ...args] = JSON.parse(line);
    try {
      console.log(JSON.stringify({result: await acts[name](...args)}));
    } catch (e) {
      console.log(JSON.stringify({error: e.stack}));
    }
  }
  process.exit(0);
})().catch((e) => {
  console.log(JSON.stringify({error: e.stack}));
  process.exit(1);
});
