// One socket to the node: questions and their answers, pushed events, and coming back after a loss.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const ANSWER_LIMIT_MS = 30_000;
const BEAT_EVERY_MS = 20_000;
const MOST_IN_A_BATCH = 500;

export class Link {
  #socket = null;
  #nextId = 1;
  #waiting = new Map();
  #pause = FIRST_PAUSE_MS;
  #retry = null;
  #addresses = new Set();
  #onState;
  #onEvent;

  /// `onState(name, retryMs)` is told of "connecting", "open" and "lost"; `onEvent` of every push.
  constructor(onState, onEvent) {
    this.#onState = onState;
    this.#onEvent = onEvent;
    setInterval(() => this.#beat(), BEAT_EVERY_MS);
    addEventListener("online", () => this.connectNow());
    addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.connectNow();
    });
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /// Connects without waiting for the pause to end.
  connectNow() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.#retry);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/`);
    this.#socket = socket;
    this.#onState("connecting", 0);
    socket.onopen = async () => {
      try {
        await this.ask("subscribe", [["blocks", "transactions", "reorganisations"]]);
        for (const address of this.#addresses) await this.ask("subscribe", ["address", address]);
        this.#pause = FIRST_PAUSE_MS;
        this.#onState("open", 0);
      } catch {
        socket.close();
      }
    };
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#rejectAll(new Error("The connection to the node is lost."));
      // A little chance keeps many pages from coming back in the same moment.
      const pause = this.#pause * (0.75 + Math.random() / 2);
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
      this.#retry = setTimeout(() => this.connectNow(), pause);
      this.#onState("lost", pause);
    };
  }

  /// The result of one call; fails with the node's own message.
  ask(method, params = []) {
    return this.#send([[method, params]])[0];
  }

  /// Many calls in one message; for each `{ value }` or `{ error }`, in order.
  async askAll(calls) {
    const settled = [];
    for (let from = 0; from < calls.length; from += MOST_IN_A_BATCH) {
      const replies = this.#send(calls.slice(from, from + MOST_IN_A_BATCH));
      for (const reply of await Promise.allSettled(replies)) {
        settled.push(reply.status === "fulfilled" ? { value: reply.value } : { error: reply.reason });
      }
    }
    return settled;
  }

  /// Hears of an address until `unwatch`, over losses of the connection too.
  async watch(address) {
    this.#addresses.add(address);
    if (this.isOpen) await this.ask("subscribe", ["address", address]);
  }

  unwatch(address) {
    if (!this.#addresses.delete(address) || !this.isOpen) return;
    this.ask("unsubscribe", ["address", address]).catch(() => {});
  }

  #send(calls) {
    if (!this.isOpen) {
      const error = new Error("The node can't be reached at the moment.");
      return calls.map(() => Promise.reject(error));
    }
    const messages = [];
    const answers = calls.map(([method, params]) => {
      const id = this.#nextId++;
      messages.push({ jsonrpc: "2.0", id, method, params });
      return new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          this.#waiting.delete(id);
          reject(new Error("The node did not answer in time."));
        }, ANSWER_LIMIT_MS);
        this.#waiting.set(id, { resolve, reject, limit });
      });
    });
    this.#socket.send(JSON.stringify(messages.length === 1 ? messages[0] : messages));
    return answers;
  }

  #take(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    for (const one of Array.isArray(message) ? message : [message]) {
      if (typeof one.type === "string") {
        this.#onEvent(one);
      } else if (one.id === null && one.error) {
        // What could not be read, or came too often, names no question.
        this.#rejectAll(new Error(String(one.error.message)));
      } else {
        this.#settle(one);
      }
    }
  }

  #settle(reply) {
    const asker = this.#waiting.get(reply.id);
    if (!asker) return;
    this.#waiting.delete(reply.id);
    clearTimeout(asker.limit);
    if (reply.error) asker.reject(new Error(String(reply.error.message)));
    else asker.resolve(reply.result);
  }

  #rejectAll(error) {
    for (const asker of this.#waiting.values()) {
      clearTimeout(asker.limit);
      asker.reject(error);
    }
    this.#waiting.clear();
  }

  /// A connection that has died without a word is found by asking.
  #beat() {
    const socket = this.#socket;
    if (!this.isOpen) return;
    const limit = setTimeout(() => {
      socket.close();
      // The closing handshake of a dead connection takes long: don't wait for it.
      socket.onclose?.();
      if (this.#socket === socket) this.#socket = null;
    }, BEAT_EVERY_MS / 2);
    this.ask("getblockcount").catch(() => {}).finally(() => clearTimeout(limit));
  }
}
