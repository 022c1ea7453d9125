// The page of kernels: what stands where, and what the reader may choose.

function kernelsHeader() {
  const how = costs
    ? counted
      ? `guest instructions in QEMU ${costs.qemu}, medians of the boots; no quiet machine is needed for them`
      : `times in guests with KVM, QEMU ${costs.qemu}, medians of the boots`
    : "what harness probe finds in a guest of each";
  replace(
    "top",
    element("h1", {}, costs ? `${costs.matrix} on ${plural(kernels.length, "kernel")}` : `How io_uring behaves on ${plural(kernels.length, "kernel")}`),
    element("p", { class: "run" }, `${kernels.map((kernel) => kernel.release).join(" · ")}`),
    element("p", { class: "run" }, how),
    counted && element("p", { class: "lead not-cycles" }, notCycles),
    costs?.notes.map((note) => element("p", { class: "note" }, `${note}.`)),
  );
}

function chooseFrom(id, title, options, value, change) {
  const select = element(
    "select",
    {
      id,
      onchange: () => {
        change(select.value);
        drawFigures();
      },
    },
    options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)),
  );
  return element("span", { class: "choice" }, element("label", { for: id }, title), select);
}

function kernelsOverview() {
  const title = element("h2", { id: "overview-title" }, "Overview");
  if (!costs) {
    replace("overview", title, element("p", { class: "note" }, "Nothing was measured; what was probed stands below."));
    return;
  }
  replace(
    "overview",
    title,
    element(
      "form",
      { class: "choices", onsubmit: (event) => event.preventDefault() },
      chooseFrom("figure", "Show", Object.entries(FIGURES).map(([key, { title }]) => [key, title]), choice.figure, (value) => {
        choice.figure = value;
      }),
      chooseFrom("base", "against", kernels.map((kernel, at) => [String(at), kernel.name]), String(choice.base), (value) => {
        choice.base = Number(value);
      }),
    ),
  );
  replace("heats", heatsSection());
  drawFigures();
}

// All that depends on a choice.
function drawFigures() {
  destroyChartsIn(document.body);
  document.getElementById("heat").replaceChildren(heatTable());
  replace("charts", chartsSection());
}

function runsTable() {
  const boots = (at) => {
    const all = costs?.cells.map((row) => row.figures[at].boots) ?? [];
    return all.length === 0 ? NONE : String(Math.max(...all));
  };
  return table(
    costs ? `QEMU ${costs.qemu}: ${costs.machine}` : "The kernels and what was probed on them",
    ["", "release", "package", "boots", "folder in results"],
    kernels.map((kernel, at) => ({
      cells: [kernel.name, kernel.release, kernel.version ?? NONE, boots(at), kernel.folder === null ? NONE : element("code", {}, kernel.folder)],
    })),
    { class: "facts runs" },
  );
}

kernelsHeader();
kernelsOverview();
if (counted) replace("changes", changesSection());
replace("arrivals", arrivalsSection());
replace("behaviours", behavioursSection());
replace("runs", element("h2", { id: "runs-title" }, "The runs"), runsTable());
darkPage.addEventListener("change", () => costs && drawFigures());
document.documentElement.dataset.ready = "yes";
