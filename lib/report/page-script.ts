/**
 * What the page does in a browser: pictures of equity and drawdown that zoom together, and one asset at a time. It is plain
 * JavaScript, and finds `uPlot` before it and the figures in the element `live-data`.
 */
export const PAGE_SCRIPT = `
(() => {
  "use strict";
  const root = document.documentElement;
  const color = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const { times, borders, parts, charts } = JSON.parse(document.getElementById("live-data").textContent);
  const plots = [];

  const drawBorders = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = color("border");
    ctx.setLineDash([3, 4]);
    ctx.beginPath();
    for (const at of borders) {
      const x = Math.round(plot.valToPos(at, "x", true));
      if (x <= bbox.left || x >= bbox.left + bbox.width) continue;
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  };

  const write = (unit) => (_plot, value) =>
    value == null ? "-" : unit === "percent" ? value.toFixed(1) + "%" : Math.round(value).toLocaleString("en-US");
  const labelOf = (unit) => (tick) => (tick == null ? "" : unit === "percent" ? tick + "%" : tick.toLocaleString("en-US"));
  // The same for all, so that one time is at one place. Between round numbers a label has two characters more.
  const highest = ({ lines }) => Math.round(Math.max(...lines.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const axisSize = Math.max(...charts.map((chart) => 30 + 7.6 * labelOf(chart.unit)(highest(chart)).length));
  const axis = { stroke: () => color("ink"), grid: { stroke: () => color("grid"), width: 1 }, ticks: { stroke: () => color("grid"), width: 1 } };

  // Round numbers on an axis of equal factors, as logTicks() of svg.ts has them.
  const logTicks = (_plot, _axis, low, high) => {
    const isShort = high / low < 8;
    const power = 10 ** Math.floor(Math.log10(isShort ? (high - low) / 4 : low));
    const ticks = [];
    if (isShort) {
      const step = power * [1, 2, 5, 10].find((each) => each * power >= (high - low) / 4);
      for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
    } else {
      for (let decade = power; decade <= high; decade *= 10) ticks.push(decade, 2 * decade, 5 * decade);
    }
    return ticks.filter((tick) => tick >= low && tick <= high);
  };
  const logScale = { distr: 3, range: (_plot, low, high) => [low / 1.03, high * 1.03] };

  // Rows of uPlot's own shape: step in seconds, format, then what is added where a year, a month and a day begin.
  const TIME_FORMATS = [
    [28 * 86400, "{MMM}", "\\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\\n{D} {MMM} {YYYY}", null, "\\n{D} {MMM}", null, null, null, 1],
  ];

  const optionsOf = ({ unit, isLog, height, lines }, width) => ({
    width,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    cursor: { sync: { key: "time" }, drag: { x: true, y: false } },
    legend: { live: true },
    scales: { y: isLog ? logScale : {} },
    axes: [{ ...axis, values: TIME_FORMATS }, { ...axis, ...(isLog ? { splits: logTicks, filter: (_plot, ticks) => ticks } : {}), size: axisSize, values: (_plot, ticks) => ticks.map(labelOf(unit)) }],
    series: [
      { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
      ...lines.map((line) => ({
        label: line.name,
        stroke: () => color(line.color),
        width: line.color === "on" ? 2 : 1.3,
        dash: line.dash ? [6, 4] : undefined,
        spanGaps: true,
        points: { show: false },
        value: write(unit),
      })),
    ],
    hooks: { drawClear: [drawBorders] },
  });

  // Before anything is measured, as the page is laid out differently with a script.
  root.classList.add("js");
  for (const chart of charts) {
    const place = document.getElementById("live-" + chart.id);
    if (place === null) continue;
    const data = [times, ...chart.lines.map(({ values }) => values)];
    const plot = new uPlot(optionsOf(chart, place.clientWidth), data, place);
    plots.push({ plot, place, height: chart.height });
  }
  new ResizeObserver(() => {
    for (const { plot, place, height } of plots) if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height });
  }).observe(document.querySelector("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { plot } of plots) plot.redraw();
  });

  const zoom = document.getElementById("zoom");
  const choices = [{ name: "All", from: times[0], to: times[times.length - 1] }, ...parts];
  for (const { name, from, to } of choices) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => {
      for (const { plot } of plots) plot.setScale("x", { min: from, max: to });
    });
    zoom.append(button);
  }

  for (const input of document.querySelectorAll("[data-tab]")) {
    input.addEventListener("change", () => {
      for (const other of document.getElementsByName(input.name)) {
        document.getElementById(other.dataset.tab).toggleAttribute("data-hidden", !other.checked);
      }
    });
  }
})();
`;
