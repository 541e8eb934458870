/* tests/page/flame.js: a flame graph of perf/flame.awk in a real browser: it loads without a
 * complaint and without the network, zooms and searches.
 *     node tests/page/flame.js FOLDER
 * FOLDER holds the picture afterwards. */
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { execFileSync } = require("node:child_process");
const { check, expect } = require("./checks.js");

const folder = process.argv[2];

/* Of ten samples main has eight, in step and mix five and three; two of step's are in conv_row, two
 * in gemm, one in itself; a thread has two in conv_row, below another caller. */
const stacks = [
  [2, "conv_row", "step", "main"],
  [2, "gemm", "step", "main"],
  [1, "step", "main"],
  [3, "mix", "main"],
  [2, "conv_row", "part", "start_thread"],
];

function make() {
  fs.mkdirSync(folder, { recursive: true });
  const lines = frames => frames.map(f => `\t 10 ${f}+0x1 (x)\n`).join("");
  const text = stacks.flatMap(([n, ...frames]) =>
    Array(n).fill(`telesgd 1 1.0: 1 cpu-clock:\n${lines(frames)}\n`),
  );
  const file = path.join(folder, "flame.svg");
  fs.writeFileSync(
    file,
    execFileSync("awk", ["-v", "title=Made up", "-f", "perf/flame.awk"], { input: text.join("") }),
  );
  return file;
}

/* The boxes that are shown: [name, left, right, marked], in tenths of the picture. */
const boxes = `(() => [...document.querySelectorAll(".box:not(.hidden)")].map(g => {
  const r = g.querySelector("rect"), x = +r.getAttribute("x"), w = +r.getAttribute("width");
  return [g.querySelector("title").textContent.split(":")[0], Math.round(x / 120),
    Math.round((x + w) / 120), getComputedStyle(r).fill];
}))()`;

const click = name => `[...document.querySelectorAll(".box")].find(g =>
  g.querySelector("title").textContent.startsWith(${JSON.stringify(name)} + ":"))
  .dispatchEvent(new MouseEvent("click", { bubbles: true }))`;

const search = words => `(() => {
  const field = document.querySelector("input");
  field.value = ${JSON.stringify(words)};
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return document.getElementById("found").textContent;
})()`;

async function places(browser) {
  const at = {};
  for (const [name, left, right] of await browser.run(boxes))
    (at[name] = at[name] || []).push(`${left}-${right}`);
  return at;
}

async function expectPlaces(browser, what, want) {
  const got = JSON.stringify(await places(browser));
  expect(got === JSON.stringify(want), `${what}: ${got}`);
}

const file = make();
check("a flame graph", async browser => {
  const whole = {
    all: ["0-10"],
    main: ["0-8"],
    mix: ["0-3"],
    step: ["3-8"],
    conv_row: ["3-5", "8-10"],
    gemm: ["5-7"],
    start_thread: ["8-10"],
    part: ["8-10"],
  };
  await browser.look({ width: 1200 });
  await browser.load(file);
  expect(
    (await browser.run("document.getElementById('title').textContent")) === "Made up",
    "the picture has its title",
  );
  await expectPlaces(browser, "all is shown", whole);
  await browser.run(click("step"));
  const within = {
    all: ["0-10"],
    main: ["0-10"],
    step: ["0-10"],
    conv_row: ["0-4"],
    gemm: ["4-8"],
  };
  await expectPlaces(browser, "a click zooms in", within);
  await browser.run(click("main"));
  const wider = {
    all: ["0-10"],
    main: ["0-10"],
    mix: ["0-4"],
    step: ["4-10"],
    conv_row: ["4-6"],
    gemm: ["6-9"],
  };
  await expectPlaces(browser, "a click on a caller zooms out as far", wider);
  await browser.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))");
  await expectPlaces(browser, "Escape shows everything", whole);
  expect(
    (await browser.run(search("conv|gemm"))) === "found in 60.0 % of the samples",
    "words find their share",
  );
  const inks = await browser.run(boxes),
    marked = inks.filter(b => b[3] === "rgb(204, 121, 230)").map(b => b[0]);
  expect(marked.join() === "conv_row,gemm,conv_row", `what is found is marked: ${marked}`);
  expect(
    (await browser.run(search("STEP|conv_row"))) === "found in 70.0 % of the samples",
    "what lies above what is found is not counted twice",
  );
  expect((await browser.run(search("ro("))) === "found in 0.0 % of the samples", "odd words");
  expect((await browser.run(search(""))) === "", "an empty field finds nothing");
  browser.complaints.forEach(c => expect(false, `the picture complains: ${c}`));
  const others = browser.loads.filter(url => !url.endsWith("/flame.svg"));
  expect(others.length === 0, `the picture loads ${others}`);
});
