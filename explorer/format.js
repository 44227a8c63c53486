// Numbers, amounts and times as people read them.

const COUNT = new Intl.NumberFormat("en");
const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });

export const count = (number) => COUNT.format(number);

/// Coins with eight decimals, those at the end that are 0 left out down to two.
export function coins(amount) {
  const [whole, decimals] = Number(amount).toFixed(8).split(".");
  const kept = decimals.replace(/0+$/, "").padEnd(2, "0");
  return `${COUNT.format(BigInt(whole))}.${kept}`;
}

/// A number with its leading digits alone and, when it is large or small, a power of ten.
export function significant(number, digits = 4) {
  if (number === 0) return "0";
  if (Math.abs(number) >= 1e15 || Math.abs(number) < 1e-4) {
    const [head, power] = number.toExponential(digits - 1).split("e");
    return `${Number(head)}×10${[...power.replace("+", "")].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;
  }
  return new Intl.NumberFormat("en", { maximumSignificantDigits: digits }).format(number);
}

function scaled(number, unit, units, base) {
  let value = number;
  let place = 0;
  while (value >= base && place < units.length - 1) {
    value /= base;
    place += 1;
  }
  return `${significant(value, 3)} ${units[place]}${unit}`;
}

export const rate = (perSecond) => scaled(perSecond, "H/s", ["", "k", "M", "G", "T", "P", "E"], 1000);
export const bytes = (number) => scaled(number, "B", ["", "k", "M", "G", "T"], 1000);

/// A length of time in its two largest units.
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [name, size] = parts[first];
  const next = parts[first + 1];
  const rest = next ? Math.floor((whole % size) / next[1]) : 0;
  return `${Math.floor(whole / size)} ${name}${rest ? ` ${rest} ${next[0]}` : ""}`;
}

export const ago = (time) => `${span(Date.now() / 1000 - time)} ago`;
export const when = (time) => `${WHEN.format(new Date(time * 1000))} UTC`;

/// Base units for a virtual byte, from coins for 1,000 of them.
export const feeRate = (coinsPerKvb) => `${significant(coinsPerKvb * 1e5, 3)} sat/vB`;

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;
