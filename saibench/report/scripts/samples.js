// The samples of a cell as a table: sorted and filtered over all samples, displayed a few at a time.

const ROWS_A_PAGE = 25;

// columns: Map name → values; open(id)
const samplesTable = (columns, { sortBy, open, saved, fileBase }) => {
  const ids = columns.get("sample_id");
  const names = ["sample_id", ...[...columns.keys()].filter((name) => name !== "sample_id")];
  const rank = (name) => name === "sample_id" ? 0 : isStatistic(name) ? 1 : name === "seen_in_training" ? 3 : 2;
  names.sort((a, b) => rank(a) - rank(b));
  const state = { by: sortBy, down: true, rows: [], limit: ROWS_A_PAGE };
  const body = html("tbody"), count = html("output"), unknown = html("span", { class: "unknown" });
  const more = button("More rows", () => { state.limit += 4 * ROWS_A_PAGE; draw(); });
  const input = html("input", {
    type: "search", "aria-label": "filter samples", id: "filter-samples",
    placeholder: `filter: ${sortBy ?? "sample_id"}>…`, oninput: () => { state.limit = ROWS_A_PAGE; find(); },
  });
  const find = () => {
    const filter = parsedFilter(input.value, names);
    state.rows = [...ids.keys()].filter((at) =>
      filter.empty || filter.test(String(ids[at]), (name) => columns.get(name)?.[at]));
    unknown.textContent = filter.unknown.length ? `no column ${filter.unknown.join(", ")}` : "";
    arrange();
  };
  const arrange = () => {
    const values = columns.get(state.by);
    if (values) {
      const size = (at) => (state.down ? errorSize(state.by, values[at]) : values[at]);
      state.rows.sort((a, b) => inOrder(blank(size(a)), blank(size(b)), state.down));
    }
    draw();
  };
  const blank = (value) => (value === null || Number.isNaN(value) ? "" : value);
  const draw = () => {
    body.replaceChildren(...state.rows.slice(0, state.limit).map((at) => html("tr", {},
      names.map((name) => sampleCell(name, columns.get(name)[at], ids[at], open, saved)))));
    count.textContent = counted(state.rows.length, "sample");
    more.hidden = state.rows.length <= state.limit;
    for (const head of heads) {
      head.removeAttribute("aria-sort");
      if (head.dataset.name === state.by) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    }
  };
  const heads = names.map((name) => {
    const sort = () => {
      state.down = state.by === name ? !state.down : true;
      state.by = name;
      arrange();
    };
    return html("th", {
      "data-name": name, tabindex: 0, onclick: sort, title: study.fields[name]?.describe ?? "",
      onkeydown: (event) => { if (event.key === "Enter") sort(); },
    }, name, html("small", {}, unitText(fieldUnit(name), study.fields[name]?.per ?? "")));
  });
  const file = () => csv(names.map(columnLabel), state.rows.map((at) => names.map((name) => columns.get(name)[at])));
  find();
  return {
    order: () => state.rows.map((at) => ids[at]),
    element: html("div", {},
      html("div", { class: "controls" }, input, count, unknown,
        button("CSV", () => save(`${fileBase}.csv`, file(), "text/csv"))),
      html("div", { class: "wide" }, html("table", { class: "points samples" },
        html("thead", {}, html("tr", {}, heads)), body)),
      more),
  };
};

const sampleCell = (name, value, id, open, saved) => {
  if (name === "sample_id") {
    return html("th", {}, html("a", { href: open(id) }, String(id)),
      saved.has(Number(id)) ? html("span", { class: "kept", title: "saved sample" }, " ◉") : null);
  }
  if (name === "seen_in_training") return html("td", {}, value ? "yes" : "no");
  const text = isStatistic(name) ? formatNumber(value) : exact(value);
  return html("td", { class: typeof value === "number" ? "number" : "" }, text);
};
