// Comparison of two runs, and of the matching runs of several studies.

const compareAddress = (key, partition) => {
  const other = study.points.find((point) => point.key !== key && cellOf(point.key, partition))
    ?? study.points.find((point) => point.key !== key && partitionsOf(point.key).length);
  const to = other?.key ?? key;
  return address("compare", key, partition, to, cellOf(to, partition) ? partition : partitionsOf(to)[0]);
};

const sidePicker = (side, key, partition, change) => {
  const points = study.points.filter((point) => partitionsOf(point.key).length);
  return html("div", { class: "side" }, html("strong", {}, side),
    picker("", points.map((point) => [point.key, point.words]), key, (chosen) =>
      change(chosen, cellOf(chosen, partition) ? partition : partitionsOf(chosen)[0])),
    picker("on", partitionsOf(key).map((name) => [name, name]), partition, (chosen) => change(key, chosen)));
};

const verdictOf = (interval, lower) => {
  if (!interval) return "no interval";
  if (interval[0] > 0) return `${lower} lower`;
  return interval[1] < 0 ? "B lower" : "inconclusive";
};

const differenceCells = ({ value, interval, paired }) => [
  html("td", { class: "number" }, formatNumber(value)),
  html("td", { class: "number interval" }, interval ? bounds(interval) : NOTHING),
  html("td", {}, verdictOf(interval, "A")),
  html("td", { class: "interval" }, interval ? (paired ? "paired" : "not paired") : ""),
];

const comparisonTable = async (a, b) => {
  const names = Object.keys(a.metrics).filter((name) => b.metrics[name]);
  names.sort(headlineFirst);
  const rows = [], numbers = [];
  for (const name of names) {
    const [x, y] = [a.metrics[name], b.metrics[name]];
    if (x.unit !== y.unit) continue;
    const found = await difference(x, y);
    numbers.push([name, x.unit, x.per, x.v, ...(x.i ?? ["", ""]).slice(0, 2), x.n, y.v,
      ...(y.i ?? ["", ""]).slice(0, 2), y.n, found.value, ...(found.interval ?? ["", ""]), found.paired]);
    rows.push(html("tr", {}, html("th", {}, name),
      html("td", {}, unitText(x.unit, x.per)), sideCell(x), sideCell(y), ...differenceCells(found)));
  }
  const heads = ["metric", "unit", "A", "B", "B − A", "95 % interval", "", ""];
  const names_ = ["metric", "unit", "per", "a", "a_low", "a_high", "a_count", "b", "b_low", "b_high",
    "b_count", "difference", "low", "high", "paired"];
  return { rows: rows.length, file: () => csv(names_, numbers), element: html("div", { class: "wide" },
    sortable(html("table", { class: "pairs comparison" },
      html("thead", {}, html("tr", {}, heads.map((text) => html("th", {}, text)))),
      html("tbody", {}, rows)))) };
};

const sideCell = (metric) => html("td", { class: "number", "data-sort": metric.v },
  formatMetric(metric), " ", html("span", { class: "interval" }, bounds(metric.i)),
  html("span", { class: "interval count" }, `n = ${metric.n.toLocaleString("en-US")}`));

const settingsApart = (a, b) => {
  const names = study.settings.filter((name) => pointOf.get(a).settings[name] !== pointOf.get(b).settings[name]);
  if (!names.length) return note("A and B have the same settings.");
  return html("table", { class: "pairs" }, html("thead", {}, html("tr", {},
    html("th", {}, "setting"), html("th", {}, "A"), html("th", {}, "B"))),
    html("tbody", {}, names.map((name) => html("tr", {}, html("th", {}, name),
      html("td", {}, pointOf.get(a).settings[name] ?? NOTHING),
      html("td", {}, pointOf.get(b).settings[name] ?? NOTHING)))));
};

// the common test samples, one error against the other
const sampleAgainstSample = async (a, b, toSample) => {
  if (!a.samples || !b.samples) return null;
  const [first, second] = [await columnsOf(a), await columnsOf(b)];
  const names = numericNames(first).filter((name) => isStatistic(name) && second.has(name));
  if (!names.length) return null;
  const [idsA, idsB] = [first.get("sample_id"), second.get("sample_id")];
  const inB = new Map([...idsB].map((id, at) => [String(id), at]));
  const pairs = [...idsA].map((id, at) => [id, at, inB.get(String(id))]).filter(([, , at]) => at !== undefined);
  if (!pairs.length) return note("A and B were tested on different samples.");
  const holder = html("div", { class: "wide" });
  let name = variedError(first, names);
  const values = () => [pairs.map(([, at]) => first.get(name)[at]), pairs.map(([, , at]) => second.get(name)[at])];
  const draw = () => {
    const [xs, ys] = values();
    holder.replaceChildren(scatter({
      xs, ys, ids: pairs.map(([id]) => id), xLabel: `A: ${axisLabel(name)}`, yLabel: `B: ${axisLabel(name)}`,
      diagonal: true, choose: toSample,
    }));
  };
  draw();
  return html("div", {},
    html("div", { class: "controls" }, picker("Each sample's", names.map((one) => [one, one]), name,
      (chosen) => { name = chosen; draw(); })),
    holder, drawingDownloads(fileName("A_against_B"), () => holder.querySelector("svg"),
      () => csv(["sample_id", `A ${columnLabel(name)}`, `B ${columnLabel(name)}`],
        pairs.map(([id], at) => [id, values()[0][at], values()[1][at]]))),
    note(`${counted(pairs.length, "common test sample")}; above the dashed line, B is larger.`));
};

const DIFFERENCE_NOTE = "Differences B − A with 95 % intervals from resampling blocks of test samples. Paired: A and B " +
  "were tested on the same samples, and the same blocks of both are resampled; else blocks are resampled independently. " +
  "Intervals cover the choice of test samples, not of training seeds. Inconclusive: the interval includes zero.";

const showCompare = async (section, keyA, partA, keyB, partB) => {
  const [a, b] = [cellOf(keyA, partA), cellOf(keyB, partB)];
  if (!a || !b) return notFound(section, "This page has no such runs and partitions.");
  const go = (...names) => { location.hash = address("compare", ...names); };
  const table = await comparisonTable(a, b);
  const samples = a.data === b.data
    ? await sampleAgainstSample(a, b, (id) => { location.hash = address("sample", keyA, partA, id); })
    : note("A and B were tested on different data.");
  section.replaceChildren(
    html("h2", {}, "Comparison of two runs"),
    html("div", { class: "sides" },
      sidePicker("A", keyA, partA, (key, partition) => go(key, partition, keyB, partB)),
      sidePicker("B", keyB, partB, (key, partition) => go(keyA, partA, key, partition))),
    settingsApart(keyA, keyB), table.element,
    html("p", { class: "downloads" },
      button("CSV", () => save(`${fileName("comparison")}.csv`, table.file(), "text/csv"))),
    note(DIFFERENCE_NOTE), ...(samples ? [html("h3", {}, "Sample by sample"), samples] : []));
};

// pairs of runs of the page's first study and of another: copies of one run, or runs of the same settings
const matchingRuns = () => {
  const [first, ...others] = study.studies;
  const settingsOf = (point) => JSON.stringify(study.settings.filter((name) => name !== "study")
    .map((name) => point.settings[name]));
  const firsts = study.points.filter((point) => point.study === first);
  const byHash = new Map(firsts.map((point) => [point.point, point]));
  const bySettings = new Map(firsts.map((point) => [settingsOf(point), point]));
  const pairs = [], unmatched = [];
  for (const name of others) {
    const points = study.points.filter((point) => point.study === name);
    const found = points.map((point) => [byHash.get(point.point) ?? bySettings.get(settingsOf(point)), point])
      .filter(([match]) => match);
    pairs.push(...found);
    const count = points.length - found.length;
    if (count) unmatched.push(`${counted(count, "run")} of ${name}`);
  }
  return { pairs, unmatched };
};

const startStudies = async () => {
  const holder = document.getElementById("studies");
  if (!holder) return;
  const { pairs, unmatched } = matchingRuns();
  const rows = [];
  for (const [a, b] of pairs) {
    for (const partition of partitionsOf(a.key).filter((name) => cellOf(b.key, name))) {
      const [x, y] = [cellOf(a.key, partition).metrics, cellOf(b.key, partition).metrics];
      for (const name of study.headline.filter((one) => x[one] && y[one] && x[one].unit === y[one].unit)) {
        rows.push(html("tr", {},
          html("td", {}, html("a", { href: address("compare", a.key, partition, b.key, partition) },
            a.words.replace(/^study = [^,]*(, )?/, "") || a.slug)),
          html("td", {}, b.study),
          html("td", {}, partition), html("td", {}, x[name].unit ? `${name} [${x[name].unit}]` : name),
          sideCell(x[name]), sideCell(y[name]), ...differenceCells(await difference(x[name], y[name]))));
      }
    }
  }
  const heads = ["run", "study of B", "partition", "metric", `A: ${study.studies[0]}`, "B",
    "B − A", "95 % interval", "", ""];
  holder.replaceChildren(rows.length
    ? html("div", { class: "wide" }, sortable(html("table", { class: "pairs comparison" },
      html("thead", {}, html("tr", {}, heads.map((text) => html("th", {}, text)))), html("tbody", {}, rows))))
    : note("The studies have no runs of the same settings. Select any two runs in the table to compare them."),
  ...(rows.length && unmatched.length ? [note(`Every study is compared with ${study.studies[0]}, which has no run with ` +
    `the settings of ${unmatched.join(", ")}. Select any two runs in the table to compare them.`)] : []),
  note(DIFFERENCE_NOTE));
};
