"use strict";
const words = new Intl.Collator("en", {numeric: true});
const sort = (head, column) => {
  const table = head.closest("table");
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  const cell = (row) => row.cells[column];
  const number = (row) => parseFloat(cell(row).dataset.key);
  const numbers = rows.some((row) => "key" in cell(row).dataset);
  const without = (row) => numbers && Number.isNaN(number(row));  // always last
  const compare = (a, b) =>
    numbers ? number(a) - number(b) : words.compare(cell(a).textContent, cell(b).textContent);
  rows.sort((a, b) => without(a) - without(b) || (without(a) ? 0 : down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows);
};
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
    head.setAttribute("aria-sort", "none");
  });
}
const unfold = () => {
  const target = document.getElementById(location.hash.slice(1));
  const fold = target && target.closest("details");
  if (fold && !fold.open) { fold.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", unfold);
unfold();
