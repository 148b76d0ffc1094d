// TinyBase's stamped content as JSON. What is deleted is `undefined` in it, which JSON has no word
// for: TinyBase writes U+FFFC.

const UNDEFINED = "\uFFFC";

export const write = (content) => JSON.stringify(content, (_key, value) => (value === undefined ? UNDEFINED : value));

export const read = (json) => revived(JSON.parse(json));

function revived(value) {
  if (value === UNDEFINED) return undefined;
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, revived(part)]));
}
