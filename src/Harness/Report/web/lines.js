// How a line looks. Okabe and Ito's colours are told apart with every kind of colour vision, and dashes without any;
// a backend has the same colour in every picture of the project.

const BACKEND_COLOURS = { poll: "#999999", epoll: "#0072b2", "uring-poll": "#e69f00", uring: "#d55e00", "uring-epoll": "#cc79a7" };
const OTHER_COLOURS = ["#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#999999"];
// Blue is the one that is too dark on a dark page.
const ON_DARK = { "#0072b2": "#3d9be0" };
const BACKEND_DASHES = { poll: [2, 3], "uring-poll": [8, 4], "uring-epoll": [8, 3, 2, 3] };
const OTHER_DASHES = [[], [8, 4], [2, 3], [8, 3, 2, 3]];

const darkPage = matchMedia("(prefers-color-scheme: dark)");
const shade = (colour) => (darkPage.matches && ON_DARK[colour]) || colour;

function lineStyle(by, value) {
  const at = valuesOf(by).indexOf(value);
  return by === "backend" && BACKEND_COLOURS[value]
    ? { colour: shade(BACKEND_COLOURS[value]), dash: BACKEND_DASHES[value] ?? [] }
    : { colour: shade(OTHER_COLOURS[at % OTHER_COLOURS.length]), dash: OTHER_DASHES[at % OTHER_DASHES.length] };
}

// The line's stroke beside its name; the name is what screen readers read.
function swatch(by, value) {
  const { colour, dash } = lineStyle(by, value);
  const on = dash[0] ?? 1;
  const off = dash[1] ?? 0;
  return element("span", {
    class: "swatch",
    "aria-hidden": "true",
    style: { background: `repeating-linear-gradient(90deg, ${colour} 0 ${on}px, transparent ${on}px ${on + off}px)` },
  });
}

const label = (by, value) => [swatch(by, value), named(by, value)];

// Beside a cell's name wherever its figures stand: the server did not keep up, or some round was spoiled.
const badge = (cell) =>
  cell.saturated && element("span", { class: "badge", title: `It ${saturation(cell)}: its latencies say how long the run was` }, "saturated");

function flag(cell) {
  const kinds = spoiledBy(cell);
  if (kinds.length === 0) return null;
  const rounds = [...new Set(kinds.flatMap((kind) => kind.rounds))].sort((a, b) => a - b);
  const spoiled = `spoiled in ${inRounds(rounds)}: ${kinds.map((kind) => kind.id).join(", ")}`;
  return element("span", { class: "flag", role: "img", "aria-label": spoiled, title: spoiled }, "!");
}

const pageColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// 1, 2 and 5 of each decade; every whole step where the range is small, decades alone where it is large.
function logTicks(min, max) {
  const steps = max / min > 500 ? [1] : max / min > 12 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  const ticks = [];
  for (let decade = 10 ** Math.floor(Math.log10(min)); decade <= max; decade *= 10) {
    for (const step of steps) if (decade * step >= min * 0.999 && decade * step <= max * 1.001) ticks.push(Number((decade * step).toPrecision(6)));
  }
  return ticks;
}

const FONT = "12px system-ui, sans-serif";

function axis(options) {
  const line = pageColour("--line");
  return {
    stroke: pageColour("--muted"),
    font: FONT,
    labelFont: FONT,
    labelSize: 18,
    gap: 4,
    space: 60,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
    filter: (chart, splits) => splits,
    ...options,
  };
}

const latencyScale = { distr: 3, range: (chart, min, max) => (min > 0 ? [min * 0.92, max * 1.09] : [1, 10]) };

const latencyAxis = () =>
  axis({
    scale: "y",
    size: 58,
    space: 20,
    splits: (chart) => logTicks(chart.scales.y.min, chart.scales.y.max),
    values: (chart, splits) => splits.map((value) => (value >= 1e6 ? `${value / 1e6} s` : value >= 1e3 ? `${value / 1e3} ms` : `${value} µs`)),
  });
