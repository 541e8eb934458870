/* tests/page/checks.js: what is expected of a page, counted, and the browser that it is looked at in. */
"use strict";
const { Browser } = require("./browser.js");

let checks = 0,
  failures = 0;

function expect(ok, what) {
  checks++;
  if (ok) return;
  failures++;
  console.log(`FAILED: ${what}`);
}

/* A browser for look(browser), closed whatever happens. What it throws is left to Node, which prints it
 * and ends the program with code 1. */
async function visit(look) {
  const browser = new Browser(process.env.CHROMIUM || "chromium");
  try {
    await browser.open();
    await look(browser);
  } finally {
    await browser.close();
  }
}

/* The same, and then says how many of the checks of `what` failed. */
async function check(what, look) {
  await visit(look);
  console.log(`${what}: ${checks} checks, ${failures} failed`);
  process.exitCode = failures ? 1 : 0;
}

module.exports = { check, expect, visit };
