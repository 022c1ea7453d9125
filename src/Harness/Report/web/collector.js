// What the traced pass found: pauses of the garbage collector, what was allocated, exceptions, the thread pool.

const SIDES = ["server", "client"];
const KEPT_TYPES = 3;

function collectorPart(group, by, values) {
  const cells = values.map((value) => ({ value, cell: lineOf(group, by, value) })).filter(({ cell }) => cell.gc);
  if (cells.length === 0) return null;
  const traced = cells.filter(({ cell }) => cell.gc.reason === null);
  const sides = traced.flatMap(({ value, cell }) => SIDES.map((side) => ({ value, side, found: cell.gc[side] })).filter(({ found }) => found));
  const busy = sides.filter(({ found }) => found.pause_count + found.allocation_ticks + found.exception_count + found.thread_pool.adjustments > 0);
  return element(
    "div",
    { class: "collector" },
    cells
      .filter(({ cell }) => cell.gc.reason !== null)
      .map(({ value, cell }) => element("p", { class: "note" }, `${named(by, value)} was not traced: ${cell.gc.reason}.`)),
    traced.length > 0 &&
      sides.every(({ found }) => found.pause_count === 0) &&
      element("p", { class: "note" }, "No collection in the traced pass."),
    busy.length > 0 && collectorTable(by, busy),
  );
}

function collectorTable(by, sides) {
  const lost = sides.some(({ found }) => found.events_lost > 0);
  const rows = sides.map(({ value, side, found }) => ({
    cells: [
      [label(by, value), ` ${side}`],
      number(found.pause_count, 0),
      microseconds(found.pause_total_us),
      microseconds(found.pause_max_us),
      types(
        found.allocations.map(({ type, sampled_bytes: bytes }) => `${type} ${bytesOf(bytes)}`),
        found.allocation_ticks,
      ),
      types(
        found.exceptions.map(({ type, count }) => `${type} ${number(count, 0)}`),
        found.exception_count,
      ),
      threads(found.thread_pool),
      ...(lost ? [number(found.events_lost, 0)] : []),
    ],
  }));
  const head = ["", "pauses", "in all", "longest", "allocated, by samples", "exceptions", "thread pool"];
  return table("The traced pass: what the runtime of each side did in the measured part", lost ? [...head, "events lost"] : head, rows);
}

// The first few of what is listed largest first; the rest is in the run's folder.
function types(named, all) {
  if (all === 0) return "none";
  const more = named.length - KEPT_TYPES;
  return [...named.slice(0, KEPT_TYPES), ...(more > 0 ? [`and ${plural(more, "more type")}`] : [])].map((text) => element("div", {}, text));
}

function threads({ threads_min: min, threads_max: max, adjustments }) {
  const workers = max === null ? "idle" : min === max ? plural(max, "thread") : `${min} to ${max} threads`;
  return adjustments === 0 ? workers : `${workers}, ${plural(adjustments, "adjustment")}`;
}

function bytesOf(value) {
  if (value >= 1 << 30) return `${short(value / (1 << 30))} GiB`;
  return value >= 1 << 20 ? `${short(value / (1 << 20))} MiB` : `${short(value / 1024)} KiB`;
}

function collectorMissing() {
  const lines = report.runs.flatMap((run, index) => (run.gc_missing ? [`${manyRuns ? `Run ${letter(index)}: t` : "T"}raced pass: ${run.gc_missing}.`] : []));
  return lines.map((line) => element("p", { class: "note" }, line));
}
