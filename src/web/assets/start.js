/* All of it, once. */

function drawAll() {
  drawToggles();
  drawCurves();
  drawSummary();
  drawSettings();
  drawTime();
  drawTokens();
  drawGraph();
  drawSplit();
}

function start() {
  const title =
    runs.length === 1
      ? runs[0].name
      : `${count(runs.length)} runs` +
        (groups.length < runs.length ? ` of ${plural(groups.length, "setting")}` : "");
  $("title").textContent = title;
  document.title = `${title} · telesgd`;
  const odd = runs.map(stateNote).filter(s => s);
  const words = [
    data.title,
    odd.length && `${odd.length} not done: ${[...new Set(odd)].join(", ")}`,
  ].filter(w => w);
  $("subtitle").textContent = words.join(" · ");
  $("footer").textContent =
    `Written by telesgd ${data.version}. The page holds its data and loads nothing.`;
  options(
    $("time-run"),
    runs.map((r, i) => [i, r.name]),
  );
  $("time-run").addEventListener("change", drawTime);
  $("each").addEventListener("change", drawSummary);
  $("summary-controls").hidden = !severalSeeds;
  setUpCurves();
  drawSummary();
  drawSettings();
  drawTime();
  setUpTokens();
  setUpGraph();
  setUpSplit();
  dark.addEventListener("change", drawAll);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawCurves();
    drawTokens();
    drawGraph();
    drawSplit();
  });
  addEventListener("scroll", hideTip, { passive: true });
}

start();
