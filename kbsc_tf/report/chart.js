"use strict";
// Line charts in SVG: hover, keys, legend, choice and CSV. Data and what each field means: report/figure.py.

const NS = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";

function svg(name, attributes, parent) {
  const node = document.createElementNS(NS, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (parent) parent.append(node);
  return node;
}

function html(name, attributes, parent, text) {
  const node = document.createElement(name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

const number = (value, decimals) => value.toFixed(decimals).replace("-", MINUS);
const short = value => String(+value.toPrecision(4)).replace("-", MINUS);
const count = value => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");

function cbrText(cbr) {
  const inverse = 1 / cbr;
  if (cbr > 0.5 || inverse >= 1e4) return short(cbr);
  const whole = inverse >= 19.5 || Math.abs(inverse - Math.round(inverse)) < 1e-3 * inverse;
  return "1/" + inverse.toFixed(whole ? 0 : 1);
}

function shown(value, column) {
  switch (column.kind) {
    case "count": return count(value);
    case "percent": return (100 * value).toFixed(1) + " %";
    case "cbr": return cbrText(value);
    case "mcs": return String(value).split(" or ").map(one => PAGE.mcs[one] || one).join(" or ");
    case "text": return String(value);
    default: return short(value);
  }
}

// ---- one tooltip for the page -------------------------------------------------------------------------------------

const tip = html("div", {id: "tip", role: "status", "aria-live": "polite", hidden: ""}, document.body);

function showTip(lines, x, y) {
  tip.replaceChildren();
  html("strong", {}, tip, lines[0]);
  const list = html("dl", {}, tip);
  for (const [label, value] of lines.slice(1)) {
    html("dt", {}, list, label);
    html("dd", {}, list, value);
  }
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), wide = document.documentElement.clientWidth;
  const left = x + 16 + box.width > wide ? x - box.width - 16 : x + 16;
  tip.style.left = Math.max(4, Math.min(left, wide - box.width - 4)) + window.scrollX + "px";
  tip.style.top = Math.max(4, y - box.height - 12) + window.scrollY + "px";
}

function hideTip() { tip.hidden = true; }

// ---- markers: names as matplotlib has them, areas alike ------------------------------------------------------------

function polygon(corners, radius, turn) {
  const points = [];
  for (let i = 0; i < corners; i++) {
    const angle = turn + 2 * Math.PI * i / corners;
    points.push((radius * Math.cos(angle)).toFixed(2) + "," + (radius * Math.sin(angle)).toFixed(2));
  }
  return "M" + points.join("L") + "Z";
}

function star(points, outer, inner) {
  let path = "";
  for (let i = 0; i < 2 * points; i++) {
    const radius = i % 2 ? inner : outer, angle = -Math.PI / 2 + Math.PI * i / points;
    path += (i ? "L" : "M") + (radius * Math.cos(angle)).toFixed(2) + "," + (radius * Math.sin(angle)).toFixed(2);
  }
  return path + "Z";
}

const plus = (r, w) => `M${-w},${-r}H${w}V${-w}H${r}V${w}H${w}V${r}H${-w}V${w}H${-r}V${-w}H${-w}Z`;
const UP = -Math.PI / 2;
const MARKERS = {
  o: "M-3.4,0a3.4,3.4 0 1,0 6.8,0a3.4,3.4 0 1,0 -6.8,0Z", s: polygon(4, 4.3, Math.PI / 4), D: polygon(4, 4.2, 0),
  d: "M0,-4.8L3,0L0,4.8L-3,0Z", "^": polygon(3, 4.6, UP), v: polygon(3, 4.6, -UP), "<": polygon(3, 4.6, Math.PI),
  ">": polygon(3, 4.6, 0), p: polygon(5, 4, UP), h: polygon(6, 4, UP), H: polygon(6, 4, 0), "8": polygon(8, 3.8, 0.4),
  "*": star(5, 5.4, 2.2), P: plus(4.2, 1.5), X: plus(4.2, 1.5),
};

function marker(look, x, y, parent, hollow) {
  if (!look.marker) return null;
  const turn = look.marker === "X" ? " rotate(45)" : "";
  return svg("path", {
    d: MARKERS[look.marker] || MARKERS.o, transform: `translate(${x.toFixed(1)},${y.toFixed(1)})${turn}`,
    fill: hollow ? "#fff" : look.colour, stroke: look.colour, "stroke-width": hollow ? 1.2 : 0,
  }, parent);
}

const dashes = (look, width) => look.dash.split(" ").map(one => one * width).join(" ");

// ---- a figure -----------------------------------------------------------------------------------------------------

function ticks(low, high, most) {
  const raw = (high - low) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find(one => one * power >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(+(i * step).toPrecision(12));
  return found;
}

class Chart {
  constructor(figure, place) {
    this.figure = figure;
    this.off = new Set(figure.legend.filter(entry => !entry.on).map(entry => entry.key));
    this.chosen = figure.choice ? figure.choice.chosen : "";
    this.column = Object.fromEntries(figure.columns.map((column, i) => [column.name, i]));
    this.at = this.column[figure.at];
    this.place = place;
    this.scales();
    this.controls();
    this.panels();
  }

  get(row, name) { return name in this.column ? row[this.column[name]] : null; }

  visible(one) { return (!one.choice || !this.chosen || one.choice === this.chosen) && !one.keys.some(key => this.off.has(key)); }

  scales() {
    const {figure} = this, xs = [], ys = [];
    for (const one of figure.series) for (const row of one.rows) {
      if (typeof row[this.at] === "number") xs.push(row[this.at]);
      for (const name of ["value", "low", "high"]) if (this.get(row, name) !== null) ys.push(figure.y.scale * this.get(row, name));
    }
    this.free = figure.series.some(one => one.rows.some(row => row[this.at] === "inf"));
    this.freeCount = new Set(figure.series.filter(one => one.kind === "line" && one.rows.some(row => row[this.at] === "inf")).map(one => one.keys.join())).size;
    for (const [tick] of figure.x.ticks) xs.push(tick);
    const pad = figure.x.kind === "log" ? 0 : 0.03 * (Math.max(...xs) - Math.min(...xs));
    this.xEnds = figure.x.ends ? figure.x.ends.map(one => one / figure.x.scale) : xs.length ? [Math.min(...xs) - pad, Math.max(...xs) + pad] : [0, 1];
    if (this.xEnds[0] === this.xEnds[1]) this.xEnds = [this.xEnds[0] - 1, this.xEnds[1] + 1];
    this.wholeEnds = figure.y.ends || this.around(ys);
    this.yEnds = this.wholeEnds;
  }

  around(values) {
    const low = Math.min(...values), high = Math.max(...values), room = 0.06 * (high - low) || 1;
    return values.length ? [low - room, high + room] : [0, 1];
  }

  // The y axis around what is visible, or as it is in all pictures of the metric.
  fit() {
    const ys = [], names = ["value", "low", "high"];
    for (const one of this.figure.series) if (this.visible(one)) for (const row of one.rows) {
      for (const name of names) if (this.get(row, name) !== null) ys.push(this.figure.y.scale * this.get(row, name));
    }
    this.yEnds = this.fitted ? this.around(ys) : this.wholeEnds;
  }

  controls() {
    const {figure, place} = this, tools = place.querySelector(".tools");
    if (figure.choice) {
      const group = html("div", {class: "choice", role: "group", "aria-label": figure.choice.label}, tools);
      html("span", {}, group, figure.choice.label + " ");
      const many = figure.choice.options.length > 9 || figure.choice.options.some(([, text]) => text.length > 12);
      if (many) {
        const select = html("select", {"aria-label": figure.choice.label}, group);
        for (const [value, text] of figure.choice.options) html("option", {value}, select, text);
        select.value = this.chosen;
        select.addEventListener("change", () => this.choose(select.value));
      } else for (const [value, text] of figure.choice.options) {
        const button = html("button", {type: "button", "aria-pressed": String(value === this.chosen)}, group, text);
        button.addEventListener("click", () => {
          for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
          this.choose(value);
        });
      }
    }
    const fit = html("button", {type: "button", class: "fit", "aria-pressed": "false", title: "Fit the vertical axis to the curves in view"}, html("span", {class: "choice"}, tools), "Fit y");
    fit.addEventListener("click", () => {
      this.fitted = !this.fitted;
      fit.setAttribute("aria-pressed", String(this.fitted));
      this.redraw();
    });
    const save = html("button", {type: "button", class: "csv", "aria-label": `${figure.title}: all points as CSV`}, tools, "CSV");
    save.addEventListener("click", () => download(`${PAGE.stem}_${figure.name}.csv`, this.csv()));
    this.legend();
    const more = place.querySelector("details");
    more.addEventListener("toggle", () => more.open && this.table(more));
    this.more = more;
  }

  choose(value) {
    this.chosen = value;
    this.redraw();
  }

  legend() {
    const box = this.place.querySelector(".legend");
    this.buttons = new Map();
    for (const entry of this.figure.legend) {
      const button = html("button", {type: "button", "aria-pressed": String(!this.off.has(entry.key))}, box);
      const picture = svg("svg", {width: 28, height: 12, "aria-hidden": "true"}, button);
      const look = entry.look || {colour: "#000", marker: "", dash: ""};
      this.line([[1, 6], [27, 6]], entry.kind, look, picture);
      if (entry.kind === "bound") svg("rect", {x: 1, y: 0, width: 26, height: 6, fill: "url(#hatch)"}, picture);
      if (entry.kind === "line") marker(look, 14, 6, picture);
      html("span", {}, button, entry.text);
      button.title = "Click: show or hide. Double click: this one alone.";
      button.addEventListener("click", () => this.toggle(entry.key));
      button.addEventListener("dblclick", () => this.only(entry.key));
      this.buttons.set(entry.key, button);
    }
    if (this.figure.legend.length > 5) for (const [text, on] of [["all", true], ["none", false]]) {
      const button = html("button", {type: "button", class: "plain"}, box, text);
      button.addEventListener("click", () => this.set(key => on));
    }
  }

  set(isOn) {
    for (const [key, button] of this.buttons) {
      const on = isOn(key);
      on ? this.off.delete(key) : this.off.add(key);
      button.setAttribute("aria-pressed", String(on));
    }
    this.redraw();
  }

  toggle(key) { this.set(one => one === key ? this.off.has(one) : !this.off.has(one)); }

  only(key) { this.set(one => one === key); }

  panels() {
    const box = this.place.querySelector(".panels");
    this.drawings = this.figure.panels.map((panel, i) => {
      const holder = html("div", {class: "panel"}, box);
      if (panel.title) html("h4", {}, holder, this.figure.panels.length > 1 ? `(${"abcdefghijklmnopqrstuvwxyz"[i % 26]}) ${panel.title}` : panel.title);
      const picture = svg("svg", {role: "img", tabindex: "0", "aria-label": `${this.figure.title}${panel.title ? ", " + panel.title : ""}. Arrow keys go from point to point; the points are also below as a table and in the CSV.`}, holder);
      const drawing = {picture, number: i, width: 0, points: [], note: html("p", {class: "note"}, holder)};
      picture.addEventListener("pointermove", event => this.point(drawing, event));
      picture.addEventListener("pointerdown", event => this.point(drawing, event));
      picture.addEventListener("pointerleave", () => this.leave(drawing));
      picture.addEventListener("blur", () => this.leave(drawing));
      picture.addEventListener("keydown", event => this.keys(drawing, event));
      new ResizeObserver(() => {
        const width = Math.round(holder.clientWidth);
        if (width && width !== drawing.width) { drawing.width = width; this.draw(drawing); }
      }).observe(holder);
      return drawing;
    });
  }

  redraw() {
    hideTip();
    this.fit();
    for (const drawing of this.drawings) if (drawing.width) this.draw(drawing);
    if (this.more.open) this.table(this.more);
  }

  draw(drawing) {
    const {figure} = this, {picture, width} = drawing, lines = figure.x.ticks.length ? 2 : 1;
    const height = Math.round(Math.max(210, Math.min(330, 0.66 * width))) + 14 * (lines - 1);
    const box = {left: 40, right: width - 10, top: 22, bottom: height - 24 - 14 * lines};
    const strip = this.free ? Math.min(26 + 7 * this.freeCount, 0.2 * width) : 0, inner = box.right - (strip ? strip + 10 : 0);
    const log = figure.x.kind === "log", [x0, x1] = this.xEnds.map(one => log ? Math.log(one) : one), margin = log ? 14 : 2;
    const [y0, y1] = this.yEnds;
    drawing.x = (value, series) => {
      if (value !== "inf") return box.left + margin + ((log ? Math.log(value) : value) - x0) / (x1 - x0) * (inner - box.left - 2 * margin);
      const place = this.places.get(series.keys.join() + series.text) || 0;
      return box.right - strip / 2 + (place - (this.places.size - 1) / 2) * Math.min(8, (strip - 8) / Math.max(1, this.places.size - 1));
    };
    drawing.y = value => box.bottom - (figure.y.scale * value - y0) / (y1 - y0) * (box.bottom - box.top);
    const there = figure.series.filter(one => one.panel === drawing.number && this.visible(one));
    this.places = new Map(there.filter(one => one.kind === "line" && one.rows.some(row => row[this.at] === "inf")).map((one, i) => [one.keys.join() + one.text, i]));
    picture.replaceChildren();
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.style.height = "auto";
    this.axes(drawing, box, inner, strip);
    drawing.points = [];
    const ranks = {bound: 0, level: 1, thin: 2, dotted: 3};
    const order = there.map((one, i) => [ranks[one.kind] ?? 4, -i, one]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [, , one] of order) this.curve(drawing, one, box, inner);
    drawing.points.sort((a, b) => a.px - b.px || a.py - b.py);
    drawing.ring = svg("circle", {r: 7, fill: "none", stroke: "#000", "stroke-width": 1.5, visibility: "hidden"}, picture);
    drawing.index = -1;
    const notes = figure.panels[drawing.number].notes;
    drawing.note.textContent = this.chosen ? notes[this.chosen] || "" : Object.values(notes)[0] || "";
  }

  axes(drawing, box, inner, strip) {
    const {figure} = this, {picture} = drawing, text = {class: "axis"};
    const wide = inner - box.left;
    for (const tick of ticks(...this.yEnds, Math.min(6, (box.bottom - box.top) / 34))) {
      const y = drawing.y(tick / figure.y.scale);
      svg("line", {x1: box.left, x2: box.right, y1: y, y2: y, class: "grid"}, picture);
      svg("text", {...text, x: box.left - 6, y: y + 4, "text-anchor": "end"}, picture).textContent = short(tick);
    }
    svg("text", {...text, x: 4, y: 12}, picture).textContent = figure.y.label;
    let last = -Infinity;
    const scale = figure.x.scale, most = Math.min(9, wide / 44);
    const places = figure.x.ticks.length ? figure.x.ticks : figure.x.kind === "log" ? [] : ticks(...this.xEnds.map(one => one * scale), most).map(one => [one / scale, short(one)]);
    for (const [tick, label] of places) {
      const x = drawing.x(tick);
      if (x - last < 34) continue;
      last = x;
      svg("line", {x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4, class: "frame"}, picture);
      if (!figure.x.ticks.length) svg("line", {x1: x, x2: x, y1: box.top, y2: box.bottom, class: "grid"}, picture);
      label.split("\n").forEach((part, i) => {
        svg("text", {...text, x, y: box.bottom + 17 + 13 * i, "text-anchor": "middle"}, picture).textContent = part;
      });
    }
    const down = box.bottom + 34 + (figure.x.ticks.length ? 13 : 0);
    svg("text", {...text, x: (box.left + inner) / 2, y: down, "text-anchor": "middle"}, picture).textContent = figure.x.label;
    svg("path", {d: `M${box.left},${box.top}V${box.bottom}H${inner}`, class: "frame"}, picture);
    if (strip) {
      const x = box.right - strip;
      svg("path", {d: `M${x},${box.bottom}H${box.right}M${inner - 3},${box.bottom + 5}l6,-10M${x - 3},${box.bottom + 5}l6,-10`, class: "frame"}, picture);
      svg("text", {...text, x: box.right - strip / 2, y: box.bottom + 17, "text-anchor": "middle"}, picture).textContent = strip > 50 ? "no noise" : "∞";
    }
    if (figure.diagonal) {
      const low = Math.max(this.xEnds[0], this.yEnds[0] / figure.y.scale), high = Math.min(this.xEnds[1], this.yEnds[1] / figure.y.scale);
      svg("line", {x1: drawing.x(low), y1: drawing.y(low), x2: drawing.x(high), y2: drawing.y(high), stroke: "#000", "stroke-dasharray": "5 3", "stroke-width": 0.8}, picture);
    }
  }

  line(points, kind, look, parent) {
    const width = {thin: 0.8, dotted: 1.4, level: 1.3, bound: 1.3}[kind] || 1.8;
    let path = "";
    points.forEach(([x, y], i) => {
      path += i === 0 ? `M${x.toFixed(1)},${y.toFixed(1)}` : kind === "step" ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `L${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const style = {d: path, fill: "none", stroke: look.colour, "stroke-width": width};
    if (kind === "dotted") style["stroke-dasharray"] = "1.5 2.5";
    else if (look.dash) style["stroke-dasharray"] = dashes(look, width);
    if (kind === "thin") style["stroke-opacity"] = 0.55;
    return svg("path", style, parent);
  }

  curve(drawing, one, box, inner) {
    const {picture} = drawing, colour = one.look.colour, group = svg("g", {}, picture);
    if (one.kind === "level") {
      const row = one.rows[0], y = drawing.y(this.get(row, "value"));
      this.line([[box.left, y], [box.right, y]], "level", one.look, group);
      drawing.points.push({px: box.right, py: y, row, one, level: true});
      return;
    }
    const place = row => [drawing.x(row[this.at], one), drawing.y(this.get(row, "value"))];
    const finite = one.rows.filter(row => row[this.at] !== "inf" && this.get(row, "value") !== null);
    const free = one.rows.filter(row => row[this.at] === "inf");
    for (const [low, high, opacity] of [["kb_low", "kb_high", 0.08], ["low", "high", 0.15]]) {
      const band = finite.filter(row => this.get(row, low) !== null);
      if (band.length < 2 || one.kind === "thin" || one.kind === "dotted" || one.kind === "dots") continue;
      const ends = [...band.map(row => [drawing.x(row[this.at], one), drawing.y(this.get(row, high))]), ...band.reverse().map(row => [drawing.x(row[this.at], one), drawing.y(this.get(row, low))])];
      svg("path", {d: "M" + ends.map(point => point.map(value => value.toFixed(1)).join(",")).join("L") + "Z", fill: colour, "fill-opacity": opacity}, group);
    }
    const points = finite.map(place);
    if (one.kind === "bound" && points.length > 1) {
      const up = points.map(([x, y]) => [x, y - 9]).reverse();
      svg("path", {d: "M" + [...points, ...up].map(point => point.join(",")).join("L") + "Z", fill: "url(#hatch)"}, group);
    }
    if (points.length) this.line(points, one.kind, one.look, group);
    const bars = one.kind === "dots" ? finite : [...(finite.length === 1 ? finite : []), ...free];
    for (const row of bars) {
      if (this.get(row, "low") === null) continue;
      const [x] = place(row);
      svg("path", {d: `M${x},${drawing.y(this.get(row, "low"))}V${drawing.y(this.get(row, "high"))}`, stroke: colour, "stroke-width": 1.2}, group);
    }
    for (const row of one.rows) {
      if (this.get(row, "value") === null) continue;
      const [x, y] = place(row);
      if (this.get(row, "training_low") !== null) {
        svg("path", {d: `M${x},${drawing.y(this.get(row, "training_low"))}V${drawing.y(this.get(row, "training_high"))}`, stroke: colour, "stroke-width": 3, "stroke-opacity": 0.6}, group);
      }
      if (one.kind === "line" || one.kind === "dots") marker(one.look, x, y, group, this.get(row, "stand_ins") > this.get(row, "n") / 2);
      drawing.points.push({px: x, py: y, row, one});
    }
  }

  point(drawing, event) {
    const box = drawing.picture.getBoundingClientRect(), zoom = drawing.width / box.width;
    const x = (event.clientX - box.left) * zoom, y = (event.clientY - box.top) * zoom;
    let best = -1, least = Infinity;
    drawing.points.forEach((point, i) => {
      const far = point.level ? 30 + 3 * Math.abs(point.py - y) : Math.hypot(point.px - x, point.py - y) + (point.one.kind === "thin" ? 4 : 0);
      if (far < least) { least = far; best = i; }
    });
    if (best >= 0) this.mark(drawing, best);
  }

  mark(drawing, index) {
    const point = drawing.points[index], box = drawing.picture.getBoundingClientRect(), zoom = box.width / drawing.width;
    drawing.index = index;
    for (const name of ["cx", "cy"]) drawing.ring.setAttribute(name, name === "cx" ? point.px : point.py);
    drawing.ring.setAttribute("visibility", "visible");
    showTip(this.say(point.one, point.row), box.left + zoom * point.px, box.top + zoom * point.py);
  }

  leave(drawing) {
    hideTip();
    if (drawing.ring) drawing.ring.setAttribute("visibility", "hidden");
  }

  keys(drawing, event) {
    const {points} = drawing, now = points[drawing.index];
    if (event.key === "Escape") return this.leave(drawing);
    if (!event.key.startsWith("Arrow") || !points.length) return;
    event.preventDefault();
    if (!now) return this.mark(drawing, 0);
    const forward = event.key === "ArrowRight" || event.key === "ArrowUp";
    const along = event.key === "ArrowRight" || event.key === "ArrowLeft";
    const others = points.map((point, i) => [point, i]).filter(([point]) => along ? point.one === now.one : Math.abs(point.px - now.px) < 6);
    others.sort(([a], [b]) => along ? a.px - b.px : b.py - a.py);
    const place = others.findIndex(([point]) => point === now) + (forward ? 1 : -1);
    this.mark(drawing, others[place] ? others[place][1] : drawing.index);
  }

  value(row, name, unit = true) {
    const {y} = this.figure, value = this.get(row, name);
    return value === null ? "" : number(y.scale * value, y.decimals) + (unit && y.unit ? " " + y.unit : "");
  }

  xText(row) {
    const value = row[this.at], {x} = this.figure;
    if (value === null) return "";
    if (value === "inf") return "no noise";
    return (x.kind === "snr" ? short(value) : number(x.scale * value, x.decimals)) + (x.unit ? " " + x.unit : "");
  }

  // What is said of a point: its curve, then pairs of label and value.
  say(one, row) {
    const {figure} = this, panel = figure.panels[one.panel].title, lines = [one.text];
    if (panel) lines.push([figure.panelWord || "Channel", panel]);
    if (figure.x.kind !== "log" && this.xText(row)) lines.push([figure.x.kind === "snr" ? "SNR" : figure.x.label.replace(/ \(.*\)$/, ""), this.xText(row)]);
    const ends = this.get(row, "low") === null ? "" : ` (${this.value(row, "low", false)} to ${this.value(row, "high", false)})`;
    lines.push([figure.y.label.replace(/ \(.*\)$/, ""), this.value(row, "value") + ends]);
    if (this.get(row, "kb_low") !== null) lines.push(["Other knowledge bases too", `${this.value(row, "kb_low", false)} to ${this.value(row, "kb_high", false)}`]);
    if (this.get(row, "trainings") !== null) lines.push([`${this.get(row, "trainings")} trainings`, `${this.value(row, "training_low", false)} to ${this.value(row, "training_high", false)}`]);
    if (one.constants.k) lines.push(["k", String(one.constants.k)]);
    for (const column of figure.columns) {
      const value = this.get(row, column.name);
      if (column.label && value !== null && value !== "" && value !== column.unless) lines.push([column.label, shown(value, column)]);
    }
    return lines;
  }

  csv() {
    const {figure} = this, constants = [...new Set(figure.series.flatMap(one => Object.keys(one.constants)))];
    const names = figure.columns.map(column => column.name);
    const lines = [[...constants, ...names.filter(name => !constants.includes(name))]];
    for (const one of figure.series) for (const row of one.rows) {
      lines.push(lines[0].map(name => name in one.constants ? one.constants[name] : this.get(row, name)));
    }
    return csvText(lines);
  }

  table(details) {
    const {figure} = this, heads = ["Curve", ...(figure.panels.length > 1 ? ["Panel"] : []), figure.x.label, figure.y.label, "95 % interval"];
    const rows = [];
    for (const one of figure.series) if (this.visible(one)) for (const row of one.rows) {
      const x = figure.x.kind === "log" && row[this.at] !== null ? short(row[this.at]) : this.xText(row);
      const ends = this.get(row, "low") === null ? "" : `${this.value(row, "low", false)} to ${this.value(row, "high", false)}`;
      rows.push([one.text, ...(figure.panels.length > 1 ? [figure.panels[one.panel].title] : []), x, this.value(row, "value", false), ends]);
    }
    if (rows.every(row => !row.at(-1))) [heads, ...rows].forEach(row => row.pop());
    const text = heads.indexOf(figure.x.label);
    details.querySelector(".wide")?.remove();
    const table = html("table", {class: "cards"}, html("div", {class: "wide"}, details));
    const head = html("tr", {}, html("thead", {}, table)), body = html("tbody", {}, table);
    heads.forEach((name, i) => html("th", {scope: "col", class: i < text ? "text" : ""}, head, name));
    for (const cells of rows) {
      const line = html("tr", {}, body);
      cells.forEach((cell, i) => html("td", {class: i < text ? "text" : "", "data-head": heads[i]}, line, cell));
    }
    sortable(table);
  }
}
