// The client's two sides: its ways of working against each other, and what each side did and waited for.

const WAYS = { half: "half duplex", full: "full duplex", threads: "a thread for each side" };

// As in the picture of `harness timeline`: in these states waiting is having nothing begun.
const IDLE_STATES = ["NotStarted", "Ready", "Gathering", "Ended", "ReplyHeader"];

const SIDE_COLOURS = {
  Sending: "#0969da", SendingRest: "#bc4c00", Full: "#cf222e", Paused: "#8250df", Gathering: "#54aeff", ReplyHeader: "#6fbf73",
  Payload: "#1a7f37", PayloadDirect: "#0a8a8a", PayloadDropped: "#57606a", ChunkHead: "#9a6700", Extents: "#bf3989", ErrorText: "#cf222e",
};

function sidesSection() {
  if (report.clients.length === 0 && report.timelines.length === 0) return null;
  const tables = new Map();
  report.clients.forEach((client) => {
    const key = `${client.run}\n${client.place.baseline}`;
    tables.set(key, [...(tables.get(key) ?? []), client]);
  });
  return element(
    "section",
    { "aria-labelledby": "sides-title" },
    element("h2", { id: "sides-title" }, "The client's two sides"),
    tables.size > 0 && [
      element("p", {}, "Operations per second over those of the baseline, round by round: the median and its 95 % interval, with fewer than six rounds all of them."),
      [...tables.values()].map(waysTable),
    ],
    report.timelines.length > 0 && [
      element(
        "p",
        {},
        "Recorded in a pass after the rounds. The write side is above the line, the read side below; a full box is the client doing something, a pale one waiting in the middle of it, ",
        "a thin line waiting with nothing begun.",
      ),
      report.timelines.map((one) => figuresBehind([manyRuns && `run ${letter(one.run)}: `, one.cell].filter(Boolean).join(""), () => timelineOf(one))),
    ],
  );
}

const wayWords = (way) => WAYS[way] ?? way;

function waysTable(clients) {
  const { baseline } = clients[0].place;
  const ways = [...new Set(clients.flatMap(({ place }) => place.ways.map(({ way }) => way)))];
  return table(
    [manyRuns && `run ${letter(clients[0].run)}`, `against ${wayWords(baseline)}`].filter(Boolean).join(", "),
    ["", `${wayWords(baseline)}, ops/s`, ...ways.map(wayWords)],
    clients.map(({ place }) => ({
      cells: [
        Object.entries(place.axes)
          .map(([axis, value]) => named(axis, value))
          .join(", ") || "all",
        operations(place.baseline_iops.median),
        ...ways.map((way) => withSpread(place.ways.find((one) => one.way === way)?.ratio)),
      ],
    })),
    { class: "sides" },
  );
}

function timelineOf({ timeline }) {
  const { states, picture, ops, seconds } = timeline;
  return element(
    "div",
    {},
    sidesPicture(picture),
    table(
      `${plural(ops, "operation")} in ${microseconds(seconds * 1e6)}`,
      ["state", "times", "in all", "share", "of it waiting", "p50", "p99", "waits for"],
      states.map((state) => ({
        cells: [
          [element("span", { class: "swatch", style: { background: SIDE_COLOURS[state.state] ?? "#8c959f" } }), `${state.side}: ${state.sentence}`],
          number(state.count, 0),
          microseconds(state.total_us),
          `${number(state.share * 100, 1)} %`,
          microseconds(state.waited_us),
          microseconds(state.p50_us),
          microseconds(state.p99_us),
          state.waits_for,
        ],
      })),
      { class: "sides" },
    ),
  );
}

const svgElement = (tag, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
};

function sidesPicture({ length_us: length, write, read }) {
  const [left, width, lane] = [50, 900, 36];
  const at = (us) => left + (width * us) / length;
  const boxes = (stretches, top, onLine) =>
    stretches.map(({ from_us: from, to_us: to, state, waits }) => {
      const thin = waits && IDLE_STATES.includes(state);
      return svgElement(
        "rect",
        {
          x: at(from).toFixed(1),
          y: thin ? onLine : top,
          width: Math.max(at(to) - at(from), 0.5).toFixed(1),
          height: thin ? 3 : lane,
          fill: SIDE_COLOURS[state] ?? "#8c959f",
          "fill-opacity": waits && !thin ? 0.35 : 1,
        },
        svgElement("title", {}, `${state}${waits ? ", waiting" : ""}: ${microseconds(to - from)}`),
      );
    });
  const text = (x, y, words, anchor) => svgElement("text", { x, y, "text-anchor": anchor, "font-size": 12, fill: "currentColor" }, words);
  const line = lane + 14;
  return svgElement(
    "svg",
    { viewBox: `0 0 ${left + width + 10} ${2 * lane + 50}`, role: "img", "aria-label": `Write and read side over ${microseconds(length)}`, class: "sides-picture" },
    text(left - 8, lane / 2 + 14, "write", "end"),
    text(left - 8, line + lane / 2 + 10, "read", "end"),
    ...boxes(write, 8, lane + 5),
    svgElement("line", { x1: left, x2: left + width, y1: line - 2, y2: line - 2, stroke: "currentColor" }),
    ...boxes(read, line + 4, line + 4),
    text(left, line + lane + 22, "0", "start"),
    text(left + width, line + lane + 22, microseconds(length), "end"),
  );
}
