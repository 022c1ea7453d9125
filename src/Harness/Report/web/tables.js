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

function overviewTable(groups, { by, baseline, measure, which }) {
  const values = valuesOf(by);
  const found = groups.map((group) =>
    values.map((value) => {
      const [cell, base] = [lineOf(group, by, value), lineOf(group, by, baseline)];
      return value === baseline || (measure === "iops" && cell?.open) ? null : ratio(cell, base, figureOf(cell ?? {}, measure, which));
    }),
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
        const standing = found[at][line] ? ratioCell(found[at][line], reach) : standingAlone(cell, value === baseline, measure, which);
        return [standing, element("span", { class: "marks" }, badge(cell), flag(cell))];
      }),
    ],
  }));
  return table(
    measure === "iops"
      ? `Operations per second over those of ${named(by, baseline)}: median and spread of the rounds${
          measured.some((cell) => cell.open) ? "; with a rate, whether the server kept up with it" : ""
        }`
      : `Latency (${TIME_LINES[which]}) over that of ${named(by, baseline)}: median and spread of the rounds; less than 1 is faster`,
    ["", ...values.map((value) => label(by, value))],
    rows,
    { class: "overview", style: { "min-width": `${4.2 * (values.length + 1)}rem` } },
  );
}

const wrapped = (...lines) => lines.map((line) => element("span", { class: "line" }, `${line} `));

// What there is to say of a cell without a ratio: the figure itself, and in an open loop whether it kept up.
function standingAlone(cell, isBase, measure, which) {
  const schedule = measure === "iops" && cell.open;
  const head = cell.saturated ? null : schedule ? "kept up" : isBase ? "1" : null;
  const figure = measure === "iops" || cell.saturated ? `${operations(speed(cell).median)}/s` : microseconds(spreadOf(cell, which)?.median);
  const offered = cell.saturated && cell.rate_offered !== null ? ` of ${operations(cell.rate_offered)}/s` : "";
  return element("div", { class: "ratio base" }, head && element("strong", {}, head), element("span", { class: "spread" }, figure + offered));
}

function speedTable(group, by, values) {
  const open = values.some((value) => lineOf(group, by, value).open);
  const rows = values.map((value) => {
    const cell = lineOf(group, by, value);
    const found = speed(cell);
    const latency = cell.latency_us;
    const tail = (us) => (cell.saturated && us !== undefined ? element("span", { class: "unranked" }, `(${microseconds(us)})`) : microseconds(us));
    return {
      cells: [
        [label(by, value), flag(cell), element("span", { class: "line" }, badge(cell))],
        [
          operations(found.median),
          operations(found.min) !== operations(found.max) && element("span", { class: "spread" }, `${operations(found.min)}–${operations(found.max)}`),
        ],
        ...["p50", "p99", "p99_9", "max"].map((key) => tail(latency?.[key])),
        ...(open ? [microseconds(cell.service_us?.p99), tail(cell.send_lag_us?.p99)] : []),
      ],
    };
  });
  return table(
    "Operations per second (median, spread of the rounds) and latency (all rounds added up)" +
      (values.some((value) => lineOf(group, by, value).saturated) ? "; (figures) of a saturated cell say how long the run was" : ""),
    ["", "ops/s", "p50", "p99", "p99.9", "max", ...(open ? [wrapped("service", "p99"), wrapped("send lag", "p99")] : [])],
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
