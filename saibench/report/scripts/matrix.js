// The table of runs: choice of columns, filter, colours, and selection of two runs.

const HEADLINE = "headline";
const chosenRows = [];

const cellAddress = (key, partition) => address("cell", key, partition);

const metricCell = (key, partition, name, scale) => {
  const metric = cellOf(key, partition)?.metrics[name];
  if (!metric) return html("td", { class: "number", "data-sort": "" }, NOTHING);
  const share = scale(metric.v);
  return html("td", {
    class: "number heat", "data-sort": metric.v,
    style: share === null ? null : `background-color: rgba(0, 114, 178, ${(0.04 + 0.34 * share).toFixed(3)})`,
  },
    html("a", { href: cellAddress(key, partition) }, html("strong", {}, formatMetric(metric))), " ",
    metric.i ? html("span", { class: "interval" }, bounds(metric.i)) : null,
    html("span", { class: "interval count" }, `n = ${metric.n.toLocaleString("en-US")}`));
};

// position of a value between the smallest and the largest of a column
const scaleOf = (values) => {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite), high = Math.max(...finite);
  return (value) => !Number.isFinite(value) || !(high > low) ? null : (value - low) / (high - low);
};

const metricHead = (name, partition, text) => {
  const metric = study.points.map(({ key }) => cellOf(key, partition)?.metrics[name]).find(Boolean);
  return html("th", {}, text, html("small", {}, metric ? unitText(metric.unit, metric.per) : ""));
};

// columns: [[metric, partition, head]]
const builtTable = (columns, oneScale) => {
  const valueAt = (key, [name, partition]) => cellOf(key, partition)?.metrics[name]?.v;
  const scales = columns.map((one) => scaleOf(study.points.map(({ key }) => valueAt(key, one))));
  const together = scaleOf(columns.flatMap((one) => study.points.map(({ key }) => valueAt(key, one))));
  const names = study.settings;
  return html("table", { class: "points" },
    html("thead", {}, html("tr", {}, html("th", {}, "run"),
      names.map((name) => html("th", {}, name)), html("th", {}, "trained on"),
      columns.map(([name, partition, text]) => metricHead(name, partition, text)))),
    html("tbody", {}, study.points.map((point) => html("tr", { "data-key": point.key },
      html("th", {}, html("a", { href: `#point-${point.key}`, title: point.slug }, html("code", {}, point.point))),
      names.map((name) => html("td", {}, point.settings[name] ?? NOTHING)),
      html("td", { class: "number", "data-sort": point.train ?? "" }, formatTraining(point.train)),
      columns.map(([name, partition], at) =>
        metricCell(point.key, partition, name, oneScale ? together : scales[at]))))));
};

const viewTable = (view) => {
  const [kind, name] = [view[0], view.slice(1)];
  if (kind === "m") {
    const tested = allPartitions.filter((partition) =>
      study.points.some(({ key }) => cellOf(key, partition)?.metrics[name]));
    return builtTable(tested.map((partition) => [name, partition, partition]), true);
  }
  const has = allMetrics.filter((metric) =>
    study.points.some(({ key }) => cellOf(key, name)?.metrics[metric]));
  return builtTable(has.map((metric) => [metric, name, metric]), false);
};

const rowValue = (key, name) => {
  const point = pointOf.get(key);
  if (name in point.settings) return point.settings[name];
  if (name === "trained_on") return point.train;
  if (name === "state") return point.state;
  const [metric, partition] = name.split("@");
  const where = partition ?? partitionsOf(key).find((one) => cellOf(key, one).metrics[metric]);
  return cellOf(key, where)?.metrics[metric]?.v;
};

const addCheckboxes = (table) => {
  table.tHead.rows[0].prepend(html("th", { class: "pick", "data-fixed": true, title: "select two runs to compare" }, ""));
  for (const row of table.tBodies[0].rows) {
    const { key } = row.dataset;
    const tested = partitionsOf(key).length > 0;
    const box = html("input", { type: "checkbox", "aria-label": `compare ${wordsOf(key)}`, disabled: !tested });
    box.checked = chosenRows.includes(key);
    box.addEventListener("change", () => {
      if (box.checked) chosenRows.push(key);
      else chosenRows.splice(chosenRows.indexOf(key), 1);
      while (chosenRows.length > 2) chosenRows.shift();
      for (const other of table.querySelectorAll("input[type=checkbox]")) {
        other.checked = chosenRows.includes(other.closest("tr").dataset.key);
      }
      showCompareLink();
    });
    row.prepend(html("td", { class: "pick" }, box));
  }
};

const showCompareLink = () => {
  const link = document.getElementById("compare-chosen");
  link.hidden = chosenRows.length !== 2;
  if (link.hidden) return;
  const [a, b] = chosenRows;
  const shared = partitionsOf(a).find((one) => partitionsOf(b).includes(one));
  link.href = address("compare", a, shared ?? partitionsOf(a)[0], b, shared ?? partitionsOf(b)[0]);
};

// every metric of the page, one per row
const allNumbers = () => {
  const heads = ["study", "point", ...study.settings, "trained_on", "partition", "metric", "value", "low", "high",
    "unit", "per", "samples", "blocks"];
  const rows = study.points.flatMap((point) => partitionsOf(point.key).flatMap((partition) =>
    Object.entries(cellOf(point.key, partition).metrics).map(([name, { v, i, n, unit, per }]) =>
      [point.study, point.point, ...study.settings.map((one) => point.settings[one]), point.train, partition, name,
        v, ...(i ?? ["", "", ""]).slice(0, 2), unit, per, n, i ? i[2] : ""])));
  return csv(heads, rows);
};

const startMatrix = () => {
  const holder = document.getElementById("matrix");
  const headline = document.getElementById("points");
  const tables = new Map([[HEADLINE, headline]]);
  const count = html("output", {});
  const unknown = html("span", { class: "unknown" });
  const settingNames = [...study.settings, "trained_on", "state"];
  const known = [...settingNames, ...allMetrics,
    ...allMetrics.flatMap((name) => allPartitions.map((one) => `${name}@${one}`))];
  const input = html("input", {
    type: "search", "aria-label": "filter runs", id: "filter-points", oninput: () => filter(),
    placeholder: `filter: ${study.headline[0] ? `${study.headline[0]}<…` : "words"}`,
  });
  const filter = () => {
    const terms = parsedFilter(input.value, known);
    let matches = 0;
    for (const row of holder.querySelector("table").tBodies[0].rows) {
      const { key } = row.dataset;
      const point = pointOf.get(key);
      const text = [point.point, point.slug, point.state, point.words].join(" ");
      row.hidden = !terms.test(text, (name) => rowValue(key, name));
      matches += row.hidden ? 0 : 1;
    }
    count.textContent = `${matches} of ${counted(study.points.length, "run")}`;
    unknown.textContent = terms.unknown.length ? `no setting or metric ${terms.unknown.join(", ")}` : "";
  };
  const show = (view) => {
    if (!tables.has(view)) tables.set(view, sortable(prepared(viewTable(view))));
    holder.replaceChildren(tables.get(view));
    filter();
  };
  const prepared = (table) => { addCheckboxes(table); return table; };
  sortable(prepared(headline));
  const views = [[HEADLINE, "headline"],
    ...allMetrics.map((name) => [`m${name}`, `${name} on every partition`]),
    ...allPartitions.map((name) => [`p${name}`, `every metric on ${name}`])];
  const file = button("All metrics as CSV", () => save(`${fileName("numbers")}.csv`, allNumbers(), "text/csv"));
  const link = html("a", { id: "compare-chosen", hidden: true }, "Compare the selected runs");
  document.getElementById("matrix-controls").append(
    picker("Columns", views, HEADLINE, show), input, count, unknown, file, link);
  document.querySelector("#matrix-controls select").id = "matrix-view";
  filter();
};
