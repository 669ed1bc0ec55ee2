// How values read: the same as `saibench.formatting.number` writes them.

const NOTHING = "–";

const shown = (value) => {
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

// how many samples a run trained on, or that it trained nothing
const shownTraining = (count) => count === 0 ? "not trained here" : shown(count);

// a feature may need more digits than an error: a similarity of 0.99871
const exact = (value) => typeof value === "number" && Number.isFinite(value)
  ? minus(Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(6))))
  : shown(value);

// a recorded metric, or the bound that an infinite one is known to exceed
const shownMetric = (metric) => metric.above === undefined ? shown(metric.v) : `> ${shown(metric.above)}`;

const bounds = (interval) => interval ? `[${shown(interval[0])}, ${shown(interval[1])}]` : "";

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
