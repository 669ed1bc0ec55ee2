// A run on a partition: description, metrics and samples.

const metricRow = (name, metric) => html("tr", {},
  html("th", {}, name), html("td", { class: "number" }, formatMetric(metric)),
  html("td", { class: "number" }, metric.i ? bounds(metric.i) : html("span", { class: "interval" }, "none")),
  html("td", {}, metric.unit), html("td", {}, metric.per),
  html("td", { class: "number" }, metric.n.toLocaleString("en-US")),
  html("td", { class: "number" }, metric.i ? String(metric.i[2]) : NOTHING));

const metricsTable = (entries) => html("div", { class: "wide" }, html("table", { class: "pairs metrics" },
  html("thead", {}, html("tr", {}, ["metric", "value", "95 % interval", "unit", "mean over", "samples", "blocks"]
    .map((text) => html("th", {}, text)))),
  html("tbody", {}, entries.map(([name, metric]) => metricRow(name, metric)))));

// metrics along an axis (force_mae_H, mae_10, …), grouped: { name, axis, labels, entries }
const groupedMetrics = (cell) => {
  const groups = new Map();
  const plain = [];
  const places = Object.entries(cell.samples?.axes ?? {})
    .flatMap(([axis, { labels }]) => labels.map((label) => [axis, label]));
  for (const [name, metric] of Object.entries(cell.metrics)) {
    const [axis, label] = places.find(([, one]) => name.endsWith(`_${one}`)) ?? [];
    if (label === undefined) { plain.push([name, metric]); continue; }
    const of = name.slice(0, -label.length - 1);
    if (!groups.has(of)) groups.set(of, { name: of, axis, labels: [], entries: [] });
    groups.get(of).labels.push(label);
    groups.get(of).entries.push([name, metric]);
  }
  return [plain, [...groups.values()]];
};

const alongAxis = ({ name, axis, labels, entries }) => {
  const metrics = entries.map(([, metric]) => metric);
  const unit = metrics[0].unit ? `${name} [${metrics[0].unit}]` : name;
  return html("details", {}, html("summary", {}, `${name} by ${axis}, ${counted(entries.length, "value")}`),
    profile(labels, metrics.map(({ v }) => v), axisLabel(axis), unit, metrics.map(({ i }) => i)),
    metricsTable(entries));
};

const cellMetrics = (cell) => {
  const [plain, groups] = groupedMetrics(cell);
  const along = groups.flatMap(({ entries }) => entries);
  const few = along.length <= 12;
  return html("div", {}, metricsTable(few ? [...plain, ...along] : plain), few ? null : groups.map(alongAxis));
};

// the column of times, or a feature with more than two values
const firstFeature = (columns, names) => {
  const apart = (name) => new Set(columns.get(name).slice(0, 1000)).size > 2;
  const order = study.orders.find((name) => names.includes(name));
  return order ?? names.find((name) => !isStatistic(name) && apart(name)) ?? names[0];
};

const cellPlot = (columns, cell, key, partition) => {
  const names = numericNames(columns);
  const holder = html("div", { class: "wide" });
  let yName = variedError(columns, names);
  let xName = firstFeature(columns, names);
  const ids = columns.get("sample_id");
  const draw = () => holder.replaceChildren(scatter({
    xs: columns.get(xName), ys: columns.get(yName), ids, xLabel: axisLabel(xName), yLabel: axisLabel(yName),
    choose: (id) => { location.hash = address("sample", key, partition, id); },
  }));
  const options = names.map((name) => [name, name]);
  draw();
  return html("div", { class: "cell-plot" },
    html("div", { class: "controls" },
      picker("y", options, yName, (name) => { yName = name; draw(); }),
      picker("x", options, xName, (name) => { xName = name; draw(); })),
    holder,
    drawingDownloads(fileName(partition, wordsOf(key)), () => holder.querySelector("svg"),
      () => csv(["sample_id", columnLabel(xName), columnLabel(yName)],
        [...ids].map((id, at) => [id, columns.get(xName)[at], columns.get(yName)[at]]))),
    note("One dot per sample. Click a dot to open its sample."));
};

const currentOrder = { cell: "", ids: [] };

const showCell = async (section, key, partition) => {
  const cell = cellOf(key, partition);
  if (!cell) return notFound(section, "This page has no such run and partition.");
  const description = [cell.describe, cell.hash && `hash ${cell.hash}`].filter(Boolean).join(" · ");
  section.replaceChildren(
    html("h2", {}, `${partition} `, html("small", {}, wordsOf(key))),
    note(description),
    html("p", { class: "controls" },
      html("a", { href: `#point-${key}` }, "settings and provenance"),
      html("a", { href: compareAddress(key, partition) }, "compare with another run"),
      ...partitionsOf(key).filter((one) => one !== partition).slice(0, 12)
        .map((one) => html("a", { href: cellAddress(key, one) }, one))),
    cellMetrics(cell));
  if (!cell.samples) {
    section.append(note("The evidence has no samples of this partition."));
    return;
  }
  const columns = await columnsOf(cell);
  const saved = new Set(pointOf.get(key).saved);
  const table = samplesTable(columns, {
    sortBy: firstError(numericNames(columns)), saved, fileBase: fileName(partition, wordsOf(key), "samples"),
    open: (id) => address("sample", key, partition, id),
  });
  currentOrder.cell = `${key}/${partition}`;
  currentOrder.ids = table.order;
  section.append(html("h3", {}, "Samples"), cellPlot(columns, cell, key, partition), table.element,
    note(`On this page: ${keptText(cell.samples)}. Statistics are rounded to four digits.` +
      (saved.size ? " ◉ marks saved samples." : "")));
};

const notFound = (section, text) => section.replaceChildren(html("p", { class: "reason" }, text));
