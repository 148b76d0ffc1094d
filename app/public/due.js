// Days on which todos are due, `YYYY-MM-DD`, as people say them.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS = 86_400_000;

/** What of a cell is a day. */
export function dayOf(cell) {
  const [, month, day] = (typeof cell === "string" && /^\d{4}-(\d\d)-(\d\d)$/.exec(cell)) || [];
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 ? cell : undefined;
}

/** Today where the visitor is. */
export function today(now = new Date()) {
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** `3 Dec 2026`. The server writes the same. */
function inWords(day) {
  const [year, month, date] = day.split("-").map(Number);
  return `${date} ${MONTHS[month - 1]} ${year}`;
}

/** What is to be said of a todo's day, and whether it has passed. */
export function due({ due: day, completed }, now) {
  if (!day) return { words: "", overdue: false };
  if (!completed) {
    const left = Math.round((Date.parse(day) - Date.parse(now)) / DAY_MS);
    if (left < 0) return { words: `Overdue since ${inWords(day)}`, overdue: true };
    if (left === 0) return { words: "Due today", overdue: false };
    if (left === 1) return { words: "Due tomorrow", overdue: false };
  }
  return { words: `Due ${inWords(day)}`, overdue: false };
}

/** Calls with each new day. */
export function eachDay(act) {
  const now = new Date();
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  setTimeout(() => {
    act();
    eachDay(act);
  }, midnight - now + 1_000);
}
