/* The mixing matrix, as a heat map, and its singular values. */

let values = null;

function rowsOf(graph, r) {
  const round = graph.rounds[r],
    rows = [];
  let at = 0;
  for (const n of round.n) {
    const row = new Map();
    for (let i = 0; i < n; i++, at++) row.set(round.c[at], graph.weights[round.w[at]]);
    rows.push(row);
  }
  return rows;
}

function graphGeometry(graph) {
  const figure = $("graph-matrix").parentElement,
    room = Math.min(figure.clientWidth || 400, 460) - 34;
  return { left: 30, top: 20, cell: Math.min(room / graph.tokens, 34) };
}

function drawMatrix(graph, r) {
  const canvas = $("graph-matrix"),
    k = graph.tokens;
  canvas.hidden = !graph.rounds;
  if (!graph.rounds) {
    $("graph-said").textContent = `Too many links to draw: ${count(k)} tokens.`;
    return;
  }
  const g = graphGeometry(graph),
    size = g.cell * k,
    rows = rowsOf(graph, r),
    most = Math.max(...graph.weights);
  const c = prepare(canvas, g.left + size + 4, g.top + size + 4),
    gap = g.cell > 6 ? 1 : 0;
  c.fillStyle = css("--grid");
  c.fillRect(g.left, g.top, size, size);
  rows.forEach((row, a) =>
    row.forEach((w, b) => {
      if (!w) return;
      const x = g.left + b * g.cell,
        y = g.top + a * g.cell;
      if (!gap) {
        /* over what lies below, not through it */
        c.fillStyle = css("--paper");
        c.fillRect(x, y, g.cell, g.cell);
      }
      c.fillStyle = `rgba(${css("--shade")}, ${(0.12 + (0.88 * w) / most).toFixed(3)})`;
      c.fillRect(x, y, g.cell - gap, g.cell - gap);
      if (g.cell >= 30) {
        c.fillStyle =
          w / most > 0.55 && !dark.matches
            ? "#fff"
            : dark.matches && w / most > 0.55
              ? "#000"
              : css("--ink");
        c.textAlign = "center";
        c.textBaseline = "middle";
        c.fillText(w.toFixed(2).replace(/^0/, ""), x + g.cell / 2, y + g.cell / 2);
      }
    }),
  );
  c.fillStyle = css("--soft");
  c.textBaseline = "middle";
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(e => e * g.cell >= 20) || 1000;
  for (let a = 0; a < k; a += every) {
    c.textAlign = "right";
    c.fillText(String(a), g.left - 5, g.top + (a + 0.5) * g.cell);
    c.textAlign = "center";
    c.fillText(String(a), g.left + (a + 0.5) * g.cell, g.top - 9);
  }
  canvas.setAttribute(
    "aria-label",
    `Weights of round ${r}: ${k} by ${k}; ` +
      `the largest is ${real(most)}; a token reads at most ${graph.degree} others`,
  );
  $("graph-said").textContent = `Weights from 0 to ${real(most)}; darker is more.`.replace(
    "darker",
    dark.matches ? "brighter" : "darker",
  );
}

function drawValues(graph, r) {
  if (values) values.destroy();
  values = null;
  const host = $("graph-values"),
    note = $("graph-values-note");
  host.hidden = !graph.values;
  if (!graph.values) {
    note.textContent = `Not computed for so many tokens; the gaps above are.`;
    return;
  }
  const k = graph.tokens,
    index = Array.from({ length: k }, (_, i) => i + 1),
    periodic = graph.period > 1;
  const dots = (i, size) => ({ show: true, size, fill: colour(i), stroke: colour(i) });
  const none = () => null;
  fill(host);
  values = new uPlot(
    {
      width: Math.max(Math.floor(host.getBoundingClientRect().width), 200),
      height: host.clientHeight,
      series: [
        {},
        { stroke: colour(0), paths: none, points: dots(0, k > 60 ? 4 : 7) },
        ...(periodic ? [{ stroke: colour(1), paths: none, points: dots(1, k > 60 ? 3 : 5) }] : []),
      ],
      scales: { x: { time: false, range: [0, k + 1] }, y: { range: [-0.03, 1.05] } },
      axes: [
        axis("", {
          label: "number",
          values: (u, splits) => splits.map(v => (Number.isInteger(v) && v > 0 && v <= k ? v : "")),
        }),
        axis("", { label: "singular value", size: 46 }),
      ],
      legend: { show: false },
      cursor: { show: false },
    },
    [index, graph.values[r], ...(periodic ? [graph.product] : [])],
    host,
  );
  host.setAttribute(
    "aria-label",
    `Singular values of round ${r}: ${graph.values[r].map(real).join(", ")}`,
  );
  const swatch = i => {
    const s = element("span", { class: "swatch" });
    s.style.background = colour(i);
    return s;
  };
  const second = k > 1 ? `; the second is ${real(graph.values[r][1])}` : "";
  fill(
    note,
    swatch(0),
    `of round ${r}${second}. `,
    ...(periodic
      ? [
          swatch(1),
          `of the product of all ${graph.period} rounds of a period${k > 1 ? `; the second is ${real(graph.product[1])}` : ""}.`,
        ]
      : []),
  );
}

function drawGraph() {
  const graph = part(+$("graph-run").value, "graph"),
    slider = $("graph-round");
  const pair = document.querySelector("#graph .pair");
  pair.hidden = !!graph.why;
  $("graph-round-label").hidden = !!graph.why || graph.period < 2;
  if (graph.why) {
    fill($("graph-facts"), graph.why);
    return;
  }
  slider.max = graph.period - 1;
  const r = Math.min(+slider.value, graph.period - 1);
  $("graph-round-said").textContent = `${r} of 0 to ${graph.period - 1}`;
  $("graph-facts").textContent =
    `${graph.topology}${graph.lazy ? ", lazy" : ""}, ${plural(graph.tokens, "token")}: a token reads at most ${plural(graph.degree, "other")} in a round; ` +
    (graph.every > 1
      ? `tokens mix in every round number ${count(graph.every)} alone, and rounds below are those; `
      : "") +
    (graph.period > 1 ? `the graph repeats after ${graph.period} rounds; ` : "") +
    `spectral gap ${real(graph.gap)}` +
    (graph.period > 1 ? ` of round 0 and ${real(graph.gap_period)} of a period` : "") +
    "; " +
    (graph.exact_after
      ? `all hold the exact mean after ${plural(graph.exact_after, "round")}.`
      : "the exact mean is never reached, only approached.");
  if (graph.gap === 0 && graph.gap_period === 0)
    $("graph-facts").textContent += " A gap of 0: not everybody mixes with everybody.";
  drawMatrix(graph, r);
  drawValues(graph, r);
}

function setUpGraph() {
  sceneOptions($("graph-run"));
  $("graph-run").addEventListener("change", () => {
    $("graph-round").value = 0;
    drawGraph();
  });
  $("graph-round").addEventListener("input", drawGraph);
  $("graph-matrix").addEventListener("mousemove", e => {
    const graph = part(+$("graph-run").value, "graph");
    if (graph.why || !graph.rounds) return;
    const g = graphGeometry(graph),
      box = e.target.getBoundingClientRect();
    const b = Math.floor((e.clientX - box.left - g.left) / g.cell),
      a = Math.floor((e.clientY - box.top - g.top) / g.cell);
    if (a < 0 || b < 0 || a >= graph.tokens || b >= graph.tokens) return hideTip();
    const w = rowsOf(graph, Math.min(+$("graph-round").value, graph.period - 1))[a].get(b) || 0;
    showTip(
      [
        a === b
          ? `Token ${a} keeps ${real(w)} of itself`
          : w
            ? `Token ${a} reads token ${b} with weight ${real(w)}`
            : `Token ${a} does not read token ${b}`,
      ],
      e.clientX,
      e.clientY,
    );
  });
  $("graph-matrix").addEventListener("mouseleave", hideTip);
  drawGraph();
}
