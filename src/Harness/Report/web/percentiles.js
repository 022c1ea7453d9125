// Latency over the percentile, on the axis that gives every further nine the same width.

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
    summary:
      at99 < 0
        ? ""
        : `At the 99th percentile: ${listed(
            names,
            lines.map((line) => line[at99]),
            microseconds,
          )}.`,
    data: [grid, ...lines],
    options: () => ({
      scales: { x: { time: false, distr: 3, range: (plot, min, max) => [1, Math.max(max, 10)] }, y: latencyScale },
      axes: [
        axis({
          size: 26,
          label: "percentile of requests",
          splits: (plot) => logTicks(1, plot.scales.x.max).filter((x) => Number.isInteger(Math.log10(x))),
          values: (plot, splits) => splits.map(percentile),
        }),
        latencyAxis(),
      ],
      series: [
        { label: "percentile", value: (plot, x) => (x === null ? NONE : percentile(x)) },
        ...values.map((value) => lineSeries(by, value, microseconds)),
      ],
    }),
    say: (at) =>
      `${percentile(grid[at])}: ${listed(
        names,
        lines.map((line) => line[at]),
        microseconds,
      )}`,
    behind: () =>
      table(
        "Latency by percentile",
        ["percentile", ...values.map((value) => label(by, value))],
        [
          ...grid
            .map((x, at) => ({ x, at }))
            .filter(({ x }) => [2, 10, 100, 1000, 10000, 100000, 1000000].includes(x))
            .map(({ x, at }) => ({ cells: [percentile(x), ...lines.map((line) => microseconds(line[at]))] })),
          { cells: ["greatest", ...cells.map((cell) => microseconds(cell.latency_us?.max))] },
        ],
      ),
  });
}
