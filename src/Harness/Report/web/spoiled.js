// What spoiled single rounds: on the chart over time, and in words.

// The kinds that spoiled a group's cells, each with its cells and what to do.
function spoiledList(group, by, values) {
  const kinds = new Map();
  for (const value of values) {
    for (const warning of spoiledBy(lineOf(group, by, value))) {
      if (!kinds.has(warning.id)) kinds.set(warning.id, []);
      kinds.get(warning.id).push({ value, ...warning });
    }
  }
  if (kinds.size === 0) return null;
  return element(
    "div",
    { class: "spoiled" },
    [...kinds].map(([id, of]) => [
      element("p", {}, element("span", { class: "flag", "aria-hidden": "true" }, "!"), element("b", {}, `Spoiled: ${id}. `), remedyOf(of[0])),
      element(
        "ul",
        {},
        of.map(({ value, rounds, text }) =>
          element("li", {}, label(by, value), ` in ${inRounds(rounds)}${rounds.length > 1 ? `, as in round ${rounds[0]}` : ""}: ${text}`),
        ),
      ),
    ]),
  );
}

const remedyOf = (warning) => element("span", { class: "remedy" }, `What to do: ${warning.remedy}`);

// The rounds of each line that were spoiled, as stretches of the time axis.
const spoiledStretches = (cells, stretches) =>
  cells.flatMap((cell, line) =>
    stretches
      .filter((stretch) => stretch.same[line] && isSpoiled(cell, roundOf(stretch)))
      .map((stretch) => ({ line, from: stretch.start, to: stretch.start + stretch.count * stretch.step })),
  );

const roundOf = (stretch) => Number(/^round (\d+)$/.exec(stretch.name)?.[1]);

// Room for the bars below the lines.
const scaleAbove = (lines) => ({
  ...latencyScale,
  range: (plot, min, max) => (min > 0 ? [(min * 0.92) / (max / min) ** (0.03 * lines), max * 1.09] : [1, 10]),
});

// A bar along the foot of the chart for each line that was spoiled then, in the line's colour, one above the other.
function drawSpoiled(plot, spoiled, colours) {
  const { ctx, bbox } = plot;
  const pixels = devicePixelRatio || 1;
  ctx.save();
  for (const { line, from, to } of spoiled) {
    const [left, right] = [from, to].map((x) => plot.valToPos(x, "x", true));
    const bottom = bbox.top + bbox.height - 5 * pixels * line;
    ctx.fillStyle = colours[line];
    ctx.globalAlpha = 0.07;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left + pixels, bottom - 4 * pixels, right - left - 2 * pixels, 3 * pixels);
  }
  ctx.restore();
}
