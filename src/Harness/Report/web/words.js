// Figures and sentences for people. A figure that could not be had is a dash.

const NONE = "–";

const number = (value, decimals) => value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

// Three digits that mean something: 0.012, 1.23, 12.3, 1,234.
function short(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  return number(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

// As one says it: 3.0 system calls, 0.085 system calls.
const spoken = (value) => (value >= 0.995 && value < 99.5 ? number(value, 1) : short(value));

function microseconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 1e6) return `${short(value / 1e6)} s`;
  if (value >= 1e4) return `${short(value / 1e3)} ms`;
  return `${short(value)} µs`;
}

// Operations per second: 1.23 M, 437 k, 950.
function operations(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 999500) return `${short(value / 1e6)} M`;
  if (value >= 9995) return `${short(value / 1e3)} k`;
  return number(value, 0);
}

// 1/(1-p) as the percentile that it stands for: 100 is 99 %.
function percentile(grid) {
  const nines = Math.max(0, Math.ceil(Math.log10(grid) - 1e-9) - 1);
  return `${Number((100 * (1 - 1 / grid)).toFixed(nines + (Math.log10(grid) % 1 < 1e-6 ? 0 : 1)))} %`;
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// A value of an axis in a heading or a legend: `depth 64`, but `read` and `uring` say by themselves what they are.
function named(axis, value) {
  if (axis === "rate") return value === "closed" ? "closed loop" : `rate ${/^\d+$/.test(value) ? `${number(Number(value), 0)}/s` : value}`;
  return ["backend", "rw", "pattern", "arrivals", "run"].includes(axis) ? value : `${axis} ${value}`;
}

const inRounds = (rounds) => `round${rounds.length === 1 ? "" : "s"} ${rounds.join(", ")}`;

const COSTS = [
  { key: "syscalls_per_op", title: "system calls", says: (mine, other) => `${short(mine)} system calls against ${short(other)}` },
  { key: "enters_per_op", title: "of them io_uring_enter" },
  { key: "sqes_per_op", title: "submission entries" },
  { key: "cqes_per_op", title: "completion entries" },
  { key: "context_switches_per_op", title: "context switches", says: (mine, other) => `${short(mine)} context switches against ${short(other)}` },
  { key: "allocated_bytes_per_op", title: "allocated bytes", says: (mine, other) => `${short(mine)} allocated bytes against ${short(other)}` },
  { key: "cpu_us_per_op", title: "CPU time, µs", says: (mine, other) => `${short(mine)} µs of CPU time against ${short(other)}` },
];

// What moved less than this is not offered as a reason.
const SAME_WITHIN = 0.05;

const differs = (a, b) => Math.abs(b - a) > SAME_WITHIN * Math.max(Math.abs(a), Math.abs(b)) && Math.abs(b - a) > 0.0005;

// The ratio in a word, only where every round lay on the same side of 1.
function tendency({ min, max, lessIsBetter }) {
  if (min <= 1 && max >= 1) return "unclear";
  return min > 1 === lessIsBetter ? "slower" : "faster";
}

const TENDENCY = { faster: "faster in every round", slower: "slower in every round", unclear: "no clear difference" };

// `no clear difference, 1.27 times the operations of epoll (0.66 to 1.94 over 3 rounds)`.
function ratioWords(found, base) {
  const many = found.count > 1;
  const spread = many ? `${number(found.min, 2)} to ${number(found.max, 2)} over ${found.count} rounds` : "one round";
  const what = found.figure === "iops" ? "operations" : TIME_LINES[found.figure].replace("the greatest", "greatest latency");
  return `${many ? `${TENDENCY[tendency(found)]}, ` : ""}${number(found.median, 2)} times the ${what} of ${base} (${spread})`;
}

// Why a cell that did not keep up has no ratio; null where both kept up.
function saturationWords(cell, baseCell, base) {
  if (cell.saturated) return `saturated, so there is no ratio: it ${saturation(cell)}`;
  return baseCell.saturated ? `kept up with its rate; ${base} did not, so there is no ratio` : null;
}

// `did not keep up with 200 k/s in 1 of 3 rounds (187 k/s done)`.
function saturation(cell) {
  const count = cell.rounds.filter((round) => round.saturated).length;
  const rate = cell.rate_offered === null ? "its rate" : `${operations(cell.rate_offered)}/s`;
  return `did not keep up with ${rate} in ${count} of ${plural(cell.rounds.length, "round")} (${operations(speed(cell).median)}/s done)`;
}

// The side that is explained: the server, unless it is somebody else's and told us nothing.
const sideOf = (cells) => (cells.every((cell) => cell.server) ? "server" : "client");

// `At depth 1, read, epoll makes 3.0 system calls per operation in the server, uring 2.0.`
function callsSentence(where, cells, names) {
  const side = sideOf(cells);
  const known = cells.map((cell, at) => ({ calls: cell[side]?.syscalls_per_op ?? null, name: names[at] })).filter(({ calls }) => calls !== null);
  if (known.length === 0) return null;
  const [first, ...rest] = known;
  const preposition = /^(depth|rate|connections|size) /.test(where) ? "At" : where.startsWith("closed loop") ? "In a" : "With";
  const place = where === "" ? "Here" : `${preposition} ${where},`;
  const others = rest.map(({ calls, name }) => `, ${name} ${spoken(calls)}`).join("");
  return `${place} ${first.name} makes ${spoken(first.calls)} system calls per operation in the ${side}${others}.`;
}

// Which costs moved, and by how much; said as well where none did, since then the reason lies in nothing that was counted.
function costWords(base, cell) {
  const side = sideOf([base, cell]);
  const [other, mine] = [base[side], cell[side]];
  if (!other || !mine) return "";
  const known = COSTS.filter((cost) => cost.says && other[cost.key] !== null && mine[cost.key] !== null);
  const moved = known.filter((cost) => differs(other[cost.key], mine[cost.key])).map((cost) => cost.says(mine[cost.key], other[cost.key]));
  if (known.length === 0) return "";
  const counted =
    moved.length > 0 ? `. Per operation in the ${side}: ${moved.join(", ")}.` : `. No cost per operation in the ${side} differs by more than 5 %.`;
  return counted + explainWords(base, cell);
}
