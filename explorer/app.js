// The explorer's frame: which page is shown, the search, what the connection does, notices.

import { address } from "./address.js";
import { block, blockList } from "./blocks.js";
import { dashboard } from "./dashboard.js";
import { el, link } from "./dom.js";
import { count, plural, span } from "./format.js";
import { Link } from "./link.js";
import { mempool } from "./mempool.js";
import { find } from "./search.js";
import { transaction } from "./tx.js";

const RELOAD_WAIT_MS = 500;
const MOST_NOTICES = 5;
const THEMES = ["system", "light", "dark"];
const PAGES = { blocks: blockList, block, tx: transaction, address, mempool };

const byId = (id) => document.getElementById(id);
const view = byId("view");
const node = new Link(showState, take);
let shown = null;
let turn = 0;
let reloading = null;
let countdown = null;

/// What the address names: a page's function and its parts.
function wanted() {
  const [kind = "", ...parts] = location.hash.replace(/^#\/?/, "").split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { kind, parts };
}

function leave() {
  shown?.stop?.();
  if (shown?.watch) node.unwatch(shown.watch);
  shown = null;
}

function put(page) {
  view.replaceChildren(...page.nodes.filter(Boolean));
  document.title = `${page.title} – ForthCoin explorer`;
}

/// Shows the page that the address names; `quiet` keeps the focus and the old page until it is there.
async function show(quiet = false) {
  clearTimeout(reloading);
  reloading = null;
  const mine = ++turn;
  const { kind, parts } = wanted();
  for (const entry of document.querySelectorAll("nav.bar a")) {
    const current = entry.getAttribute("href") === (kind === "" ? "#/" : `#/${kind}`);
    if (current) entry.setAttribute("aria-current", "page");
    else entry.removeAttribute("aria-current");
  }
  try {
    view.setAttribute("aria-busy", "true");
    if (kind === "") {
      leave();
      shown = dashboard(node);
      put(shown);
      await shown.start();
    } else if (PAGES[kind]) {
      const page = await PAGES[kind](node, ...parts);
      if (mine !== turn) return;
      leave();
      shown = page;
      put(page);
      if (page.watch) await node.watch(page.watch);
    } else {
      throw new Error("The explorer has no such page.");
    }
  } catch (error) {
    if (mine !== turn) return;
    // What was there is better than nothing while the node is away.
    if (!node.isOpen && shown) return;
    leave();
    put({
      title: "Not found",
      nodes: [el("h1", { tabindex: "-1" }, "This can't be shown"), el("p", { class: "notice warn" }, error.message),
        el("p", {}, el("a", { href: "#/" }, "To the dashboard"))],
    });
  } finally {
    if (mine === turn) view.removeAttribute("aria-busy");
  }
  if (!quiet && mine === turn) {
    scrollTo(0, 0);
    (view.querySelector("h1") ?? view).focus({ preventScroll: true });
  }
}

function reloadSoon() {
  reloading ??= setTimeout(() => show(true), RELOAD_WAIT_MS);
}

function notice(kind, ...children) {
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Close this notice" }, "×");
  const box = el("div", { class: `notice ${kind}` }, el("p", {}, children), close);
  close.addEventListener("click", () => box.remove());
  byId("notices").append(box);
  while (byId("notices").children.length > MOST_NOTICES) byId("notices").firstChild.remove();
}

/// An event of the node.
function take(event) {
  if (event.type === "block") byId("news").textContent = `Block ${count(event.height)} has arrived.`;
  if (event.type === "reorganisation") {
    notice("warn", `Reorganisation: ${plural(event.disconnected, "block was", "blocks were")} taken back and `,
      `${count(event.connected)} connected. The chain now ends at block `, link(count(event.height), "block", event.hash), ".");
  }
  shown?.event?.(event);
  const moved = event.type === "block" || event.type === "reorganisation";
  if (moved && shown?.onBlock) answer(shown.onBlock);
  if (event.type === "address" && event.address === shown?.watch) answer(() => shown.onAddress(event));
  const pooled = (event.type === "transaction" && !event.confirmed) || event.type === "removed" || event.type === "missed";
  if (pooled && shown?.onPool) reloadSoon();
  if (event.type === "removed" && shown?.onGone) answer(() => shown.onGone(event.txid));
}

/// A page says "reload", or a function that says so now or later.
async function answer(reaction) {
  try {
    if ((typeof reaction === "function" ? await reaction() : reaction) === "reload") reloadSoon();
  } catch {
    // The node went away or the page did: the next event or the new connection shows it anew.
  }
}

function showState(state, retryMs) {
  clearInterval(countdown);
  const text = byId("state-text");
  byId("state").dataset.state = state;
  if (state === "lost") {
    const until = Date.now() + retryMs;
    const say = () => { text.textContent = `not connected, again in ${span(Math.ceil((until - Date.now()) / 1000))}`; };
    say();
    countdown = setInterval(say, 1000);
    return;
  }
  text.textContent = state === "open" ? "connected" : "connecting";
  if (state === "open") {
    show(shown !== null);
    node.ask("getblockchaininfo").then((info) => {
      byId("network").textContent = info.chain;
      byId("network").hidden = false;
    }, () => {});
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // A browser that keeps nothing still shows it.
  }
}

function keptTheme() {
  try {
    const theme = localStorage.getItem("theme");
    return THEMES.includes(theme) ? theme : "system";
  } catch {
    return "system";
  }
}

byId("theme").addEventListener("click", () => {
  const at = THEMES.indexOf(document.documentElement.dataset.theme);
  setTheme(THEMES[(at + 1) % THEMES.length]);
});
byId("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = byId("query");
  try {
    const target = await find(node, query.value);
    query.value = "";
    if (location.hash === target) show();
    else location.hash = target;
  } catch (error) {
    notice("warn", error.message);
  }
});
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    byId("query").focus();
  }
});
addEventListener("hashchange", () => { if (node.isOpen) show(); });
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  view.focus();
});
setTheme(keptTheme());
node.connectNow();
