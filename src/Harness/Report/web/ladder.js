// The ladder: every rung beside the one that it stands on. And the backends against epoll in a sentence each.

function ladderSection() {
  if (report.ladders.length === 0) return null;
  return element(
    "section",
    { "aria-labelledby": "ladder-title" },
    element("h2", { id: "ladder-title" }, "The ladder: what each layer costs"),
    element(
      "p",
      {},
      "Lowest rung first: NOPs on a ring; a bare exchange of the same bytes between two processes, which is the limit for a server and a client; NBD over null, memory, file.",
    ),
    report.ladders.map(ladderTable),
  );
}

function ladderTable({ run, place }) {
  const where = Object.entries(place.axes).map(([axis, value]) => named(axis, value));
  return table(
    [manyRuns && `run ${letter(run)}`, ...where].filter(Boolean).join(", "),
    ["", "ops/s", "µs each", "of the rung below", "adds", "of the exchange", "CPU, server / client"],
    place.rungs.map((rung) => ({
      cells: [
        [rung.rung, rung.backend && element("span", { class: "spread" }, rung.backend)],
        operations(rung.iops?.median),
        microseconds(rung.us_per_op?.median),
        withSpread(rung.ratio_to_below),
        microseconds(rung.added_us_per_op?.median),
        withSpread(rung.ratio_to_limit),
        `${short(rung.server_cpu_us_per_op)} / ${short(rung.client_cpu_us_per_op)} µs`,
      ],
    })),
    { class: "ladder" },
  );
}

// A ratio with what the rounds leave open: its 95 % interval, or with too few rounds all of them.
function withSpread(ratio) {
  if (!ratio) return NONE;
  const [low, high] = [ratio.low ?? ratio.min, ratio.high ?? ratio.max];
  return [number(ratio.median, 2), low !== high && element("span", { class: "spread" }, `${number(low, 2)}–${number(high, 2)}`)];
}

// Every backend of a run over all its cells, and the cells in which it is behind beyond doubt.
function againstEpoll() {
  const items = report.runs.flatMap((run, index) =>
    run.against_epoll.map((backend) =>
      element(
        "li",
        {},
        manyRuns && `run ${letter(index)}: `,
        label("backend", backend.backend),
        `: median ratio to epoll ${number(backend.median_ratio, 2)} over ${plural(backend.cells, "cell")}; `,
        backend.behind_cells.length === 0
          ? "no 95 % interval lies wholly below 0.95"
          : `the 95 % interval lies wholly below 0.95 in ${plural(backend.behind_cells.length, "cell")}: `,
        backend.behind_cells.flatMap((cell, at) => [at > 0 && ", ", element("code", {}, cell)]),
      ),
    ),
  );
  return items.length > 0 && element("ul", { class: "reasons against" }, items);
}
