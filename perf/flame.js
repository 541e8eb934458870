/* perf/flame.js: what perf/flame.awk puts into a flame graph, so that a browser can zoom and search
 * in it. Nothing is loaded.
 * A click on a box makes it as wide as the picture, with what it called above it and its callers,
 * pale, below; a click on "all" or Escape shows everything again. Words in the field mark the boxes
 * whose functions match (a regular expression, or else the words as they are), and the share of the
 * samples that have one of them on their stack is told. Escape in the field empties it. */
"use strict";
(() => {
  const picture = document.documentElement,
    width = picture.viewBox.baseVal.width,
    letter = 6.7; // px of one, as in flame.awk
  const boxes = [...document.querySelectorAll(".box")].map(g => {
    const [title, rect, text] = g.children,
      number = name => +rect.getAttribute(name);
    const name = title.textContent.replace(/: \d+ samples, [\d.]+ %$/, "");
    return { g, rect, text, name, x: number("x"), y: number("y"), width: number("width") };
  });
  // Widths are written with one digit, so that neighbours may overlap by as much.
  const within = (a, b) => a.x >= b.x - 0.15 && a.x + a.width <= b.x + b.width + 0.15;

  function place(box, x, wide) {
    const letters = Math.floor(wide / letter);
    box.rect.setAttribute("x", x);
    box.rect.setAttribute("width", wide);
    box.text.setAttribute("x", x + 2);
    box.text.textContent = letters >= 3 ? box.name.slice(0, letters) : "";
  }

  function zoom(to) {
    const scale = width / to.width;
    for (const box of boxes) {
      const below = box.y > to.y && within(to, box),
        above = box.y <= to.y && within(box, to);
      box.g.classList.toggle("above", below);
      box.g.classList.toggle("hidden", !below && !above);
      if (below) place(box, 0, width);
      else if (above) place(box, (box.x - to.x) * scale, box.width * scale);
    }
  }

  function pattern(words) {
    try {
      return new RegExp(words, "i");
    } catch {
      return new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
    }
  }

  function search(words) {
    const wanted = words && pattern(words);
    let share = 0,
      covered = 0; // up to this x
    for (const box of boxes) box.found = !!wanted && box.name !== "all" && wanted.test(box.name);
    for (const box of boxes) box.g.classList.toggle("found", box.found);
    // By x, and the widest first: what lies above a box that was found is counted with it.
    for (const box of boxes.filter(b => b.found).sort((a, b) => a.x - b.x || b.width - a.width)) {
      const from = Math.max(box.x, covered),
        to = Math.max(box.x + box.width, covered);
      share += to - from;
      covered = to;
    }
    document.getElementById("found").textContent = wanted
      ? `found in ${((100 * share) / width).toFixed(1)} % of the samples`
      : "";
  }

  const holder = document.createElementNS("http://www.w3.org/2000/svg", "foreignObject"),
    field = document.createElementNS("http://www.w3.org/1999/xhtml", "input");
  for (const [name, value] of Object.entries({ x: 950, y: 24, width: 246, height: 22 }))
    holder.setAttribute(name, value);
  field.type = "search";
  field.placeholder = "search: conv|gemm";
  field.setAttribute("aria-label", "search for functions");
  field.style.cssText = "width: 240px; height: 20px; box-sizing: border-box; font: 11px monospace";
  field.addEventListener("input", () => search(field.value));
  holder.append(field);
  picture.append(holder);

  for (const box of boxes) box.g.addEventListener("click", () => zoom(box));
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    if (event.target !== field) return zoom(boxes[0]);
    field.value = "";
    search("");
  });
})();
