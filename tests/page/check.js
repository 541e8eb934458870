/* tests/page/check.js: the page of `telesgd report` in a real browser: it loads without a complaint
 * and without the network, draws what it says, and does what its controls promise; wide and narrow,
 * light and dark.
 *     node tests/page/check.js PROGRAM FOLDER
 * FOLDER is emptied, and holds the logs and pages afterwards. */
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { execFileSync } = require("node:child_process");
const { check, expect } = require("./checks.js");

const [program, folder] = process.argv.slice(2);

/* ---- logs of real runs ---- */

const digits =
  "--data digits --model mlp:16 --nodes 12 --partition dirichlet:0.4 --allow-empty --split-seed 3 --eval-at-start";
const odd = '<img src=x onerror=alert(1)> & "quotes".jsonl';

function train(name, words, end = 0) {
  const args = [
    "train",
    ...words.split(" "),
    "--progress",
    "off",
    "--log",
    path.join(folder, name),
  ];
  try {
    execFileSync(program, args, { stdio: "ignore" });
  } catch (why) {
    if (why.status !== end) throw why;
  }
}

function make() {
  fs.rmSync(folder, { recursive: true, force: true });
  for (const inside of ["odd", "held"])
    fs.mkdirSync(path.join(folder, inside), { recursive: true });
  for (const seed of [0, 1, 2]) {
    train(
      `teleport-${seed}.jsonl`,
      `${digits} --active 5 --topology base:1 --rounds 120 --eval-every 10 --eval tokens --seed ${seed}`,
    );
    train(
      `dsgd-${seed}.jsonl`,
      `${digits} --method dsgd --topology exp --rounds 50 --eval-every 5 --eval tokens --link-cost preferred --seed ${seed}`,
    );
  }
  train("held/run.jsonl", `${digits} --active 4 --rounds 60 --validation 0.2 --eval tokens`);
  train(`odd/${odd}`, `${digits} --active 4 --availability 0.4 --rounds 60`);
  train("odd/quadratic.jsonl", "--model quadratic --nodes 150 --method dsgd --lr 0.01 --rounds 30");
  train(
    "odd/diverged.jsonl",
    "--model quadratic --conditioning uniform --nodes 9 --active 3 --lr 5 --rounds 4000",
    3,
  );
  const whole = fs.readFileSync(path.join(folder, "teleport-0.jsonl"), "utf8");
  fs.writeFileSync(path.join(folder, "odd/cut.jsonl"), whole.slice(0, whole.length / 2));
  const page = (name, ...from) => {
    execFileSync(
      program,
      ["report", ...from.map(f => path.join(folder, f)), "-o", path.join(folder, name)],
      { stdio: "ignore" },
    );
    return path.join(folder, name);
  };
  return {
    plain: page("plain.html", "."),
    odd: page("odd.html", "odd"),
    one: page("one.html", "teleport-1.jsonl"),
    held: page("held.html", "held"),
    quadratic: page("quadratic.html", "odd/quadratic.jsonl"),
  };
}

/* ---- what is asked of the page ---- */

/* The pixels of a canvas, read from a copy; none: it is not there. */
const pixels = selector => `(() => {
  const c = document.querySelector(${JSON.stringify(selector)});
  if (!c || !c.width || !c.height) return [];
  const copy = new OffscreenCanvas(c.width, c.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(c, 0, 0);
  return new Uint32Array(copy.getImageData(0, 0, c.width, c.height).data.buffer);
})()`;

/* How many colours a canvas has, beside that of its background. */
const colours = selector => `new Set(${pixels(selector)}).size - 1`;

/* The canvas as a number, to see that something has changed. */
const drawn = selector =>
  `${pixels(selector)}.reduce((sum, p) => Math.imul(sum ^ p, 16777619) >>> 0, 0)`;

const choose = (id, value) => `(() => {
  const e = document.getElementById(${JSON.stringify(id)});
  e.value = ${JSON.stringify(value)};
  e.dispatchEvent(new Event("input", { bubbles: true }));
  e.dispatchEvent(new Event("change", { bubbles: true }));
  return e.value;
})()`;

const click = selector => `document.querySelector(${JSON.stringify(selector)}).click()`;
const text = selector => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const values = id =>
  `[...document.getElementById(${JSON.stringify(id)}).options].map(o => o.value)`;
const chart = "#chart canvas";

async function changes(browser, what, selector, action) {
  const before = await browser.run(drawn(selector));
  await browser.run(action);
  await browser.settle();
  expect((await browser.run(drawn(selector))) !== before, `${what} changes ${selector}`);
}

async function point(browser, selector, x, y) {
  const at = await browser.run(`(() => {
    const e = document.querySelector(${JSON.stringify(selector)});
    e.scrollIntoView({ block: "center", behavior: "instant" });
    const b = e.getBoundingClientRect();
    return { x: b.x + b.width * ${x}, y: b.y + b.height * ${y} };
  })()`);
  await browser.settle();
  await browser.send("Input.dispatchMouseEvent", { type: "mouseMoved", x: 1, y: 1 });
  await browser.send("Input.dispatchMouseEvent", { type: "mouseMoved", ...at });
  await browser.settle();
  return browser.run(
    "document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText",
  );
}

function quiet(browser, page) {
  expect(
    browser.complaints.length === 0,
    `${page}: the browser complains: ${browser.complaints.join("; ")}`,
  );
  const elsewhere = browser.loads.filter(url => url !== `file://${path.resolve(page)}`);
  expect(elsewhere.length === 0, `${page}: it loads ${elsewhere.join(" ")}`);
}

async function open(browser, page, view) {
  browser.complaints.length = browser.loads.length = 0;
  await browser.look(view);
  await browser.load(page);
  expect(browser.loads.length > 0, `${page}: what it loads is seen`);
  quiet(browser, page);
}

async function fits(browser, what) {
  const wide = await browser.run(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect(wide <= 0, `${what}: ${wide} pixels too wide`);
}

async function canvases(browser, what, list) {
  for (const selector of list)
    expect((await browser.run(colours(selector))) >= 2, `${what}: ${selector} is blank`);
}

/* ---- the checks ---- */

const every = [
  chart,
  "#tokens-view canvas",
  "#graph-matrix",
  "#graph-values canvas",
  "#split-view canvas",
];

async function checkPlain(browser, page) {
  await open(browser, page, { width: 1280 });
  await canvases(browser, "wide and light", every);
  await fits(browser, "wide and light");
  expect(
    (await browser.run(text("#title"))) === "6 runs of 2 settings",
    "the title counts runs and settings",
  );

  for (const x of ["samples", "gradients", "bytes_gossip", "bytes_teleport", "wall_seconds"])
    expect((await browser.run(values("x"))).includes(x), `curves can run over ${x}`);
  expect(
    (await browser.run("document.getElementById('x').value")) === "gradients",
    "curves run over gradients at first",
  );
  for (const metric of ["test_accuracy", "test_accuracy_mean", "test_loss", "consensus"])
    expect((await browser.run(values("metric"))).includes(metric), `there are curves of ${metric}`);
  for (const x of (await browser.run(values("x"))).filter(x => x !== "gradients"))
    await changes(browser, `x ${x}`, chart, choose("x", x));
  /* Short runs may have no second in common, and then there is no mean over seconds. */
  await browser.run(choose("x", "round"));
  for (const metric of (await browser.run(values("metric"))).slice(1))
    await changes(browser, `metric ${metric}`, chart, choose("metric", metric));
  await browser.run(choose("metric", "test_loss"));
  await changes(browser, "a logarithm", chart, click("#log"));
  await changes(browser, "a curve off", chart, click("#toggles input"));
  await changes(browser, "a curve on", chart, click("#toggles input"));
  expect(
    (await browser.run("document.querySelectorAll('#toggles input').length")) === 2,
    "two groups can be toggled",
  );
  await changes(browser, "single runs", chart, choose("view", "runs"));
  expect(
    (await browser.run("document.querySelectorAll('#toggles input').length")) === 6,
    "six runs can be toggled",
  );
  await browser.run(click("#none"));
  expect(
    await browser.run(
      "!document.querySelector('#chart canvas') && /Nothing to draw/.test(document.getElementById('chart').textContent)",
    ),
    "no curve: a sentence stands in place of the chart",
  );
  await browser.run(click("#all"));
  await browser.settle();
  await canvases(browser, "all curves on again", [chart]);
  await browser.run(choose("view", "mean"));
  await browser.run(choose("metric", "test_accuracy"));

  const end = JSON.parse(
    fs.readFileSync(path.join(folder, "teleport-0.jsonl"), "utf8").trim().split("\n").pop(),
  );
  expect(
    (await browser.run(text("#ends"))).includes("teleport, 5 of 12, base:1"),
    "the summary names the groups",
  );
  await browser.run(click("#each"));
  const percent = `${(100 * end.test_accuracy).toFixed(2)} %`;
  expect(
    (await browser.run(text("#ends"))).includes(percent),
    `the summary has the accuracy of a run, ${percent}`,
  );
  const tip = await point(browser, "#chart .u-over", 0.3, 0.5);
  expect(
    /rounds: \d/.test(tip) && /dsgd/.test(tip) && /± .* %/.test(tip),
    `the chart tells values under the cursor: ${tip}`,
  );
  await browser.run("document.getElementById('chart').focus()");
  await browser.send("Input.dispatchKeyEvent", {
    type: "keyDown",
    key: "ArrowRight",
    code: "ArrowRight",
    windowsVirtualKeyCode: 39,
  });
  await browser.settle();
  expect(
    /rounds: \d/.test(await browser.run(text("#chart-said"))),
    "the arrow keys speak the values",
  );

  expect(
    (await browser.run(text("#tokens-note"))).includes("5 tokens travel between 12 nodes"),
    "the first tokens shown travel",
  );
  await changes(browser, "zoom", "#tokens-view canvas", choose("tokens-zoom", "90"));
  await changes(browser, "one token", "#tokens-view canvas", choose("tokens-one", "2"));
  await changes(
    browser,
    "scrolling",
    "#tokens-view canvas",
    "document.getElementById('tokens-view').scrollTo({ left: 300, behavior: 'instant' })",
  );
  await changes(browser, "another run", "#tokens-view canvas", choose("tokens-run", "0"));
  expect(
    (await browser.run(text("#tokens-note"))).includes("12 tokens stay with their nodes"),
    "tokens of D-SGD stay",
  );
  await changes(browser, "another graph", "#graph-matrix", choose("graph-run", "1"));
  await changes(browser, "another round", "#graph-matrix", choose("graph-round", "1"));
  expect(
    /Token \d (reads|keeps|does not)/.test(await point(browser, "#graph-matrix", 0.5, 0.5)),
    "the matrix tells weights",
  );
  expect(
    /Node \d+: \d+ samples? of class \d/.test(await point(browser, "#split-view", 0.5, 0.6)),
    "the split tells counts",
  );
  await browser.run("document.getElementById('split-details').open = true");
  await browser.settle();
  expect(
    (await browser.run("document.querySelectorAll('#split-table tbody tr').length")) === 12,
    "the counts stand in a table too",
  );
  const bars = JSON.parse(
    fs.readFileSync(path.join(folder, "dsgd-0.jsonl"), "utf8").trim().split("\n").pop(),
  ).workers.length;
  expect(
    (await browser.run("document.querySelectorAll('#time-bars .bar').length")) === bars,
    "every worker has a bar",
  );
  quiet(browser, page);

  const paper = "getComputedStyle(document.body).backgroundColor";
  const bright = await browser.run(paper),
    before = await browser.run(drawn(chart));
  await browser.look({ width: 1280, dark: true });
  expect((await browser.run(paper)) !== bright, "dark is another paper");
  expect((await browser.run(drawn(chart))) !== before, "the charts follow the scheme");
  await canvases(browser, "wide and dark", every);
  for (const dark of [false, true])
    for (const width of [390, 320]) {
      await open(browser, page, { width, dark });
      await canvases(browser, `${width} pixels, dark ${dark}`, every);
      await fits(browser, `${width} pixels, dark ${dark}`);
    }
  await browser.look({ width: 1280 });
  await canvases(browser, "made wide again", every);
  await fits(browser, "made wide again");
  quiet(browser, page);
  await open(browser, page, { width: 794, height: 1400, print: true });
  await fits(browser, "printed");
}

async function checkOdd(browser, page) {
  await open(browser, page, { width: 1000 });
  await fits(browser, "odd logs");
  await canvases(browser, "odd logs", [chart]);
  expect(
    (await browser.run("document.querySelectorAll('img').length")) === 0,
    "a name is no markup",
  );
  expect((await browser.run(text("#other"))).includes(odd), "a name is shown as it is");
  const ends = await browser.run(text("#ends"));
  for (const state of ["diverged", "cut"])
    expect(ends.includes(state), `the summary tells which run is ${state}`);
  const groups = await browser.run(
    "[...document.querySelectorAll('#graph-run option')].map(o => o.textContent)",
  );
  const quadratic = groups.findIndex(g => g.includes("150 of 150"));
  await browser.run(choose("split-run", String(quadratic)));
  expect(
    /no samples/.test(await browser.run(text("#split-note"))),
    "a quadratic has no split, and a sentence says so",
  );
  await browser.run(choose("graph-run", String(quadratic)));
  expect(
    /Not computed/.test(await browser.run(text("#graph-values-note"))),
    "values of a large graph are not computed",
  );
  for (let i = 0; i < groups.length; i++) {
    await browser.run(choose("tokens-run", String(i)));
    await canvases(browser, groups[i], ["#tokens-view canvas"]);
  }
  await browser.run(
    choose(
      "tokens-run",
      String(groups.findIndex(g => g.includes("availability") || g.includes("4 of 12"))),
    ),
  );
  expect(
    /Dotted/.test(await browser.run(text("#tokens-note"))),
    "tokens that sit rounds out are told of",
  );
  quiet(browser, page);
}

async function checkOne(browser, page) {
  await open(browser, page, { width: 1280 });
  await canvases(browser, "one run", every);
  expect(
    await browser.run(
      "document.getElementById('view-label').hidden && document.getElementById('summary-controls').hidden",
    ),
    "one run has no seeds to choose between",
  );
  expect(
    (await browser.run(text("#title"))).startsWith("teleport, 5 of 12"),
    "one run gives the page its name",
  );
}

/* The metric that a page shows first is one of which its runs have a curve. */
async function checkFirst(browser, page, metric) {
  await open(browser, page, { width: 1280 });
  expect(
    (await browser.run("document.getElementById('metric').value")) === metric,
    `${metric} is shown first`,
  );
}

async function checkHeld(browser, page) {
  await checkFirst(browser, page, "validation_accuracy");
  for (const metric of ["validation_accuracy_mean", "validation_loss_worst"])
    expect((await browser.run(values("metric"))).includes(metric), `there are curves of ${metric}`);
}

const pages = make();
check("the page of telesgd report", async browser => {
  await checkPlain(browser, pages.plain);
  await checkOdd(browser, pages.odd);
  await checkOne(browser, pages.one);
  await checkFirst(browser, pages.plain, "test_accuracy");
  await checkHeld(browser, pages.held);
  await checkFirst(browser, pages.quadratic, "grad_norm2");
});
