// Charts as inline SVG: bars or a line over heights. The arrow keys, or the pointer, go from block
// to block and say its value; Enter, or a click, opens it.

import { el, route, svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 120;

/// A chart whose `update(points)` draws `{ height, value }`, oldest first; `say` writes a value.
export function chart(title, kind, say) {
  const plot = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: `plot ${kind}`,
    role: "img", tabindex: "0",
  });
  const most = el("span", { class: "axis" });
  const least = el("span", { class: "axis" });
  const first = el("span");
  const last = el("span");
  const now = el("output", { class: "now" });
  const node = el("figure", { class: "chart" },
    el("figcaption", {}, el("span", {}, title), now),
    el("div", { class: "frame" }, most, least, plot),
    el("div", { class: "ends", "aria-hidden": "true" }, first, last));
  let points = [];
  let chosen = null;

  function place(value, range) {
    return HEIGHT - 4 - ((value - range.low) / (range.high - range.low)) * (HEIGHT - 12);
  }

  function draw() {
    const values = points.map((point) => point.value);
    const range = { low: 0, high: Math.max(...values, 0) };
    if (kind === "line") {
      const low = Math.min(...values);
      const room = (range.high - low) * 0.1 || Math.abs(range.high) * 0.1 || 1;
      range.low = Math.max(0, low - room);
      range.high += room;
    }
    if (range.high <= range.low) range.high = range.low + 1;
    const step = WIDTH / points.length;
    const shapes = [];
    for (const part of [0.25, 0.5, 0.75]) {
      const y = HEIGHT * part;
      shapes.push(svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y }));
    }
    if (kind === "bars") {
      for (const [at, point] of points.entries()) {
        const y = place(point.value, range);
        shapes.push(svg("rect", {
          class: at === chosen ? "bar chosen" : "bar", x: at * step + step * 0.12, y,
          width: step * 0.76, height: Math.max(HEIGHT - y, 1), rx: Math.min(2, step / 4),
        }));
      }
    } else {
      const corners = points.map((point, at) => `${(at + 0.5) * step},${place(point.value, range)}`);
      shapes.push(svg("polygon", { class: "area", points: `${step / 2},${HEIGHT} ${corners.join(" ")} ${WIDTH - step / 2},${HEIGHT}` }));
      shapes.push(svg("polyline", { class: "curve", points: corners.join(" ") }));
      if (chosen !== null) {
        const x = (chosen + 0.5) * step;
        shapes.push(svg("line", { class: "cursor", x1: x, x2: x, y1: 0, y2: HEIGHT }));
      }
    }
    plot.replaceChildren(...shapes);
    most.textContent = say(kind === "line" ? Math.max(...values) : range.high);
    least.textContent = kind === "line" ? say(Math.min(...values)) : "";
    first.textContent = points[0].height;
    last.textContent = points.at(-1).height;
    const point = points[chosen ?? points.length - 1];
    now.textContent = chosen === null ? say(point.value) : `Block ${point.height}: ${say(point.value)}`;
    const sum = values.reduce((sum, value) => sum + value, 0);
    plot.setAttribute("aria-label",
      `${title} of blocks ${points[0].height} to ${points.at(-1).height}: mean ${say(sum / values.length)}, ` +
      `from ${say(Math.min(...values))} to ${say(Math.max(...values))}. Arrow keys go from block to block.`);
  }

  function choose(at) {
    if (points.length === 0) return;
    chosen = at === null ? null : Math.min(Math.max(at, 0), points.length - 1);
    draw();
  }

  const open = () => {
    if (chosen !== null && points[chosen]) location.hash = route("block", points[chosen].height);
  };
  plot.addEventListener("keydown", (event) => {
    const at = chosen ?? points.length - 1;
    const steps = { ArrowLeft: at - (chosen === null ? 0 : 1), ArrowRight: at + 1, Home: 0, End: points.length - 1 };
    if (event.key in steps) {
      event.preventDefault();
      choose(steps[event.key]);
    } else if (event.key === "Escape") {
      choose(null);
    } else if (event.key === "Enter") {
      open();
    }
  });
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    choose(Math.floor(((event.clientX - box.left) / box.width) * points.length));
  });
  plot.addEventListener("pointerleave", () => choose(null));
  plot.addEventListener("blur", () => choose(null));
  plot.addEventListener("click", open);

  return {
    node,
    update(next) {
      if (next.length === 0) return;
      if (chosen !== null) {
        const height = points[chosen]?.height;
        const again = next.findIndex((point) => point.height === height);
        chosen = again < 0 ? null : again;
      }
      points = next;
      draw();
    },
  };
}
