// A small chart for each place, the heat map of all cells, and what changed between two kernels.

function placeChart(place) {
  const lines = place.lines.map((line) => ({ ...line, values: kernels.map((_, at) => valueOf(rowOf.get(line.cell), at)) }));
  if (lines.every((line) => line.values.every((value) => value === null))) return null;
  const places = kernels.map((_, at) => at);
  return chartFigure({
    caption: place.label || costs.matrix,
    summary: `${FIGURES[choice.figure].title} on ${kernels.map((kernel) => kernel.name).join(", ")}.`,
    data: [places, ...lines.map((line) => line.values.map((value) => value ?? undefined))],
    options: () => ({
      scales: { x: { time: false, range: () => [-0.4, kernels.length - 0.6] }, y: { range: (plot, min, max) => roomAround(min, max) } },
      axes: [
        axis({ size: 26, splits: () => places, values: (plot, splits) => splits.map((at) => kernels[at]?.name ?? "") }),
        axis({ scale: "y", size: 58, space: 26, values: (plot, splits) => splits.map(thousands) }),
      ],
      series: [
        { label: "kernel", value: (plot, at) => (at === null || at === undefined ? NONE : kernels[at].name) },
        ...lines.map((line) => lineSeries("backend", line.backend, amount)),
      ],
      hooks: {
        draw: [
          (plot) =>
            lines.forEach((line, index) => {
              if (!plot.series[index + 1].show) return;
              const { colour } = lineStyle("backend", line.backend);
              line.values.forEach((value, at) => value !== null && drawKernel(plot, at, value, colour, marksSteps() && stepAt(line.cell, at)));
            }),
        ],
      },
    }),
    say: (at) => `${kernels[at].name}: ${lines.map((line) => `${line.backend} ${amount(line.values[at])}`).join(", ")}`,
    behind: () =>
      table(
        `${FIGURES[choice.figure].title}${place.label ? `, ${place.label}` : ""}`,
        ["", ...kernels.map((kernel) => kernel.name)],
        lines.map((line) => ({ cells: [label("backend", line.backend), ...line.values.map(amount)] })),
      ),
  });
}

// Steps are judged by what both sides and the kernel cost together.
const marksSteps = () => counted && choice.figure === "total";

const thousands = (value) => (value >= 10000 ? `${Number((value / 1000).toFixed(2))} k` : String(Number(value.toFixed(3))));

// Not from zero: a step of a percent is to be seen, and the axis says where it begins.
function roomAround(min, max) {
  const room = max > min ? (max - min) * 0.12 : Math.max(max * 0.02, 0.01);
  return [Math.max(0, min - room), max + room];
}

function drawKernel(plot, at, value, colour, isStep) {
  const { ctx } = plot;
  const pixels = devicePixelRatio || 1;
  ctx.save();
  ctx.lineWidth = 2 * pixels;
  ctx.strokeStyle = colour;
  ctx.fillStyle = isStep ? colour : pageColour("--back");
  ctx.beginPath();
  ctx.arc(plot.valToPos(at, "x", true), plot.valToPos(value, "y", true), (isStep ? 4.5 : 3) * pixels, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}

function chartsSection() {
  return element(
    "section",
    { "aria-labelledby": "charts-title" },
    element("h2", { id: "charts-title" }, "Over kernel versions"),
    element(
      "p",
      { class: "note" },
      counted && `${notCycles} `,
      marksSteps() && "A filled point is a step from the kernel before, in every boot and by more than boots of one kernel differ (0.2 %; 0.3 % with several connections). ",
      "The axes do not begin at zero.",
    ),
    element("div", { class: "pair" }, costs.places.map(placeChart).filter(Boolean)),
  );
}

// A third more, or less, has the full colour.
const FULL = Math.log(1.33);

function heatCell(row, at) {
  const [value, base] = [valueOf(row, at), valueOf(row, choice.base)];
  if (value === null) return element("span", { class: "unranked", title: row.figures[at].reason }, (row.figures[at].reason ?? NONE).split(":")[0]);
  const ratio = base > 0 ? value / base : null;
  const share = ratio ? Math.min(1, Math.abs(Math.log(ratio)) / FULL) : 0;
  const change = marksSteps() && stepAt(row.cell, at);
  return element(
    "div",
    { class: `heat ${ratio > 1 ? "dearer" : "cheaper"}`, style: { "--share": `${(55 * share).toFixed(1)}%` } },
    change && [stepSign(change), " "],
    amount(value),
    element("span", { class: "spread" }, at === choice.base ? "base" : ratio ? percent(100 * (ratio - 1)) : NONE),
  );
}

function heatTable() {
  return table(
    `${FIGURES[choice.figure].title}: medians of the boots, and against ${kernels[choice.base].name}; orange costs more, blue less`,
    ["", ...kernels.map((kernel) => kernel.name)],
    costs.places.flatMap((place) =>
      place.lines.map((line, at) => ({
        attributes: { class: at === 0 ? "first" : null },
        cells: [
          [label("backend", line.backend), element("span", { class: "spread" }, place.label)],
          ...kernels.map((_, kernel) => heatCell(rowOf.get(line.cell), kernel)),
        ],
      })),
    ),
    { class: "heats" },
  );
}

function heatsSection() {
  return element(
    "section",
    { "aria-labelledby": "heats-title" },
    element("h2", { id: "heats-title" }, "Every cell on every kernel"),
    element(
      "p",
      { class: "note" },
      counted
        ? `▲ dearer and ▼ cheaper than on the kernel before, in every boot and by more than boots of one kernel differ. ${notCycles}`
        : "Noise is not told from difference here; harness compare --factor kernel judges.",
    ),
    element("div", { id: "heat" }),
  );
}

function changesSection() {
  const pairs = new Map();
  costs.changes.forEach((change) => {
    const key = `${change.last}\n${change.first}`;
    pairs.set(key, [...(pairs.get(key) ?? []), change]);
  });
  const place = (changes) => kernels.findIndex((kernel) => kernel.name === changes[0].first);
  const inOrder = [...pairs.values()].sort((a, b) => place(a) - place(b));
  return element(
    "section",
    { "aria-labelledby": "changes-title" },
    element("h2", { id: "changes-title" }, "Steps from one kernel to the next"),
    element(
      "p",
      { class: "note" },
      "A step is one where harness compare --factor kernel would say better or worse: a change in every boot, by more than 0.2 % (0.3 % with several connections). ",
      notCycles,
    ),
    inOrder.length === 0 ? element("p", {}, "None.") : inOrder.map(changesBetween),
  );
}

function changesBetween(changes) {
  const { last, first } = changes[0];
  const told = (some, word) =>
    some.length > 0 && `${plural(some.length, "cell")} cost${some.length === 1 ? "s" : ""} ${word}, ${range(some.map((change) => change.percent))}`;
  const words = [
    told(changes.filter((change) => change.percent > 0), "more"),
    told(changes.filter((change) => change.percent < 0), "less"),
  ].filter(Boolean);
  return [
    element("p", {}, element("b", {}, `From ${last} to ${first}: `), `${words.join("; ")}.`),
    figuresBehind(`What changed from ${last} to ${first}`, () =>
      table(
        `Instructions per operation, ${last} and ${first}`,
        ["", "before", "after", "", "user mode", "kernel", "server", "client", "system calls"],
        changes.map((change) => ({
          cells: [
            element("code", {}, change.cell.replaceAll(",", ", ")),
            number(change.before, 0),
            number(change.after, 0),
            [stepSign(change), " ", percent(change.percent)],
            ...[change.user_added, change.kernel_added, change.server_added, change.client_added].map((added) => (added === null ? NONE : signed(added, 0))),
            change.syscalls_added === null ? NONE : signed(change.syscalls_added, 2),
          ],
        })),
        { class: "changes" },
      ),
    ),
  ];
}

function range(percents) {
  const [low, high] = [Math.min(...percents), Math.max(...percents)].map(percent);
  return low === high ? low : `${low} to ${high}`;
}
