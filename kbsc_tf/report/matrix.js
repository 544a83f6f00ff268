"use strict";
// A confusion matrix of any number of classes on a canvas: zoom, drag, hover, keys.

const BLUES = [[255, 255, 255], [222, 235, 247], [158, 202, 225], [66, 146, 198], [8, 81, 156], [8, 48, 107]];

function blue(share) {  // a square root, so that rare mistakes are seen
  const at = Math.sqrt(share) * (BLUES.length - 1), i = Math.min(BLUES.length - 2, Math.floor(at));
  return `rgb(${BLUES[i].map((from, c) => Math.round(from + (at - i) * (BLUES[i + 1][c] - from))).join(",")})`;
}

class Matrix {
  constructor(data, place) {
    Object.assign(this, {data, place, chosen: 0, zoom: 1, x: 0, y: 0, cell: null, pointers: new Map()});
    this.canvas = place.querySelector("canvas");
    const tools = place.querySelector(".tools");
    const group = html("div", {class: "choice", role: "group", "aria-label": "Point"}, tools);
    const select = html("select", {"aria-label": "Scheme and SNR"}, group);
    data.points.forEach((point, i) => html("option", {value: i}, select, point.text));
    select.addEventListener("change", () => { this.chosen = +select.value; this.draw(); });
    for (const [text, label, run] of [["+", "zoom in", () => this.scale(1.6)], [MINUS, "zoom out", () => this.scale(1 / 1.6)], ["1:1", "whole matrix", () => this.scale(0)]]) {
      html("button", {type: "button", "aria-label": label}, group, text).addEventListener("click", run);
    }
    const save = html("button", {type: "button", class: "csv", "aria-label": "All matrices as CSV"}, tools, "CSV");
    save.addEventListener("click", () => download(`${PAGE.stem}_${data.name}.csv`, this.csv()));
    const {canvas} = this;
    canvas.addEventListener("wheel", event => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.scale(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
    }, {passive: false});
    canvas.addEventListener("pointerdown", event => { this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]); canvas.setPointerCapture(event.pointerId); this.over(event); });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, event => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointermove", event => this.pointers.has(event.pointerId) ? this.drag(event) : this.over(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("blur", () => this.leave());
    canvas.addEventListener("keydown", event => this.keys(event));
    new ResizeObserver(() => this.draw()).observe(place);
  }

  get rows() { return this.data.classes.length; }

  get columns() { return this.rows + (this.data.lost ? 1 : 0); }

  layout() {
    const {canvas} = this, ratio = window.devicePixelRatio || 1, names = [...this.data.classes, this.data.lost ? "not delivered" : ""];
    const wide = Math.min(this.place.clientWidth, this.rows > 20 ? 860 : 150 + 46 * this.columns);
    const pen = canvas.getContext("2d");
    pen.font = "11px system-ui, sans-serif";
    const margin = Math.min(0.28 * wide, 12 + Math.max(...names.map(name => pen.measureText(name).width)));
    const side = wide - margin - 8;
    Object.assign(this, {margin, side, wide, high: side * this.rows / this.columns, pen, ratio});
    canvas.style.width = wide + "px";
    canvas.style.height = this.high + margin + 8 + "px";
    canvas.width = wide * ratio;
    canvas.height = (this.high + margin + 8) * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  get size() { return this.side / this.columns * this.zoom; }

  draw() {
    if (!this.place.clientWidth) return;
    this.layout();
    const {pen, margin, side, high, data, size} = this, point = data.points[this.chosen];
    this.x = Math.min(0, Math.max(this.x, side - size * this.columns));
    this.y = Math.min(0, Math.max(this.y, high - size * this.rows));
    this.counts = new Map(point.cells.map(([i, j, count]) => [i * (this.rows + 1) + j, count]));
    pen.clearRect(0, 0, this.wide, high + margin + 8);
    pen.save();
    pen.beginPath();
    pen.rect(margin, 0, side, high);
    pen.clip();
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const [i, j, count] of point.cells) {
      const share = count / point.sent[i], x = margin + this.x + j * size, y = this.y + i * size;
      if (x > margin + side || y > high || x + size < margin || y + size < 0) continue;
      pen.fillStyle = blue(share);
      pen.fillRect(x, y, size + 0.5, size + 0.5);
      if (size >= 22 && share >= 0.005) {
        pen.fillStyle = share > 0.4 ? "#fff" : "#000";
        pen.font = `${Math.min(12, size / 2.4)}px system-ui, sans-serif`;
        pen.fillText(Math.round(100 * share), x + size / 2, y + size / 2);
      }
    }
    if (this.cell) {
      pen.strokeStyle = "#d55e00";
      pen.lineWidth = 2;
      pen.strokeRect(margin + this.x + this.cell[1] * size, this.y + this.cell[0] * size, size, size);
    }
    pen.restore();
    pen.strokeStyle = "#888";
    pen.lineWidth = 1;
    pen.strokeRect(margin, 0.5, side, high);
    this.names();
  }

  names() {
    const {pen, margin, side, high, size} = this, every = Math.max(1, Math.ceil(11 / size));
    pen.fillStyle = "#000";
    pen.font = "11px system-ui, sans-serif";
    const cut = name => {
      while (pen.measureText(name).width > margin - 8 && name.length > 2) name = name.slice(0, -2) + "…";
      return name;
    };
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (let i = 0; i < this.rows; i += every) {
      const y = this.y + (i + 0.5) * size;
      if (y > 4 && y < high - 2) pen.fillText(cut(this.data.classes[i]), margin - 5, y);
    }
    for (let j = 0; j < this.columns; j += every) {
      const x = margin + this.x + (j + 0.5) * size;
      if (x < margin + 4 || x > margin + side - 2) continue;
      pen.save();
      pen.translate(x, high + 5);
      pen.rotate(-Math.PI / 2);
      pen.fillText(cut(j < this.rows ? this.data.classes[j] : "not delivered"), 0, 0);
      pen.restore();
    }
  }

  scale(factor, x = this.margin + this.side / 2, y = this.high / 2) {
    const before = this.zoom, most = Math.max(1, 36 / (this.side / this.columns));
    this.zoom = factor ? Math.min(most, Math.max(1, before * factor)) : 1;
    const change = this.zoom / before;
    this.x = (this.x - (x - this.margin)) * change + x - this.margin;
    this.y = (this.y - y) * change + y;
    this.canvas.style.touchAction = this.zoom > 1 ? "none" : "pan-y";
    this.draw();
  }

  drag(event) {
    const from = this.pointers.get(event.pointerId), now = [event.offsetX, event.offsetY];
    if (this.pointers.size === 2) {
      const [, other] = [...this.pointers].find(([id]) => id !== event.pointerId);
      const far = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      this.scale(far(now) / Math.max(1, far(from)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      this.x += now[0] - from[0];
      this.y += now[1] - from[1];
      this.draw();
    }
    this.pointers.set(event.pointerId, now);
    hideTip();
  }

  over(event) {
    const j = Math.floor((event.offsetX - this.margin - this.x) / this.size), i = Math.floor((event.offsetY - this.y) / this.size);
    const inside = event.offsetX > this.margin && event.offsetY < this.high;
    if (inside && i >= 0 && j >= 0 && i < this.rows && j < this.columns) this.mark(i, j);
    else this.leave();
  }

  mark(i, j) {
    this.cell = [i, j];
    const {data, size} = this;
    this.x = Math.min(-j * size, Math.max(this.x, this.side - (j + 1) * size));
    this.y = Math.min(-i * size, Math.max(this.y, this.high - (i + 1) * size));
    this.draw();
    const point = data.points[this.chosen], sent = point.sent[i], found = this.counts.get(i * (this.rows + 1) + j) || 0;
    const box = this.canvas.getBoundingClientRect();
    const lines = [point.text, ["Sent", data.classes[i]], ["Shown", j < this.rows ? data.classes[j] : "not delivered"], ["Images", `${found} of ${sent} (${sent ? (100 * found / sent).toFixed(1) : 0} %)`]];
    showTip(lines, box.left + this.margin + this.x + (j + 0.5) * size, box.top + this.y + (i + 0.5) * size);
  }

  leave() {
    hideTip();
    if (this.cell) { this.cell = null; this.draw(); }
  }

  keys(event) {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    const zoom = {"+": 1.6, "-": 1 / 1.6, "0": 0}[event.key];
    if (event.key === "Escape") return this.leave();
    if (zoom !== undefined) { event.preventDefault(); return this.scale(zoom); }
    if (!step) return;
    event.preventDefault();
    const [i, j] = this.cell || [-step[0], -step[1]];
    this.mark(Math.max(0, Math.min(this.rows - 1, i + step[0])), Math.max(0, Math.min(this.columns - 1, j + step[1])));
  }

  csv() {
    const {data} = this, lines = [["point", "sent", "shown", "count", "share"]];
    for (const point of data.points) for (const [i, j, count] of point.cells) {
      lines.push([point.text, data.classes[i], j < this.rows ? data.classes[j] : "not delivered", count, +(count / point.sent[i]).toPrecision(7)]);
    }
    return csvText(lines);
  }
}
