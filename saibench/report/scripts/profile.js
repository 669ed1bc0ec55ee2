// Statistics along an axis, of a sample or a partition: a line for numeric labels, else bars.

const SMALL = { width: 430, height: 230, left: 62, right: 10, top: 10, bottom: 42 };

const profile = (labels, values, xLabel, yLabel, intervals = []) => {
  const numbers = labels.map(Number);
  const asLine = labels.length > 1 && numbers.every(Number.isFinite) && xLabel !== "atom";
  const [low, high] = extent([...values, ...intervals.filter(Boolean).flatMap(([from, to]) => [from, to])]);
  const y = axisScale([Math.min(0, low), Math.max(0, high)], SMALL.height - SMALL.bottom, SMALL.top);
  const x = asLine
    ? axisScale(extent(numbers), SMALL.left, SMALL.width - SMALL.right)
    : axisScale([-0.5, labels.length - 0.5], SMALL.left, SMALL.width - SMALL.right);
  const marks = asLine ? linePath(numbers, values, x, y) : labels.map((label, at) => {
    if (!Number.isFinite(values[at])) return null;
    const [left, right] = [x.at(at - 0.38), x.at(at + 0.38)];
    const [from, to] = [y.at(0), y.at(values[at])];
    return svg("rect", {
      class: "column", "fill-opacity": 0.75, x: left, width: right - left,
      y: Math.min(from, to), height: Math.abs(from - to),
    }, svg("title", {}, `${xLabel} ${label}: ${formatNumber(values[at])}`));
  });
  const every = Math.ceil(labels.length / 12);
  const xTicks = asLine
    ? ticks(x.start, x.end).map((value) => [x.at(value), tickText(value)])
    : labels.map((label, at) => [x.at(at), label]).filter((_, at) => at % every === 0);
  return svg("svg", {
    class: "plot small", viewBox: `0 0 ${SMALL.width} ${SMALL.height}`, role: "img",
    "aria-label": `${yLabel} by ${xLabel}`,
  },
  plotFrame(x, y, xLabel, yLabel, SMALL, xTicks),
  marks,
  intervals.map((interval, at) => interval && svg("path", {
    class: "interval-bar", d: `M${x.at(asLine ? numbers[at] : at).toFixed(1)} ${y.at(interval[0]).toFixed(1)}V${y.at(interval[1]).toFixed(1)}`,
  })));
};

// undefined values leave a gap
const linePath = (numbers, values, x, y) => {
  let path = "", open = false;
  const dots = [];
  numbers.forEach((number, at) => {
    if (!Number.isFinite(values[at])) { open = false; return; }
    path += `${open ? "L" : "M"}${x.at(number).toFixed(1)} ${y.at(values[at]).toFixed(1)}`;
    open = true;
    dots.push(svg("circle", { cx: x.at(number), cy: y.at(values[at]), r: 2.2, class: "dot" },
      svg("title", {}, `${number}: ${formatNumber(values[at])}`)));
  });
  return [svg("path", { class: "line", d: path }), ...dots];
};
