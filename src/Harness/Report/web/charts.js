// What all charts share. Each is a figure: a caption, the chart, and its figures as a table.

const alive = new Set();

function destroyChartsIn(place) {
  forgetUnseenIn(place);
  for (const chart of [...alive].filter(({ plot }) => place.contains(plot.root))) {
    chart.watcher.disconnect();
    chart.plot.destroy();
    alive.delete(chart);
  }
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
  const plot = new uPlot(
    {
      ...size(),
      ...options,
      padding: [14, 34, 0, 0],
      cursor: { drag: { setScale: false, x: false, y: false }, focus: { prox: 30 }, points: { size: 8 }, ...options.cursor },
      focus: { alpha: 0.35 },
      legend: { markers: { width: 3, dash: (chart, at) => ({ 8: "dashed", 2: "dotted" })[options.series[at].dash?.[0]] ?? "solid" } },
    },
    data,
    place,
  );
  const wrap = plot.root.querySelector(".u-wrap");
  for (const [name, value] of Object.entries({
    tabindex: "0",
    role: "group",
    "aria-roledescription": "chart",
    "aria-label": `${caption}. ${summary} Left and right arrow keys read the values.`,
  }))
    wrap.setAttribute(name, value);
  // Points that share a place on the x axis share the cursor's index as well, so what was read last is remembered.
  let last = null;
  wrap.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const shown = plot.cursor.idx ?? null;
    const stays = shown !== null && last !== null && data[0][shown] === data[0][last];
    const from = stays ? last : (shown ?? (step > 0 ? -1 : data[0].length));
    let to = from + step;
    while (to >= 0 && to < data[0].length && data.slice(1).every((line) => typeof line[to] !== "number")) to += step;
    if (to < 0 || to >= data[0].length) return;
    last = to;
    plot.setCursor({ left: plot.valToPos(data[0][to], "x"), top: 10 });
    spokenValues.textContent = say(to);
  });
  makeLegendReachable(plot);
  const watcher = new ResizeObserver(() => {
    if (Math.abs(place.clientWidth - plot.width) > 1) plot.setSize(size());
  });
  watcher.observe(place);
  alive.add({ plot, watcher });
}

// Its entries hide and show lines on a click; then they must do so on a key as well.
function makeLegendReachable(plot) {
  plot.root.querySelectorAll(".u-series").forEach((row, index) => {
    if (index === 0) return;
    const head = row.querySelector("th");
    for (const [name, value] of Object.entries({ tabindex: "0", role: "button", "aria-pressed": "true", title: "hides or shows this line" }))
      head.setAttribute(name, value);
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

const seriesOf = (label, { colour, dash }, format, more) => ({
  label,
  stroke: colour,
  width: 2,
  dash,
  points: { show: false },
  spanGaps: false,
  value: (plot, at) => format(at),
  ...more,
});

const lineSeries = (by, value, format, more) => seriesOf(named(by, value), lineStyle(by, value), format, more);

const listed = (lines, values, format) => lines.map((line, at) => `${line} ${format(values[at])}`).join(", ");
