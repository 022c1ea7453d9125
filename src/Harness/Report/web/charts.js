// The three charts. Each is a figure: a caption, the chart, and its figures as a table.

const alive = new Set();

function destroyCharts() {
  forgetUnseen();
  for (const chart of alive) { chart.watcher.disconnect(); chart.plot.destroy(); }
  alive.clear();
}

// A figure whose chart is made by `options()` once it is seen. `say(index)` reads the values at one place of the x axis aloud.
function chartFigure({ caption, summary, options, data, say, behind }) {
  const place = element("div", { class: "chart" });
  const spokenValues = element("p", { class: "only-heard", "aria-live": "polite" });
  whenSeen(place, () => draw(place, spokenValues, caption, summary, options(), data, say));
  return element("figure", {}, element("figcaption", {}, caption), place, spokenValues, figuresBehind("These figures as a table", behind));
}

function draw(place, spokenValues, caption, summary, options, data, say) {
  const size = () => ({ width: Math.max(240, place.clientWidth), height: innerWidth < 600 ? 230 : 270 });
  const plot = new uPlot({
    ...size(), ...options, padding: [14, 24, 0, 0],
    cursor: { drag: { setScale: false, x: false, y: false }, focus: { prox: 30 }, points: { size: 8 }, ...options.cursor },
    focus: { alpha: 0.35 },
    legend: { markers: { width: 3, dash: (chart, at) => ({ 8: "dashed", 2: "dotted" })[options.series[at].dash?.[0]] ?? "solid" } },
  }, data, place);
  const wrap = plot.root.querySelector(".u-wrap");
  for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `${caption}. ${summary} Left and right arrow keys read the values.` })) wrap.setAttribute(name, value);
  wrap.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const from = plot.cursor.idx ?? (step > 0 ? -1 : data[0].length);
    let to = from + step;
    while (to >= 0 && to < data[0].length && data.slice(1).every((line) => typeof line[to] !== "number")) to += step;
    if (to < 0 || to >= data[0].length) return;
    plot.setCursor({ left: plot.valToPos(data[0][to], "x"), top: 10 });
    spokenValues.textContent = say(to);
  });
  makeLegendReachable(plot);
  const watcher = new ResizeObserver(() => { if (Math.abs(place.clientWidth - plot.width) > 1) plot.setSize(size()); });
  watcher.observe(place);
  alive.add({ plot, watcher });
}

// Its entries hide and show lines on a click; then they must do so on a key as well.
function makeLegendReachable(plot) {
  plot.root.querySelectorAll(".u-series").forEach((row, index) => {
    if (index === 0) return;
    const head = row.querySelector("th");
    for (const [name, value] of Object.entries({ tabindex: "0", role: "button", "aria-pressed": "true", title: "hides or shows this line" })) head.setAttribute(name, value);
    const tell = () => setTimeout(() => head.setAttribute("aria-pressed", String(plot.series[index].show)));
    head.addEventListener("click", tell);
    head.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      plot.setSeries(index, { show: !plot.series[index].show });
      tell();
    });
  });
}

const lineSeries = (by, value, format, more) => {
  const { colour, dash } = lineStyle(by, value);
  return { label: named(by, value), stroke: colour, width: 2, dash, points: { show: false }, spanGaps: false, value: (plot, at) => format(at), ...more };
};

const listed = (lines, values, format) => lines.map((line, at) => `${line} ${format(values[at])}`).join(", ");

function percentileChart(group, by, values) {
  const cells = values.map((value) => lineOf(group, by, value));
  const length = Math.max(...cells.map((cell) => cell.percentiles.length));
  if (length === 0) return null;
  const grid = report.percentile_grid.slice(0, length);
  const lines = cells.map((cell) => grid.map((x, at) => cell.percentiles[at] ?? null));
  const names = values.map((value) => named(by, value));
  const at99 = grid.findIndex((x) => x >= 99.999);
  return chartFigure({
    caption: "Latency by percentile",
    summary: at99 < 0 ? "" : `At the 99th percentile: ${listed(names, lines.map((line) => line[at99]), microseconds)}.`,
    data: [grid, ...lines],
    options: () => ({
      scales: { x: { time: false, distr: 3, range: (plot, min, max) => [1, Math.max(max, 10)] }, y: latencyScale },
      axes: [axis({ size: 26, label: "percentile of requests", splits: (plot) => logTicks(1, plot.scales.x.max).filter((x) => Number.isInteger(Math.log10(x))), values: (plot, splits) => splits.map(percentile) }), latencyAxis()],
      series: [{ label: "percentile", value: (plot, x) => (x === null ? NONE : percentile(x)) }, ...values.map((value) => lineSeries(by, value, microseconds))],
    }),
    say: (at) => `${percentile(grid[at])}: ${listed(names, lines.map((line) => line[at]), microseconds)}`,
    behind: () => table("Latency by percentile", ["percentile", ...values.map((value) => label(by, value))], [
      ...grid.map((x, at) => ({ x, at })).filter(({ x }) => [2, 10, 100, 1000, 10000, 100000, 1000000].some((wanted) => Math.abs(x / wanted - 1) < 0.06))
        .map(({ x, at }) => ({ cells: [percentile(x), ...lines.map((line) => microseconds(line[at]))] })),
      { cells: ["greatest", ...cells.map((cell) => microseconds(cell.latency_us?.max))] },
    ]),
  });
}

// Rounds are laid end to end, since other cells ran between them; no line crosses from one to the next.
function timeAxis(cells) {
  const names = [...new Set(cells.flatMap((cell) => cell.segments.map((segment) => segment.name)))];
  let start = 0;
  return names.map((name) => {
    const same = cells.map((cell) => cell.segments.find((segment) => segment.name === name));
    const count = Math.max(...same.map((segment) => segment?.p50.length ?? 0));
    const step = Math.max(...same.map((segment) => segment?.interval_seconds ?? 0));
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
    ...Array.from({ length: stretch.count }, (unused, at) => ({ stretch, at, x: stretch.start + (at + 0.5) * stretch.step, y: stretch.same.map((segment) => segment?.[which][at] ?? null) })),
    { stretch, at: null, x: stretch.start + stretch.count * stretch.step, y: stretch.same.map(() => null) },
  ]);
  const data = [rows.map((row) => row.x), ...values.map((value, line) => rows.map((row) => row.y[line]))];
  const names = values.map((value) => named(by, value));
  const place = (row) => (row.at === null ? NONE : `${row.stretch.name}, ${number(row.x - row.stretch.start, 1)} s`);
  const pauses = cells.flatMap((cell, line) => (cell.gc_pauses ?? []).map((pause) => ({ ...pause, line, x: pauseTime(pause, cell, stretches) })));
  const traced = cells.some((cell) => cell.gc_pauses);
  const last = data[0][data[0].length - 1];
  const figure = chartFigure({
    caption: `Latency over time, ${TIME_LINES[which]} of each interval`,
    summary: `${plural(stretches.length, "stretch").replace(/s$/, stretches.length === 1 ? "" : "es")} of measuring laid end to end.${traced ? ` ${plural(pauses.length, "pause")} of the garbage collector.` : ""}`,
    data,
    options: () => ({
      scales: { x: { time: false, range: () => [0, last] }, y: latencyScale },
      axes: [axis({ size: 26, label: "seconds of measuring, rounds laid end to end" }), latencyAxis()],
      series: [{ label: "time", value: (plot, x, series, at) => (at === null || at === undefined ? NONE : place(rows[at])) }, ...values.map((value) => lineSeries(by, value, microseconds, { points: { show: rows.length <= 80, size: 6, fill: lineStyle(by, value).colour } }))],
      hooks: { drawAxes: [(plot) => drawStretches(plot, stretches)], draw: [(plot) => drawPauses(plot, pauses, values.map((value) => lineStyle(by, value).colour))] },
    }),
    say: (at) => `${place(rows[at])}: ${listed(names, rows[at].y, microseconds)}`,
    behind: () => [
      table(`Latency over time, ${TIME_LINES[which]}`, ["time", ...values.map((value) => label(by, value))], rows.filter((row) => row.at !== null).map((row) => ({ cells: [place(row), ...row.y.map(microseconds)] }))),
      pauses.length > 0 && table("Pauses of the garbage collector, in the traced pass", ["of", "side", "generation", "at", "duration"],
        pauses.map((pause) => ({ cells: [names[pause.line], pause.side, String(pause.generation), `${number(pause.seconds, 3)} s`, microseconds(pause.duration_us)] }))),
    ].filter(Boolean).reduce((all, each) => { all.append(each); return all; }, element("div")),
  });
  if (traced) figure.querySelector("figcaption").append(element("span", { class: "hint" }, pauses.length > 0 ? " ▾ a pause of the garbage collector" : " no pause of the garbage collector"));
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
    if (stretch.start > 0) { ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke(); }
    if (x > free) { ctx.fillText(stretch.name, x + 2 * pixels, bbox.top - pixels); free = x + ctx.measureText(stretch.name).width + 10 * pixels; }
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
