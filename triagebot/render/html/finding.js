// One finding, with everything that is known of it, down to its ticket.

/** Fill the card of a finding. */
function tellFinding(held, state, row, card) {
  const { numbers, words, told } = held;
  const word = (column) => words[column][numbers[column][row]];
  const [rule, priority, because] = told.rules[numbers.rule[row]];
  const name = word("vulnerability");
  const severity = told.severities[numbers.severity[row]];
  const close = make("a", { href: fragmentOf(state, { finding: "" }), class: "close" }, "Close");
  const heading = make("h3", { id: "finding-title" }, severityBadge(severity), " ", word("url") ? outward(word("url"), name) : name, " in ", make("code", {}, words.name[numbers.package[row]]));
  const facts = make("dl", { class: "facts" });
  const fact = (label, ...said) => said.some((part) => part !== "" && part !== null) && facts.append(make("dt", {}, label), make("dd", {}, ...said));
  fact("What it is", word("title"));
  fact("Ticket", ...ticketWords(held, row));
  fact("Priority", make("b", {}, priority), ` ${because} `, make("span", { class: "soft" }, `(rule ${rule})`));
  fact("State", told.states[numbers.state[row]], numbers.missed[row] ? `, not looked at for ${plural(numbers.missed[row], "scan")}` : "");
  fact("Excused", word("excuse"));
  fact("Severity", severity, word("severity_source") || word("scanner") ? ` by ${word("severity_source") || word("scanner")}` : "", numbers.cvss[row] === 255 ? "" : `, CVSS ${(numbers.cvss[row] / 10).toFixed(1)}`);
  fact("Exploited", numbers.kev[row] ? "known to be exploited (CISA KEV)" : "", numbers.epss[row] === 65535 ? "" : `${numbers.kev[row] ? ", " : ""}EPSS ${(numbers.epss[row] / 100).toFixed(2)}%`);
  fact("Also called", words.alias[numbers.vulnerability[row]]);
  fact("Package", make("code", {}, word("package")));
  fact("Team", told.teams[numbers.team[row]][1]);
  fact("First seen", dayOf(numbers.first_seen[row]));
  fact("Finding", make("code", {}, hex(numbers.id[row])), " ", make("span", { class: "soft" }, `triagebot explain ${hex(numbers.id[row])} tells why`));
  card.replaceChildren(make("header", {}, heading, close), facts, placesOf(held, state, row));
}

function ticketWords(held, row) {
  const ticket = held.told.tickets[held.numbers.ticket[row] - 1];
  if (!ticket) return ["none shows it"];
  const how = ticket.open ? `open${ticket.due ? `, due ${ticket.due}` : ""}` : `closed${ticket.closed_as ? ` as ${ticket.closed_as}` : ""}`;
  const title = ticket.title || ticket.id;
  return [ticket.url ? outward(ticket.url, title) : make("span", {}, title), " ", make("span", { class: "soft" }, `${ticket.url ? "" : `${ticket.id}, `}${how}`)];
}

/** Where it is, and what to do there. */
function placesOf(held, state, row) {
  const { numbers, words } = held;
  const rows = [];
  for (let at = numbers.starts[row]; at < numbers.starts[row + 1]; at++) {
    const step = numbers.step[at];
    const upgrade = numbers.step_upgrade[step];
    const image = words.image[numbers.step_image[step]];
    const { what, isKnown } = upgradeWords(held, upgrade);
    const todo = link(state, { image, upgrade: held.upgradeKeys[upgrade], view: "findings" }, isKnown ? `upgrade to ${what}` : what);
    rows.push(make("tr", {}, make("th", { scope: "row" }, link(state, { image, upgrade: "", view: "upgrades" }, image)),
      make("td", {}, make("code", {}, words.installed[numbers.installed[at]])), make("td", {}, make("code", {}, words.fixed[numbers.fixed[at]])), make("td", {}, todo)));
  }
  const head = ["Image", "Installed", "Fixed in", "What to do there"].map((label) => make("th", { scope: "col" }, label));
  const table = make("table", { class: "figures places" }, make("caption", { class: "hidden" }, "Where it is"), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Where it is" }, table);
}
