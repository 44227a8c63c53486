// The list of all blocks, and one block with its transactions.

import { card, el, facts, link, pager, route, shortHash, table, wholeHash } from "./dom.js";
import { ago, bytes, coins, count, plural, significant, when } from "./format.js";

const LIST_PAGE = 25;
const TX_PAGE = 20;

/// `#/blocks` and `#/blocks/HEIGHT`: a page of blocks from a height downwards.
export async function blockList(node, from) {
  const tip = await node.ask("getblockcount");
  const top = /^\d{1,9}$/.test(from ?? "") ? Math.min(Number(from), tip) : tip;
  const last = Math.max(0, top - LIST_PAGE + 1);
  const calls = [];
  for (let height = top; height >= last; height--) calls.push(["getblockheader", [height, true]]);
  const replies = await node.askAll(calls);
  const rows = replies.filter((reply) => reply.value).map(({ value }) => [
    link(count(value.height), "block", value.height), shortHash(value.hash, "block"), count(value.nTx),
    significant(Number(value.difficulty)), el("span", { title: when(value.time) }, ago(value.time)),
  ]);
  const newer = top < tip ? route("blocks", Math.min(tip, top + LIST_PAGE)) : null;
  const older = last > 0 ? route("blocks", last - 1) : null;
  return {
    title: "Blocks",
    nodes: [
      el("h1", { tabindex: "-1" }, "Blocks"),
      el("section", { class: "card", "aria-label": "Blocks" },
        table("Blocks of the best chain", ["Height", "Hash", "Transactions", "Difficulty", "Age"], rows, { class: "list" }),
        pager("Pages of blocks", newer, older, `${count(top)} to ${count(last)}`)),
    ],
    // The newest page follows the chain.
    onBlock: top === tip ? "reload" : null,
  };
}

/// What a transaction moves, for one row of a list.
export function summary(tx) {
  const out = tx.vout.reduce((sum, output) => sum + Number(output.value), 0);
  const coinbase = tx.vin.some((input) => input.coinbase !== undefined);
  return [
    shortHash(tx.txid, "tx"),
    coinbase ? "new coins" : plural(tx.vin.length, "input", "inputs"),
    plural(tx.vout.length, "output", "outputs"),
    coins(out),
    tx.fee === undefined ? "–" : coins(tx.fee),
  ];
}

/// `#/block/ID` and `#/block/ID/PAGE`; the id is a height or a hash.
export async function block(node, id, pageText) {
  const shown = await node.ask("getblock", [id, 1]);
  const pages = Math.max(1, Math.ceil(shown.tx.length / TX_PAGE));
  const page = Math.min(pages, Math.max(1, Number.parseInt(pageText ?? "1", 10) || 1));
  const first = (page - 1) * TX_PAGE;
  const txids = shown.tx.slice(first, first + TX_PAGE);
  const replies = shown.height === 0
    ? await node.askAll(txids.map((txid) => ["gettransaction", [txid]]))
    : await node.askAll(txids.map((txid) => ["getrawtransaction", [txid, 2, shown.hash]]));
  const rows = replies.map(({ value }, at) => value ? summary(value) : [shortHash(txids[at], "tx"), "–", "–", "–", "–"]);
  const confirmations = el("span", {}, confirmed(shown.confirmations));
  const step = (text, hash) => hash && shortHash(hash, "block");
  return {
    title: `Block ${shown.height}`,
    nodes: [
      el("div", { class: "head" },
        el("h1", { tabindex: "-1" }, `Block ${count(shown.height)}`),
        pager("Neighbouring blocks",
          shown.previousblockhash ? route("block", shown.previousblockhash) : null,
          shown.nextblockhash ? route("block", shown.nextblockhash) : null, "")),
      shown.confirmations < 0 && el("p", { class: "notice warn" }, "This block is not on the best chain."),
      el("section", { class: "card", "aria-label": "The block" }, facts([
        ["Hash", wholeHash(shown.hash)],
        ["Made", el("time", { datetime: new Date(shown.time * 1000).toISOString() }, `${when(shown.time)} (${ago(shown.time)})`)],
        ["Confirmations", confirmations],
        ["Transactions", count(shown.nTx)],
        ["Size", `${bytes(shown.size)} (${count(shown.weight)} weight units)`],
        ["Difficulty", significant(Number(shown.difficulty), 8)],
        ["Bits, nonce", el("span", { class: "mono" }, `${shown.bits}, ${shown.nonce}`)],
        ["Version", el("span", { class: "mono" }, `0x${shown.versionHex}`)],
        ["Merkle root", el("span", { class: "mono wrap" }, shown.merkleroot)],
        ["Previous block", step("previous", shown.previousblockhash)],
        ["Next block", step("next", shown.nextblockhash)],
        ["Work of the chain", el("span", { class: "mono wrap" }, `0x${shown.chainwork.replace(/^0+(?=.)/, "")}`)],
      ])),
      card("Transactions",
        table("Transactions of the block", ["Transaction", "Spends", "Makes", "Coins", "Fee"], rows, { class: "list" }),
        pages > 1 && pager("Pages of transactions",
          page > 1 ? route("block", id, page - 1) : null,
          page < pages ? route("block", id, page + 1) : null, `${page} of ${pages}`)),
    ],
    async onBlock() {
      const header = await node.ask("getblockheader", [shown.hash]);
      confirmations.textContent = confirmed(header.confirmations);
      return Boolean(header.nextblockhash) !== Boolean(shown.nextblockhash) || header.confirmations < 0 ? "reload" : null;
    },
  };
}

export function confirmed(confirmations) {
  if (confirmations < 0) return "none: another branch has more work";
  return confirmations === 0 ? "none yet: it waits in the mempool" : count(confirmations);
}
