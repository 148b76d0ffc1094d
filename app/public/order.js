// Order keys, which sort todos as people arranged them: fractions in base 62, whose digits compare
// as texts in the order of their values. `src/order.rs` makes the same and says why.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = DIGITS.length;
const HEAD = 8;
const STEP = 2 ** 20;
const ROOM = 2 ** 18;
const MIDDLE = "V";

const anyNumber = () => Math.floor(Math.random() * 2 ** 32);

/** A key between these two; `undefined` is an end of the list. */
export function between(before, after, random = anyNumber()) {
  if (after === undefined) return keyAfter(before, random);
  const low = notBelow(before ?? "");
  const high = notAbove(after);
  const digits = [];
  let gap = 0;
  while (gap < ROOM || (before === undefined && digits.length < HEAD)) {
    const at = digits.length;
    gap = gap * BASE + digit(high, at) - digit(low, at);
    digits.push(digit(low, at));
    // Beyond both texts a gap grows with each digit, unless there is none.
    if (gap < 0 || at > Math.max(low.given.length, high.given.length) + HEAD) {
      return keyAfter(before, random);
    }
  }
  const offset =
    before === undefined && gap > 4 * STEP
      ? gap - STEP - (random % STEP)
      : Math.floor(gap / 4) + (random % Math.floor(gap / 2));
  raise(digits, offset);
  return text(digits);
}

/** A key after `last`; `undefined`: for the first todo of a list. */
function keyAfter(last = MIDDLE, random) {
  const low = notBelow(last);
  // Behind a head of nothing but the greatest digits there is more room further right.
  for (let length = HEAD; length <= low.given.length + HEAD; length += HEAD) {
    const digits = Array.from({ length }, (_, at) => digit(low, at));
    if (!raise(digits, STEP + (random % STEP))) return text(digits);
  }
  // No digit is greater than what it begins with, but whatever is longer is.
  return last + keyAfter(undefined, random);
}

/** The least digits that no key is above without being above `text`. */
const notBelow = (text) =>
  read(text, (smaller) =>
    smaller === 0 ? { last: [], rest: 0 } : { last: [smaller - 1], rest: BASE - 1 },
  );

/** The greatest digits that no key is below without being below `text`. */
const notAbove = (text) => read(text, (smaller) => ({ last: [smaller], rest: 0 }));

/** A text as digits without end: those given, then always the same. */
function read(text, foreign) {
  const given = [];
  for (const char of text) {
    const value = DIGITS.indexOf(char);
    if (value < 0) {
      const smaller = [...DIGITS].filter((digit) => digit < char).length;
      const { last, rest } = foreign(smaller);
      return { given: given.concat(last), rest };
    }
    given.push(value);
  }
  return { given, rest: 0 };
}

const digit = ({ given, rest }, at) => given[at] ?? rest;

/** Adds to the number that the digits are. Whether it has become too great for them. */
function raise(digits, by) {
  let carry = by;
  for (let at = digits.length - 1; at >= 0; at--) {
    const sum = digits[at] + carry;
    digits[at] = sum % BASE;
    carry = Math.floor(sum / BASE);
  }
  return carry > 0;
}

// One spelling for each fraction, or there would be none between two.
const text = (digits) => digits.map((value) => DIGITS[value]).join("").replace(/0+$/, "");
