// Elements made of text that stays text, and links that stay inside the explorer.

const SVG = "http://www.w3.org/2000/svg";

function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/// An HTML element; text children are text, whatever they hold.
export function el(name, attributes = {}, ...children) {
  return made(document.createElement(name), attributes, children);
}

/// An SVG element.
export function svg(name, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, name), attributes, children);
}

/// The address of a page of ours.
export function route(kind, ...parts) {
  return `#/${[kind, ...parts].map((part) => encodeURIComponent(part)).join("/")}`;
}

/// A link to a page of ours.
export function link(text, kind, ...parts) {
  return el("a", { href: route(kind, ...parts) }, String(text));
}

/// A hash in short, whole for whoever copies or listens.
export function shortHash(hash, kind) {
  const text = String(hash);
  const short = text.length > 24 ? `${text.slice(0, 10)}…${text.slice(-8)}` : text;
  const attributes = { class: "mono", title: text };
  return kind ? el("a", { ...attributes, href: route(kind, text) }, short) : el("span", attributes, short);
}

/// A whole hash with a button that copies it.
export function wholeHash(text) {
  const button = el("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  const clipboard = Boolean(navigator.clipboard);
  return el("span", { class: "whole" }, el("span", { class: "mono wrap" }, text), clipboard && button);
}

/// Name and value pairs; pairs without a value are left out.
export function facts(pairs) {
  const rows = pairs
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value instanceof Node ? value : String(value))));
  return el("dl", { class: "facts" }, rows);
}

/// A table with a caption and a row of heads; each cell is a text or a node.
export function table(caption, heads, rows, attributes = {}) {
  const head = el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)));
  const body = rows.map((row) => tableRow(heads, row));
  return el("div", { class: "scroll" },
    el("table", attributes, el("caption", { class: "hidden" }, caption), el("thead", {}, head), el("tbody", {}, body)));
}

/// One row; heads are repeated for narrow screens, where a row is a card.
export function tableRow(heads, cells, attributes = {}) {
  return el("tr", attributes, cells.map((cell, at) =>
    el("td", { "data-head": heads[at] }, cell instanceof Node ? cell : String(cell))));
}

export function card(title, ...children) {
  const id = `card-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return el("section", { class: "card", "aria-labelledby": id }, el("h2", { id }, title), children);
}

/// Earlier and later pages; each a link's target or null.
export function pager(label, newer, older, place) {
  if (!newer && !older) return null;
  const step = (text, href) => (href ? el("a", { class: "step", href }, text) : el("span", { class: "step off", "aria-disabled": "true" }, text));
  return el("nav", { class: "pager", "aria-label": label }, step("← Back", newer), el("span", {}, place ?? ""), step("Next →", older));
}
