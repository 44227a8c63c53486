// The newest headers of the best chain, kept up to date with few questions, and what charts make of
// them.

/// Blocks over which a hashrate is a mean.
const RATE_SPAN = 12;

export class Headers {
  #link;
  #most;
  #known = [];

  constructor(link, most) {
    this.#link = link;
    this.#most = most;
  }

  /// The newest headers up to `tip`, oldest first.
  async upTo(tip) {
    const first = Math.max(0, tip - this.#most + 1);
    let kept = this.#known.filter((header) => header.height >= first && header.height <= tip);
    const fetched = await this.#fetch((kept.at(-1)?.height ?? first - 1) + 1, tip);
    // A branch that took over does not build on what is known: ask for all of it again.
    if (kept.length > 0 && fetched.length > 0 && fetched[0].previousblockhash !== kept.at(-1).hash) {
      kept = [];
    }
    if (kept.length === 0 && fetched[0]?.height !== first) {
      this.#known = await this.#fetch(first, tip);
    } else {
      this.#known = [...kept, ...fetched];
    }
    return this.#known;
  }

  /// After a reorganisation nothing known is sure.
  forget() {
    this.#known = [];
  }

  async #fetch(first, last) {
    const calls = [];
    for (let height = first; height <= last; height++) calls.push(["getblockheader", [height, true]]);
    const replies = await this.#link.askAll(calls);
    const lost = replies.find((reply) => reply.error);
    if (lost) throw lost.error;
    return replies.map((reply) => reply.value);
  }
}

/// Seconds between a block and the one before it.
export function intervals(headers) {
  return headers.slice(1).map((header, at) => ({
    height: header.height, value: Math.max(0, header.time - headers[at].time),
  }));
}

/// Hashes a second as the work of the blocks before each says.
export function hashrates(headers) {
  const rates = [];
  for (let at = 1; at < headers.length; at++) {
    const from = headers[Math.max(0, at - RATE_SPAN)];
    const work = BigInt(`0x${headers[at].chainwork}`) - BigInt(`0x${from.chainwork}`);
    const seconds = Math.max(1, headers[at].time - from.time);
    rates.push({ height: headers[at].height, value: Number(work) / seconds });
  }
  return rates;
}

export const difficulties = (headers) =>
  headers.map((header) => ({ height: header.height, value: Number(header.difficulty) }));

export const transactions = (headers) =>
  headers.map((header) => ({ height: header.height, value: header.nTx }));
