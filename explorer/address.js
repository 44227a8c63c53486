// One address: what it holds, and its transactions page by page, newest first.

import { card, el, facts, link, pager, route, shortHash, table, wholeHash } from "./dom.js";
import { coins, count, plural } from "./format.js";

const PAGE = 25;
const MOST_COINS_SHOWN = 50;

/// `#/address/ADDRESS` and `#/address/ADDRESS/HEIGHT.POSITION`, the place before which a page begins.
export async function address(node, text, place) {
  const [height, position] = (place ?? "").split(".").map(Number);
  const before = place && Number.isInteger(height) && Number.isInteger(position) ? { height, position } : null;
  const history = before ? [text, PAGE, before] : [text, PAGE];
  const [balance, pageReply, unspent] = await node.askAll([
    ["getaddressbalance", [text]], ["getaddresshistory", history], ["getaddressutxos", [text]],
  ]);
  if (balance.error) throw balance.error;
  if (pageReply.error) throw pageReply.error;
  const { transactions, next } = pageReply.value;
  const isScript = /^([0-9a-fA-F]{2})+$/.test(text);
  const change = (entry) => {
    const sum = Number(entry.received) - Number(entry.spent);
    return el("span", { class: sum < 0 ? "out" : "in" }, `${sum < 0 ? "−" : "+"}${coins(Math.abs(sum))}`);
  };
  const rows = transactions.map((entry) => [
    shortHash(entry.txid, "tx"), link(count(entry.height), "block", entry.height), count(entry.confirmations), change(entry),
  ]);
  const held = (unspent.value ?? []).sort((a, b) => b.height - a.height).slice(0, MOST_COINS_SHOWN).map((coin) => [
    shortHash(coin.txid, "tx"), String(coin.vout), link(count(coin.height), "block", coin.height),
    el("span", {}, coins(coin.value), coin.coinbase ? " (new coins)" : ""),
  ]);
  const older = next ? route("address", text, `${next.height}.${next.position}`) : null;
  const newest = before ? route("address", text) : null;
  const pending = el("div", { class: "pending" });
  const found = balance.value.utxos > 0 || transactions.length > 0 || before;
  return {
    title: isScript ? "Script" : `Address ${text.slice(0, 14)}`,
    nodes: [
      el("h1", { tabindex: "-1" }, isScript ? "Script" : "Address"),
      el("section", { class: "card", "aria-label": "The address" }, facts([
        [isScript ? "Script" : "Address", wholeHash(text)],
        ["Holds", el("strong", { class: "big" }, `${coins(balance.value.balance)} coins`)],
        ["Unspent outputs", count(balance.value.utxos)],
      ])),
      !found && el("p", { class: "notice" }, "Nothing on the chain has paid it yet."),
      pending,
      card("Transactions", rows.length
        ? table("Transactions of the address, newest first", ["Transaction", "Block", "Confirmations", "Change"], rows, { class: "list" })
        : el("p", { class: "empty" }, "None."),
      pager("Pages of transactions", newest, older, before ? `before block ${count(height)}` : "newest")),
      held.length > 0 && card("Unspent outputs",
        table("Unspent outputs", ["Transaction", "Output", "Block", "Coins"], held, { class: "list" }),
        balance.value.utxos > held.length && el("p", { class: "all" }, `The first ${held.length} of ${plural(balance.value.utxos, "output", "outputs")}.`)),
    ],
    watch: isScript ? null : text,
    onAddress(event) {
      if (event.confirmed) return "reload";
      const sum = Number(event.received) - Number(event.sent);
      pending.append(el("p", { class: "notice" }, `Unconfirmed: ${sum < 0 ? "−" : "+"}${coins(Math.abs(sum))} coins by `, shortHash(event.txid, "tx")));
      return null;
    },
  };
}
