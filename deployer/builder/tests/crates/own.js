export function greet(name) {
  return `hi ${name}`;
}

export function dive(depth) {
  return dive(depth + 1) + 1;
}

export function throw_() {
  throw new TypeError("thrown in passing");
}
