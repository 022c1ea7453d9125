// The page: what stands where, and what the reader may choose.

const choice = { by: defaultComparison(), which: "p99", measure: measured.some((cell) => !cell.open) ? "iops" : "latency", curves: new Map() };
choice.baseline = defaultBaseline(choice.by);

const day = (run) => `${run.started.slice(0, 10)} ${run.started.slice(11, 16)} UTC`;

function header() {
  const constants = axes
    .filter((axis) => axis.name !== "backend" && !varies(axis.name) && axis.values.length === 1)
    .map((axis) => named(axis.name, axis.values[0]));
  const lines = report.runs.map((run, index) =>
    element(
      "p",
      { class: "run" },
      manyRuns && element("strong", {}, `run ${letter(index)}: `),
      `${run.machine} · commit `,
      element("code", {}, run.commit),
      ` · ${day(run)} · ${progress(run)} · ${Number(run.duration_seconds.toFixed(3))} s per cell after ${Number(run.warmup_seconds.toFixed(3))} s of warm-up`,
    ),
  );
  const title = manyRuns ? report.runs.map((run, index) => `${letter(index)}: ${run.matrix} ${run.commit}`).join(" · ") : report.runs[0].matrix;
  replace("top", element("h1", {}, title), lines, constants.length > 0 && element("p", { class: "run" }, `Every cell: ${constants.join(" · ")}`));
}

const progress = (run) =>
  ({ complete: plural(run.rounds, "round"), interrupted: `interrupted before the end of ${plural(run.rounds, "round")}` })[run.status] ??
  `not finished (${plural(run.rounds, "round")} were asked for)`;

function warnings() {
  const said = new Map();
  report.runs.forEach((run, index) =>
    run.warnings.forEach((warning) => {
      const key = `${warning.text}\n${warning.remedy}`;
      said.set(key, { ...warning, runs: [...(said.get(key)?.runs ?? []), letter(index)] });
    }),
  );
  const general = [...said.values()].map((warning) =>
    element(
      "li",
      {},
      element(
        "p",
        {},
        manyRuns ? `${warning.runs.length > 1 ? "Runs" : "Run"} ${warning.runs.join(" and ")}: ${warning.text}` : sentence(warning.text),
      ),
      element("p", { class: "remedy" }, element("b", {}, "What to do: "), sentence(warning.remedy)),
    ),
  );
  const particular = report.runs.flatMap((run, index) => {
    const of = manyRuns ? `Run ${letter(index)}: ` : "";
    const cells = report.cells.filter((cell) => cell.run === index && cell.reason);
    return [
      ...run.problems.map((problem) => element("li", {}, element("p", {}, `${of}Damaged: ${problem}`))),
      ...cells.map((cell) =>
        element(
          "li",
          {},
          element(
            "p",
            {},
            `${of}${cell.skipped ? "Skipped" : `Failed in ${cell.failed_rounds} of ${plural(cell.failed_rounds + cell.rounds.length, "round")}`}: `,
            element("code", {}, cell.id),
            `: ${cell.reason}`,
          ),
        ),
      ),
    ];
  });
  const items = [...general, ...particular];
  if (items.length > 0)
    replace(
      "warnings",
      element(
        "section",
        { class: "warnings", "aria-labelledby": "warnings-title" },
        element("h2", { id: "warnings-title" }, "What spoils these figures"),
        element("ul", {}, items),
      ),
    );
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function chooser(id, title, options, value, change) {
  const select = element(
    "select",
    {
      id,
      onchange: () => {
        change(select.value);
        figures();
      },
    },
    options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)),
  );
  return element("span", { class: "choice" }, element("label", { for: id }, title), select);
}

// Kept in place while what they choose is drawn anew, so that the keyboard's focus stays.
function choosers() {
  const baselines = element("span");
  const fill = () =>
    baselines.replaceChildren(
      chooser(
        "baseline",
        "against",
        valuesOf(choice.by).map((value) => [value, named(choice.by, value)]),
        choice.baseline,
        (value) => {
          choice.baseline = value;
        },
      ),
    );
  fill();
  return element(
    "form",
    { class: "choices", onsubmit: (event) => event.preventDefault() },
    varying.length > 1 &&
      chooser(
        "by",
        "Compare",
        varying.map((axis) => [axis.name, axis.name]),
        choice.by,
        (value) => {
          choice.by = value;
          choice.baseline = defaultBaseline(value);
          fill();
        },
      ),
    baselines,
    chooser(
      "measure",
      "by",
      [
        ["iops", "operations per second"],
        ["latency", "latency"],
      ],
      choice.measure,
      (value) => {
        choice.measure = value;
      },
    ),
    chooser("which", "with latency as", Object.entries(TIME_LINES), choice.which, (value) => {
      choice.which = value;
    }),
  );
}

function groupSection(group) {
  const { by, baseline, which } = choice;
  const values = valuesOf(by).filter((value) => lineOf(group, by, value));
  const base = lineOf(group, by, baseline);
  const inOrder = base ? [baseline, ...values.filter((value) => value !== baseline)] : values;
  const reasons = values
    .filter((value) => base && value !== baseline)
    .map((value) => {
      const cell = lineOf(group, by, value);
      const found = ratio(cell, base, figureOf(cell, choice.measure, which));
      const words = found ? ratioWords(found, named(by, baseline)) : saturationWords(cell, base, named(by, baseline));
      return words && element("li", {}, swatch(by, value), element("b", {}, `${named(by, value)}: `), words, costWords(base, cell));
    })
    .filter(Boolean);
  return element(
    "section",
    { class: "group", id: group.id, "aria-labelledby": `${group.id}-title` },
    element("h2", { id: `${group.id}-title` }, group.label || "All cells"),
    element(
      "p",
      { class: "lead" },
      callsSentence(
        group.label,
        inOrder.map((value) => lineOf(group, by, value)),
        inOrder.map((value) => named(by, value)),
      ),
    ),
    reasons.length > 0 && element("ul", { class: "reasons" }, reasons),
    element("div", { class: "pair" }, percentileChart(group, by, values), timeChart(group, by, values, which)),
    element("div", { class: values.some((value) => lineOf(group, by, value).open) ? "pair open" : "pair" }, speedTable(group, by, values), costTable(group, by, values)),
    explainPart(group, by, values),
    spoiledList(group, by, values),
    collectorPart(group, by, values),
  );
}

function kneeSection() {
  const sweep = sweepAxis(choice.by);
  if (!sweep) return null;
  const charts = groupsWithout(choice.by, sweep)
    .map((group) => kneeChart(group, choice.by, valuesOf(choice.by), sweep, choice.which))
    .filter(Boolean);
  if (charts.length === 0) return null;
  return element(
    "section",
    { "aria-labelledby": "knee-title" },
    element("h2", { id: "knee-title" }, "The knee: throughput against latency"),
    element(
      "p",
      {},
      `Each line follows ${fromTo(sweep)}. Where it turns upwards, more load buys only latency.`,
    ),
    element("div", { class: "pair" }, charts),
  );
}

// `depth from 1 to 64`; a closed loop is no rate.
function fromTo(sweep) {
  const loads = valuesOf(sweep).filter((load) => load !== "closed");
  return `the ${sweep} from ${[...new Set([loads[0], loads[loads.length - 1]])].map((load) => named(sweep, load).replace(`${sweep} `, "")).join(" to ")}`;
}

// All that depends on a choice.
function figures() {
  destroyChartsIn(document.body);
  const groups = groupsWithout(choice.by);
  document.getElementById("overview-table").replaceChildren(overviewTable(groups, choice));
  replace("knee", kneeSection());
  replace("groups", groups.map(groupSection));
}

function overview() {
  const title = element("h2", { id: "overview-title" }, "Overview");
  if (measured.length === 0) {
    const why =
      report.ladders.length > 0
        ? "No cell of NBD has figures; the rungs below it stand in the ladder."
        : report.events.length > 0
          ? "No cell of NBD has figures; the pipe test stands under events."
          : "No cell has figures.";
    replace("overview", title, element("p", { class: "note" }, why));
    return;
  }
  const how = manyRuns
    ? "The rounds of two runs were not interleaved, so the spread is the widest that they allow, and a difference may be the machine's."
    : "Ratios are taken round by round, so that what slowed the machine down in one round cancels out.";
  replace(
    "overview",
    title,
    choosers(),
    element("div", { id: "overview-table" }),
    element(
      "p",
      { class: "note" },
      `${how} ▲ faster and ▼ slower in every round, ≈ no clear difference. The bar is the spread around 1, on a scale that all rows share.`,
      measured.some((cell) => cell.saturated) && " Saturated: the server did not keep up with its rate in some round, so its latencies say how long the run was, and nothing is ranked.",
      measured.some((cell) => spoiledBy(cell).length > 0) && [" ", element("span", { class: "flag", "aria-hidden": "true" }, "!"), "Some round was spoiled; what happened and what to do stands below the tables."],
    ),
    againstEpoll(),
    collectorMissing(),
  );
  figures();
}

header();
warnings();
replace("environment", element("h2", { id: "environment-title" }, "Environment"), environmentTable());
replace("ladder", ladderSection());
replace("sides", sidesSection());
replace("events", eventsSection());
overview();
// Canvases do not follow the page's colours by themselves.
darkPage.addEventListener("change", () => {
  if (measured.length > 0) figures();
});
document.documentElement.dataset.ready = "yes";
