// Latency over time, with the pauses of the garbage collector where a pass has traced them.

// Rounds are laid end to end, since other cells ran between them; no line crosses from one to the next. Intervals are as long as the shortest of any
// cell: a load that took longer than it was to has longer ones, and its values then stand for several, so that all are drawn at their time.
function timeAxis(cells) {
  const found = new Set(cells.flatMap((cell) => cell.segments.map((segment) => segment.name)));
  // A log has its rounds in the order in which they were measured; what is no round comes last.
  const names = [...found].sort((a, b) => (Number(/\d+/.exec(a)) || Infinity) - (Number(/\d+/.exec(b)) || Infinity) || 0);
  let start = 0;
  return names.map((name) => {
    const same = cells.map((cell) => cell.segments.find((segment) => segment.name === name));
    const some = same.filter(Boolean);
    const step = Math.min(...some.map((segment) => segment.interval_seconds));
    const count = Math.max(...some.map((segment) => Math.round((segment.p50.length * segment.interval_seconds) / step)));
    const made = { name: name.replace(/^round/, "round "), start, count, step, same };
    start += count * step;
    return made;
  });
}

const TIME_LINES = { p50: "p50", p99: "p99", p999: "p99.9", max: "the greatest" };

function timeChart(group, by, values, which) {
  const cells = values.map((value) => lineOf(group, by, value));
  const stretches = timeAxis(cells);
  if (stretches.length === 0) return null;
  const rows = stretches.flatMap((stretch) => [
    ...Array.from({ length: stretch.count }, (unused, at) => ({
      stretch,
      at,
      x: stretch.start + (at + 0.5) * stretch.step,
      y: stretch.same.map((segment) => segment?.[which][Math.floor(((at + 0.5) * stretch.step) / segment.interval_seconds)] ?? null),
    })),
    { stretch, at: null, x: stretch.start + stretch.count * stretch.step, y: stretch.same.map(() => null) },
  ]);
  const data = [rows.map((row) => row.x), ...values.map((value, line) => rows.map((row) => row.y[line]))];
  const names = values.map((value) => named(by, value));
  const place = (row) => (row.at === null ? NONE : `${row.stretch.name}, ${number(row.x - row.stretch.start, row.stretch.step < 0.2 ? 3 : 1)} s`);
  const pauses = cells.flatMap((cell, line) => (cell.gc_pauses ?? []).map((pause) => ({ ...pause, line, x: pauseTime(pause, cell, stretches) })));
  const traced = cells.some((cell) => cell.gc_pauses);
  const spoiled = spoiledStretches(cells, stretches);
  const colours = values.map((value) => lineStyle(by, value).colour);
  // A figure of a spoiled round carries its mark wherever it is read.
  const marked = (row) => (us, line) => microseconds(us) + (us !== null && isSpoiled(cells[line], roundOf(row.stretch)) ? " !" : "");
  const last = data[0][data[0].length - 1];
  const figure = chartFigure({
    caption: `Latency over time, ${TIME_LINES[which]} of each interval`,
    summary:
      stretches.map((stretch) => stretch.name).join(", ") +
      "." +
      (spoiled.length > 0 ? " Figures of spoiled rounds are marked." : "") + (traced ? ` ${plural(pauses.length, "pause")} of the garbage collector.` : ""),
    data,
    options: () => ({
      scales: { x: { time: false, range: () => [0, last] }, y: spoiled.length > 0 ? scaleAbove(values.length) : latencyScale },
      axes: [axis({ size: 26, label: "seconds of measuring, rounds laid end to end" }), latencyAxis()],
      series: [
        { label: "time", value: (plot, x, series, at) => (at === null || at === undefined ? NONE : place(rows[at])) },
        ...values.map((value) =>
          lineSeries(by, value, microseconds, {
            points: { show: rows.length <= 80, size: 6, fill: lineStyle(by, value).colour },
            value: (plot, us, series, at) => (typeof us === "number" ? marked(rows[at])(us, series - 1) : NONE),
          }),
        ),
      ],
      hooks: {
        drawAxes: [(plot) => drawStretches(plot, stretches), (plot) => drawSpoiled(plot, spoiled, colours)],
        draw: [(plot) => drawPauses(plot, pauses, colours)],
      },
    }),
    say: (at) => `${place(rows[at])}: ${names.map((name, line) => `${name} ${marked(rows[at])(rows[at].y[line], line).replace("!", "(spoiled)")}`).join(", ")}`,
    behind: () =>
      [
        table(
          `Latency over time, ${TIME_LINES[which]}`,
          ["time", ...values.map((value) => label(by, value))],
          rows.filter((row) => row.at !== null).map((row) => ({ cells: [place(row), ...row.y.map(marked(row))] })),
        ),
        pauses.length > 0 &&
          table(
            "Pauses of the garbage collector, in the traced pass",
            ["of", "side", "generation", "at", "duration"],
            pauses.map((pause) => ({
              cells: [names[pause.line], pause.side, String(pause.generation ?? NONE), `${number(pause.seconds, 3)} s`, microseconds(pause.duration_us)],
            })),
          ),
      ]
        .filter(Boolean)
        .reduce((all, each) => {
          all.append(each);
          return all;
        }, element("div")),
  });
  if (spoiled.length > 0) figure.querySelector("figcaption").append(element("span", { class: "hint" }, " ▂ this round of that line was spoiled, see below"));
  if (traced)
    figure
      .querySelector("figcaption")
      .append(element("span", { class: "hint" }, pauses.length > 0 ? " ▾ a pause of the garbage collector" : " no pause of the garbage collector"));
  return figure;
}

function pauseTime(pause, cell, stretches) {
  const name = cell.segments[pause.segment]?.name.replace(/^round/, "round ");
  return (stretches.find((stretch) => stretch.name === name)?.start ?? 0) + pause.seconds;
}

function drawStretches(plot, stretches) {
  const { ctx, bbox } = plot;
  const pixels = devicePixelRatio || 1;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = pageColour("--muted");
  ctx.font = `${11 * pixels}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.setLineDash([3 * pixels, 3 * pixels]);
  let free = -Infinity;
  for (const stretch of stretches) {
    const x = Math.round(plot.valToPos(stretch.start, "x", true));
    if (stretch.start > 0) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    if (x > free) {
      ctx.fillText(stretch.name, x + 2 * pixels, bbox.top - pixels);
      free = x + ctx.measureText(stretch.name).width + 10 * pixels;
    }
  }
  ctx.restore();
}

function drawPauses(plot, pauses, colours) {
  const { ctx, bbox } = plot;
  const pixels = devicePixelRatio || 1;
  ctx.save();
  for (const pause of pauses) {
    const from = plot.valToPos(pause.x, "x", true);
    const width = Math.max(2 * pixels, plot.valToPos(pause.x + pause.duration_us / 1e6, "x", true) - from);
    ctx.fillStyle = colours[pause.line];
    ctx.globalAlpha = 0.25;
    ctx.fillRect(from, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.moveTo(from - 4 * pixels, bbox.top);
    ctx.lineTo(from + 4 * pixels, bbox.top);
    ctx.lineTo(from, bbox.top + 8 * pixels);
    ctx.fill();
  }
  ctx.restore();
}
