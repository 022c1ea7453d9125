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
const named = (axis, value) => (["backend", "rw", "pattern", "run"].includes(axis) ? value : `${axis} ${value}`);

const COSTS = [
  { key: "syscalls_per_op", title: "system calls", says: (a, b, base, line) => `${base} makes ${spoken(a)} system calls per operation, ${line} ${spoken(b)}` },
  { key: "enters_per_op", title: "of them io_uring_enter" },
  { key: "sqes_per_op", title: "submission entries" },
  { key: "cqes_per_op", title: "completion entries" },
  { key: "context_switches_per_op", title: "context switches", says: (a, b) => `${spoken(a)} context switches against ${spoken(b)}` },
  { key: "allocated_bytes_per_op", title: "allocated bytes", says: (a, b) => `${spoken(a)} allocated bytes against ${spoken(b)}` },
  { key: "cpu_us_per_op", title: "CPU time, µs", says: (a, b) => `${spoken(a)} µs of CPU time against ${spoken(b)}` },
];

// What moved less than this is not offered as a reason.
const SAME_WITHIN = 0.05;

const differs = (a, b) => Math.abs(b - a) > SAME_WITHIN * Math.max(Math.abs(a), Math.abs(b)) && Math.abs(b - a) > 0.0005;

// The ratio in a word, only where every round lay on the same side of 1.
const tendency = (ratio) => (ratio.min > 1 ? "faster" : ratio.max < 1 ? "slower" : "unclear");

function ratioSentence(ratio, base, line) {
  const found = { faster: `${line} was faster in every round`, slower: `${line} was slower in every round`, unclear: `no clear difference between ${line} and ${base}` };
  const spread = ratio.count > 1 ? `, ${number(ratio.min, 2)} to ${number(ratio.max, 2)} over ${ratio.count} rounds` : ", one round";
  const judged = ratio.count > 1 ? `${found[tendency(ratio)]}: ` : `${line}: `;
  return `${judged}${number(ratio.median, 2)} times the operations of ${base}${spread}.`;
}

// Why, as far as counts can say it: system calls always, the rest where it differs.
function costSentence(where, baseCell, cell, base, line) {
  const side = baseCell.server && cell.server ? "server" : "client";
  const [a, b] = [baseCell[side], cell[side]];
  if (!a || !b) return "";
  const known = COSTS.filter((cost) => cost.says && a[cost.key] !== null && b[cost.key] !== null);
  const parts = known
    .filter((cost) => cost.key === "syscalls_per_op" || differs(a[cost.key], b[cost.key]))
    .map((cost) => cost.says(a[cost.key], b[cost.key], base, line));
  if (parts.length === 0) return "";
  const same = known.every((cost) => !differs(a[cost.key], b[cost.key]));
  const rest = same ? "; no cost per operation differs by more than 5 %, so the cause of a difference lies elsewhere" : "";
  return `${where ? `At ${where}, ` : "Here "}the ${side} on ${parts.join("; ")}${rest}.`;
}
