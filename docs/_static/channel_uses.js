"use strict";
/* What an image costs on the air: the same numbers as kbsc_tf.config.OfdmConfig and kbsc_tf.coding.TransportPlan. */
const ChannelUses = (() => {
  const BITS = { qpsk: 2, "16qam": 4, "64qam": 6, "256qam": 8 };
  const MCS = ["qpsk-1/12", "qpsk-1/8", "qpsk-1/5", "qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2", "16qam-2/3",
    "64qam-1/2", "64qam-2/3", "64qam-5/6", "256qam-3/4"]; // the set "wide"
  const BLOCK_LENGTH = 6144, SHORT_PAYLOAD = 100, POLAR_MIN = 12, POLAR_MAX = 359, LDPC_MIN = 12;

  function greatestDivisor(a, b) {
    return b ? greatestDivisor(b, a % b) : a;
  }

  function fraction(top, bottom) {
    const divisor = greatestDivisor(top, bottom) || 1;
    return bottom / divisor === 1 ? `${top / divisor}` : `${top / divisor}/${bottom / divisor}`;
  }

  function parseMcs(name) {
    const [modulation, rate] = name.split("-"), [top, bottom] = rate.split("/").map(Number);
    return { bits: BITS[modulation], top, bottom, info: (coded) => Math.floor((top * coded) / bottom) };
  }

  // CRC of the transport block for payload and CRC together (TS 38.212, clauses 7.2.1 and 6.3.1.2.1).
  const crcStep = (polar) => (polar ? 25 : 3824 + 16);
  const crcBits = (polar, capacity) => (capacity > crcStep(polar) ? (polar ? 11 : 24) : (polar ? 6 : 16));
  const blockCrc = (blocks) => (blocks > 1 ? 24 : 0);

  function payload(plan) {
    const capacity = plan.blocks * (plan.info - blockCrc(plan.blocks));
    return capacity - crcBits(plan.polar, capacity);
  }

  function maxSymbols(mcs) {
    const most = 4 * mcs.top <= mcs.bottom ? 3840 : 8448; // base graph 2 at rates up to 1/4
    let symbols = Math.floor(Math.min(BLOCK_LENGTH, Math.floor(((most + 1) * mcs.bottom) / mcs.top)) / mcs.bits);
    while (mcs.info(symbols * mcs.bits) > most) symbols -= 1;
    return symbols;
  }

  // Just above the step to the longer CRC a longer block would carry less.
  function beforeStep(info, blocks, polar) {
    const shorter = Math.floor(crcStep(polar) / blocks) + blockCrc(blocks);
    const better = info > shorter && payload({ blocks, info: shorter, polar }) >= payload({ blocks, info, polar });
    return better ? shorter : info;
  }

  function largestLdpc(mcs, uses, most) {
    const fewest = Math.max(1, Math.ceil(uses / most));
    let best = null;
    for (const blocks of [...new Set([1, Math.max(1, fewest - 1), fewest])].sort((a, b) => a - b)) {
      const coded = Math.min(Math.floor(uses / blocks), most) * mcs.bits;
      const plan = { blocks, info: beforeStep(mcs.info(coded), blocks, false), coded, polar: false };
      if (best === null || payload(plan) > payload(best)) best = plan;
    }
    return best;
  }

  function largestPolar(mcs, symbols, mostPayload) {
    const coded = symbols * mcs.bits;
    let info = beforeStep(mcs.info(coded), 1, true);
    if (mostPayload !== null) info = Math.min(info, mostPayload + crcBits(true, info));
    return { blocks: 1, info, coded, polar: true };
  }

  // The largest payload in a budget of complex channel uses; null where not even 12 bits and the CRC fit.
  function transportPlan(name, uses, code) {
    const mcs = parseMcs(name), most = maxSymbols(mcs), symbols = Math.min(uses, most);
    let plan;
    if (code === "ldpc") plan = largestLdpc(mcs, uses, most);
    else if (code === "polar") plan = largestPolar(mcs, symbols, null);
    else {
      const short = largestPolar(mcs, symbols, SHORT_PAYLOAD), long = largestLdpc(mcs, uses, most);
      plan = payload(short) >= Math.max(payload(long), POLAR_MIN) ? short : long;
    }
    const bits = payload(plan), capacity = plan.blocks * (plan.info - blockCrc(plan.blocks));
    const crc = crcBits(plan.polar, capacity) + plan.blocks * blockCrc(plan.blocks);
    const least = plan.polar ? POLAR_MIN + crcBits(true, capacity) : LDPC_MIN;
    if (plan.info < least || bits < 0 || (plan.polar && bits > POLAR_MAX)) return null;
    return { ...plan, payload: bits, crc, uses: (plan.blocks * plan.coded) / mcs.bits };
  }

  // What n symbols of an image take of a resource grid, in channel uses; null where they do not fit.
  function onGrid(n, grid) {
    const guards = grid.guard_low + grid.guard_high + (grid.dc_null ? 1 : 0), carriers = grid.fft_size - guards;
    const pilots = grid.pilot_symbols * carriers, symbols = grid.num_ofdm_symbols;
    const slots = (symbols * carriers - pilots) * grid.streams;
    const rows = carriers > 0 && slots > 0 ? Math.floor(slots / n) : 0;
    if (rows < 1) return null;
    return {
      rows, uses: (symbols * (grid.fft_size + grid.cyclic_prefix)) / rows, pilots: pilots / rows,
      guards: (symbols * guards) / rows, prefix: (symbols * grid.cyclic_prefix) / rows,
      unused: (slots - rows * n) / grid.streams / rows,
    };
  }

  /* { height, width, k, scheme: "uncoded" or "coded", mcs, code, channel: "flat" or "ofdm", and the keys of a grid }
     -> { n, uses, cbr, plan, grid }, or { n, error }. */
  function cost(choice) {
    const n = choice.k / 2;
    let symbols = n, plan = null, grid = null;
    if (choice.scheme === "coded") {
      plan = transportPlan(choice.mcs, n, choice.code);
      if (plan === null) return { n, error: `no payload fits ${n} channel uses with ${choice.mcs}` };
      symbols = plan.uses;
    }
    if (choice.channel === "ofdm") {
      grid = onGrid(symbols, choice);
      if (grid === null) return { n, error: `a grid does not hold ${symbols} symbols` };
    }
    const uses = grid ? grid.uses : symbols;
    return { n, uses, cbr: uses / (3 * choice.height * choice.width), plan, grid };
  }

  return { MCS, cost, fraction, onGrid, transportPlan };
})();

if (typeof module !== "undefined") module.exports = ChannelUses;

if (typeof document !== "undefined") {
  const form = document.getElementById("channel-uses"), results = form.querySelector("[data-results]");
  form.elements.mcs.append(...ChannelUses.MCS.map((name) => new Option(name)));
  form.elements.mcs.value = "qpsk-1/2";

  const number = (value) => Number(value.toFixed(2)).toLocaleString("en");

  const read = () => Object.fromEntries([...form.elements].filter((one) => one.name).map((one) =>
    [one.name, one.type === "checkbox" ? one.checked : one.type === "number" ? Number(one.value) : one.value]));

  function rows(choice) {
    const { n, uses, cbr, plan, grid, error } = ChannelUses.cost(choice);
    const found = [["complex channel uses n = k/2", number(n)]];
    if (error) return [...found, ["", error]];
    const values = 3 * choice.height * choice.width;
    if (uses !== n) found.push(["channel uses counted", number(uses)]);
    const exact = Number.isInteger(uses) ? `${ChannelUses.fraction(uses, values)} = ` : "";
    found.push(["CBR", `${exact}${cbr.toPrecision(4)}`], ["1 / CBR", number(1 / cbr)]);
    if (plan) {
      found.push(["payload", `${number(plan.payload)} bits = ${number(plan.payload / 8)} bytes`],
        ["CRC", `${plan.crc} bits`],
        ["code", `${plan.blocks} ${plan.polar ? "polar" : "LDPC"} block${plan.blocks > 1 ? "s" : ""}, ` +
          `${number(plan.info)} to ${number(plan.coded)} bits${plan.blocks > 1 ? " each" : ""}`]);
    }
    if (grid) {
      const overhead = grid.pilots + grid.guards + grid.prefix + grid.unused;
      found.push(["images in a grid", grid.rows],
        ["overhead", `${number(overhead)} uses (${number((100 * overhead) / uses)} %): pilots ${number(grid.pilots)}, ` +
          `guards ${number(grid.guards)}, prefix ${number(grid.prefix)}, unused ${number(grid.unused)}`]);
    }
    return found;
  }

  function show() {
    const choice = read();
    for (const kind of ["coded", "ofdm"]) {
      const hidden = choice.scheme !== kind && choice.channel !== kind;
      form.querySelectorAll(`.${kind}`).forEach((one) => { one.hidden = hidden; });
    }
    const shown = form.checkValidity() ? rows(choice) : [["", "an input is out of range"]];
    results.replaceChildren(...shown.map(([name, text]) => {
      const row = document.createElement("tr");
      row.append(...[name, text].map((one) => Object.assign(document.createElement("td"), { textContent: one })));
      return row;
    }));
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
