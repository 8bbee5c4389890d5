// Questions to the columns. One pass over typed arrays each: 200,000 findings take some milliseconds.

/** What a state asks for, looked up once for each value that a column holds, not for each row. */
class Query {
  constructor(held, state) {
    const { numbers, words, told } = held;
    this.held = held;
    this.team = state.team ? told.teams.findIndex(([id]) => id === state.team) : -1;
    this.isNothing = Boolean(state.team) && this.team < 0;
    this.fixable = state.fixable === "yes" ? 1 : state.fixable === "no" ? 0 : -1;
    this.facets = held.facets.map((facet) => chosen(facet, state[facet.name]));
    this.steps = this.#allowedSteps(state);
    this.words = state.text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => this.#word(word));
    this.size = numbers.id.length;
  }

  /** The rows that match, and for each facet how many rows each of its values would give. */
  run() {
    const { numbers, facets } = this.held;
    const rows = new Uint32Array(this.size);
    const counts = facets.map((facet) => new Uint32Array(facet.values.length));
    let found = 0;
    for (let row = 0; row < this.size && !this.isNothing; row++) {
      if (this.team >= 0 && numbers.team[row] !== this.team) continue;
      if (this.fixable >= 0 && numbers.fixable[row] !== this.fixable) continue;
      let misses = 0;
      let missed = 0;
      for (let at = 0; at < facets.length; at++) {
        if (this.facets[at] && !this.facets[at][facets[at].of[row]]) {
          misses++;
          missed = at;
        }
      }
      if (misses > 1 || (this.steps && !this.#isPlaced(row, this.steps)) || !this.#isSaid(row)) continue;
      for (let at = 0; at < facets.length; at++) {
        if (!misses || missed === at) counts[at][facets[at].of[row]]++;
      }
      if (!misses) rows[found++] = row;
    }
    return { rows: rows.subarray(0, found), counts };
  }

  #isPlaced(row, steps) {
    const { starts, step } = this.held.numbers;
    for (let at = starts[row]; at < starts[row + 1]; at++) if (steps[step[at]]) return true;
    return false;
  }

  #isSaid(row) {
    const { vulnerability, package: packages, title, id } = this.held.numbers;
    return this.words.every(
      (word) =>
        word.vulnerability[vulnerability[row]] || word.package[packages[row]] || word.title[title[row]] ||
        (word.id && hex(id[row]).startsWith(word.id)) || (word.steps && this.#isPlaced(row, word.steps)),
    );
  }

  #word(word) {
    const { numbers, lower } = this.held;
    const within = (texts) => flags(texts, (text) => text.includes(word));
    const images = within(lower.image);
    return {
      vulnerability: within(lower.vulnerability),
      package: within(lower.package),
      title: within(lower.title),
      steps: images.includes(1) ? flags(numbers.step_image, (image) => images[image]) : null,
      id: /^[0-9a-f]{4,8}$/.test(word) ? word : "",
    };
  }

  #allowedSteps(state) {
    if (!state.image && !state.upgrade) return null;
    const { step_image, step_upgrade } = this.held.numbers;
    const images = state.image ? this.#images(state.image) : null;
    const upgrade = state.upgrade ? (this.held.upgradeOf.get(state.upgrade) ?? -2) : -1;
    return flags(
      step_image,
      (image, at) => (!images || images[image]) && (upgrade === -1 || step_upgrade[at] === upgrade),
    );
  }

  /** The image of that very name; where there is none, those with the text in their name. */
  #images(text) {
    const { words, lower } = this.held;
    const exact = words.image.indexOf(text);
    const part = text.toLowerCase();
    return flags(lower.image, (name, at) => (exact < 0 ? name.includes(part) : at === exact));
  }
}

function chosen(facet, values) {
  return values.length ? flags(facet.values, (value) => values.includes(value)) : null;
}

/** A small number for each value of a column: what a function says of it. */
function flags(column, tell) {
  const made = new Uint8Array(column.length);
  for (let at = 0; at < column.length; at++) made[at] = tell(column[at], at);
  return made;
}

const hex = (number) => number.toString(16).padStart(8, "0");

/** How a finding is linked: ids are short, so that of hundreds of thousands two may be alike; its name goes along. */
const markOf = ({ numbers, words }, row) => `${hex(numbers.id[row])}-${words.vulnerability[numbers.vulnerability[row]]}`;

/** The row of a link; -1 where there is none any more. The id alone will do. */
function rowOf(held, mark) {
  const { id } = held.numbers;
  const number = parseInt(mark.slice(0, 8), 16);
  const alike = [];
  for (let row = id.indexOf(number); row >= 0; row = id.indexOf(number, row + 1)) alike.push(row);
  return alike.find((row) => markOf(held, row) === mark) ?? alike[0] ?? -1;
}

/** Adds up rows by what they belong to: `all`, `fixable` and `severity` (one count each) for every group. */
class Tally {
  constructor(groups, severities) {
    this.severities = severities;
    this.all = new Uint32Array(groups);
    this.fixable = new Uint32Array(groups);
    this.by = new Uint32Array(groups * severities);
    this.images = new Uint32Array(groups);
  }

  add(group, severity, fixable) {
    this.all[group]++;
    this.fixable[group] += fixable;
    this.by[group * this.severities + severity]++;
  }

  /** How many of one severity a group has. */
  of(group, severity) {
    return this.by[group * this.severities + severity];
  }

  /** The groups that have anything, the worst first; ties in their own order. */
  worst() {
    const groups = [...this.all.keys()].filter((group) => this.all[group]);
    return groups.sort((a, b) => this.#compare(a, b) || a - b);
  }

  #compare(a, b) {
    for (let at = 0; at < this.severities; at++) {
      const differs = this.of(b, at) - this.of(a, at);
      if (differs) return differs;
    }
    return 0;
  }
}

/** The rows by team; `images`: how many images of the team show any of them. */
function byTeam(held, rows, steps) {
  const { numbers, told, words } = held;
  const tally = new Tally(told.teams.length, told.severities.length);
  const seen = new Uint8Array(words.image.length);
  for (const row of rows) {
    tally.add(numbers.team[row], numbers.severity[row], numbers.fixable[row]);
    for (let at = numbers.starts[row]; at < numbers.starts[row + 1]; at++) {
      const image = numbers.step_image[numbers.step[at]];
      if (seen[image] || (steps && !steps[numbers.step[at]])) continue;
      seen[image] = 1;
      tally.images[numbers.team[row]]++;
    }
  }
  return tally;
}

/** The rows by image: a finding counts in each image that shows it. */
function byImage(held, rows, steps) {
  const { numbers, told, words } = held;
  const tally = new Tally(words.image.length, told.severities.length);
  for (const row of rows) {
    let last = -1; // the places of a finding are in the order of their images
    for (let at = numbers.starts[row]; at < numbers.starts[row + 1]; at++) {
      const step = numbers.step[at];
      const image = numbers.step_image[step];
      if (image === last || (steps && !steps[step])) continue;
      last = image;
      tally.add(image, numbers.severity[row], numbers.fixable[row]);
    }
  }
  return tally;
}

/** The rows by upgrade: a finding counts once for each upgrade that clears it somewhere. */
function byUpgrade(held, rows, steps) {
  const { numbers, told } = held;
  const tally = new Tally(numbers.upgrade_package.length, told.severities.length);
  const last = new Uint32Array(numbers.upgrade_package.length); // the row that was counted last, plus one
  const seen = new Uint8Array(numbers.step_image.length);
  for (const row of rows) {
    for (let at = numbers.starts[row]; at < numbers.starts[row + 1]; at++) {
      const step = numbers.step[at];
      if (steps && !steps[step]) continue;
      const upgrade = numbers.step_upgrade[step];
      if (!seen[step]) tally.images[upgrade] += seen[step] = 1;
      if (last[upgrade] === row + 1) continue;
      last[upgrade] = row + 1;
      tally.add(upgrade, numbers.severity[row], numbers.fixable[row]);
    }
  }
  return tally;
}

/** The rows in the order of a column of whole numbers; equals stay as they are (a counting sort). */
function sorted(rows, key, isDown) {
  let most = 0;
  for (const row of rows) most = Math.max(most, key(row));
  const place = (row) => (isDown ? most - key(row) : key(row));
  const ends = new Uint32Array(most + 2);
  for (const row of rows) ends[place(row) + 1]++;
  for (let at = 1; at < ends.length; at++) ends[at] += ends[at - 1];
  const made = new Uint32Array(rows.length);
  for (const row of rows) made[ends[place(row)]++] = row;
  return made;
}
