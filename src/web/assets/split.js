/* The split: nodes by classes. */

const splitAt = { left: 48, top: 96 };

/* What the data call a class. */
const className = (s, i) => (s.names ? s.names[i] : String(i));
const shortened = text => (text.length > 6 ? text.slice(0, 5) + "…" : text);

function splitGeometry(s) {
  const wide = $("split-view").clientWidth,
    room = wide - splitAt.left - 12;
  const step = clamp(room / s.nodes, 5, 44),
    tall = clamp(260 / s.classes, 5, 26);
  return {
    wide,
    step,
    tall,
    width: splitAt.left + s.nodes * step + 12,
    height: splitAt.top + s.classes * tall + 28,
  };
}

const samplesOf = (s, n) =>
  s.counts.slice(n * s.classes, (n + 1) * s.classes).reduce((a, b) => a + b, 0);

function drawSplit() {
  const s = part(+$("split-run").value, "split"),
    view = $("split-view"),
    canvas = view.querySelector("canvas");
  view.hidden = $("split-details").hidden = !!s.why;
  if (s.why) {
    fill($("split-facts"));
    fill($("split-note"), sentence(s.why));
    return;
  }
  const g = splitGeometry(s),
    w = Math.min(g.wide, g.width),
    room = view.querySelector(".room");
  room.style.width = `${g.width}px`;
  room.style.height = `${g.height}px`;
  const c = prepare(canvas, w, g.height),
    sx = view.scrollLeft;
  const X = n => splitAt.left + n * g.step - sx,
    Y = i => splitAt.top + i * g.tall;
  const totals = Array.from({ length: s.nodes }, (_, n) => samplesOf(s, n)),
    largest = Math.max(...totals, 1);
  const most = s.counts.reduce((a, b) => Math.max(a, b), 1),
    gap = g.step > 6 ? 1 : 0,
    upgap = g.tall > 6 ? 1 : 0;
  const from = clamp(Math.floor(sx / g.step), 0, s.nodes - 1),
    to = clamp(Math.ceil((sx + w) / g.step), 1, s.nodes);
  c.textBaseline = "middle";
  c.textAlign = "center";
  for (let n = from; n < to; n++) {
    const high = (62 * totals[n]) / largest;
    c.fillStyle = css("--soft");
    c.globalAlpha = 0.55;
    c.fillRect(X(n), splitAt.top - 12 - high, g.step - gap, high);
    c.globalAlpha = 1;
    for (let i = 0; i < s.classes; i++) {
      const v = s.counts[n * s.classes + i];
      c.fillStyle = css("--grid");
      c.fillRect(X(n), Y(i), g.step - gap, g.tall - upgap);
      if (!v) continue;
      const shade = 0.1 + 0.9 * Math.sqrt(v / most);
      c.fillStyle = `rgba(${css("--shade")}, ${shade.toFixed(3)})`;
      c.fillRect(X(n), Y(i), g.step - gap, g.tall - upgap);
      if (g.step >= 27 && g.tall >= 14 && v < 10000) {
        c.fillStyle = shade > 0.6 ? (dark.matches ? "#000" : "#fff") : css("--ink");
        c.fillText(String(v), X(n) + (g.step - gap) / 2, Y(i) + (g.tall - upgap) / 2);
      }
    }
  }
  c.fillStyle = css("--paper");
  c.fillRect(0, 0, splitAt.left - 3, g.height);
  c.fillStyle = css("--soft");
  const everyNode = [1, 2, 5, 10, 20, 50, 100, 200].find(e => e * g.step >= 26) || 500;
  for (let n = Math.ceil(from / everyNode) * everyNode; n < to; n += everyNode)
    if (X(n) + g.step / 2 > splitAt.left) c.fillText(String(n), X(n) + g.step / 2, g.height - 16);
  c.textAlign = "right";
  const every = [1, 2, 5, 10, 20, 50].find(e => e * g.tall >= 13) || 100;
  for (let i = 0; i < s.classes; i += every)
    c.fillText(shortened(className(s, i)), splitAt.left - 8, Y(i) + g.tall / 2);
  c.fillText("node", splitAt.left - 8, g.height - 16);
  c.textAlign = "left";
  c.fillStyle = css("--paper");
  c.fillStyle = css("--soft");
  c.fillText(`samples of a node, at most ${count(largest)}`, splitAt.left, 11);
  c.fillText("class", 6, splitAt.top - 14);
  const ranked = totals.slice().sort((a, b) => a - b);
  const median = (ranked[(ranked.length - 1) >> 1] + ranked[ranked.length >> 1]) / 2;
  const held = totals
    .map((_, n) => s.counts.slice(n * s.classes, (n + 1) * s.classes).filter(v => v).length)
    .filter(classes => classes);
  const mean = held.reduce((a, b) => a + b, 0) / Math.max(held.length, 1);
  const empty = totals.filter(t => !t).length;
  $("split-facts").textContent =
    (s.nodes < s.of ? `Of the first ${count(s.nodes)} of ${count(s.of)} nodes: ` : "") +
    `${count(totals.reduce((a, b) => a + b, 0))} samples on ${plural(s.nodes, "node")}, ` +
    `from ${count(ranked[0])} to ${count(ranked[ranked.length - 1])} a node; ` +
    `the median is ${real(median)}. A node with samples has ${+mean.toFixed(1)} of ${s.classes} classes on average` +
    (empty ? `; ${plural(empty, "node")} without samples.` : ".") +
    (s.left_out ? ` ${plural(s.left_out, "training sample")} belong to no node.` : "");
  $("split-note").textContent =
    `Each square is a class of a node; the ${dark.matches ? "brighter" : "darker"} the more samples, at most ${count(most)}. Drawn anew from the settings and the data, and checked against the hash in the log.`;
}

function drawSplitTable() {
  const s = part(+$("split-run").value, "split");
  if (s.why || !$("split-details").open) return;
  const shown = Math.min(s.nodes, 200);
  fill(
    $("split-table"),
    ...(shown < s.of ? [element("caption", {}, `the first ${shown} of ${count(s.of)} nodes`)] : []),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "node"),
        ...Array.from({ length: s.classes }, (_, i) =>
          element("th", { scope: "col" }, s.names ? s.names[i] : `class ${i}`),
        ),
        element("th", { scope: "col" }, "all"),
      ),
    ),
    element(
      "tbody",
      {},
      ...Array.from({ length: shown }, (_, n) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, String(n)),
          ...s.counts
            .slice(n * s.classes, (n + 1) * s.classes)
            .map(v => element("td", {}, v ? count(v) : "·")),
          element("td", {}, count(samplesOf(s, n))),
        ),
      ),
    ),
  );
}

function setUpSplit() {
  sceneOptions($("split-run"));
  $("split-run").addEventListener("change", () => {
    $("split-view").scrollTo(0, 0);
    drawSplit();
    drawSplitTable();
  });
  $("split-details").addEventListener("toggle", drawSplitTable);
  $("split-view").addEventListener("scroll", drawSplit, { passive: true });
  $("split-view").addEventListener("mousemove", e => {
    const s = part(+$("split-run").value, "split"),
      g = splitGeometry(s),
      box = e.currentTarget.getBoundingClientRect();
    const n = Math.floor(
      (e.clientX - box.left + e.currentTarget.scrollLeft - splitAt.left) / g.step,
    );
    const i = Math.floor((e.clientY - box.top - splitAt.top) / g.tall);
    if (n < 0 || n >= s.nodes || i >= s.classes || e.clientX - box.left < splitAt.left)
      return hideTip();
    showTip(
      [
        i < 0
          ? `Node ${n}: ${plural(samplesOf(s, n), "sample")}`
          : `Node ${n}: ${plural(s.counts[n * s.classes + i], "sample")} of class ${className(s, i)}`,
      ],
      e.clientX,
      e.clientY,
    );
  });
  $("split-view").addEventListener("mouseleave", hideTip);
  drawSplit();
}
