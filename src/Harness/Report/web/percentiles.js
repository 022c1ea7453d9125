// Latency over the percentile, on the axis that gives every further nine the same width.

// What an open loop has histograms of. The first is what a request felt; the other two are what it is made of.
const KINDS = {
  latency: { title: "Latency from the intended time", short: "latency", curve: "percentiles", summary: "latency_us", dash: [] },
  service: { title: "Service time, from sending to reply", short: "service time", curve: "service_percentiles", summary: "service_us", dash: [8, 4] },
  lag: { title: "Send lag, from the intended time to sending", short: "send lag", curve: "lag_percentiles", summary: "send_lag_us", dash: [2, 3] },
};

// A choice above the chart of an open loop: one kind for all cells, or all kinds of one cell, so that there are never more lines than that.
function percentileChart(group, by, values) {
  const cells = values.map((value) => lineOf(group, by, value));
  const open = values.filter((value, at) => cells[at].lag_percentiles.length > 0);
  if (open.length === 0) return percentileFigure("Latency by percentile", cellLines(by, values, cells, KINDS.latency));
  const views = new Map([
    ...Object.entries(KINDS).map(([key, kind]) => [key, { text: kind.title, lines: () => cellLines(by, values, cells, kind) }]),
    ...open.map((value) => [
      `of ${value}`,
      { text: `All three of ${named(by, value)}`, lines: () => kindLines(by, value, lineOf(group, by, value)) },
    ]),
  ]);
  const place = element("div");
  const key = `${by}\n${group.label}`;
  const show = (view) => {
    choice.curves.set(key, view);
    destroyChartsIn(place);
    place.replaceChildren(percentileFigure(`${views.get(view).text}, by percentile`, views.get(view).lines()));
  };
  show(views.has(choice.curves.get(key)) ? choice.curves.get(key) : "latency");
  const select = element(
    "select",
    { id: `${group.id}-curves`, onchange: () => show(select.value) },
    [...views].map(([view, { text }]) => element("option", { value: view, selected: view === choice.curves.get(key) }, text)),
  );
  return element(
    "div",
    { class: "curves" },
    element("span", { class: "choice" }, element("label", { for: `${group.id}-curves` }, "Curves"), select),
    place,
  );
}

const cellLines = (by, values, cells, kind) =>
  values.map((value, at) => ({
    name: named(by, value) + (cells[at].saturated ? " (saturated)" : ""),
    heading: [label(by, value), badge(cells[at])],
    style: lineStyle(by, value),
    curve: cells[at][kind.curve],
    greatest: cells[at][kind.summary]?.max,
  }));

const kindLines = (by, value, cell) =>
  Object.values(KINDS).map((kind) => ({
    name: kind.short + (cell.saturated && kind !== KINDS.service ? " (saturated)" : ""),
    heading: kind.short,
    style: { colour: lineStyle(by, value).colour, dash: kind.dash },
    curve: cell[kind.curve],
    greatest: cell[kind.summary]?.max,
  }));

// On a phone there is room for every second nine.
const everySecondWhereNarrow = (plot, splits) => {
  const step = (plot.width - 90) / splits.length < 50 ? 2 : 1;
  return splits.map((x, at) => (at % step === 0 ? percentile(x) : ""));
};

function percentileFigure(caption, lines) {
  const length = Math.max(...lines.map((line) => line.curve.length));
  if (length === 0) return null;
  const grid = report.percentile_grid.slice(0, length);
  const figures = lines.map((line) => grid.map((x, at) => line.curve[at] ?? null));
  const names = lines.map((line) => line.name);
  const at99 = grid.findIndex((x) => x >= 99.999);
  const at = (index) =>
    listed(
      names,
      figures.map((line) => line[index]),
      microseconds,
    );
  return chartFigure({
    caption,
    summary: at99 < 0 ? "" : `At the 99th percentile: ${at(at99)}.`,
    // A time of less than the clock's step has no place on this axis.
    data: [grid, ...figures.map((line) => line.map((us) => us || null))],
    options: () => ({
      scales: { x: { time: false, distr: 3, range: (plot, min, max) => [1, Math.max(max, 10)] }, y: latencyScale },
      axes: [
        axis({
          size: 26,
          label: "percentile of requests",
          splits: (plot) => logTicks(1, plot.scales.x.max).filter((x) => Number.isInteger(Math.log10(x))),
          values: everySecondWhereNarrow,
        }),
        latencyAxis(),
      ],
      series: [
        { label: "percentile", value: (plot, x) => (x === null ? NONE : percentile(x)) },
        ...lines.map((line) => seriesOf(line.name, line.style, microseconds)),
      ],
    }),
    say: (index) => `${percentile(grid[index])}: ${at(index)}`,
    behind: () =>
      table(
        caption,
        ["percentile", ...lines.map((line) => line.heading)],
        [
          ...grid
            .map((x, index) => ({ x, index }))
            .filter(({ x }) => [2, 10, 100, 1000, 10000, 100000, 1000000].includes(x))
            .map(({ x, index }) => ({ cells: [percentile(x), ...figures.map((line) => microseconds(line[index]))] })),
          { cells: ["greatest", ...lines.map((line) => microseconds(line.greatest))] },
        ],
      ),
  });
}
