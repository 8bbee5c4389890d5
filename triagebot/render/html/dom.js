// Elements, made of text nodes alone: what scans and people say is never read as markup.

/** An element. `told`: properties and attributes that we name; `children`: elements, or texts. */
function make(tag, told = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(told)) {
    if (value === undefined || value === false || value === null) continue;
    if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** A link out of the page, if the address is one that a browser may be sent to; else its text alone. */
function outward(url, text) {
  let parsed = null;
  try {
    parsed = new URL(url);
  } catch {
    return make("span", {}, text);
  }
  if (!["http:", "https:"].includes(parsed.protocol)) return make("span", {}, text);
  return make("a", { href: parsed.href, rel: "noopener noreferrer external", target: "_blank" }, text);
}

const count = new Intl.NumberFormat("en-GB").format;
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
const dayOf = (days) => new Date(days * 86_400_000).toISOString().slice(0, 10);
const severityBadge = (word) => make("span", { class: `sev ${word}` }, word);
