// The inlined report, and its cells as lines in groups: a line for each value of the axis that is compared, a group for the rest.

const report = JSON.parse(document.getElementById("data").textContent);

const letter = (index) => String.fromCharCode(65 + index);

// Beside each other, the run is one more axis. A closed loop has no schedule, hence no gaps.
const manyRuns = report.runs.length > 1;
for (const cell of report.cells) {
  const { arrivals, ...others } = cell.axes;
  cell.open = (others.rate ?? "closed") !== "closed";
  cell.saturated = cell.rounds.some((round) => round.saturated);
  cell.values = { ...(manyRuns && { run: `run ${letter(cell.run)}` }), ...others, ...(cell.open && { arrivals }) };
}
const axes = [{ name: "run", values: report.runs.map((run, index) => `run ${letter(index)}`) }, ...report.axes]
  .map(({ name, values }) => ({ name, values: values.filter((value) => value !== "none" && report.cells.some((cell) => cell.values[name] === value)) }))
  .filter(({ values }) => values.length > 0);

// The rungs below NBD are no lines among others; they have the ladder to themselves.
const isNbd = (cell) => (cell.axes.layer ?? "nbd") === "nbd";

const measured = report.cells.filter((cell) => cell.rounds.length > 0 && isNbd(cell));
const varying = axes.filter((axis) => new Set(measured.map((cell) => cell.values[axis.name]).filter(Boolean)).size > 1);

const axisOf = (name) => axes.find((axis) => axis.name === name) ?? { name, values: [] };
const varies = (name) => varying.some((axis) => axis.name === name);

function defaultComparison() {
  if (manyRuns) return "run";
  if (varies("backend") || varying.length === 0) return "backend";
  return varying[varying.length - 1].name;
}

// Values of an axis that some measured cell has, in their order.
const valuesOf = (name) => axisOf(name).values.filter((value) => measured.some((cell) => cell.values[name] === value));

function defaultBaseline(by) {
  const values = valuesOf(by);
  return by === "backend" && values.includes(report.baseline) ? report.baseline : values[0];
}

// What sets groups apart most strongly comes first, as in the table of `harness report`.
const GROUP_ORDER = ["block", "transport", "pattern", "size", "loops", "connections", "wait", "rate", "arrivals", "depth", "rw", "backend", "run"];

const rank = (name) => (GROUP_ORDER.includes(name) ? GROUP_ORDER.indexOf(name) : 6.5);

// Cells that differ in nothing but the named axes, in the order of the axes' values.
function groupsWithout(...dropped) {
  const kept = varying.filter((axis) => !dropped.includes(axis.name)).sort((a, b) => rank(a.name) - rank(b.name));
  const groups = new Map();
  for (const cell of measured) {
    const key = kept.map((axis) => cell.values[axis.name] ?? "").join("\n");
    if (!groups.has(key)) {
      groups.set(key, {
        label: kept
          .filter((axis) => cell.values[axis.name])
          .map((axis) => named(axis.name, cell.values[axis.name]))
          .join(", "),
        order: kept.map((axis) => axis.values.indexOf(cell.values[axis.name])),
        cells: [],
      });
    }
    groups.get(key).cells.push(cell);
  }
  const compare = (a, b) => {
    const at = a.order.findIndex((value, i) => value !== b.order[i]);
    return at < 0 ? 0 : a.order[at] - b.order[at];
  };
  return [...groups.values()].sort(compare).map((group, index) => ({ ...group, index, id: `group-${index + 1}` }));
}

// The cells of a group by the value of the compared axis.
const lineOf = (group, by, value) => group.cells.find((cell) => cell.values[by] === value);

function spread(figures) {
  if (figures.length === 0) return null;
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1], count: sorted.length };
}

const spreadOf = (cell, figure) => spread(cell.rounds.map((round) => round[figure]).filter((value) => value > 0));

const speed = (cell) => spreadOf(cell, "iops");

// In an open loop the schedule decides how many operations there are, so a server shows what it is worth in their latency.
const figureOf = (cell, measure, which) => (measure === "iops" && !cell.open ? "iops" : which);

// Within a run rounds are paired: what slowed the machine down in one round slowed both. Two runs have no rounds in common, so there the
// spread is the widest that the rounds allow. What did not keep up with its schedule has no ratio.
function ratio(cell, base, figure) {
  if (!cell || !base || cell.saturated || base.saturated) return null;
  const more = { figure, lessIsBetter: figure !== "iops" };
  if (cell.run === base.run) {
    const pairs = cell.rounds.flatMap((mine) =>
      base.rounds.filter((other) => other.round === mine.round && other[figure] > 0 && mine[figure] > 0).map((other) => mine[figure] / other[figure]),
    );
    return pairs.length > 0 ? { ...spread(pairs), ...more } : null;
  }
  const [a, b] = [spreadOf(base, figure), spreadOf(cell, figure)];
  if (!a || !b) return null;
  return { median: b.median / a.median, min: b.min / a.max, max: b.max / a.min, count: Math.min(a.count, b.count), ...more };
}

// What spoiled a cell: for each kind the rounds, and the words of the first of them.
function spoiledBy(cell) {
  const kinds = new Map();
  for (const { round, warnings } of cell.rounds) {
    for (const warning of warnings) {
      if (!kinds.has(warning.id)) kinds.set(warning.id, { ...warning, rounds: [] });
      kinds.get(warning.id).rounds.push(round);
    }
  }
  return [...kinds.values()];
}

const isSpoiled = (cell, round) => cell.rounds.some((each) => each.round === round && each.warnings.length > 0);

// The axis that loads the server more and more: offered load, else depth, else connections.
const sweepAxis = (by) => ["rate", "depth", "connections"].find((name) => name !== by && varies(name));
