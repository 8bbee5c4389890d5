// What is looked for, as the fragment of the address: a view can be linked, and "back" goes back.

const LISTS = ["severity", "priority", "state", "kind"];
const TEXTS = ["view", "team", "image", "upgrade", "fixable", "text", "finding", "sort"];
const VIEWS = ["teams", "images", "upgrades", "findings"];

/** The state that a fragment tells; what it does not tell is empty. */
function stateOf(fragment) {
  const told = new URLSearchParams(fragment.replace(/^#/, ""));
  const state = {};
  for (const name of TEXTS) state[name] = told.get(name) ?? "";
  for (const name of LISTS) state[name] = (told.get(name) ?? "").split(",").filter(Boolean);
  if (!VIEWS.includes(state.view)) state.view = "teams";
  return state;
}

/** The fragment of a state with some of it changed. */
function fragmentOf(state, changes = {}) {
  const wanted = { ...state, ...changes };
  const told = [];
  for (const name of TEXTS) if (wanted[name]) told.push(`${name}=${spelt(wanted[name])}`);
  for (const name of LISTS) if (wanted[name].length) told.push(`${name}=${wanted[name].map(spelt).join(",")}`);
  return `#${told.join("&")}`;
}

/** What reads well in an address stays as it is. */
const spelt = (text) => encodeURIComponent(text).replace(/%(2F|3A|40)/g, (code) => decodeURIComponent(code));

/** Whether a fragment is about the findings at all, and not a mere place on the page. */
const isState = (fragment) => fragment.includes("=");

/** Whether anything but the view narrows what is shown. */
const isFiltered = (state) =>
  LISTS.some((name) => state[name].length) || ["team", "image", "upgrade", "fixable", "text"].some((name) => state[name]);
