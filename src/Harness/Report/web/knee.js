// Throughput against latency while the load grows. Where a line turns upwards is the knee: more load buys latency, no more throughput.

const KNEE_LATENCY = { p50: "p50", p99: "p99", p999: "p99_9", max: "max" };

function kneeChart(group, by, values, sweep, which) {
  const lines = values.map((value) =>
    valuesOf(sweep)
      .map((load) => ({ load, cell: group.cells.find((cell) => cell.values[by] === value && cell.values[sweep] === load) }))
      .filter(({ cell }) => cell?.latency_us)
      .map(({ load, cell }) => ({ load, cell, x: speed(cell).median, y: cell.latency_us[KNEE_LATENCY[which]] })),
  );
  if (lines.every((line) => line.length < 2)) return null;
  const points = lines.flatMap((line, at) => line.map((point) => ({ ...point, line: at }))).sort((a, b) => a.x - b.x);
  const data = [points.map((point) => point.x), ...lines.map((line, at) => points.map((point) => (point.line === at ? point.y : undefined)))];
  const names = values.map((value) => named(by, value));
  const colours = values.map((value) => lineStyle(by, value).colour);
  const saying = ({ load, cell, x }) => `${named(sweep, load)}${cell.saturated ? " (saturated)" : ""}, ${operations(x)}/s`;
  const say = (at) => `${names[points[at].line]}, ${saying(points[at])}: ${microseconds(points[at].y)}`;
  const hints = [
    points.some(isAside(sweep)) && "□ the closed loop: as fast as the server answers",
    points.some(({ cell }) => cell.saturated) && "× saturated: the latency says how long the run was",
  ].filter(Boolean);
  const figure = chartFigure({
    caption: `Throughput against latency (${TIME_LINES[which]})${group.label ? `, ${group.label}` : ""}`,
    summary: `A point for each ${sweep}: ${valuesOf(sweep).join(", ")}.`,
    data,
    options: () => ({
      scales: { x: { time: false, range: (plot, min, max) => [0, max * 1.04] }, y: latencyScale },
      axes: [
        axis({
          size: 26,
          label: "operations per second",
          values: (plot, splits) => splits.map((value) => (value === 0 ? "0" : operations(value).replace(/\.0+(?= |$)/, ""))),
        }),
        latencyAxis(),
      ],
      series: [
        {
          label: "point",
          value: (plot, x, series, at) =>
            at === null || at === undefined ? NONE : saying(points[at]),
        },
        ...values.map((value, at) =>
          lineSeries(by, value, microseconds, {
            paths: pathInOrderOfLoad(lines[at].filter((point) => !isAside(sweep)(point))),
          }),
        ),
      ],
      hooks: { draw: [(plot) => points.forEach((point) => plot.series[point.line + 1].show && drawPoint(plot, point, colours[point.line], sweep))] },
    }),
    say,
    behind: () =>
      table(
        `Throughput and latency (${TIME_LINES[which]})`,
        [sweep, ...values.map((value) => label(by, value))],
        valuesOf(sweep).map((load) => ({
          cells: [
            named(sweep, load),
            ...lines.map((line) => {
              const point = line.find((each) => each.load === load);
              return point ? [`${operations(point.x)}/s, ${microseconds(point.y)}`, badge(point.cell)] : NONE;
            }),
          ],
        })),
      ),
  });
  figure.querySelector("figcaption").append(...hints.map((hint) => element("span", { class: "hint" }, ` ${hint}`)));
  return figure;
}

// A closed loop is no load between two others, so no line leads to it.
const isAside = (sweep) => (point) => sweep === "rate" && !point.cell.open;

function drawPoint(plot, { x, y, cell }, colour, sweep) {
  const { ctx } = plot;
  const pixels = devicePixelRatio || 1;
  const [left, top, reach] = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true), 4 * pixels];
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 2 * pixels;
  ctx.beginPath();
  if (cell.saturated) {
    for (const way of [-1, 1]) {
      ctx.moveTo(left - reach, top - way * reach);
      ctx.lineTo(left + reach, top + way * reach);
    }
    ctx.stroke();
  } else if (isAside(sweep)({ cell })) {
    ctx.strokeRect(left - reach, top - reach, 2 * reach, 2 * reach);
  } else {
    ctx.arc(left, top, reach, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

// Past the knee throughput may fall again, so points are joined in the order of the load, not from left to right.
const pathInOrderOfLoad = (line) => (plot) => {
  const stroke = new Path2D();
  line.forEach((point, at) => stroke[at === 0 ? "moveTo" : "lineTo"](plot.valToPos(point.x, "x", true), plot.valToPos(point.y, "y", true)));
  return { stroke, fill: null, clip: null, band: null, gaps: null, flags: 1 };
};
