// The syntax of filters: words that must occur, and comparisons of named values.
//   nequip subset.count>=400 force_mae<50

const COMPARISONS = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
  "=": (a, b) => a === b, "!=": (a, b) => a !== b,
};

// returns { empty, test(text, valueOf), unknown: compared names that are not in `names` }
const parsedFilter = (typed, names) => {
  const terms = typed.trim().split(/\s+/).filter(Boolean).map((term) => {
    const found = /^([^<>=!]+)(<=|>=|!=|<|>|=)([^<>=!]+)$/.exec(term);
    if (!found) return { word: term.toLowerCase() };
    const [, name, sign, text] = found;
    const value = Number(text.replace("−", "-"));
    return { name, compare: COMPARISONS[sign], value: Number.isNaN(value) ? text : value };
  });
  const matches = (term, text, valueOf) => {
    if (term.word !== undefined) return text.toLowerCase().includes(term.word);
    const given = valueOf(term.name);
    if (given === null || given === undefined || given === "") return false;
    const own = typeof term.value === "number" ? Number(given) : String(given);
    return term.compare(own, term.value);
  };
  return {
    empty: terms.length === 0,
    unknown: terms.filter(({ name }) => name !== undefined && !names.includes(name)).map(({ name }) => name),
    test: (text, valueOf) => terms.every((term) => matches(term, text, valueOf)),
  };
};
