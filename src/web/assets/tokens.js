/* Which node held which token, round after round. */

const tokens = { left: 48, top: 26 };

function tokensGeometry(h) {
  const view = $("tokens-view"),
    wide = view.clientWidth,
    zoom = +$("tokens-zoom").value / 100;
  const room = Math.max(wide - tokens.left - 16, 100),
    fit = room / Math.max(h.rounds, 1);
  const step = Math.max(
    fit,
    Math.exp(Math.log(Math.max(fit, 0.5)) * (1 - zoom) + Math.log(48) * zoom),
  );
  const tall = clamp(Math.floor(520 / h.nodes), 3, 22);
  return {
    wide,
    step,
    tall,
    width: tokens.left + h.rounds * step + 16,
    height: tokens.top + h.nodes * tall + 12,
  };
}

function drawTokens() {
  const h = part(+$("tokens-run").value, "holders"),
    view = $("tokens-view"),
    canvas = view.querySelector("canvas");
  const note = $("tokens-note"),
    room = view.querySelector(".room");
  view.hidden = !!h.why || !h.rounds;
  if (view.hidden) {
    fill(
      note,
      h.why
        ? sentence(h.why)
        : sentence("The log has no evaluation, so it does not tell how far the run came"),
    );
    return;
  }
  const g = tokensGeometry(h),
    height = Math.min(g.height, 590);
  room.style.width = `${g.width}px`;
  room.style.height = `${g.height}px`;
  const c = prepare(canvas, Math.min(g.wide, g.width), height);
  const w = Math.min(g.wide, g.width),
    sx = view.scrollLeft,
    sy = view.scrollTop;
  const X = t => tokens.left + (t + 0.5) * g.step - sx,
    Y = n => tokens.top + (n + 0.5) * g.tall - sy;
  const from = clamp(Math.floor(sx / g.step) - 1, 0, h.rounds - 1),
    to = clamp(Math.ceil((sx + w) / g.step) + 1, 1, h.rounds);
  const lowest = clamp(Math.floor(sy / g.tall), 0, h.nodes - 1),
    highest = clamp(Math.ceil((sy + height) / g.tall), 1, h.nodes);
  c.strokeStyle = css("--grid");
  c.lineWidth = 1;
  c.beginPath();
  for (let n = lowest; n < highest; n++) {
    if (g.tall < 6 && n % 10) continue;
    c.moveTo(tokens.left, Math.round(Y(n)) + 0.5);
    c.lineTo(w, Math.round(Y(n)) + 0.5);
  }
  c.stroke();
  const one = $("tokens-one").value === "" ? null : +$("tokens-one").value;
  const radius = clamp(Math.min(g.tall, g.step) * 0.36, 1.3, 5);
  const order = [...Array(h.tokens).keys()].sort((a, b) => (a === one) - (b === one));
  for (const a of order) {
    const strong = one === null || a === one;
    c.strokeStyle = c.fillStyle = colour(a);
    c.globalAlpha = strong ? (one === null && h.tokens > 12 ? 0.45 : 0.8) : 0.08;
    c.lineWidth = a === one ? 2.5 : 1.4;
    /* A token that sits rounds out stays with whom it was with: drawn as it was left, dotted. */
    let last = null;
    for (let t = from; t >= 0 && last === null; t--)
      if (h.node[t * h.tokens + a] >= 0) last = { t: from, n: h.node[t * h.tokens + a] };
    const solid = new Path2D(),
      resting = new Path2D(),
      dots = new Path2D();
    for (let t = from; t < to; t++) {
      const n = h.node[t * h.tokens + a],
        away = n < 0,
        at = away ? (last ? last.n : null) : n;
      if (at === null) continue;
      if (last && t > from) {
        const path = away ? resting : solid;
        path.moveTo(X(t - 1), Y(last.n));
        if (at === last.n) path.lineTo(X(t), Y(at));
        else path.bezierCurveTo(X(t - 0.5), Y(last.n), X(t - 0.5), Y(at), X(t), Y(at));
      }
      if (!away) {
        dots.moveTo(X(t) + radius, Y(n));
        dots.arc(X(t), Y(n), radius, 0, 7);
      }
      last = { t, n: at };
    }
    c.stroke(solid);
    c.setLineDash([2, 4]);
    c.stroke(resting);
    c.setLineDash([]);
    c.globalAlpha = strong ? 1 : 0.1;
    c.fill(dots);
  }
  c.globalAlpha = 1;
  /* Axes, which stay where they are. */
  c.fillStyle = css("--paper");
  c.fillRect(0, 0, tokens.left - 4, height);
  c.fillRect(0, 0, w, tokens.top - 4);
  c.fillStyle = css("--soft");
  c.textBaseline = "middle";
  c.textAlign = "right";
  const everyNode = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find(e => e * g.tall >= 15) || 1000;
  for (let n = Math.ceil(lowest / everyNode) * everyNode; n < highest; n += everyNode)
    if (Y(n) > tokens.top - 2) c.fillText(String(n), tokens.left - 9, Y(n));
  c.textAlign = "center";
  c.fillStyle = css("--paper");
  c.fillRect(0, 0, tokens.left - 4, tokens.top - 6);
  c.fillStyle = css("--soft");
  const everyRound = [1, 2, 5, 10, 20, 50, 100, 200].find(e => e * g.step >= 42) || 500;
  for (let t = Math.ceil(from / everyRound) * everyRound; t < to; t += everyRound)
    if (X(t) > tokens.left + 4) c.fillText(String(t), X(t), 11);
  c.textAlign = "left";
  c.fillText("node", 6, 11);
  const parts = [
    h.stay
      ? `${plural(h.tokens, "token")} stay with their nodes.`
      : `${plural(h.tokens, "token")} travel between ${plural(h.nodes, "node")}; a line that leads to another node is a teleport.`,
  ];
  if (h.node.some(n => n < 0))
    parts.push("Dotted: the token sits the round out, for its node, or every other, is away.");
  if (h.rounds < h.of) parts.push(`The first ${count(h.rounds)} of ${count(h.of)} rounds.`);
  parts.push(
    "Rounds from left to right; scroll and zoom. Computed anew from the settings and the seed in the log.",
  );
  note.textContent = parts.join(" ");
}

function pointAtTokens(e) {
  const h = part(+$("tokens-run").value, "holders"),
    view = $("tokens-view"),
    box = view.getBoundingClientRect();
  const g = tokensGeometry(h);
  const t = Math.floor((e.clientX - box.left + view.scrollLeft - tokens.left) / g.step);
  const n = Math.floor((e.clientY - box.top + view.scrollTop - tokens.top) / g.tall);
  if (t < 0 || t >= h.rounds || n < 0 || n >= h.nodes || e.clientX - box.left < tokens.left)
    return hideTip();
  const row = h.node.slice(t * h.tokens, (t + 1) * h.tokens),
    a = row.indexOf(n);
  showTip([`Round ${t}, node ${n}: ${a < 0 ? "no token" : `token ${a}`}`], e.clientX, e.clientY);
}

function setUpTokens() {
  sceneOptions($("tokens-run"));
  const moving = data.scenes.findIndex((_, i) => part(i, "holders").stay === false);
  $("tokens-run").value = Math.max(moving, 0);
  const fresh = () => {
    const h = part(+$("tokens-run").value, "holders");
    options($("tokens-one"), [
      ["", "all"],
      ...Array.from({ length: h.why ? 0 : h.tokens }, (_, a) => [a, `only ${a}`]),
    ]);
    $("tokens-view").scrollTo(0, 0);
    drawTokens();
  };
  $("tokens-run").addEventListener("change", fresh);
  $("tokens-one").addEventListener("change", drawTokens);
  $("tokens-zoom").addEventListener("input", drawTokens);
  $("tokens-view").addEventListener("scroll", drawTokens, { passive: true });
  $("tokens-view").addEventListener("mousemove", pointAtTokens);
  $("tokens-view").addEventListener("mouseleave", hideTip);
  fresh();
}
