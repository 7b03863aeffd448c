// What pages gain by scripts: times in the reader's zone, countdowns, charts, and news without a reload. Every page works without.
"use strict";

const shown = new Intl.DateTimeFormat(document.documentElement.lang === "pt" ? "pt" : "en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});

const inDays = new Intl.DateTimeFormat(document.documentElement.lang === "pt" ? "pt" : "en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = time.textContent;
    time.textContent = shown.format(new Date(time.dateTime));
    time.removeAttribute("data-local");
  }
}

// Counts down to the instant in `data-until`, in minutes and seconds; the server's clock is what counts.
function countDown(root) {
  for (const place of root.querySelectorAll("[data-until]")) {
    const ahead = Date.now() - Date.parse(place.dataset.now);
    const until = Date.parse(place.dataset.until) + ahead;
    const tick = () => {
      const left = Math.max(0, Math.round((until - Date.now()) / 1000));
      place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left === 0) { location.reload(); return; }
      if (place.isConnected) setTimeout(tick, 1000);
    };
    tick();
    place.removeAttribute("data-until");
  }
}

function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Draws the table of a figure: the first column are days, the second bars, the third a line.
function drawCharts(root) {
  if (typeof uPlot === "undefined") return;
  for (const figure of root.querySelectorAll("figure.chart:not(.is-drawn)")) {
    const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [...row.cells]);
    const column = (at) => rows.map((cells) => Number(cells[at].dataset.value));
    const days = rows.map((cells) => Date.parse(cells[0].dataset.value) / 1000);
    const place = document.createElement("div");
    place.className = "chart-drawn";
    place.setAttribute("aria-hidden", "true");
    figure.prepend(place);
    figure.classList.add("is-drawn");
    const soft = colour("--ink-soft"), line = colour("--line");
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const chart = new uPlot({
      width: place.clientWidth, height: 216, legend: { show: false }, cursor: { y: false },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
      scales: { opens: { range: (u, low, high) => [0, Math.max(4, high * 1.15)] }, minutes: { range: (u, low, high) => [0, Math.max(10, high * 1.15)] } },
      axes: [{ ...axis, grid: { show: false }, size: 30, space: 64, values: (u, at) => at.map((day) => inDays.format(new Date(day * 1000))) }, { ...axis, scale: "opens", size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }, { ...axis, scale: "minutes", side: 1, size: 46, grid: { show: false } }],
      series: [{}, { scale: "opens", fill: colour("--chart-a"), stroke: "transparent", width: 0, paths: uPlot.paths.bars({ size: [0.7, 28], radius: 0.15 }), points: { show: false } },
        { scale: "minutes", stroke: colour("--chart-b"), width: 2, points: { show: false } }],
    }, [days, column(1), column(2)], place);
    new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 216 })).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
  }
}

// Follows a stream of events, and asks for the part of the page anew (or goes where the page leads) at each.
function follow(root) {
  for (const place of root.querySelectorAll("[data-follow]")) {
    const source = new EventSource(place.dataset.follow);
    let isFirst = true;
    source.addEventListener(place.dataset.event, (event) => {
      if (!place.isConnected) { source.close(); return; }
      const told = JSON.parse(event.data);
      if (place.dataset.event === "launch" && (place.dataset.reload || "running").split(" ").includes(told.state)) { source.close(); location.reload(); return; }
      // The first word is of what is on the page already, unless that changed while the page was on its way.
      const isShown = isFirst && (place.dataset.shown === undefined || place.dataset.shown === event.data);
      isFirst = false;
      if (isShown) return;
      htmx.ajax("GET", location.href, { target: place, swap: "innerHTML" });
    });
    addEventListener("pagehide", () => source.close());
    place.removeAttribute("data-follow");
  }
}

// A box in the head of a table that picks all of its rows, and the bar that says how many are picked.
function picks(root) {
  for (const all of root.querySelectorAll("[data-pick-all]")) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of all.closest("table").querySelectorAll("tbody input[type=checkbox]")) box.checked = all.checked;
    });
  }
}

function begin(root) { localTimes(root); countDown(root); drawCharts(root); follow(root); picks(root); }

document.addEventListener("DOMContentLoaded", () => begin(document));
document.addEventListener("htmx:load", (event) => begin(event.detail.elt));
// Reading on: a part that is asked for anew is told to who hears the page; the menu closes after a step.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && !form.matches("[hx-get]")) form.requestSubmit();
});
