// One sample: its features and errors, what other points make of it, and the sample itself.

const positionOf = async (cell, id) => {
  const ids = await column(cell, "sample_id");
  return ids ? [...ids].findIndex((one) => String(one) === id) : -1;
};

// share of the partition's samples on this page with a smaller error
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
      : isStatistic(name) ? shown(values[at]) : exact(values[at])),
    html("td", {}, unitText(fieldUnit(name), study.fields[name]?.per ?? "")),
    html("td", { class: "interval" }, isStatistic(name) && !Array.isArray(values) ? rankText(name, values, at) : "")))));

// the same sample under the other points that were tested on it
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
    html("thead", {}, html("tr", {}, html("th", {}, "point"), html("th", {}, axisLabel(name)))),
    html("tbody", {}, found.map(([point, value]) => html("tr", { class: point.key === key ? "own" : null },
      html("td", {}, html("a", { href: address("sample", point.key, partition, id) }, point.words)),
      html("td", { class: "number" }, shown(value), html("i", {
        class: "bar", style: `width: ${largest ? (100 * Math.abs(value) / largest).toFixed(1) : 0}%`,
      })))))));
};

const sampleProfiles = async (cell, id) => {
  const found = [];
  for (const [axis, { ids, labels, columns }] of Object.entries(cell.samples.axes)) {
    const at = [...await unpack(ids)].findIndex((one) => String(one) === id);
    if (at < 0) {
      found.push(note(`Statistics by ${axis} of this sample are not on the page; they are in by_${axis}.parquet.`));
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

// a workload's own view of the sample, or how a point would keep it; what stands elsewhere on the
// page is borrowed from there
const borrowed = [];

const giveBack = () => {
  for (const [element, place] of borrowed.splice(0)) place.replaceWith(element);
};

const wholeSample = (point, id) => {
  giveBack();
  const found = window.saibench.sampleViews.map((view) => view(point, Number(id))).find(Boolean);
  if (!found) return notKept(point, id);
  if (found.isConnected) {
    const place = html("p", { class: "note" }, html("a", { href: "#sample" }, "shown above"));
    found.replaceWith(place);
    borrowed.push([found, place]);
  }
  return found;
};

const notKept = (point, id) => html("div", {},
  note("This sample was not kept whole, so its geometry or image is not on the page. With its point, this keeps it:"),
  html("pre", {}, `python evaluate.py run=${point.folder} 'shown=[${id}]'\n` +
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
  const name = tellingError(columns, numericNames(columns));
  const [others, profiles] = [await otherPoints(key, partition, id, name), await sampleProfiles(cell, id)];
  section.replaceChildren(
    html("h2", {}, `Sample ${id} `, html("small", {}, `${partition} · ${wordsOf(key)}`)),
    html("p", { class: "controls" }, html("a", { href: cellAddress(key, partition) }, `all of ${partition}`),
      ...neighbours(key, partition, id)),
    html("div", { class: "whole" }, wholeSample(point, id)),
    html("div", { class: "beside" },
      html("div", {}, html("h3", {}, "Features and errors"), factsTable(columns, at)),
      others.length > 1 ? html("div", {}, html("h3", {}, "Under each point"),
        otherPointsTable(others, key, partition, id, name)) : null,
      ...profiles));
};
