/* tests/page/browser.js: a headless Chromium, spoken to by the DevTools protocol through pipes (file
 * descriptors 3 and 4, messages that end in a zero byte), so that no package is needed. */
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

class Browser {
  constructor(program) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "telesgd-page-"));
    this.child = spawn(
      program,
      [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--remote-debugging-pipe",
        `--user-data-dir=${this.folder}`,
        "about:blank",
      ],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
    );
    this.waiting = new Map();
    this.listeners = [];
    this.number = 0;
    this.ended = new Promise(resolve => this.child.on("exit", resolve).on("error", resolve));
    this.child.on("error", why => this.fail(why));
    this.child.on("exit", code => this.fail(new Error(`the browser ended with code ${code}`)));
    this.child.stdio[3].on("error", () => {});
    let rest = Buffer.alloc(0);
    this.child.stdio[4].on("data", bytes => {
      rest = Buffer.concat([rest, bytes]);
      for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1))
        this.hear(JSON.parse(rest.subarray(0, end).toString()));
    });
  }

  fail(why) {
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
  }

  hear(message) {
    if (!message.id) return this.listeners.forEach(f => f(message.method, message.params));
    const { resolve, reject } = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }

  send(method, params = {}) {
    const id = ++this.number;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.stdio[3].write(
        JSON.stringify({ id, method, params, sessionId: this.session }) + "\0",
      );
    });
  }

  /* A page to look at; what it complains of goes into `complaints`, what it loads into `loads`. */
  async open() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    this.session = sessionId;
    this.complaints = [];
    this.loads = [];
    this.listeners.push((method, p) => {
      if (method === "Runtime.exceptionThrown")
        this.complaints.push(p.exceptionDetails.exception?.description || p.exceptionDetails.text);
      if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(p.type))
        this.complaints.push(p.args.map(a => a.value ?? a.description).join(" "));
      if (method === "Log.entryAdded" && ["error", "warning"].includes(p.entry.level))
        this.complaints.push(p.entry.text);
      if (method === "Network.requestWillBeSent") this.loads.push(p.request.url);
    });
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
  }

  async look({ width, height = 900, dark = false, print = false }) {
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.send("Emulation.setEmulatedMedia", {
      media: print ? "print" : "screen",
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
    });
    await this.settle();
  }

  async load(file) {
    const loaded = new Promise(resolve =>
      this.listeners.push(method => method === "Page.loadEventFired" && resolve()),
    );
    await this.send("Page.navigate", { url: `file://${path.resolve(file)}` });
    await loaded;
    await this.settle();
  }

  /* Two frames, so that all that was asked for is drawn. */
  settle() {
    return this.run(
      "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))",
    );
  }

  async run(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description || exceptionDetails.text);
    return result.value;
  }

  async picture(file) {
    const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: true });
    fs.writeFileSync(file, Buffer.from(data, "base64"));
  }

  async close() {
    this.send("Browser.close").catch(() => {});
    const late = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.ended;
    clearTimeout(late);
    try {
      fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // a browser that had to be killed may have children that still write there
    }
  }
}

module.exports = { Browser };
