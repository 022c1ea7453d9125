// Elements. All text goes in as text: nothing that a results folder holds becomes markup.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.entries(value).forEach(([property, to]) => made.style.setProperty(property, to));
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const replace = (id, ...children) => document.getElementById(id).replaceChildren(...children.flat(Infinity).filter(Boolean));

// A table that scrolls by itself where the window is too narrow, also with the keyboard.
function table(caption, head, rows, attributes) {
  const scroller = element("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" });
  scroller.append(
    element(
      "table",
      attributes ?? {},
      element("caption", {}, element("span", {}, caption)),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          head.map((cell) => element("th", { scope: "col" }, cell)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) =>
          element(
            "tr",
            row.attributes ?? {},
            row.cells.map((cell, at) => (at === 0 ? element("th", { scope: "row" }, cell) : element("td", {}, cell))),
          ),
        ),
      ),
    ),
  );
  return scroller;
}

// The figures behind a chart, made when they are asked for.
function figuresBehind(title, make) {
  const details = element("details", { class: "behind" }, element("summary", {}, title));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(make());
  });
  return details;
}

// Charts are drawn when they come near the window, since a large matrix has hundreds; and all of them for a printer.
const unseen = new Map();
const watcher = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => drawNow(entry.target)), {
  rootMargin: "800px",
});

function whenSeen(place, draw) {
  unseen.set(place, draw);
  watcher.observe(place);
}

function drawNow(place) {
  const draw = unseen.get(place);
  unseen.delete(place);
  watcher.unobserve(place);
  draw?.();
}

function forgetUnseenIn(place) {
  for (const each of [...unseen.keys()].filter((chart) => place.contains(chart))) {
    watcher.unobserve(each);
    unseen.delete(each);
  }
}

addEventListener("beforeprint", () => [...unseen.keys()].forEach(drawNow));
