// One sample: features and errors, errors of the other runs, and its viewer.

const positionOf = async (cell, id) => {
  const ids = await column(cell, "sample_id");
  return ids ? [...ids].findIndex((one) => String(one) === id) : -1;
};

// fraction of the partition's samples on this page with a smaller error
const rankText = (name, values, at) => {
  const size = errorSize(name, values[at]);
  if (!Number.isFinite(size)) return "";
  let below = 0, defined = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    defined += 1;
    below += errorSize(name, value) < size ? 1 : 0;
  }
  const ideal = study.ideals[name] ?? 0;
  const than = ideal ? `further from ${ideal} than` : "larger than";
  return `${than} ${Math.round(100 * below / Math.max(1, defined - 1))} % of ${defined.toLocaleString("en-US")}`;
};

const factsTable = (columns, at) => html("table", { class: "pairs facts-table" }, html("tbody", {},
  [...columns].filter(([name]) => name !== "sample_id").map(([name, values]) => html("tr", {},
    html("th", { title: study.fields[name]?.describe ?? "" }, name),
    html("td", { class: "number" }, name === "seen_in_training" ? (values[at] ? "yes" : "no")
      : isStatistic(name) ? formatNumber(values[at]) : exact(values[at])),
    html("td", {}, unitText(fieldUnit(name), study.fields[name]?.per ?? "")),
    html("td", { class: "interval" }, isStatistic(name) && !Array.isArray(values) ? rankText(name, values, at) : "")))));

// the same sample in the other runs that were tested on it
const otherPoints = async (key, partition, id, name) => {
  const own = pointOf.get(key), found = [];
  for (const point of study.points) {
    const cell = cellOf(point.key, partition);
    if (!cell?.samples || point.data !== own.data) continue;
    const at = await positionOf(cell, id);
    const values = at < 0 ? null : await column(cell, name);
    if (values) found.push([point, values[at]]);
  }
  return found.sort((a, b) => errorSize(name, a[1]) - errorSize(name, b[1]));
};

const otherPointsTable = (found, key, partition, id, name) => {
  const largest = Math.max(...found.map(([, value]) => Math.abs(value)).filter(Number.isFinite), 0);
  return html("div", { class: "wide" }, html("table", { class: "pairs" },
    html("thead", {}, html("tr", {}, html("th", {}, "run"), html("th", {}, axisLabel(name)))),
    html("tbody", {}, found.map(([point, value]) => html("tr", { class: point.key === key ? "own" : null },
      html("td", {}, html("a", { href: address("sample", point.key, partition, id) }, point.words)),
      html("td", { class: "number" }, formatNumber(value), html("i", {
        class: "bar", style: `width: ${largest ? (100 * Math.abs(value) / largest).toFixed(1) : 0}%`,
      })))))));
};

const sampleProfiles = async (cell, id) => {
  const found = [];
  for (const [axis, { ids, labels, columns }] of Object.entries(cell.samples.axes)) {
    const at = [...await unpack(ids)].findIndex((one) => String(one) === id);
    if (at < 0) {
      found.push(note(`The statistics of this sample by ${axis} are not on the page. See by_${axis}.parquet.`));
      continue;
    }
    found.push(await axisProfile(axis, labels, columns, at));
  }
  return found;
};

const axisProfile = async (axis, labels, columns, at) => {
  const names = Object.keys(columns);
  const holder = html("div");
  const show = async (name) => {
    const values = (await unpack(columns[name])).slice(at * labels.length, (at + 1) * labels.length);
    holder.replaceChildren(profile(labels, values, axisLabel(axis), axisLabel(name)));
  };
  await show(names[0]);
  return html("div", { class: "profile" },
    html("div", { class: "controls" }, picker(`by ${axis}:`, names.map((name) => [name, name]), names[0], show)), holder);
};

// the viewer of a saved sample, or how to save the sample; an element from elsewhere on the page is
// moved here while the sample is displayed
const borrowed = [];

const giveBack = () => {
  for (const [element, place] of borrowed.splice(0)) place.replaceWith(element);
};

const wholeSample = (point, id) => {
  giveBack();
  const found = window.saibench.sampleViews.map((view) => view(point, Number(id))).find(Boolean);
  if (!found) return notSaved(point, id);
  if (found.isConnected) {
    const place = html("p", { class: "note" }, html("a", { href: "#sample" }, "displayed above"));
    found.replaceWith(place);
    borrowed.push([found, place]);
  }
  return found;
};

const notSaved = (point, id) => html("div", {},
  note("This is not a saved sample: its geometry or image is not on the page. To save it, run:"),
  html("pre", {}, `python evaluate.py run=${point.folder} 'save_samples=[${id}]'\n` +
    `python -m saibench report ${point.folder.slice(0, point.folder.lastIndexOf("/"))}`));

const neighbours = (key, partition, id) => {
  const ids = currentOrder.cell === `${key}/${partition}` ? currentOrder.ids() : [];
  const at = ids.findIndex((one) => String(one) === id);
  const to = (other, text) => other === undefined || at < 0 ? null
    : html("a", { href: address("sample", key, partition, other) }, text);
  return [to(ids[at - 1], "← previous in the table"), to(ids[at + 1], "next in the table →")];
};

const showSample = async (section, key, partition, id) => {
  const cell = cellOf(key, partition), point = pointOf.get(key);
  const at = cell?.samples ? await positionOf(cell, id) : -1;
  if (at < 0) return notFound(section, `Sample ${id} is not on this page.`);
  const columns = await columnsOf(cell);
  const name = variedError(columns, numericNames(columns));
  const [others, profiles] = [await otherPoints(key, partition, id, name), await sampleProfiles(cell, id)];
  section.replaceChildren(
    html("h2", {}, `Sample ${id} `, html("small", {}, `${partition} · ${wordsOf(key)}`)),
    html("p", { class: "controls" }, html("a", { href: cellAddress(key, partition) }, `all of ${partition}`),
      ...neighbours(key, partition, id)),
    html("div", { class: "whole" }, wholeSample(point, id)),
    html("div", { class: "columns" },
      html("div", {}, html("h3", {}, "Features and errors"), factsTable(columns, at)),
      others.length > 1 ? html("div", {}, html("h3", {}, "By run"),
        otherPointsTable(others, key, partition, id, name)) : null,
      ...profiles));
};
