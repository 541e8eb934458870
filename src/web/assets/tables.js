/* Summary, settings, and where the time went. */

/* ---- summary ---- */

function deviation(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1))];
}

function drawSummary() {
  const columns = [
    "round",
    "gradients",
    "samples",
    "test_accuracy",
    "test_accuracy_mean",
    "test_accuracy_worst",
    "test_r2",
    "test_r2_mean",
    "test_r2_worst",
    "test_loss",
    "validation_accuracy",
    "validation_accuracy_mean",
    "validation_accuracy_worst",
    "validation_r2",
    "validation_r2_mean",
    "validation_r2_worst",
    "validation_loss",
    "grad_norm2",
    "grad_norm2_tokens",
    "suboptimality",
    "suboptimality_mean",
    "suboptimality_worst",
    "distance2",
    "consensus",
    "bytes_gossip",
    "bytes_teleport",
    "sim_seconds",
    "wall_seconds",
  ].filter(name => runs.some(r => r.end[name] !== undefined));
  const short = {
    round: "rounds",
    bytes_gossip: "gossiped",
    bytes_teleport: "teleported",
    sim_seconds: "simulated",
    wall_seconds: "wall time",
    test_accuracy_mean: "of tokens",
    test_accuracy_worst: "worst token",
    validation_accuracy_mean: "of tokens",
    validation_accuracy_worst: "worst token",
    test_r2_mean: "of tokens",
    test_r2_worst: "worst token",
    validation_r2_mean: "of tokens",
    validation_r2_worst: "worst token",
    grad_norm2: "grad_norm2",
    grad_norm2_tokens: "of tokens",
    suboptimality_mean: "of tokens",
    suboptimality_worst: "worst token",
    distance2: "distance²",
    consensus: "consensus",
  };
  const cell = (name, of) => {
    const values = of.map(r => runs[r].end[name]).filter(v => v !== undefined);
    if (!values.length) return element("td", {}, "–");
    const [mean, sd] = deviation(values),
      td = element("td", {}, written(name, mean));
    if (values.length > 1 && sd > 0) td.append(element("small", {}, ` ± ${spread(name, sd)}`));
    return td;
  };
  const body = [];
  groups.forEach((g, i) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = colour(i);
    const note = groupState(g),
      head = element("th", { scope: "row" }, swatch, g.name);
    if (note) head.append(" ", element("span", { class: "state" }, `(${note})`));
    body.push(
      element(
        "tr",
        {},
        head,
        element(
          "td",
          {},
          g.counted < g.runs.length ? `${g.counted} of ${g.runs.length}` : String(g.runs.length),
        ),
        ...columns.map(c => cell(c, counted(g))),
      ),
    );
    if (!$("each").checked) return;
    for (const r of g.runs) {
      const run = runs[r],
        state = stateNote(run);
      body.push(
        element(
          "tr",
          { class: "run" },
          element("th", { scope: "row" }, run.file, state ? ` (${state})` : ""),
          element("td", {}, run.seed === null ? "" : `seed ${run.seed}`),
          ...columns.map(c => cell(c, [r])),
        ),
      );
    }
  });
  fill(
    $("ends"),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "runs"),
        element("th", { scope: "col" }, "seeds"),
        ...columns.map(c => element("th", { scope: "col", title: label(c) }, short[c] || label(c))),
      ),
    ),
    element("tbody", {}, ...body),
  );
  const searches = runs.filter(r => r.search);
  $("ends-note").textContent = [
    severalSeeds ? "Mean ± standard deviation over the seeds." : "",
    someLeftOut ? leftOut : "",
    ...searches.map(r =>
      r.end.chosen_active === undefined
        ? `${r.file}: the search chose nothing.`
        : `${r.file}: a search, which chose k = ${r.end.chosen_active} and step size ${real(r.end.chosen_lr)}` +
          (r.end.gradients_spent
            ? ` after ${count(r.end.gradients_spent)} gradients in all.`
            : "."),
    ),
  ]
    .filter(s => s)
    .join(" ");
}

/* ---- settings ---- */

function settingText(value) {
  if (value === null || value === undefined) return "–";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "object")
    return Object.entries(value)
      .map(([k, v]) => `${k} ${settingText(v)}`)
      .join(", ");
  return typeof value === "number" && Number.isInteger(value) && value >= 10000
    ? count(value)
    : String(value);
}

function pairs(list, wide) {
  return element(
    "dl",
    { class: wide ? "pairs wide" : "pairs" },
    ...list.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, settingText(value))),
    ),
  );
}

function drawSettings() {
  const s = data.settings;
  if (s.differing.length) {
    const rows = groups.map((g, i) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = colour(i);
      return element(
        "tr",
        {},
        element("th", { scope: "row", class: "text" }, swatch, g.name),
        ...s.rows[i].map(v => element("td", {}, settingText(v))),
      );
    });
    fill(
      $("differing"),
      element("h3", {}, "In which the runs differ"),
      element(
        "div",
        { class: "scroll" },
        element(
          "table",
          {},
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              element("th", { scope: "col" }, "runs"),
              ...s.differing.map(n => element("th", { scope: "col" }, n)),
            ),
          ),
          element("tbody", {}, ...rows),
        ),
      ),
    );
  }
  fill(
    $("given"),
    element("h3", {}, runs.length > 1 ? "Which all runs share" : "Of the run"),
    s.given.length ? pairs(s.given) : element("p", { class: "hint" }, "None but defaults."),
  );
  fill($("default"), pairs(s.default));
  const seeds = [...new Set(runs.map(r => r.seed).filter(v => v !== null))];
  const list = values =>
    values.length <= 4
      ? values.map(settingText).join(", ")
      : `${values.slice(0, 3).map(settingText).join(", ")}, .. (${values.length} values)`;
  fill(
    $("other"),
    pairs(
      [
        ["seed", list(seeds)],
        ...s.other.map(([name, values]) => [name, list(values)]),
        ...runs.slice(0, 200).map((r, i) => ["log", r.file]),
      ],
      true,
    ),
  );
}

/* ---- where the time went ---- */

const activities = [
  ["step", 2],
  ["mix", 0],
  ["eval", 4],
  ["wait", 3],
  ["other", 6],
  ["messages", 1],
];

function drawTime() {
  const run = runs[+$("time-run").value];
  const inks = ["#009e73", "#56b4e9", "#e69f00", "#cc79a7", "#a0a0a0", "#d55e00"];
  fill(
    $("time-key"),
    ...activities.map(([name], i) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = inks[i];
      return element("span", {}, swatch, name);
    }),
  );
  const bar = (name, shares) => {
    const total = shares.reduce((a, b) => a + b, 0) || 1;
    const text = activities
      .map(([a], i) => `${a} ${((100 * shares[i]) / total).toFixed(1)} %`)
      .filter((_, i) => activities[i][0] !== "messages" || shares[i] > 0)
      .join(", ");
    return [
      element("div", {}, name),
      element(
        "div",
        { class: "bar", role: "img", "aria-label": `${name}: ${text}`, title: text },
        ...shares.map((share, i) => {
          const part = element(
            "span",
            {},
            share / total > 0.07 ? `${Math.round((100 * share) / total)} %` : "",
          );
          part.style.width = `${(100 * share) / total}%`;
          part.style.background = inks[i];
          return part;
        }),
      ),
    ];
  };
  const rows = run.workers
    ? run.workers.flatMap((shares, i) => bar(`worker ${i}`, shares))
    : run.share
      ? bar("all workers", run.share)
      : [];
  fill($("time-bars"), ...rows);
  const notes = [];
  if (!rows.length)
    notes.push(
      run.search
        ? "The log of a search does not tell."
        : "The log has no summary, which would tell.",
    );
  else if (!run.workers) notes.push("The log tells the sum over the workers alone.");
  if (run.end.samples_per_second)
    notes.push(`${count(run.end.samples_per_second)} samples a second.`);
  if (run.end.share_ran !== undefined)
    notes.push(
      `Of their time workers ran for ${percent(run.end.share_ran)}, slept for ` +
        `${percent(run.end.share_slept)}, and were kept from their CPUs by others for ` +
        `${percent(run.end.share_taken)}.`,
    );
  if (run.end.steals !== undefined)
    notes.push(
      `${plural(run.end.steals, "task")} of other workers' tokens taken, ${plural(run.end.sleeps, "sleep")}.`,
    );
  $("time-note").textContent = notes.join(" ");
}
