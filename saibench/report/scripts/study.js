// The page's data, and the samples of a cell (a run tested on a partition).

const study = JSON.parse(document.getElementById("page-data").textContent);
const pointOf = new Map(study.points.map((point) => [point.key, point]));

const cellOf = (key, partition) => study.cells[key]?.[partition];
const partitionsOf = (key) => Object.keys(study.cells[key] ?? {});
const wordsOf = (key) => pointOf.get(key)?.words ?? key;
const unitText = (unit, per) => [unit, per ? `per ${per}` : ""].filter(Boolean).join(" · ");
const fieldUnit = (name) => study.fields[name]?.unit ?? "";
const withUnit = (text, name) => fieldUnit(name) ? `${text} [${fieldUnit(name)}]` : text;
const columnLabel = (name) => withUnit(name, name);
const axisLabel = (name) => withUnit(study.fields[name]?.title ?? name, name);
const isStatistic = (name) => study.fields[name]?.role === "statistic";

const allPartitions = [...new Set(Object.values(study.cells).flatMap(Object.keys))];
const allMetrics = [...new Set(Object.values(study.cells).flatMap((tested) =>
  Object.values(tested).flatMap((cell) => Object.keys(cell.metrics))))];
const headlineFirst = (a, b) => place(a) - place(b);
const place = (name) => (study.headline.includes(name) ? study.headline.indexOf(name) : study.headline.length);
allMetrics.sort(headlineFirst);

// columns of a cell's samples by name, in ascending sample_id, decoded on first use
const column = async (cell, name) => {
  const block = cell.samples?.columns[name];
  return block === undefined ? null : unpack(block);
};

const columnsOf = async (cell) => {
  const names = Object.keys(cell.samples.columns);
  const values = await Promise.all(names.map((name) => column(cell, name)));
  return new Map(names.map((name, at) => [name, values[at]]));
};

const numericNames = (columns) =>
  [...columns.keys()].filter((name) => name !== "sample_id" && !Array.isArray(columns.get(name)));

// the statistic that ranks samples
const firstError = (names) => study.errors.find((name) => names.includes(name)) ?? names[0];

// the first statistic, or else feature, with more than two values
const variedError = (columns, names) => {
  const varied = names.filter((name) => new Set(columns.get(name).slice(0, 1000)).size > 2);
  return firstError(varied.length ? varied : names);
};

// distance of a statistic from its value without an error; the value itself for other columns
const errorSize = (name, value) =>
  isStatistic(name) && typeof value === "number" ? Math.abs(value - (study.ideals[name] ?? 0)) : value;

const keptText = ({ total, kept, stride }) => kept === total
  ? `all ${total.toLocaleString("en-US")} samples`
  : `${kept.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} samples: every ` +
    `${stride}-th by id, and those with the largest errors; the evidence has all samples`;
