// The unconfirmed transactions, best paying first.

import { el, facts, pager, route, shortHash, table } from "./dom.js";
import { ago, bytes, coins, count, feeRate } from "./format.js";

const PAGE = 50;
/// A larger pool is not listed: its ids alone would be megabytes.
const MOST_LISTED = 20_000;

/// `#/mempool` and `#/mempool/PAGE`.
export async function mempool(node, pageText) {
  const info = await node.ask("getmempoolinfo");
  const txids = info.size > MOST_LISTED ? [] : await node.ask("getrawmempool");
  const pages = Math.max(1, Math.ceil(txids.length / PAGE));
  const page = Math.min(pages, Math.max(1, Number.parseInt(pageText ?? "1", 10) || 1));
  const shown = txids.slice((page - 1) * PAGE, page * PAGE);
  const entries = await node.askAll(shown.map((txid) => ["getmempoolentry", [txid]]));
  const rows = entries.flatMap(({ value }, at) => value ? [[
    shortHash(shown[at], "tx"), `${count(value.vsize)} vB`, coins(value.fees.base),
    feeRate((Number(value.fees.base) / value.vsize) * 1000), String(value.ancestorcount - 1), ago(value.time),
  ]] : []);
  return {
    title: "Mempool",
    nodes: [
      el("h1", { tabindex: "-1" }, "Mempool"),
      el("section", { class: "card", "aria-label": "The mempool" }, facts([
        ["Transactions", count(info.size)],
        ["Size", `${bytes(info.bytes).replace(/B$/, "vB")}, ${bytes(info.usage)} of ${bytes(info.maxmempool)} of memory`],
        ["Fees", `${coins(info.total_fee)} coins`],
        ["Lowest rate taken", feeRate(Number(info.mempoolminfee))],
      ])),
      el("section", { class: "card", "aria-label": "Unconfirmed transactions" },
        info.size > MOST_LISTED && el("p", { class: "empty" }, "There are too many to list."),
        info.size === 0 && el("p", { class: "empty" }, "No unconfirmed transactions."),
        rows.length > 0 && table("Unconfirmed transactions", ["Transaction", "Size", "Fee", "Fee rate", "Builds on", "Entered"], rows, { class: "list" }),
        pages > 1 && pager("Pages of the mempool", page > 1 ? route("mempool", page - 1) : null,
          page < pages ? route("mempool", page + 1) : null, `${page} of ${pages}`)),
    ],
    onBlock: "reload",
    onPool: "reload",
  };
}
