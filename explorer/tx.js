// One transaction: what it spends and makes, with its scripts read.

import { card, el, facts, link, pager, route, shortHash, wholeHash } from "./dom.js";
import { ago, coins, count, feeRate, plural, when } from "./format.js";
import { confirmed } from "./blocks.js";

const SIDE_PAGE = 50;
const FINAL = 0xffffffff;
const KINDS = {
  pubkey: "public key", pubkeyhash: "P2PKH", scripthash: "P2SH", multisig: "bare multisig",
  witness_v0_keyhash: "P2WPKH", witness_v0_scripthash: "P2WSH", witness_v1_taproot: "P2TR",
  nulldata: "data", nonstandard: "other script", anchor: "anchor", witness_unknown: "later witness version",
};

async function read(node, txid) {
  const [raw, chain] = await node.askAll([["getrawtransaction", [txid, 2]], ["gettransaction", [txid]]]);
  if (!raw.value && !chain.value) throw raw.error;
  const tx = { ...chain.value, ...raw.value };
  tx.isGenesis = !raw.value && tx.height === 0;
  return tx;
}

/// Gives each input of a page what it spends, where the node did not say: that of the mempool.
async function fillPrevouts(node, inputs) {
  const open = inputs.filter((input) => input.txid && !input.prevout);
  const parents = await node.askAll(open.map((input) => ["getrawtransaction", [input.txid, 1]]));
  open.forEach((input, at) => {
    const output = parents[at].value?.vout[input.vout];
    if (output) input.prevout = { value: output.value, scriptPubKey: output.scriptPubKey };
  });
}

/// The address, or what stands for one: the script itself has a page, too.
function owner(script) {
  if (script.address) return el("a", { class: "mono wrap", href: route("address", script.address) }, script.address);
  const kind = KINDS[script.type] ?? script.type;
  if (script.type === "nulldata" || script.hex.length > 1000) return el("span", {}, kind);
  return el("a", { href: route("address", script.hex) }, kind);
}

/// Bytes that read as text, or null.
function printable(hex) {
  const bytes = hex.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? [];
  if (bytes.length < 4) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
    return /^[\P{C}\n]+$/u.test(text) ? text : null;
  } catch {
    return null;
  }
}

const code = (name, text) => text !== "" && text !== undefined &&
  el("div", { class: "script" }, el("span", { class: "what" }, name), el("code", {}, text));

/// The script that a P2SH, P2WSH or taproot script spend reveals, as hex.
function revealed(input) {
  const type = input.prevout?.scriptPubKey.type;
  const witness = input.txinwitness ?? [];
  if (type === "witness_v0_scripthash") return witness.at(-1);
  if (type === "scripthash") {
    const push = input.scriptSig.asm.split(" ").at(-1);
    const redeem = /^([0-9a-f]{2})+$/.test(push) ? push : null;
    // A witness program in P2SH reveals its script in the witness.
    return redeem?.startsWith("0020") && redeem.length === 68 ? witness.at(-1) : redeem;
  }
  if (type === "witness_v1_taproot") {
    const items = witness.length > 1 && witness.at(-1).startsWith("50") ? witness.slice(0, -1) : witness;
    return items.length > 1 ? items.at(-2) : null;
  }
  return null;
}

/// Scripts of an input, the revealed one read when the box is opened.
function inputScripts(node, input) {
  const inner = revealed(input);
  const parts = [
    code("spends", input.prevout && `${input.prevout.scriptPubKey.asm} (${KINDS[input.prevout.scriptPubKey.type] ?? input.prevout.scriptPubKey.type})`),
    code("scriptSig", input.scriptSig?.asm),
    ...(input.txinwitness ?? []).map((item, at) => code(`witness ${at}`, item === "" ? "(empty)" : item)),
    code("sequence", `${input.sequence} (0x${input.sequence.toString(16).padStart(8, "0")})`),
  ];
  const box = el("details", {}, el("summary", {}, "Scripts"), parts);
  if (inner) {
    box.addEventListener("toggle", async () => {
      const script = await node.ask("decodescript", [inner]).then((said) => said.asm || "(empty)", (error) => error.message);
      box.append(code("its script", script) || "");
    }, { once: true });
  }
  return box;
}

function outputScripts(output) {
  const script = output.scriptPubKey;
  const data = script.type === "nulldata" && script.asm.split(" ").slice(1).map(printable).find(Boolean);
  return el("details", {}, el("summary", {}, "Script"),
    code("script", script.asm), code("kind", KINDS[script.type] ?? script.type), data && code("as text", data),
    code("hex", script.hex), code("descriptor", script.desc));
}

function inputItem(node, input, at) {
  if (input.coinbase !== undefined) {
    const text = printable(input.coinbase);
    return el("li", {}, el("p", {}, "New coins (coinbase)"),
      el("details", {}, el("summary", {}, "Scripts"), code("coinbase", input.coinbase), text && code("as text", text),
        ...(input.txinwitness ?? []).map((item, n) => code(`witness ${n}`, item))));
  }
  return el("li", {},
    el("p", { class: "between" }, input.prevout ? owner(input.prevout.scriptPubKey) : el("span", {}, "not known here"),
      el("strong", {}, input.prevout ? coins(input.prevout.value) : "–")),
    el("p", { class: "muted" }, `Input ${at} spends output ${input.vout} of `, shortHash(input.txid, "tx")),
    inputScripts(node, input));
}

function outputItem(output, unspent) {
  const state = unspent === undefined ? null : el("span", { class: unspent ? "badge good" : "badge" }, unspent ? "unspent" : "spent");
  return el("li", {},
    el("p", { class: "between" }, owner(output.scriptPubKey), el("strong", {}, coins(output.value))),
    el("p", { class: "muted" }, `Output ${output.n} `, output.scriptPubKey.type === "nulldata" ? null : state),
    outputScripts(output));
}

/// `#/tx/TXID` and `#/tx/TXID/PAGE`.
export async function transaction(node, txid, pageText) {
  const tx = await read(node, txid);
  const pages = Math.max(1, Math.ceil(Math.max(tx.vin.length, tx.vout.length) / SIDE_PAGE));
  const page = Math.min(pages, Math.max(1, Number.parseInt(pageText ?? "1", 10) || 1));
  const first = (page - 1) * SIDE_PAGE;
  const inputs = tx.vin.slice(first, first + SIDE_PAGE);
  const outputs = tx.vout.slice(first, first + SIDE_PAGE);
  const isPooled = !tx.blockhash;
  const [header, entry, ...unspent] = await node.askAll([
    tx.blockhash ? ["getblockheader", [tx.blockhash]] : ["getblockcount", []],
    isPooled ? ["getmempoolentry", [tx.txid]] : ["getblockcount", []],
    ...outputs.map((output) => ["gettxout", [tx.txid, output.n]]),
  ]);
  if (isPooled) await fillPrevouts(node, inputs);
  const fee = tx.fee ?? (isPooled ? entry.value?.fees?.base : undefined);
  const isCoinbase = tx.vin.some((input) => input.coinbase !== undefined);
  const total = tx.vout.reduce((sum, output) => sum + Number(output.value), 0);
  const confirmations = el("span", {}, confirmed(tx.confirmations ?? 0));
  const replaceable = isPooled && tx.vin.some((input) => input.sequence < FINAL - 1);
  return {
    title: `Transaction ${tx.txid.slice(0, 12)}`,
    nodes: [
      el("div", { class: "head" }, el("h1", { tabindex: "-1" }, "Transaction"),
        isPooled ? el("span", { class: "badge wait" }, "unconfirmed") : el("span", { class: "badge good" }, "confirmed"),
        isCoinbase && el("span", { class: "badge" }, "coinbase"), replaceable && el("span", { class: "badge" }, "replaceable")),
      el("section", { class: "card", "aria-label": "The transaction" }, facts([
        ["Id", wholeHash(tx.txid)],
        ["Block", tx.blockhash ? el("span", {}, link(count(header.value?.height ?? 0), "block", tx.blockhash), header.value ? ` of ${when(header.value.time)} (${ago(header.value.time)})` : "") : null],
        ["Entered the mempool", isPooled && entry.value?.time ? ago(entry.value.time) : null],
        ["Confirmations", confirmations],
        ["Moves", `${coins(total)} coins`],
        ["Fee", fee === undefined ? null : `${coins(fee)} (${feeRate((Number(fee) / tx.vsize) * 1000)})`],
        ["Size", `${count(tx.size)} bytes, ${count(tx.vsize)} virtual, ${count(tx.weight)} weight units`],
        ["Version, lock time", `${tx.version}, ${tx.locktime}`],
        ["Witness id", tx.hash === tx.txid ? null : el("span", { class: "mono wrap" }, tx.hash)],
      ])),
      el("div", { class: "columns sides" },
        card(plural(tx.vin.length, "input", "inputs"), el("ol", { class: "coins" }, inputs.map((input, at) => inputItem(node, input, first + at)))),
        card(plural(tx.vout.length, "output", "outputs"), el("ol", { class: "coins" }, outputs.map((output, at) =>
          outputItem(output, tx.isGenesis ? undefined : unspent[at].error ? undefined : unspent[at].value !== null))))),
      pages > 1 && pager("Pages of inputs and outputs", page > 1 ? route("tx", txid, page - 1) : null,
        page < pages ? route("tx", txid, page + 1) : null, `${page} of ${pages}`),
      el("details", { class: "card raw" }, el("summary", {}, "The whole transaction as hex"), el("code", { class: "wrap" }, tx.hex)),
    ],
    async onBlock() {
      const now = await read(node, txid);
      confirmations.textContent = confirmed(now.confirmations ?? 0);
      return now.blockhash !== tx.blockhash ? "reload" : null;
    },
    onGone: (gone) => (isPooled && gone === tx.txid ? "reload" : null),
  };
}
