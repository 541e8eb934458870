/* Helpers of all parts of the page, and the data, which stand in the element #data as
 * src/web/data.h and webscene.h say. Texts out of logs become text nodes only, never markup. */

const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");

function element(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined && value !== false) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

function fill(parent, ...children) {
  parent.replaceChildren(...children);
}

function options(select, items) {
  fill(select, ...items.map(([value, text]) => element("option", { value }, text)));
}

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/* A column as src/web/json.h packs it. */
function unpack(column) {
  if (Array.isArray(column)) return column;
  if (column.s) {
    let at = 0;
    return column.s.map(step => (at += step) / 10 ** column.e);
  }
  const out = [],
    pairs = column.v || column.d;
  let sum = 0;
  for (let i = 0; i < pairs.length; i += 2)
    for (let m = 0; m < pairs[i + 1]; m++) {
      if (column.d) out.push((sum += pairs[i]));
      else out.push(pairs[i]);
    }
  return out;
}

/* Colours of Okabe and Ito (2008), which colour-blind readers tell apart; in each scheme those that
 * stand out from the paper. */
const light = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d"];
const night = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#c8c8c8"];
const dashes = [[], [9, 5], [2, 4], [12, 4, 2, 4]];
const colour = i => (dark.matches ? night : light)[i % 7];
const dash = i => dashes[Math.floor(i / 7) % dashes.length];

/* ---- numbers as people read them ---- */

const count = n => Math.round(n).toLocaleString("en-US");

function bytes(x) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let i = 0;
  for (; i + 1 < units.length && x >= 1023.5; i++) x /= 1024;
  return `${i ? x.toPrecision(3) : x} ${units[i]}`;
}

function seconds(x) {
  if (x === 0) return "0 s";
  if (x < 1) return `${+(x * 1000).toPrecision(3)} ms`;
  if (x < 60) return `${+x.toPrecision(3)} s`;
  const s = Math.round(x),
    two = n => String(n).padStart(2, "0");
  return s < 3600
    ? `${Math.floor(s / 60)}:${two(s % 60)} min`
    : `${count(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)} h`;
}

function real(x) {
  if (x === 0) return "0";
  const size = Math.abs(x);
  return size >= 1e-3 && size < 1e5
    ? String(+x.toPrecision(4))
    : x.toExponential(2).replace("e+", "e");
}

const percent = x => `${(100 * x).toFixed(2)} %`;

/* Metrics by name: how they are called and written. An x is something that a curve may run over. */
const metrics = {
  round: ["rounds", count, "x"],
  samples: ["samples", count, "x"],
  gradients: ["gradients", count, "x"],
  bytes: ["bytes sent", bytes, "x"],
  bytes_gossip: ["bytes gossiped", bytes, "x"],
  bytes_teleport: ["bytes teleported", bytes, "x"],
  sim_seconds: ["simulated seconds", seconds, "x"],
  wall_seconds: ["wall seconds", seconds, "x"],
  test_accuracy: ["test accuracy", percent],
  test_accuracy_mean: ["test accuracy, mean of the tokens", percent],
  test_accuracy_worst: ["test accuracy, worst token", percent],
  validation_accuracy: ["validation accuracy", percent],
  validation_accuracy_mean: ["validation accuracy, mean of the tokens", percent],
  validation_accuracy_worst: ["validation accuracy, worst token", percent],
  test_r2: ["test R²", real],
  test_r2_mean: ["test R², mean of the tokens", real],
  test_r2_worst: ["test R², worst token", real],
  validation_r2: ["validation R²", real],
  validation_r2_mean: ["validation R², mean of the tokens", real],
  validation_r2_worst: ["validation R², worst token", real],
  test_loss: ["test loss", real],
  test_loss_mean: ["test loss, mean of the tokens", real],
  test_loss_worst: ["test loss, worst token", real],
  validation_loss: ["validation loss", real],
  validation_loss_mean: ["validation loss, mean of the tokens", real],
  validation_loss_worst: ["validation loss, worst token", real],
  train_loss: ["training loss", real],
  grad_norm2: ["grad_norm2: squared gradient at the mean", real, "log"],
  grad_norm2_tokens: ["grad_norm2_tokens: mean over the tokens", real, "log"],
  objective: ["objective: training loss with weight decay", real],
  suboptimality: ["suboptimality: objective above its minimum", real, "log"],
  suboptimality_mean: ["suboptimality, mean of the tokens", real, "log"],
  suboptimality_worst: ["suboptimality, worst token", real, "log"],
  distance2: ["squared distance to the optimum", real, "log"],
  consensus: ["consensus: squared distance of tokens from their mean", real, "log"],
  lr: ["step size", real],
};
const label = name => (metrics[name] ? metrics[name][0] : name);
const written = (name, x) =>
  x === null || x === undefined || Number.isNaN(x) ? "–" : (metrics[name] || [0, real])[1](x);
/* A deviation: two digits say enough. */
const spread = (name, x) =>
  (metrics[name] || [0, real])[1] === real ? real(+x.toPrecision(2)) : written(name, x);
const isLog = name => metrics[name] && metrics[name][2] === "log";

/* ---- runs and their groups ---- */

const runs = data.runs;
const groups = data.groups;
for (const run of runs) {
  for (const name of Object.keys(run.curves)) run.curves[name] = unpack(run.curves[name]);
  const c = run.curves;
  if (c.bytes_gossip && c.bytes_teleport) {
    c.bytes = c.bytes_gossip.map((b, i) => b + c.bytes_teleport[i]);
    run.end.bytes = run.end.bytes_gossip + run.end.bytes_teleport;
  }
  const g = groups[run.group];
  run.name = g.runs.length > 1 ? `${g.name}, seed ${run.seed}` : g.name;
}
const severalSeeds = groups.some(g => g.runs.length > 1);
const stateNote = run => (run.state === "done" ? "" : run.state);

function groupState(g) {
  const odd = g.runs.map(r => stateNote(runs[r])).filter(s => s);
  if (!odd.length) return "";
  return g.runs.length === 1
    ? odd[0]
    : `${odd.length} of ${g.runs.length} ${[...new Set(odd)].join(", ")}`;
}

/* ---- canvases, and scenes to draw on them ---- */

/* A canvas of this size on the screen; its context draws in the screen's own pixels. */
function prepare(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = "11px system-ui, sans-serif";
  return c;
}

/* Scene i with this part, or the one that it equals. */
function part(i, name) {
  const found = data.scenes[i][name];
  return found.same === undefined ? found : part(found.same, name);
}

function sceneOptions(select) {
  options(
    select,
    data.scenes.map((s, i) => [
      i,
      groups[i].name + (groups[i].runs.length > 1 ? `, seed ${runs[s.run].seed}` : ""),
    ]),
  );
}

function sentence(text) {
  return element("p", { class: "note" }, /[.!?]$/.test(text) ? text : `${text}.`);
}
