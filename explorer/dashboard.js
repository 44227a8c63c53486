// The first page: how the chain stands, how it went lately, and what comes in.

import { chart } from "./chart.js";
import { card, el, link, shortHash, tableRow } from "./dom.js";
import { ago, bytes, count, feeRate, plural, rate, significant, span } from "./format.js";
import { Headers, difficulties, hashrates, intervals, transactions } from "./headers.js";

const CHARTED = 72;
const LISTED = 10;
const STREAMED = 12;
/// A pool this large is not asked for what it holds: the stream fills by itself.
const LISTED_POOL = 2000;
/// Blocks may come faster than anybody looks.
const LEAST_BETWEEN_MS = 400;
const FEE_TARGETS = [["next block", 1], ["half an hour", 3], ["two hours", 12], ["a day", 144]];
const BLOCK_HEADS = ["Height", "Hash", "Transactions", "Age"];
const POOL_HEADS = ["Transaction", "Size", "Fee rate"];

function tile(name) {
  const value = el("dd", { class: "value" }, "…");
  const more = el("dd", { class: "more" });
  return { node: el("div", { class: "tile" }, el("dt", {}, name), value, more), value, more };
}

export function dashboard(node) {
  const tiles = {
    height: tile("Height"), age: tile("Tip age"), difficulty: tile("Difficulty"), hashrate: tile("Hashrate"),
    peers: tile("Peers"), pool: tile("Mempool"),
  };
  const charts = {
    intervals: chart("Block interval", "bars", (value) => span(value)),
    transactions: chart("Transactions a block", "bars", (value) => significant(value)),
    difficulty: chart("Difficulty", "line", (value) => significant(value)),
    hashrate: chart("Hashrate", "line", (value) => rate(value)),
  };
  const sync = el("p", { class: "notice", hidden: true });
  const fees = el("dl", { class: "fees" });
  const blockRows = el("tbody");
  const poolRows = el("tbody");
  const poolEmpty = el("p", { class: "empty" }, "No unconfirmed transactions.");
  const headers = new Headers(node, CHARTED);
  const pool = new Map();
  let tip = null;
  let newest = 0;
  let running = false;
  let again = false;
  let stopped = false;

  const list = (caption, heads, body) => el("table", { class: "list" }, el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), body);
  const nodes = [
    el("h1", { class: "hidden", tabindex: "-1" }, "Dashboard"),
    sync,
    el("dl", { class: "tiles" }, Object.values(tiles).map((one) => one.node)),
    el("div", { class: "charts" }, Object.values(charts).map((one) => one.node)),
    el("div", { class: "columns" },
      card("Newest blocks", list("Newest blocks", BLOCK_HEADS, blockRows), el("p", { class: "all" }, el("a", { href: "#/blocks" }, "All blocks"))),
      card("Entering the mempool", list("Newest unconfirmed transactions", POOL_HEADS, poolRows), poolEmpty,
        el("h3", {}, "Fee to be confirmed within"), fees)),
  ];

  function tick() {
    if (!tip) return;
    tiles.age.value.textContent = span(Date.now() / 1000 - tip.time);
    for (const cell of blockRows.querySelectorAll("[data-time]")) cell.textContent = ago(Number(cell.dataset.time));
  }

  function showBlocks(known) {
    const rows = known.slice(-LISTED).reverse().map((header) => tableRow(BLOCK_HEADS, [
      link(count(header.height), "block", header.height),
      shortHash(header.hash, "block"),
      count(header.nTx),
      el("span", { "data-time": header.time }, ago(header.time)),
    ], { class: newest && header.height > newest ? "fresh" : null }));
    blockRows.replaceChildren(...rows);
    newest = known.at(-1).height;
  }

  function showPool() {
    const rows = [...pool.values()].slice(-STREAMED).reverse().map((entry) => tableRow(POOL_HEADS, [
      shortHash(entry.txid, "tx"),
      `${count(entry.vsize)} vB`,
      feeRate((Number(entry.fee) / entry.vsize) * 1000),
    ], { class: entry.fresh ? "fresh" : null }));
    for (const entry of pool.values()) entry.fresh = false;
    poolRows.replaceChildren(...rows);
    poolEmpty.hidden = rows.length > 0;
  }

  async function fillPool(size) {
    pool.clear();
    if (size > 0 && size <= LISTED_POOL) {
      const txids = (await node.ask("getrawmempool")).slice(-STREAMED);
      const entries = await node.askAll(txids.map((txid) => ["getmempoolentry", [txid]]));
      entries.forEach(({ value }, at) => {
        if (value) pool.set(txids[at], { txid: txids[at], vsize: value.vsize, fee: value.fees.base, time: value.time });
      });
    }
    showPool();
  }

  function showPoolSize(poolInfo) {
    tiles.pool.value.textContent = count(poolInfo.size);
    tiles.pool.more.textContent = `${bytes(poolInfo.bytes).replace(/B$/, "vB")} at ${feeRate(Number(poolInfo.mempoolminfee))} and more`;
  }

  function showNumbers(info, net, poolInfo, estimates) {
    tiles.height.value.textContent = count(info.blocks);
    tiles.height.more.replaceChildren(shortHash(info.bestblockhash, "block"));
    tiles.age.more.textContent = "since the newest block says it was made";
    tiles.difficulty.value.textContent = significant(Number(info.difficulty));
    tiles.difficulty.more.textContent = `bits ${info.bits}`;
    if (net) {
      tiles.peers.value.textContent = count(net.connections);
      tiles.peers.more.textContent = `${count(net.connections_in)} in, ${count(net.connections_out)} out`;
    }
    if (poolInfo) showPoolSize(poolInfo);
    const behind = info.headers - info.blocks;
    sync.hidden = behind < 2;
    sync.textContent = `The node is catching up: block ${count(info.blocks)} of ${count(info.headers)} (${Math.floor(info.verificationprogress * 100)} %).`;
    fees.replaceChildren(...FEE_TARGETS.map(([name], at) => el("div", {}, el("dt", {}, name),
      el("dd", {}, estimates[at].value?.feerate ? feeRate(Number(estimates[at].value.feerate)) : "not known yet"))));
  }

  async function refresh(withPool) {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      const [info, net, poolInfo, ...estimates] = await node.askAll([
        ["getblockchaininfo", []], ["getnetworkinfo", []], ["getmempoolinfo", []],
        ...FEE_TARGETS.map(([, blocks]) => ["estimatesmartfee", [blocks]]),
      ]);
      if (info.error) throw info.error;
      if (stopped) return;
      showNumbers(info.value, net.value, poolInfo.value, estimates);
      tip = { time: info.value.time, height: info.value.blocks };
      const known = await headers.upTo(info.value.blocks);
      showBlocks(known);
      charts.transactions.update(transactions(known));
      charts.difficulty.update(difficulties(known));
      charts.intervals.update(intervals(known));
      const rates = hashrates(known);
      charts.hashrate.update(rates);
      tiles.hashrate.value.textContent = rates.length ? rate(rates.at(-1).value) : "–";
      tiles.hashrate.more.textContent = `as ${plural(Math.min(12, rates.length), "block", "blocks")} say`;
      tick();
      if (withPool) await fillPool(poolInfo.value?.size ?? 0);
    } finally {
      setTimeout(() => {
        running = false;
        if (again && !stopped) {
          again = false;
          refresh(false).catch(() => {});
        }
      }, LEAST_BETWEEN_MS);
    }
  }

  async function countPool() {
    showPoolSize(await node.ask("getmempoolinfo"));
  }

  const ticking = setInterval(tick, 1000);
  const looking = setInterval(() => { if (node.isOpen) refresh(false).catch(() => {}); }, 15_000);
  let counting = null;
  return {
    title: "Dashboard",
    nodes,
    start: () => refresh(true),
    stop() {
      stopped = true;
      clearInterval(ticking);
      clearInterval(looking);
      clearTimeout(counting);
    },
    event(event) {
      if (event.type === "reorganisation") headers.forget();
      if (event.type === "block" || event.type === "reorganisation") refresh(false).catch(() => {});
      if (event.type === "transaction" && !event.confirmed) pool.set(event.txid, { ...event, fresh: true });
      else if (event.type === "transaction" || event.type === "removed") pool.delete(event.txid);
      if (event.type === "transaction" || event.type === "removed" || event.type === "missed") {
        while (pool.size > 4 * STREAMED) pool.delete(pool.keys().next().value);
        counting ??= setTimeout(() => {
          counting = null;
          showPool();
          countPool().catch(() => {});
        }, LEAST_BETWEEN_MS);
      }
    },
  };
}
