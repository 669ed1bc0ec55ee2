// Values as text, formatted as by `saibench.formatting.number`.

const NOTHING = "–";

const formatNumber = (value) => {
  if (value === null || value === undefined || value === "") return NOTHING;
  if (typeof value !== "number") return String(value);
  if (Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return "infinite";
  if (value === 0) return "0";
  if (Number.isInteger(value) && Math.abs(value) >= 100) return minus(value.toLocaleString("en-US"));
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4) return minus(value.toExponential(2));
  const digits = Math.max(0, 2 - magnitude);
  return minus(value.toLocaleString("en-US",
    { minimumFractionDigits: digits, maximumFractionDigits: digits }));
};

const minus = (text) => text.replace(/-/g, "−");

// the number of training samples, or "not trained here"
const formatTraining = (count) => count === 0 ? "not trained here" : formatNumber(count);

// features may need more digits than errors, such as a similarity of 0.99871
const exact = (value) => typeof value === "number" && Number.isFinite(value)
  ? minus(Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(6))))
  : formatNumber(value);

// a recorded metric, or the lower bound of an infinite one
const formatMetric = (metric) => metric.above === undefined ? formatNumber(metric.v) : `> ${formatNumber(metric.above)}`;

const bounds = (interval) => interval ? `[${formatNumber(interval[0])}, ${formatNumber(interval[1])}]` : "";

const counted = (count, noun) => `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;

// round values that divide an axis, at most about `most`
const ticks = (low, high, most = 6) => {
  const span = high - low;
  if (!(span > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(span / most));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => span / one <= most);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * span; at += 1) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
};
