// The explorer in Debian's Chromium, against a mining regtest node that is killed and started again.
// Arguments: the program, a folder for its data, a folder for screenshots. Screenshots of desktop,
// phone and dark are kept.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createRequire } from "node:module";

const [program, modules, data, shots] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "package.json"))("playwright-core");
const PORT = 18_765 + (process.pid % 1000);
const URL_ = `http://127.0.0.1:${PORT}/`;
/// OP_TRUE behind SHA-256: anybody can spend it, as Core's own tests do.
const ANYONE = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85";
const ANYONE_SCRIPT = "00204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260";
const OTHER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const OTHER_SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6";
const LIMIT_MS = 30_000;

mkdirSync(shots, { recursive: true });
let node = null;

function check(truth, what) {
  if (!truth) throw new Error(`does not hold: ${what}`);
}

async function until(what, holds) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const answers = () => fetch(`${URL_}health`).then((response) => response.ok, () => false);

async function startNode() {
  node = spawn(program, ["regtest", "--datadir", data, "--listen=none", `--websocket=127.0.0.1:${PORT}`], { stdio: "ignore" });
  await until("the node's port", answers);
}

async function killNode() {
  const ended = new Promise((resolve) => node.once("exit", resolve));
  node.kill("SIGKILL");
  await ended;
  node = null;
}

async function call(method, ...params) {
  const cookie = readFileSync(join(data, "regtest/.cookie"));
  const response = await fetch(URL_, {
    method: "POST", headers: { authorization: `Basic ${cookie.toString("base64")}` },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const reply = await response.json();
  if (reply.error) throw new Error(`${method}: ${reply.error.message}`);
  return reply.result;
}

const mine = (blocks, address = ANYONE) => call("generatetoaddress", blocks, address);

/// Spends output 0 of a coinbase of ours: most to OTHER, some back, a word in the chain.
function spend(txid, value, fee) {
  const little = (number, bytes) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeBigUInt64LE === undefined || bytes !== 8 ? buffer.writeUIntLE(number, 0, bytes) : buffer.writeBigUInt64LE(BigInt(number));
    return buffer.toString("hex");
  };
  const output = (amount, script) => little(amount, 8) + little(script.length / 2, 1) + script;
  const word = Buffer.from("hello from a test").toString("hex");
  const half = Math.floor(value / 2);
  return "02000000" + "0001" + "01" + Buffer.from(txid, "hex").reverse().toString("hex") + "00000000" + "00" + "fdffffff"
    + "03" + output(half, OTHER_SCRIPT) + output(value - half - fee, ANYONE_SCRIPT)
    + output(0, `6a${little(word.length / 2, 1)}${word}`) + "01" + "01" + "51" + "00000000";
}

async function coinbases(first, last) {
  const txids = [];
  for (let height = first; height <= last; height++) {
    const block = await call("getblock", await call("getblockhash", height), 1);
    txids.push(block.tx[0]);
  }
  return txids;
}

async function run(browser) {
  await startNode();
  await mine(130);
  const ours = await coinbases(1, 20);
  for (const [at, txid] of ours.slice(0, 6).entries()) await call("sendrawtransaction", spend(txid, 5_000_000_000, 2000 + 1500 * at));
  await mine(1);
  for (const [at, txid] of ours.slice(6, 10).entries()) await call("sendrawtransaction", spend(txid, 5_000_000_000, 3000 + 900 * at));

  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`page: ${error.message}`));
  page.on("console", (message) => {
    // The browser itself notes every socket that can't be opened while the node is away.
    if (message.type() === "error" && !/WebSocket connection|ERR_CONNECTION/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const host = new URL(request.url()).host;
    if (host !== `127.0.0.1:${PORT}`) faults.push(`asks another: ${request.url()}`);
  });
  const text = (selector) => page.locator(selector).first().textContent();
  const has = (selector, wanted) => page.locator(selector, { hasText: wanted }).first().waitFor({ timeout: LIMIT_MS });
  const shot = async (name) => {
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  };
  const search = async (what) => {
    await page.fill("#query", what);
    await page.press("#query", "Enter");
  };

  console.log("dashboard");
  await page.goto(URL_);
  await has("#state-text", "connected");
  await has(".tile .value", /^131$/);
  await until("the charts", async () => (await page.locator(".plot rect.bar").count()) > 100);
  await until("the pool", async () => (await page.locator(".card tbody tr a[href^='#/tx/']").count()) === 4);
  await shot("dashboard-desktop");

  console.log("a new block arrives without a reload");
  await page.evaluate(() => { globalThis.notReloaded = true; });
  const mining = setInterval(() => mine(1).catch(() => {}), 400);
  await until("two more blocks", async () => Number(await text(".tile .value")) >= 133);
  clearInterval(mining);
  check(await page.evaluate(() => globalThis.notReloaded), "the page was not loaded again");
  await has("#news", /Block 13\d has arrived/);
  await until("an empty pool", async () => (await page.locator(".card tbody tr a[href^='#/tx/']").count()) === 0);
  const pooled = await call("sendrawtransaction", spend(ours[10], 5_000_000_000, 7000));
  await page.locator(`a[href='#/tx/${pooled}']`).waitFor({ timeout: LIMIT_MS });

  console.log("block, transaction, address");
  await page.goto(`${URL_}explorer/#/blocks`);
  await has(".card tbody a", /^132$/);
  await page.locator(".card tbody a", { hasText: /^132$/ }).click();
  await has("h1", "Block 132");
  check(await page.evaluate(() => document.activeElement?.tagName === "H1"), "the heading has the focus");
  await shot("block-desktop");
  await page.locator("a[href^='#/tx/']").nth(1).click();
  await has("h1", "Transaction");
  for (const summary of await page.locator(".coins summary").all()) await summary.click();
  await has(".script code", "hello from a test");
  await has(".script .what", "its script");
  await shot("transaction-desktop");
  await page.locator(`.coins a[href='#/address/${OTHER}']`).first().click();
  await has("h1", "Address");
  await has(".big", /coins/);
  const rows = await page.locator(".card tbody tr").count();
  check(rows >= 10, `the address has a history (${rows} rows)`);
  await shot("address-desktop");
  console.log("an address hears of payments");
  await call("sendrawtransaction", spend(ours[11], 5_000_000_000, 5000));
  await has(".pending", "Unconfirmed");
  await mine(1);
  await page.locator(".pending .notice").waitFor({ state: "detached", timeout: LIMIT_MS });

  console.log("pages of an address");
  await page.goto(`${URL_}explorer/#/address/${ANYONE}`);
  await has(".pager", "newest");
  const newest = await text(".card tbody tr td a");
  await page.locator(".step", { hasText: "Next" }).click();
  await has(".pager", "before block");
  check((await text(".card tbody tr td a")) !== newest, "the next page shows other transactions");

  console.log("searches");
  const hash = await call("getblockhash", 5);
  const tip = await call("getblockcount");
  for (const [what, heading] of [["7", "Block 7"], [hash, "Block 5"], [pooled, "Transaction"], [OTHER, "Address"], [`${ours[0]}:0`, "Transaction"]]) {
    await search(what);
    await has("h1", heading);
  }
  for (const [what, said] of [["99999999", `the chain ends at ${tip}`], ["f".repeat(64), "Neither a block"], ["<img src=x onerror=alert(1)>", "address"]]) {
    await search(what);
    await has("#notices .notice", said);
  }
  check((await page.locator("#notices img, main img").count()) === 0, "what is typed stays text");
  while (await page.locator("#notices button").count()) await page.locator("#notices button").first().click();
  await page.keyboard.press("/");
  await page.goto(`${URL_}explorer/#/nonsense`);
  await has("h1", "This can't be shown");
  await page.goto(`${URL_}explorer/#/block/0`);
  await has("h1", "Block 0");

  console.log("keys in a chart");
  await page.goto(`${URL_}explorer/#/`);
  await until("the charts", async () => (await page.locator(".plot rect.bar").count()) > 100);
  await page.locator(".plot").first().focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await has(".now", `Block ${tip - 1}:`);
  await page.keyboard.press("Enter");
  await has("h1", `Block ${tip - 1}`);

  console.log("a reorganisation");
  await page.goto(`${URL_}explorer/#/`);
  await has(".tile .value", new RegExp(`^${tip}$`));
  await call("invalidateblock", await call("getblockhash", tip - 1));
  await has("#notices .notice", /2 blocks were taken back/);
  await has(".tile .value", new RegExp(`^${tip - 2}$`));
  await shot("reorganisation-desktop");
  await mine(4, OTHER);

  console.log("the node is killed and started again");
  await killNode();
  await has("#state-text", /not connected/);
  await shot("lost-desktop");
  await startNode();
  await has("#state-text", /^connected$/);
  const height = await call("getblockcount");
  await mine(1);
  await has(".tile .value", new RegExp(`^${height + 1}$`));

  console.log("dark, phone");
  await page.click("#theme");
  await page.click("#theme");
  await call("sendrawtransaction", spend(ours[12], 5_000_000_000, 7000));
  await page.locator(".card tbody tr a[href^='#/tx/']").first().waitFor({ timeout: LIMIT_MS });
  await shot("dashboard-dark");
  await page.setViewportSize({ width: 390, height: 844 });
  const last = await call("getblockcount");
  const { tx } = await call("getblock", await call("getblockhash", 132), 1);
  for (const [where, name, heading] of [["", "dashboard", "Dashboard"], [`block/${last}`, "block", "Block"], [`tx/${tx[1]}`, "transaction", "Transaction"],
    [`address/${ANYONE}`, "address", "Address"], ["blocks", "blocks", "Blocks"], ["mempool", "mempool", "Mempool"]]) {
    await page.goto(`${URL_}explorer/#/${where}`);
    await has("h1", heading);
    if (name === "dashboard") await until("the charts", async () => (await page.locator(".plot rect.bar").count()) > 100);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(wide <= 0, `${name} fits a phone (${wide} pixels too wide)`);
    await shot(`${name}-phone`);
  }
  const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, a, input, svg[tabindex]")]
    .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || document.querySelector(`label[for="${one.id}"]`))).length);
  check(unnamed === 0, "everything that can be used has a name");
  check(faults.length === 0, `nothing went wrong in the browser: ${faults.join("; ")}`);
}

const profile = mkdtempSync(join(data, "profile-"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  await run(browser);
  console.log(`the explorer holds; screenshots are in ${shots}`);
} finally {
  await browser.close();
  node?.kill("SIGTERM");
  rmSync(profile, { recursive: true, force: true });
}
