// The four ways to look at the findings, each a table: by team, image and upgrade, and one by one.

const TITLES = { teams: "Teams", images: "Images", upgrades: "Upgrades", findings: "Findings" };
const NOUNS = { teams: ["team"], images: ["image"], upgrades: ["upgrade"], findings: ["finding"] };
const WORST = ["critical", "high", "medium", "low"];

/** The table of a state: what `Table.show` takes, but for sorting. `found`: what `Query.run` gave. */
function viewOf(held, state, found, steps) {
  return { teams, images, upgrades, findings }[state.view](held, state, found.rows, steps);
}

const link = (state, changes, text) => make("a", { href: fragmentOf(state, { finding: "", sort: "", ...changes }) }, text);

/** A table of groups. `before` and `after` are columns of its own around the counts. */
function grouped(held, state, tally, groups, { name, before, after = [] }) {
  const severities = held.told.severities;
  const counted = [
    ...WORST.map((word) => ({
      label: word, sort: word, isDown: true, class: `count ${word === "medium" || word === "low" ? "wide" : ""}`,
      value: (group) => number(tally.of(group, severities.indexOf(word)), word),
      key: (group) => tally.of(group, severities.indexOf(word)),
    })),
    { label: "Fixable", sort: "fixable", isDown: true, class: "count wide", value: (g) => number(tally.fixable[g]), key: (g) => tally.fixable[g] },
    { label: "All", sort: "all", isDown: true, class: "count", value: (g) => number(tally.all[g]), key: (g) => tally.all[g] },
  ];
  const columns = [...before, ...counted, ...after];
  const { by, isDown } = sortOf(state);
  const column = columns.find((c) => c.sort === by);
  if (column) groups = ordered(groups, column.key, isDown);
  return { name, columns, length: groups.length, row: (at) => columns.map((c) => c.value(groups[at])) };
}

/** Groups by a number or a text; equals stay as they are. */
function ordered(groups, key, isDown) {
  const turn = isDown ? -1 : 1;
  return [...groups].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    return turn * (typeof one === "string" ? one.localeCompare(other) : one - other);
  });
}

const number = (n, word = "") => make("span", { class: n ? word : "none" }, count(n));

/** `-critical`: by that column, the largest first. */
const sortOf = (state) => ({ by: state.sort.replace(/^-/, ""), isDown: state.sort.startsWith("-") });

function teams(held, state, rows, steps) {
  const tally = byTeam(held, rows, steps);
  const name = (team) => held.told.teams[team][1];
  const before = [
    { label: "Team", sort: "name", class: "name", key: name,
      value: (team) => link(state, { team: held.told.teams[team][0], view: "images" }, name(team)) },
    { label: "Images", sort: "images", isDown: true, class: "count", key: (t) => tally.images[t], value: (t) => number(tally.images[t]) },
  ];
  return grouped(held, state, tally, tally.worst(), { name: "teams", before });
}

function images(held, state, rows, steps) {
  const { words, told, numbers } = held;
  const tally = byImage(held, rows, steps);
  const name = (image) => words.image[image];
  const team = (image) => told.teams[numbers.image_team[image]][1];
  const before = [
    { label: "Image", sort: "name", class: "name", key: name,
      value: (image) => link(state, { image: name(image), view: "upgrades" }, shortened(name(image))) },
    { label: "Team", sort: "team", class: "team wide", key: team, value: team },
  ];
  const looked = (image) => told.image_statuses[numbers.image_status[image]];
  const after = [{ label: "Last scan", sort: "looked", class: "looked wide", key: looked, value: (image) => make("span", { class: `looked-${numbers.image_status[image]}` }, looked(image)) }];
  const groups = tally.worst();
  if (!isFiltered({ ...state, team: "" })) groups.push(...cleanImages(held, state, tally));
  return grouped(held, state, tally, groups, { name: "images", before, after });
}

/** Images without a finding: looked at and clean, or not to be looked at. */
function cleanImages(held, state, tally) {
  const { words, numbers, told } = held;
  const team = told.teams.findIndex(([id]) => id === state.team);
  return [...words.image.keys()].filter((image) => !tally.all[image] && (!state.team || numbers.image_team[image] === team));
}

/** The end of an image's name tells most: what is before it is set smaller. */
function shortened(name) {
  const at = name.lastIndexOf("/") + 1;
  return make("span", { class: "image" }, at ? make("small", {}, name.slice(0, at)) : "", make("span", {}, name.slice(at)));
}

function upgradeWords(held, upgrade) {
  const { numbers, words } = held;
  const to = words.upgrade_to[upgrade];
  const at = numbers.upgrade_package[upgrade];
  const isPackage = words.package[at].startsWith("pkg:"); // else a check that fails, or a secret
  const without = isPackage ? "no fix is known" : "put it right";
  const what = numbers.upgrade_fixable[upgrade] ? to || "a version that the scanner does not tell" : without;
  return { name: words.name[at], what, isKnown: Boolean(to) };
}

function upgrades(held, state, rows, steps) {
  const tally = byUpgrade(held, rows, steps);
  const told = (upgrade) => upgradeWords(held, upgrade);
  const before = [
    { label: "Package", sort: "name", class: "name", key: (u) => told(u).name,
      value: (u) => link(state, { upgrade: held.upgradeKeys[u], view: "findings" }, told(u).name) },
    { label: "Upgrade to", sort: "to", class: "to", key: (u) => told(u).what,
      value: (u) => (told(u).isKnown ? make("code", {}, told(u).what) : make("span", { class: "soft" }, told(u).what)) },
    { label: "Images", sort: "images", isDown: true, class: "count wide", key: (u) => tally.images[u], value: (u) => number(tally.images[u]) },
  ];
  const groups = tally.worst();
  const { upgrade_fixable: fixable } = held.numbers;
  groups.sort((a, b) => fixable[b] - fixable[a]); // what can be done comes first
  return grouped(held, state, tally, groups, { name: "upgrades", before });
}

/** What the places of a finding say, each once; those within the steps that are asked for, if any are. */
function saidOf(held, row, column, steps) {
  const { numbers, words } = held;
  const said = new Set();
  for (let at = numbers.starts[row]; at < numbers.starts[row + 1]; at++) {
    if (!steps || steps[numbers.step[at]]) said.add(words[column][numbers[column][at]]);
  }
  said.delete("");
  return [...said].join(", ");
}

function findings(held, state, rows, steps) {
  const { numbers, words, told } = held;
  const word = (column) => (row) => words[column][numbers[column][row]];
  const first = (column) => (row) => numbers[column][numbers.starts[row]];
  const rank = (row) => held.priorityRank[numbers.rule[row]];
  const columns = [
    { label: "Vulnerability", sort: "vulnerability", class: "vulnerability", key: (r) => numbers.vulnerability[r],
      value: (r) => named(held, state, r) },
    { label: "Severity", sort: "severity", class: "severity", key: (r) => numbers.severity[r],
      value: (r) => severityBadge(told.severities[numbers.severity[r]]) },
    { label: "Priority", sort: "priority", class: "priority wide", key: rank, value: (r) => told.rules[numbers.rule[r]][1] },
    { label: "Package", sort: "package", class: "package", key: (r) => numbers.package[r],
      value: (r) => words.name[numbers.package[r]] },
    { label: "Installed", sort: "installed", class: "version installed wide", key: first("installed"), value: (r) => make("code", {}, saidOf(held, r, "installed", steps)) },
    { label: "Fixed in", sort: "fixed", class: "version wide", key: first("fixed"),
      value: (r) => fixedIn(held, r, steps) },
    { label: "Image", sort: "asset", class: "asset wide", key: (r) => numbers.asset[r], value: (r) => shortened(word("asset")(r)) },
    { label: "State", sort: "state", class: "state wide", key: (r) => numbers.state[r], value: (r) => make("span", { class: `state-${told.states[numbers.state[r]]}` }, told.states[numbers.state[r]]) },
    { label: "Ticket", sort: "ticket", class: "ticket wide", key: (r) => numbers.ticket[r], value: (r) => ticketMark(held, r) },
  ];
  const { by, isDown } = sortOf(state);
  const column = columns.find((c) => c.sort === by);
  const order = column ? sorted(rows, column.key, isDown) : rows;
  return { name: "findings", columns, length: order.length, row: (at) => columns.map((c) => c.value(order[at])) };
}

function named(held, state, row) {
  const { numbers, words } = held;
  const name = words.vulnerability[numbers.vulnerability[row]];
  const href = fragmentOf(state, { finding: markOf(held, row) });
  return make("span", {}, make("a", { href }, name), numbers.kev[row] ? make("abbr", { class: "kev", title: "Known to be exploited" }, "KEV") : "");
}

function fixedIn(held, row, steps) {
  const said = saidOf(held, row, "fixed", steps);
  if (said) return make("code", {}, said);
  return make("span", { class: "none" }, held.numbers.fixable[row] ? "not told" : "–");
}

function ticketMark(held, row) {
  const ticket = held.told.tickets[held.numbers.ticket[row] - 1];
  return ticket ? make("span", { class: ticket.open ? "" : "soft" }, ticket.open ? "open" : "closed") : make("span", { class: "none" }, "–");
}
