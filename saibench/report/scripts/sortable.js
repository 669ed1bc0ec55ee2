// A click on a column's head sorts a table; empty cells come last.

const valueIn = (row, at) => {
  const cell = row.cells[at];
  return cell?.dataset.sort ?? cell?.textContent.trim() ?? "";
};

const inOrder = (a, b, down) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  const order = isNaN(a) || isNaN(b) ? String(a).localeCompare(String(b), "en", { numeric: true }) : a - b;
  return down ? -order : order;
};

const sortable = (table) => {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, at) => {
    if (head.dataset.fixed !== undefined) return;
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => inOrder(valueIn(a, at), valueIn(b, at), down));
      table.tBodies[0].append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); } });
  });
  return table;
};
