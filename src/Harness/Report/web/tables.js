// The tables.

const SIGNS = { faster: "▲", slower: "▼", unclear: "≈" };

// A ratio, what every round agreed on, and the spread as figures and as a bar around 1.
function ratioCell(found, bounds) {
  const word = tendency(found);
  const sign =
    found.count > 1
      ? element("span", { class: `sign ${word}`, role: "img", "aria-label": TENDENCY[word], title: TENDENCY[word] }, SIGNS[word])
      : null;
  return element(
    "div",
    { class: "ratio" },
    element("strong", {}, number(found.median, 2)),
    " ",
    sign,
    found.count > 1 && element("span", { class: "spread" }, `${number(found.min, 2)}–${number(found.max, 2)}`),
    interval(found, bounds),
  );
}

// On a logarithmic scale that all rows share, so that half and twice are equally far from 1.
function interval(found, bounds) {
  const at = (value) => (100 * (Math.log(value) + bounds)) / (2 * bounds);
  const clamp = (percent) => Math.min(100, Math.max(0, percent));
  const [low, high] = [clamp(at(found.min)), clamp(at(found.max))];
  return element(
    "span",
    { class: "interval", "aria-hidden": "true" },
    element("span", { class: `bar ${tendency(found)}`, style: { left: `${low}%`, width: `${Math.max(high - low, 1)}%` } }),
    element("span", { class: "median", style: { left: `${clamp(at(found.median))}%` } }),
  );
}

function overviewTable(groups, by, values, baseline) {
  const found = groups.map((group) =>
    values.map((value) => (value === baseline ? null : ratio(lineOf(group, by, value), lineOf(group, by, baseline)))),
  );
  const reach = Math.max(
    0.1,
    ...found
      .flat()
      .filter(Boolean)
      .flatMap(({ min, max }) => [Math.abs(Math.log(min)), Math.abs(Math.log(max))])
      .filter(Number.isFinite),
  );
  const rows = groups.map((group, at) => ({
    cells: [
      element("a", { href: `#${group.id}` }, group.label || "all cells"),
      ...values.map((value, line) => {
        const cell = lineOf(group, by, value);
        if (!cell) return NONE;
        return value === baseline
          ? element(
              "div",
              { class: "ratio base" },
              element("strong", {}, "1"),
              element("span", { class: "spread" }, `${operations(speed(cell).median)}/s`),
            )
          : found[at][line]
            ? ratioCell(found[at][line], reach)
            : element("span", { class: "spread" }, `${operations(speed(cell).median)}/s`);
      }),
    ],
  }));
  return table(
    `Operations per second over those of ${named(by, baseline)}: median and spread of the rounds`,
    ["", ...values.map((value) => label(by, value))],
    rows,
    { class: "overview", style: { "min-width": `${4.2 * (values.length + 1)}rem` } },
  );
}

function speedTable(group, by, values) {
  const rows = values.map((value) => {
    const cell = lineOf(group, by, value);
    const found = speed(cell);
    const latency = cell.latency_us;
    return {
      cells: [
        label(by, value),
        [operations(found.median), found.count > 1 && element("span", { class: "spread" }, `${operations(found.min)}–${operations(found.max)}`)],
        ...["p50", "p99", "p99_9", "max"].map((key) => short(latency?.[key])),
      ],
    };
  });
  return table(
    "Operations per second (median, spread of the rounds) and latency in µs (all rounds added up)",
    ["", "ops/s", "p50", "p99", "p99.9", "max"],
    rows,
  );
}

function costTable(group, by, values) {
  const cells = values.map((value) => lineOf(group, by, value));
  const used = COSTS.filter((cost) => cells.some((cell) => [cell.server, cell.client].some((side) => side && side[cost.key] !== null)));
  if (used.length === 0) return null;
  const rows = used.map((cost) => ({
    cells: [
      cost.title,
      ...cells.map((cell) => [
        short(cell.server?.[cost.key]),
        element("span", { class: "slash" }, " / "),
        element("span", { class: "client" }, short(cell.client?.[cost.key])),
      ]),
    ],
  }));
  return table("Cost of one operation: server / client", ["per operation", ...values.map((value) => label(by, value))], rows);
}

function environmentTable() {
  const names = [...new Set(report.runs.flatMap((run) => run.facts.map((fact) => fact.name)))];
  const rows = names.map((name) => {
    const facts = report.runs.map((run) => run.facts.find((fact) => fact.name === name)?.value ?? null);
    const differ = new Set(facts).size > 1;
    return {
      attributes: { class: differ ? "differs" : null },
      cells: [
        [name, differ && element("span", { class: "tag" }, "differs")],
        ...facts.map((value) => (value === null ? NONE : value === "" ? "none" : value)),
      ],
    };
  });
  return table(
    "What was true of the machine and the run; a dash is what could not be read",
    ["fact", ...report.runs.map((run, index) => (manyRuns ? `run ${letter(index)}` : "value"))],
    rows,
    { class: "facts" },
  );
}
