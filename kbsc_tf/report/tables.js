"use strict";
// Tables that sort by a click on a heading, and files that are saved without asking anyone.

function csvText(lines) {
  const cell = value => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return lines.map(line => line.map(cell).join(",")).join("\n") + "\n";
}

function download(name, text) {
  const link = html("a", {download: name, href: URL.createObjectURL(new Blob([text], {type: "text/csv"}))}, document.body);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The number that a cell begins with: "−1.5 ±0.3" is -1.5, "<0.001" a little below 0.001, "no fit" none.
function cellNumber(text) {
  const plain = text.replaceAll("\u2212", "-").replaceAll(",", "").trim();
  if (plain.startsWith("<")) return parseFloat(plain.slice(1)) - 1e-9;
  if (plain === "no noise") return Infinity;
  return /^[-+]?[0-9.]/.test(plain) ? parseFloat(plain) : NaN;
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, i) => {
    const button = html("button", {type: "button", class: "sort"});
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && head.classList.contains("text"));
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map((row, place) => ({row, place, text: row.cells[i].textContent.trim()}));
      const numeric = !head.classList.contains("text") || rows.every(({text}) => !text || !Number.isNaN(cellNumber(text)));
      rows.sort((a, b) => {
        if (!numeric) return (down ? 1 : -1) * a.text.localeCompare(b.text) || a.place - b.place;
        const [x, y] = [cellNumber(a.text), cellNumber(b.text)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.place - b.place;
        return (x === y ? 0 : (down ? 1 : -1) * (x < y ? -1 : 1)) || a.place - b.place;
      });
      table.tBodies[0].append(...rows.map(({row}) => row));
    });
  });
}

function tableCsv(table) {
  return csvText([...table.rows].map(row => [...row.cells].map(cell => cell.textContent.replaceAll("\u2212", "-").trim())));
}
