// A small explorer over the node's own socket. Text goes into the page as text only.
const view = document.getElementById("view");
const state = document.getElementById("state");
const waiting = new Map();
let socket, nextId = 1, pause = 500;

function ask(method, params = []) {
  return new Promise((resolve, reject) => {
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  });
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}/`);
  socket.onopen = () => {
    pause = 500;
    state.textContent = "connected";
    ask("subscribe", [["blocks", "reorganisations"]]);
    show();
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "reorganisation") {
      state.textContent = `reorganisation: ${message.disconnected} blocks taken back`;
    }
    if (message.type && location.hash.length < 3) show();
    const asker = waiting.get(message.id);
    if (!asker) return;
    waiting.delete(message.id);
    if (message.error) asker.reject(new Error(message.error.message));
    else asker.resolve(message.result);
  };
  socket.onclose = () => {
    for (const asker of waiting.values()) asker.reject(new Error("the connection is lost"));
    waiting.clear();
    state.textContent = "not connected, trying again";
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, 30000);
  };
}

function element(name, text, href) {
  const made = document.createElement(name);
  made.textContent = text;
  if (href) made.href = href;
  return made;
}

function table(rows) {
  const made = document.createElement("table");
  for (const [name, value] of rows) {
    const row = made.insertRow();
    const head = element("th", name);
    head.scope = "row";
    row.append(head);
    row.insertCell().append(value instanceof Node ? value : String(value));
  }
  return made;
}

const members = (object) => Object.entries(object).map(([name, value]) =>
  [name, typeof value === "object" ? JSON.stringify(value) : value]);

async function dashboard() {
  const info = await ask("getblockchaininfo");
  const first = Math.max(0, info.blocks - 9);
  const blocks = [];
  for (let height = info.blocks; height >= first; height--) blocks.push(ask("getblock", [height, 1]));
  const rows = (await Promise.all(blocks)).map((block) =>
    [block.height, element("a", block.hash, `#/block/${block.hash}`)]);
  return [element("h2", "Chain"), table(members(info)), element("h2", "Newest blocks"), table(rows)];
}

async function block(id) {
  const { tx, ...rest } = await ask("getblock", [id, 1]);
  const rows = tx.map((txid, place) => [place, element("a", txid, `#/tx/${txid}`)]);
  return [element("h2", `Block ${rest.height}`), table(members(rest)), element("h3", "Transactions"), table(rows)];
}

async function transaction(id) {
  return [element("h2", "Transaction"), table(members(await ask("gettransaction", [id])))];
}

let turn = 0;
async function show() {
  const mine = ++turn;
  const [, kind, id] = location.hash.split("/");
  let parts;
  try {
    parts = kind === "block" ? await block(id) : kind === "tx" ? await transaction(id) : await dashboard();
  } catch (error) {
    parts = [element("p", error.message)];
  }
  if (mine === turn) view.replaceChildren(...parts);
}

document.getElementById("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = document.getElementById("query").value.trim();
  const found = /^\d{1,10}$/.test(query) || await ask("getblockheader", [query]).then(() => true, () => false);
  location.hash = found ? `#/block/${encodeURIComponent(query)}` : `#/tx/${encodeURIComponent(query)}`;
});
addEventListener("hashchange", () => { show(); view.focus(); });
connect();
