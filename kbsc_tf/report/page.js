"use strict";
// Puts charts, matrices and tables to work once the page is there.

const CHARTS = {}, MATRICES = {};
for (const figure of PAGE.figures) CHARTS[figure.name] = new Chart(figure, document.getElementById(`figure-${figure.name}`));
for (const matrix of PAGE.matrices) MATRICES[matrix.name] = new Matrix(matrix, document.getElementById(`figure-${matrix.name}`));
for (const table of document.querySelectorAll("table.data")) {
  sortable(table);
  if (table.closest(".findings")) continue;  // the same numbers are in a table with more of them
  const box = table.closest(".table"), title = table.caption ? table.caption.textContent.trim() : box.dataset.name;
  const save = html("button", {type: "button", class: "csv", "aria-label": `${title}: as CSV`}, null, "CSV");
  box.prepend(save);
  save.addEventListener("click", () => download(`${PAGE.stem}_${box.dataset.name}.csv`, tableCsv(table)));
}
document.documentElement.classList.add("live");
