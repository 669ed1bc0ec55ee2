// Tables of the page's template are sortable; long ones are decoded and built when opened.

const intervalText = ([value, low, high]) =>
  `${formatNumber(value)}${low === null || high === null ? "" : ` [${formatNumber(low)}, ${formatNumber(high)}]`}`;

const anyCell = (value) => {
  if (value === null) return html("td", { class: "number", "data-sort": "" }, "");
  if (Array.isArray(value)) return html("td", { class: "number", "data-sort": value[0] ?? "" }, intervalText(value));
  return html("td", { class: typeof value === "number" ? "number" : "" }, formatNumber(value));
};

// heads: names; rows: lists of texts, numbers and [estimate, low, high]
const filteredTable = ({ heads, rows }, name) => {
  const body = rows.map((row) => html("tr", {}, row.map(anyCell)));
  const count = html("output", {});
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of body) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    count.textContent = counted(body.filter((row) => !row.hidden).length, "row");
  };
  const input = html("input", { type: "search", "aria-label": "filter rows", placeholder: "filter: words", oninput: filter });
  filter();
  const file = () => csv(
    heads.flatMap((head, at) => rows.some((row) => Array.isArray(row[at])) ? [head, `${head} low`, `${head} high`] : [head]),
    rows.map((row) => row.flatMap((value, at) => value ?? (rows.some((one) => Array.isArray(one[at])) ? ["", "", ""] : ""))));
  return html("div", {}, html("div", { class: "controls" }, input, count,
    button("CSV", () => save(`${name}.csv`, file(), "text/csv"))),
    html("div", { class: "wide" }, sortable(html("table", { class: "points" },
      html("thead", {}, html("tr", {}, heads.map((head) => html("th", {}, head)))), html("tbody", {}, body)))));
};

const startTables = () => {
  for (const table of document.querySelectorAll("table.claims")) sortable(table);
  for (const details of document.querySelectorAll("details[data-table]")) {
    details.addEventListener("toggle", async () => {
      if (!details.open || details.querySelector("table")) return;
      const bytes = await unpack(Number(details.dataset.table));
      details.append(filteredTable(JSON.parse(new TextDecoder().decode(bytes)), details.dataset.file));
    });
  }
};
