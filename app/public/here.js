// Who is here: values `here/<id>` of the store, which the server sets and deletes.

const PREFIX = "here/";
const MOST = 5;

/** Keeps `element` a row of dots, one for each person. */
export function showPresence(store, element) {
  const show = () => showPeople(element, people(store));
  store.addValuesListener(show);
  show();
}

function people(store) {
  const values = Object.entries(store.getValues()).filter(([id]) => id.startsWith(PREFIX));
  const names = values.map(([, value]) => value?.name).filter((name) => typeof name === "string" && name);
  return names.sort();
}

function showPeople(element, names) {
  const more = names.length - MOST;
  const dots = names.slice(0, MOST).map((name) => dot([...name][0], name));
  if (more > 0) dots.push(dot(`+${more}`, names.slice(MOST).join(", ")));
  element.replaceChildren(...dots);
  element.hidden = dots.length === 0;
}

function dot(letter, name) {
  const item = document.createElement("li");
  const shown = document.createElement("span");
  shown.ariaHidden = "true";
  shown.textContent = letter;
  const told = document.createElement("span");
  told.className = "hidden";
  told.textContent = name;
  item.className = "dot";
  item.title = name;
  item.append(shown, told);
  return item;
}
