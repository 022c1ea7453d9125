// The inlined kernels: their figures, if any were counted, and what was probed on each.

const { table: costs, semantics: probed, not_cycles: notCycles } = JSON.parse(document.getElementById("data").textContent);

const semantics = costs?.semantics ?? probed;
const kernels = semantics.kernels;
const counted = costs?.mode === "counted";
const rowOf = new Map((costs?.cells ?? []).map((row) => [row.cell, row]));

// What may be looked at; times have no sides of their own.
const FIGURES = {
  total: { title: counted ? "instructions per operation" : "µs per operation", of: (figure) => figure.instructions_per_op ?? figure.us_per_op },
  ...(counted && {
    user: { title: "instructions in user mode", of: (figure) => figure.user_instructions_per_op },
    kernel: { title: "instructions in the kernel", of: (figure) => figure.kernel_instructions_per_op },
    server: { title: "instructions on behalf of the server", of: (figure) => figure.server_instructions_per_op },
    client: { title: "instructions on behalf of the client", of: (figure) => figure.client_instructions_per_op },
  }),
  calls: { title: "system calls per operation, both sides", of: (figure) => figure.syscalls_per_op },
  enters: { title: "calls of io_uring_enter per operation, both sides", of: (figure) => figure.enters_per_op },
};

const choice = { base: Math.max(0, kernels.findIndex((kernel) => kernel.name === costs?.base)), figure: "total" };

const valueOf = (row, at) => FIGURES[choice.figure].of(row.figures[at]) ?? null;

const isInstructions = () => counted && !["calls", "enters"].includes(choice.figure);

const amount = (value) => (value === null || value === undefined ? NONE : number(value, isInstructions() ? 0 : 2));

// The lines of charts ask for the values of the axis that is compared, which here are always the backends.
const valuesOf = () => [...new Set((costs?.places ?? []).flatMap((place) => place.lines.map((line) => line.backend)))];

// What rounds to nothing has no sign.
function signed(value, decimals) {
  const digits = number(Math.abs(value), decimals);
  return `${!/[1-9]/.test(digits) ? "" : value > 0 ? "+" : "−"}${digits}`;
}

const percent = (value) => `${signed(value, 1)} %`;

// A step of a cell's cost at a kernel, from the one before it.
const stepAt = (cell, at) => costs.changes.find((change) => change.cell === cell && change.first === kernels[at].name);

const stepSign = (change) => {
  const words = `a step of ${percent(change.percent)} since ${change.last}, in every boot`;
  return element("span", { class: `sign ${change.percent > 0 ? "slower" : "faster"}`, role: "img", "aria-label": words, title: words }, change.percent > 0 ? "▲" : "▼");
};
