// Intervals of differences, from resampling blocks of samples: `saibench.interpretation.bootstrap`.

const NUM_RESAMPLES = 2000;

// a small generator with a seed, so that a page shows the same interval each time (mulberry32)
const random = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

// how often each of `size` blocks is drawn: NUM_RESAMPLES × size
const drawsOf = new Map();
const draws = (size, seed) => {
  const name = `${size}/${seed}`;
  if (!drawsOf.has(name)) {
    const next = random(seed), counts = new Uint16Array(NUM_RESAMPLES * size);
    for (let row = 0; row < NUM_RESAMPLES; row += 1) {
      for (let draw = 0; draw < size; draw += 1) counts[row * size + Math.floor(next() * size)] += 1;
    }
    drawsOf.set(name, counts);
  }
  return drawsOf.get(name);
};

// offset + Σ factor × mean, for each resampling; a block is as many neighbouring cells as the others
const resampled = async ({ means, counts, size, factors, offset }, blocks, seed) => {
  const [mean, count] = await Promise.all([unpack(means), unpack(counts)]);
  const sums = new Float64Array(factors.length * blocks), weights = new Float64Array(factors.length * blocks);
  for (let group = 0; group < factors.length; group += 1) {
    for (let cell = 0; cell < size; cell += 1) {
      const into = group * blocks + Math.floor(cell * blocks / size), from = group * size + cell;
      sums[into] += count[from] * mean[from];
      weights[into] += count[from];
    }
  }
  const drawn = draws(blocks, seed), found = new Float64Array(NUM_RESAMPLES).fill(offset);
  for (let row = 0; row < NUM_RESAMPLES; row += 1) {
    for (let group = 0; group < factors.length; group += 1) {
      let sum = 0, weight = 0;
      for (let block = 0; block < blocks; block += 1) {
        const times = drawn[row * blocks + block];
        sum += times * sums[group * blocks + block];
        weight += times * weights[group * blocks + block];
      }
      found[row] += factors[group] * sum / weight;
    }
  }
  return found;
};

const quantile = (sorted, share) => {
  const at = share * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
};

const isConstant = (numbers) => numbers.every((one) => Math.abs(one - numbers[0]) < 1e-12);

// B − A of a metric: { value, interval: [low, high] or null, paired }
const difference = async (a, b) => {
  if (a.v === null || b.v === null) return { value: null, interval: null, paired: false };
  const value = b.v - a.v;
  if (!a.b || !b.b || a.b.blocks < 2 || b.b.blocks < 2) return { value, interval: null, paired: false };
  const paired = a.b.samples === b.b.samples, fewer = Math.min(a.b.blocks, b.b.blocks);
  const [first, second] = [await resampled(a.b, paired ? fewer : a.b.blocks, 1),
    await resampled(b.b, paired ? fewer : b.b.blocks, paired ? 1 : 2)];
  if (a.i && b.i && isConstant(first) && isConstant(second)) {  // shares of 0 or 1: their own bounds
    const half = (one, other) => Math.hypot(b.v - b.i[one], a.v - a.i[other]);
    return { value, interval: [value - half(0, 1), value + half(1, 0)], paired };
  }
  const found = second.map((one, at) => one - first[at]).filter(Number.isFinite).sort();
  if (!found.length) return { value, interval: null, paired };
  const few = study.deviations[fewer];
  if (few !== undefined) {
    const mean = found.reduce((sum, one) => sum + one, 0) / found.length;
    const half = few * Math.sqrt(found.reduce((sum, one) => sum + (one - mean) ** 2, 0) / found.length);
    return { value, interval: [value - half, value + half], paired };
  }
  const tail = study.tails[fewer];
  return { value, interval: [quantile(found, tail), quantile(found, 1 - tail)], paired };
};
