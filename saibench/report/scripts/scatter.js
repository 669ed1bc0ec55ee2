// Scatter plot with one dot per sample; a click selects the nearest.

const PLOT = { width: 880, height: 380, left: 74, right: 14, top: 12, bottom: 46 };

const extent = (values) => {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
};

const axisScale = ([low, high], from, to) => {
  const room = 0.02 * (high - low || Math.abs(high) || 1);
  const [start, end] = [low - room, high + room];
  return { start, end, at: (value) => from + (to - from) * (value - start) / (end - start) };
};

const tickText = (value) => minus(String(Number(value.toPrecision(8))));

// xTicks: [[position, text]]; by default round numbers, with grid lines
const plotFrame = (x, y, xLabel, yLabel, { width, height, left, right, top, bottom }, xTicks = null) => {
  const base = height - bottom;
  const grid = xTicks ? [] : ticks(x.start, x.end).map(x.at);
  return [
    grid.map((at) => svg("path", { class: "grid", d: `M${at.toFixed(1)} ${top}V${base}` })),
    (xTicks ?? ticks(x.start, x.end).map((value) => [x.at(value), tickText(value)])).map(([at, text]) =>
      svg("text", { x: at.toFixed(1), y: base + 16, "text-anchor": "middle" }, text)),
    ticks(y.start, y.end).map((value) => [
      svg("path", { class: "grid", d: `M${left} ${y.at(value).toFixed(1)}H${width - right}` }),
      svg("text", { x: left - 7, y: (y.at(value) + 4).toFixed(1), "text-anchor": "end" }, tickText(value)),
    ]),
    svg("path", { class: "frame", d: `M${left} ${top}V${base}H${width - right}` }),
    svg("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, xLabel),
    svg("text", {
      transform: `translate(15 ${(top + base) / 2}) rotate(-90)`, "text-anchor": "middle",
    }, yLabel),
  ].flat(2);
};

// xs, ys, ids: of equal length; choose(id)
const scatter = ({ xs, ys, ids, xLabel, yLabel, diagonal, choose }) => {
  const both = diagonal ? extent([...extent(xs), ...extent(ys)]) : null;
  const x = axisScale(both ?? extent(xs), PLOT.left, PLOT.width - PLOT.right);
  const y = axisScale(both ?? extent(ys), PLOT.height - PLOT.bottom, PLOT.top);
  let path = "";
  const drawn = [];
  for (let at = 0; at < ids.length; at += 1) {
    if (!Number.isFinite(xs[at]) || !Number.isFinite(ys[at])) continue;
    path += `M${x.at(xs[at]).toFixed(1)} ${y.at(ys[at]).toFixed(1)}h0`;
    drawn.push(at);
  }
  const nearest = (event) => {
    const corner = drawing.getBoundingClientRect(), scale = PLOT.width / corner.width;
    const px = scale * (event.clientX - corner.left), py = scale * (event.clientY - corner.top);
    let best = null, distance = 20 ** 2;
    for (const at of drawn) {
      const here = (x.at(xs[at]) - px) ** 2 + (y.at(ys[at]) - py) ** 2;
      if (here < distance) [best, distance] = [at, here];
    }
    return best;
  };
  const tip = svg("title");
  const drawing = svg("svg", {
    class: "plot", viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img",
    "aria-label": `${yLabel} against ${xLabel}, ${drawn.length} samples`,
    onclick: (event) => { const at = nearest(event); if (at !== null) choose(ids[at]); },
    onmousemove: (event) => {
      const at = nearest(event);
      drawing.style.cursor = at === null ? "default" : "pointer";
      tip.textContent = at === null ? ""
        : `sample ${ids[at]}: ${xLabel} ${exact(xs[at])}, ${yLabel} ${formatNumber(ys[at])}`;
    },
  }, tip, ...plotFrame(x, y, xLabel, yLabel, PLOT),
  diagonal ? svg("path", {
    class: "diagonal", d: `M${x.at(both[0])} ${y.at(both[0])}L${x.at(both[1])} ${y.at(both[1])}`,
  }) : null,
  svg("path", { class: "dots", d: path, style: drawn.length < 300 ? "stroke-width: 7" : null }));
  return drawing;
};
