"use strict";
// Sorts a table by the heading that is pressed; what has no value stays last.
(() => {
  function sort(table, column, header) {
    const down = header.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column].dataset.v ?? (column && !row.cells[column].classList.contains("text") ? null : row.cells[column].textContent);
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    const order = (one, other) => (isNaN(one) || isNaN(other) ? String(one).localeCompare(other) : one - other);
    rows.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return down ? order(other, one) : order(one, other);
    });
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      header.firstElementChild.addEventListener("click", () => sort(table, column, header));
    });
  }
})();
