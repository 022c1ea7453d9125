// The pipe test: every variant against epoll that takes one event at a time, and against epoll with batches.

function eventsSection() {
  if (report.events.length === 0) return null;
  return element(
    "section",
    { "aria-labelledby": "events-title" },
    element("h2", { id: "events-title" }, "Events: what one costs"),
    element(
      "p",
      {},
      "Tokens go round a ring of pipes; an event is one token that a handler takes from its pipe and writes to the next. Ratios are taken round by round; ",
      "the bar is the median's 95 % interval, with fewer than six rounds all of them, around 1 on a scale that all rows share.",
    ),
    report.events.map((place) => [eventsTable(place), place.reason && element("p", { class: "note" }, `${sentence(place.reason)}.`)]),
  );
}

function eventsTable({ run, variants }) {
  const { tokens, pipes } = variants[0];
  const ratios = report.events.flatMap((place) => place.variants.flatMap((variant) => [variant.ratio_to_epoll_1, variant.ratio_to_epoll_64])).filter(Boolean);
  const reach = Math.max(0.1, ...ratios.flatMap((ratio) => [Math.abs(Math.log(ends(ratio).min)), Math.abs(Math.log(ends(ratio).max))]).filter(Number.isFinite));
  return table(
    [manyRuns && `run ${letter(run)}`, `${plural(tokens, "token")} in ${plural(pipes, "pipe")}`].filter(Boolean).join(", "),
    ["", "events/s", "of epoll maxevents-1", "of epoll maxevents-64", "system calls each", "CQEs each"],
    variants.map((variant) => ({
      attributes: { title: variant.description },
      cells: [
        [swatch("backend", variant.backend), variant.backend, " ", element("span", { class: "spread" }, variant.variant)],
        operations(variant.events_per_second),
        eventsRatio(variant.ratio_to_epoll_1, reach),
        eventsRatio(variant.ratio_to_epoll_64, reach),
        short(variant.syscalls_per_event),
        short(variant.cqes_per_event),
      ],
    })),
    { class: "events" },
  );
}

const ends = (ratio) => ({ median: ratio.median, min: ratio.low ?? ratio.min, max: ratio.high ?? ratio.max, lessIsBetter: false });

const eventsRatio = (ratio, reach) =>
  ratio ? element("div", { class: "ratio" }, withSpread(ratio), ratio.min !== ratio.max && interval(ends(ratio), reach)) : NONE;
