/* tests/page/look.js: pictures of a page, to be looked at: wide and narrow, light, dark and printed.
 *     node tests/page/look.js PAGE FOLDER */
"use strict";
const path = require("node:path");
const { visit } = require("./checks.js");

const [page, folder] = process.argv.slice(2);
const views = [
  ["wide", { width: 1280 }],
  ["narrow", { width: 390 }],
  ["dark", { width: 1280, dark: true }],
  ["narrow-dark", { width: 390, dark: true }],
  ["print", { width: 800, print: true }],
];
visit(async browser => {
  for (const [name, view] of views) {
    await browser.look(view);
    await browser.load(page);
    const height = await browser.run("document.documentElement.scrollHeight");
    await browser.look({ ...view, height });
    await browser.picture(path.join(folder, `${name}.png`));
  }
  browser.complaints.forEach(c => console.log(c));
});
