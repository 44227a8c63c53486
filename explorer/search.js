// What somebody types, to the page that shows it.

import { route } from "./dom.js";

/// The page of a height, a block's hash, a transaction's id (or output TXID:N), or an address.
export async function find(node, typed) {
  const text = typed.trim();
  if (text === "") throw new Error("Type a height, a hash, a transaction id or an address.");
  const digits = text.replace(/[,_ ]/g, "");
  if (/^\d{1,10}$/.test(digits)) {
    const tip = await node.ask("getblockcount");
    if (Number(digits) > tip) throw new Error(`There is no block ${digits} yet: the chain ends at ${tip}.`);
    return route("block", Number(digits));
  }
  const hash = /^(?:0x)?([0-9a-f]{64})(?::\d+)?$/i.exec(text)?.[1].toLowerCase();
  if (hash) {
    const [header, raw, chain] = await node.askAll([
      ["getblockheader", [hash]], ["getrawtransaction", [hash]], ["gettransaction", [hash]],
    ]);
    if (header.value) return route("block", hash);
    if (raw.value || chain.value) return route("tx", hash);
    throw new Error(`Neither a block nor a transaction ${hash.slice(0, 12)}… is known here.`);
  }
  await node.ask("getaddressbalance", [text]);
  return route("address", text);
}
