/* The curves: of groups, as mean and deviation, or of single runs. */

const known = Object.keys(metrics).filter(name => runs.some(run => run.curves[name]));
const xs = known.filter(name => metrics[name][2] === "x");
const ys = known.filter(name => metrics[name][2] !== "x");

/* The curve of one run: places where both numbers are there, in ascending x; of several places with
 * one x the last counts. */
function curveOf(run, x, y) {
  const out = { x: [], y: [] },
    from = run.curves[x],
    to = run.curves[y];
  if (!from || !to) return out;
  for (let i = 0; i < from.length; i++) {
    if (from[i] === null || to[i] === null) continue;
    while (out.x.length && out.x[out.x.length - 1] >= from[i]) {
      out.x.pop();
      out.y.pop();
    }
    out.x.push(from[i]);
    out.y.push(to[i]);
  }
  return out;
}

/* The value of a curve at x, between two places interpolated, in the logarithm where it spans
 * orders of magnitude; null outside. `hint` is a place at or before x, to go on from. */
function valueAt(curve, x, log, hint) {
  let i = hint.i;
  const n = curve.x.length;
  while (i + 1 < n && curve.x[i + 1] <= x) i++;
  hint.i = i;
  if (!n || x < curve.x[0] || x > curve.x[n - 1]) return null;
  if (curve.x[i] === x || i + 1 === n) return curve.y[i];
  const share = (x - curve.x[i]) / (curve.x[i + 1] - curve.x[i]),
    a = curve.y[i],
    b = curve.y[i + 1];
  return log && a > 0 && b > 0 ? a * Math.pow(b / a, share) : a + share * (b - a);
}

const MOST_PLACES = 1500;

function grid(curves, low, high) {
  let all = [...new Set(curves.flatMap(c => c.x))]
    .filter(x => x >= low && x <= high)
    .sort((a, b) => a - b);
  if (all.length > MOST_PLACES)
    all = Array.from(
      { length: MOST_PLACES },
      (_, i) => low + ((high - low) * i) / (MOST_PLACES - 1),
    );
  return all;
}

/* The runs that a mean is over: those that came to their end, if any did (src/compare/groups.h). */
const counted = g => g.runs.slice(0, g.counted);
const leftOut =
  "Where some runs of a group came to their end, those that did not are not in its mean.";
const someLeftOut = groups.some(g => g.counted < g.runs.length);

/* Mean and standard deviation over the runs of a group, where all of them have a value. */
function meanOf(g, x, y) {
  const curves = counted(g)
    .map(r => curveOf(runs[r], x, y))
    .filter(c => c.x.length);
  const out = { x: [], y: [], low: [], high: [], sd: [], n: curves.length };
  if (!curves.length) return out;
  const first = Math.max(...curves.map(c => c.x[0])),
    last = Math.min(...curves.map(c => c.x[c.x.length - 1]));
  const hints = curves.map(() => ({ i: 0 }));
  for (const at of curves.length === 1 ? curves[0].x : grid(curves, first, last)) {
    const values = curves.map((c, i) => valueAt(c, at, isLog(y), hints[i]));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const sd =
      values.length > 1
        ? Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1))
        : 0;
    out.x.push(at);
    out.y.push(mean);
    out.sd.push(sd);
    out.low.push(mean - sd);
    out.high.push(mean + sd);
  }
  return out;
}

/* ---- the chart ---- */

function axis(name, extra) {
  const f = (metrics[name] || [0, real])[1];
  return Object.assign(
    {
      stroke: css("--soft"),
      grid: { stroke: css("--grid"), width: 1 },
      ticks: { stroke: css("--grid"), width: 1 },
      font: "12px system-ui, sans-serif",
      labelFont: "12px system-ui, sans-serif",
      label: label(name),
      labelSize: 22,
      values: (u, splits) =>
        splits.map(v => (v === null ? "" : f === percent ? `${+(100 * v).toFixed(3)} %` : f(v))),
    },
    extra,
  );
}

let chart = null;
const hidden = { mean: new Set(), runs: new Set() };
const state = () => ({
  metric: $("metric").value,
  x: $("x").value,
  view: $("view").value,
  log: $("log").checked,
});

/* What may be shown: a line for each group, or for each run. */
function lines() {
  const s = state();
  if (s.view === "mean")
    return groups.map((g, i) => ({
      id: i,
      name: g.name,
      colour: i,
      note: groupState(g),
      of: () => meanOf(g, s.x, s.metric),
    }));
  return runs.map((run, i) => ({
    id: i,
    name: run.name,
    colour: severalSeeds ? run.group : i,
    note: stateNote(run),
    of: () => {
      const c = curveOf(run, s.x, s.metric);
      return { ...c, n: 1 };
    },
  }));
}

function drawToggles() {
  const s = state(),
    off = hidden[s.view];
  fill(
    $("toggles"),
    ...lines().map(line => {
      const box = element("input", { type: "checkbox", "data-line": line.id });
      box.checked = !off.has(line.id);
      box.addEventListener("change", () => {
        if (box.checked) off.delete(line.id);
        else off.add(line.id);
        drawCurves();
      });
      const ns = "http://www.w3.org/2000/svg",
        svg = document.createElementNS(ns, "svg"),
        stroke = document.createElementNS(ns, "line");
      for (const [k, v] of [
        ["width", 26],
        ["height", 10],
        ["aria-hidden", true],
      ])
        svg.setAttribute(k, v);
      for (const [k, v] of [
        ["x1", 0],
        ["x2", 26],
        ["y1", 5],
        ["y2", 5],
        ["stroke", colour(line.colour)],
        ["stroke-width", 2.5],
        ["stroke-dasharray", dash(line.colour).join(" ")],
      ])
        stroke.setAttribute(k, v);
      svg.append(stroke);
      return element(
        "label",
        {},
        box,
        svg,
        element("span", { class: "name" }, line.name),
        element("span", { class: "state" }, line.note),
      );
    }),
  );
}

/* uPlot wants one x for all lines: all places together, with null where a line has none. */
function align(list) {
  let all = [...new Set(list.flatMap(l => l.x))].sort((a, b) => a - b);
  const thin = all.length * list.length > 2e6;
  if (thin) all = grid(list, all[0], all[all.length - 1]);
  const columns = [all];
  for (const l of list)
    for (const key of l.low ? ["y", "low", "high"] : ["y"]) {
      const column = new Array(all.length).fill(null),
        hint = { i: 0 };
      let j = 0;
      for (let i = 0; i < all.length; i++) {
        if (thin) column[i] = valueAt({ x: l.x, y: l[key] }, all[i], false, hint);
        else if (j < l.x.length && l.x[j] === all[i]) column[i] = l[key][j++];
      }
      columns.push(column);
    }
  return columns;
}

/* The value of a line at x, for the tip: as found, or between two places. */
function tell(line, x, log) {
  return valueAt(line, x, log, { i: 0 });
}

function showTip(content, left, top) {
  const tip = $("tip");
  fill(tip, ...content);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${clamp(left + 16 + box.width > innerWidth ? left - 16 - box.width : left + 16, 4, Math.max(4, innerWidth - box.width - 4))}px`;
  tip.style.top = `${clamp(top + 16 + box.height > innerHeight ? top - 16 - box.height : top + 16, 4, Math.max(4, innerHeight - box.height - 4))}px`;
}

const hideTip = () => {
  $("tip").hidden = true;
};

/* The values at a place of the chart, beside the cursor; of many lines the ten that are nearest to
 * it. */
function tellCurves(u, shown, s, spoken) {
  const i = u.cursor.idx;
  if (i === null || i === undefined) return hideTip();
  const x = u.data[0][i];
  let rows = shown.map(l => ({ l, v: tell(l, x, isLog(s.metric)) })).filter(r => r.v !== null);
  const away = r => Math.abs(u.valToPos(r.v, "y") - u.cursor.top);
  const left = rows.length - 10;
  if (left > 0) rows = rows.sort((a, b) => away(a) - away(b)).slice(0, 10);
  rows.sort((a, b) => b.v - a.v);
  const table = element(
    "table",
    {},
    ...rows.map(({ l, v }) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = colour(l.colour);
      const sd = l.n > 1 ? tell({ x: l.x, y: l.sd }, x, false) : 0;
      return element(
        "tr",
        {},
        element("th", {}, swatch, l.name),
        element("td", {}, written(s.metric, v) + (l.n > 1 ? ` ± ${spread(s.metric, sd)}` : "")),
      );
    }),
  );
  const heading = element("strong", {}, `${label(s.x)}: ${written(s.x, x)}`);
  const more = left > 0 ? [element("div", {}, `and ${left} more`)] : [];
  const box = u.over.getBoundingClientRect();
  showTip([heading, table, ...more], box.left + u.cursor.left, box.top + Math.max(u.cursor.top, 0));
  if (spoken)
    $("chart-said").textContent =
      `${heading.textContent}. ` +
      rows.map(({ l, v }) => `${l.name}: ${written(s.metric, v)}`).join(". ");
}

function drawCurves() {
  const s = state(),
    all = lines();
  if (chart) chart.destroy();
  chart = null;
  hideTip();
  const shown = all
    .filter(l => !hidden[s.view].has(l.id))
    .map(l => ({ ...l, ...l.of() }))
    .filter(l => l.x.length);
  const notes = [];
  if (s.view === "mean") {
    if (someLeftOut) notes.push(leftOut);
    if (severalSeeds)
      notes.push(
        "Bands are one standard deviation over the seeds, wherever all runs of a group have a value.",
      );
  }
  const low = shown.some(l => l.y.some(v => v <= 0));
  if (s.log && low) notes.push("Values of 0 and less have no logarithm and are not drawn.");
  const host = $("chart");
  if (!shown.length) {
    fill(
      host,
      element(
        "p",
        { class: "note" },
        all.length
          ? "Nothing to draw: no line is on, none has this metric, or the runs of a mean have no place on this axis in common."
          : "The logs have no evaluations.",
      ),
    );
    $("curves-note").textContent = notes.join(" ");
    return;
  }
  fill(host);
  const columns = align(shown),
    series = [{}],
    bands = [];
  for (const l of shown) {
    const points = { show: l.x.length < 40, size: 5, fill: colour(l.colour) };
    const banded = l.low && l.n > 1;
    series.push({
      label: l.name,
      stroke: colour(l.colour),
      width: s.view === "runs" && shown.length > 12 ? 1.2 : 2,
      dash: dash(l.colour),
      spanGaps: true,
      points,
    });
    if (l.low) {
      const edge = { stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
      series.push({ ...edge }, { ...edge });
      if (banded)
        bands.push({
          series: [series.length - 1, series.length - 2],
          fill: colour(l.colour) + "2e",
        });
    }
  }
  if (s.log)
    for (let c = 1; c < columns.length; c++)
      columns[c] = columns[c].map(v => (v !== null && v <= 0 ? null : v));
  const box = host.getBoundingClientRect();
  chart = new uPlot(
    {
      width: Math.max(Math.floor(box.width), 200),
      height: Math.max(box.height, 150),
      series,
      bands,
      scales: { x: { time: false }, y: s.log ? { distr: 3 } : {} },
      axes: [axis(s.x, { space: 70 }), axis(s.metric, { size: 74 })],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      hooks: { setCursor: [u => tellCurves(u, shown, s, false)] },
    },
    columns,
    host,
  );
  chart.shown = shown;
  host.setAttribute(
    "aria-label",
    `${label(s.metric)} over ${label(s.x)}: ` +
      shown.map(l => `${l.name} ends at ${written(s.metric, l.y[l.y.length - 1])}`).join("; "),
  );
  $("curves-note").textContent = notes.join(" ");
}

/* What is shown first, as in compare. Runs with validation measure test samples once, at their ends:
 * they have no curve but that of the validation. */
function usualMetric() {
  const isCurve = name => runs.some(run => curveOf(run, "round", name).x.length > 1);
  return ["test_accuracy", "validation_accuracy", "grad_norm2"].find(isCurve) || ys[0];
}

function setUpCurves() {
  options(
    $("metric"),
    ys.map(name => [name, label(name)]),
  );
  if (ys.length) $("metric").value = usualMetric();
  options(
    $("x"),
    xs.map(name => [name, label(name)]),
  );
  const fresh = () => {
    $("log").checked = isLog($("metric").value);
  };
  fresh();
  if (xs.includes("gradients")) $("x").value = "gradients"; /* the fair one, as in compare */
  if (!severalSeeds) {
    $("view").value = "runs";
    $("view-label").hidden = true;
  }
  const redraw = () => {
    drawToggles();
    drawCurves();
  };
  $("metric").addEventListener("change", () => {
    fresh();
    redraw();
  });
  for (const id of ["x", "view", "log"]) $(id).addEventListener("change", redraw);
  $("all").addEventListener("click", () => {
    hidden[state().view].clear();
    redraw();
  });
  $("none").addEventListener("click", () => {
    for (const l of lines()) hidden[state().view].add(l.id);
    redraw();
  });
  $("chart").addEventListener("keydown", e => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!chart || (!step && e.key !== "Escape")) return;
    e.preventDefault();
    if (!step) return hideTip();
    const x = chart.data[0],
      from = chart.cursor.idx;
    const i =
      from === null || from === undefined
        ? step > 0
          ? 0
          : x.length - 1
        : clamp(from + step, 0, x.length - 1);
    chart.setCursor({ left: chart.valToPos(x[i], "x"), top: 10 });
    chart.cursor.idx = i;
    tellCurves(chart, chart.shown, state(), true);
  });
  $("chart").addEventListener("mouseleave", hideTip);
  $("chart").addEventListener("blur", hideTip);
  redraw();
}
