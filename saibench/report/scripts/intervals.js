// Intervals of differences by the jackknife over blocks of samples, as in `saibench.analysis.bootstrap`.

// offset + Σ factor × mean, without each block; all blocks have equally many neighbouring cells
const withoutEach = async ({ means, counts, size, factors, offset }, blocks) => {
  const [mean, count] = await Promise.all([unpack(means), unpack(counts)]);
  const found = new Float64Array(blocks).fill(offset);
  for (let group = 0; group < factors.length; group += 1) {
    const sums = new Float64Array(blocks), weights = new Float64Array(blocks);
    for (let cell = 0; cell < size; cell += 1) {
      const block = Math.floor(cell * blocks / size), from = group * size + cell;
      sums[block] += count[from] * mean[from];
      weights[block] += count[from];
    }
    const sum = total(sums), weight = total(weights);
    for (let block = 0; block < blocks; block += 1) {
      found[block] += factors[group] * (sum - sums[block]) / (weight - weights[block]);
    }
  }
  return [...found];
};

const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0);

// variance and third cumulant of an estimate; null with a single block
const cumulants = (estimate, without) => {
  const count = without.length, middle = total(without) / count;
  if (!without.every(Number.isFinite)) return null;
  const influence = without.map((one) => (count - 1) * (one - middle));
  const variance = total(influence.map((one) => one ** 2)) / (count * (count - 1));
  if (variance <= (1e-12 * estimate) ** 2) return { variance: 0, third: 0 };
  const third = -total(influence.map((one) => one ** 3)) / count / Math.sqrt(count * (count - 1) ** 3);
  return { variance, third };
};

// the T of which T + γT²/3 + γ²T³/27 + γ/6 is Student's t (Hall, J. R. Stat. Soc. B 54, 1992)
const lessSkewed = (student, skewness) => Math.abs(skewness) < 1e-6 ? student
  : 3 / skewness * (Math.cbrt(1 + skewness * (student - skewness / 6)) - 1);

const meanInterval = (value, { variance, third }, blocks) => {
  const deviation = Math.sqrt(variance), student = study.student[blocks], most = 0.8 / student;
  const skewness = variance ? Math.min(most, Math.max(-most, third / deviation ** 3)) : 0;
  return [student, -student].map((one) => value - deviation * lessSkewed(one, skewness));
};

// correlation of two estimates on the same blocks; 0 if one is constant
const correlation = (first, second) => {
  const [one, other] = [first, second].map((all) => all.map((n) => n - total(all) / all.length));
  const spread = Math.sqrt(total(one.map((n) => n ** 2)) * total(other.map((n) => n ** 2)));
  return spread > 1e-24 ? total(one.map((n, at) => n * other[at])) / spread : 0;
};

// interval of B − A from the intervals of two proportions (Zou, Psychol. Methods 12, 2007)
const combined = (a, b, rho) => {
  const value = b.v - a.v, reach = (one, other) => Math.sqrt(Math.max(0, one ** 2 + other ** 2 - 2 * rho * one * other));
  return [value - reach(b.v - b.i[0], a.i[1] - a.v), value + reach(b.i[1] - b.v, a.v - a.i[0])];
};

// B − A of a metric: { value, interval: [low, high] or null, paired }
const difference = async (a, b) => {
  if (a.v === null || b.v === null) return { value: null, interval: null, paired: false };
  const value = b.v - a.v;
  const hasInterval = (one) => one.b && study.student[one.b.blocks];  // of enough blocks
  if (!hasInterval(a) || !hasInterval(b)) return { value, interval: null, paired: false };
  const paired = a.b.samples === b.b.samples, fewer = Math.min(a.b.blocks, b.b.blocks);
  const [first, second] = [await withoutEach(a.b, paired ? fewer : a.b.blocks),
    await withoutEach(b.b, paired ? fewer : b.b.blocks)];
  const [ofA, ofB] = [cumulants(a.v, first), cumulants(b.v, second)];
  if (!ofA || !ofB) return { value, interval: null, paired };
  if ((a.b.share && b.b.share) || (!ofA.variance && !ofB.variance)) {  // combine the exact intervals
    if (!a.i || !b.i) return { value, interval: null, paired };
    return { value, interval: combined(a, b, paired ? correlation(first, second) : 0), paired };
  }
  const both = paired ? cumulants(value, second.map((one, at) => one - first[at]))
    : { variance: ofA.variance + ofB.variance, third: ofB.third - ofA.third };
  return { value, interval: meanInterval(value, both, fewer), paired };
};
