// What the probe found on each kernel: what arrived when, and what behaves differently.

function arrivalsSection() {
  const rows = [
    ...semantics.backends.map((row) => ({
      cells: [
        [swatch("backend", row.backend), `backend ${row.backend}`],
        ...row.states.map((state) => (state === null ? "not asked" : state.available ? "runs" : `cannot run: ${state.reason}`)),
      ],
    })),
    ...[
      ["set-up flags", (kernel) => kernel.setup_flags],
      ["features", (kernel) => kernel.features],
      ["operations", (kernel) => kernel.opcodes],
      ["gone", (kernel) => kernel.gone],
    ]
      .map(([title, names]) => ({ cells: [title, ...semantics.arrivals.map((kernel) => arrivalsCell(kernel, names))] }))
      .filter((row) => row.cells.slice(1).some((cell) => cell.length > 0)),
  ];
  return element(
    "section",
    { "aria-labelledby": "arrivals-title" },
    element("h2", { id: "arrivals-title" }, "What arrived when"),
    table(
      "Of the first kernel all that it has, of each other one what the one before it lacks, by the names of linux/io_uring.h",
      ["", ...kernels.map((kernel) => kernel.name)],
      rows,
      { class: "facts arrivals" },
    ),
  );
}

const arrivalsCell = (kernel, names) =>
  kernel.refusal ? `refused: ${kernel.refusal}` : names(kernel).map((name) => [element("code", {}, name), " "]);

const seenCell = (seen) => {
  if (seen === null) return "not tried";
  if (seen.verdict === "skipped") return element("span", { class: "unranked" }, `lacks it: ${seen.seen}`);
  return seen.verdict === "differs" ? [element("span", { class: "tag" }, "differs"), " ", seen.seen] : seen.seen;
};

function behavioursSection() {
  if (semantics.behaviours.length === 0) return null;
  const changed = semantics.behaviours.filter((row) => row.changed.length > 0);
  const arrived = semantics.behaviours.filter((row) => row.arrived !== null);
  return element(
    "section",
    { "aria-labelledby": "behaviours-title" },
    element("h2", { id: "behaviours-title" }, "How io_uring behaves"),
    element("p", {}, `${plural(semantics.behaviours.length, "experiment")}, each made on each kernel; what a kernel lacks is skipped by name. “differs” is other than on Linux 6.18.`),
    element(
      "ul",
      { class: "reasons" },
      arrived.map((row) => element("li", {}, element("b", {}, `${row.name}: `), `arrived with ${row.arrived}`)),
      changed.map((row) => element("li", {}, element("b", {}, `${row.name}: `), `changed with ${row.changed.join(", ")}`)),
      arrived.length + changed.length === 0 && element("li", {}, "No experiment ends differently on any of these kernels."),
    ),
    table(
      "What was seen on each kernel, and what follows from it",
      ["", ...kernels.map((kernel) => kernel.name)],
      semantics.behaviours.map((row) => ({
        attributes: { class: row.changed.length > 0 || row.arrived !== null ? "differs" : null },
        cells: [[row.name, element("span", { class: "meaning" }, row.meaning)], ...row.seen.map(seenCell)],
      })),
      { class: "facts behaviours" },
    ),
  );
}
