// Where the time goes: times, system calls by name, copies and batch sizes, behind a click; and what of it explains a ratio.

const TIMES = [
  { key: "user_us_per_op", title: "in user code, µs", where: "in user code" },
  { key: "kernel_us_per_op", title: "in the kernel, µs", where: "in the kernel" },
  { key: "runnable_us_per_op", title: "ready, waiting for a CPU, µs", where: "ready without a CPU" },
  { key: "asleep_us_per_op", title: "asleep, waiting for the peer, µs", where: "asleep" },
];

const WORK = [
  { key: "turns_per_op", title: "turns of the loop" },
  { key: "waits_per_op", title: "waits that may sleep" },
  { key: "wake_ups_per_op", title: "of them slept and woken up" },
  { key: "looks_per_op", title: "looks while spinning" },
  { key: "user_copied_bytes_per_op", title: "bytes copied by our code" },
  { key: "kernel_copied_bytes_per_op", title: "bytes copied by the kernel" },
];

const BATCHES = [
  { key: "completions_per_turn", server: "completions per turn", client: "completions per turn" },
  { key: "messages_per_receive", server: "requests per receive", client: "replies per receive" },
  { key: "messages_per_send", server: "replies per send", client: "requests per send" },
];

// A part of the time that moved by less than this share of the whole, and a count that moved by less than this, explain nothing.
const TIME_MATTERS = 0.05;
const COUNT_MATTERS = 0.2;

const spins = (side) => side.looks_per_op > 0.1;

function explainPart(group, by, values) {
  const cells = values.map((value) => ({ value, cell: lineOf(group, by, value) })).filter(({ cell }) => cell.explain);
  if (cells.length === 0) return null;
  return figuresBehind("Where the time goes, per operation", () =>
    element("div", { class: "explain" }, explainTable(by, cells), batchTable(by, cells), explainNotes(by, cells)),
  );
}

function explainTable(by, cells) {
  const sides = cells.map(({ cell }) => ({ server: cell.explain.server ?? {}, client: cell.explain.client ?? {} }));
  const row = (title, figure) => ({
    title,
    found: sides.map(({ server, client }) => ({ server: figure(server), client: figure(client) })),
  });
  const names = [...new Set(sides.flatMap(({ server, client }) => [server, client].flatMap((side) => Object.keys(side.syscalls_by_name_per_op ?? {}))))].sort();
  const timed = (key) => (side) => {
    if (side[key] === null || side[key] === undefined) return null;
    return side.wall_us_per_op > 0 ? `${short(side[key])} (${number((100 * side[key]) / side.wall_us_per_op, 0)} %)` : short(side[key]);
  };
  const plain = (key) => (side) => (side[key] === null || side[key] === undefined ? null : short(side[key]));
  const rows = [
    row("wall time of the loops, µs", plain("wall_us_per_op")),
    ...TIMES.map(({ key, title }) => row(title, timed(key))),
    row("other threads' CPU time, µs", plain("other_threads_us_per_op")),
    ...names.map((name) => row(element("code", {}, name), (side) => (side.syscalls_by_name_per_op ? short(side.syscalls_by_name_per_op[name] ?? 0) : null))),
    ...WORK.filter(({ key }) => key !== "looks_per_op" || sides.some((each) => each.server[key] > 0 || each.client[key] > 0)).map(({ key, title }) =>
      row(title, plain(key)),
    ),
  ].filter(({ found }) => found.some(({ server, client }) => server !== null || client !== null));
  return table(
    "Where the time goes: server / client, with the share of the wall time",
    ["per operation", ...cells.map(({ value }) => label(by, value))],
    rows.map(({ title, found }) => ({
      cells: [
        title,
        ...found.map(({ server, client }) => [
          server ?? NONE,
          element("span", { class: "slash" }, " / "),
          element("span", { class: "client" }, client ?? NONE),
        ]),
      ],
    })),
  );
}

function batchTable(by, cells) {
  const batches = cells
    .flatMap(({ value, cell }) =>
      BATCHES.flatMap((batch) => SIDES.map((side) => ({ value, what: `${side}: ${batch[side]}`, figures: cell.explain[side]?.[batch.key] }))),
    )
    .filter(({ figures }) => figures && figures.mean !== null);
  if (batches.length === 0) return null;
  const buckets = [...new Set(batches.flatMap(({ figures }) => Object.keys(figures.counts).map(Number)))].sort((a, b) => a - b);
  const rows = batches.map(({ value, what, figures }) => {
    const all = Object.values(figures.counts).reduce((sum, count) => sum + count, 0);
    return { cells: [[label(by, value), ` ${what}`], short(figures.mean), ...buckets.map((least) => percentOf(figures.counts[least] ?? 0, all))] };
  });
  return table("Batches by their size, in percent of all batches of a kind", ["", "mean", ...buckets.map(bucketName)], rows);
}

const bucketName = (least) => (least < 2 ? String(least) : least >= 65536 ? "65536+" : `${least}–${2 * least - 1}`);

const percentOf = (count, all) => (count === 0 ? "" : count / all < 0.005 ? "<1" : number((100 * count) / all, 0));

// What holds for several is said once.
function explainNotes(by, cells) {
  const said = new Map();
  for (const { value, cell } of cells) {
    for (const note of cell.explain_notes) said.set(note, [...(said.get(note) ?? []), value]);
  }
  return element(
    "ul",
    { class: "reasons" },
    [...said].map(([note, values]) => element("li", {}, element("b", {}, `${values.map((value) => named(by, value)).join(", ")}: `), `${note}.`)),
  );
}

// What of all this moved enough to explain a ratio: ` In the server: 0.31 µs less in the kernel; 12.1 requests per receive against 24.3.`
function explainWords(base, cell) {
  return SIDES.map((side) => {
    const [other, mine] = [base.explain?.[side], cell.explain?.[side]];
    if (!other || !mine) return "";
    const words = [timeWords(other, mine), countWords(side, other, mine)].filter(Boolean).join("; ");
    return words && ` In the ${side}: ${words}.`;
  }).join("");
}

// Who spins waits on the CPU, so its times say nothing of its work.
function timeWords(other, mine) {
  if (spins(other) || spins(mine)) return "";
  const whole = Math.max(other.wall_us_per_op, mine.wall_us_per_op);
  return TIMES.filter(({ key }) => other[key] !== null && mine[key] !== null && Math.abs(mine[key] - other[key]) > TIME_MATTERS * whole)
    .map(({ key, where }) => `${short(Math.abs(mine[key] - other[key]))} µs ${mine[key] < other[key] ? "less" : "more"} ${where}`)
    .join(", ");
}

function countWords(side, other, mine) {
  const moved = (a, b) => a > 0 && b > 0 && Math.abs(a - b) > COUNT_MATTERS * Math.max(a, b);
  const batches = BATCHES.slice(1)
    .filter(({ key }) => moved(other[key]?.mean, mine[key]?.mean))
    .map((batch) => `${short(mine[batch.key].mean)} ${batch[side]} against ${short(other[batch.key].mean)}`);
  const wakeUps = moved(other.wake_ups_per_op, mine.wake_ups_per_op) && differs(other.wake_ups_per_op, mine.wake_ups_per_op);
  return [...batches, ...(wakeUps ? [`${short(mine.wake_ups_per_op)} wake-ups against ${short(other.wake_ups_per_op)}`] : [])].join(", ");
}
