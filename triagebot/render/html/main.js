// The explorer: reads the fragment, asks, and shows. Every change goes through the fragment.

const byId = (id) => document.getElementById(id);

async function main() {
  const redraw = drawCharts();
  onPaper(redraw);
  if (typeof DecompressionStream === "undefined") {
    fail("This browser is too old to unpack the findings. The figures above are complete.");
    return;
  }
  try {
    const held = await unpacked(byId("packed"));
    await prepare(held);
    await new Explorer(held).begin();
  } catch (error) {
    fail("The findings cannot be read: this file is not complete. The figures above are.");
    throw error;
  }
}

function fail(text) {
  byId("loading").replaceChildren(text);
  byId("loading").className = "notice wrong";
}

/** What follows from the columns and is asked for again and again. */
async function prepare(held) {
  const { numbers, words, told } = held;
  held.lower = {};
  for (const name of ["image", "package", "title"]) {
    held.lower[name] = words[name].map((text) => text.toLowerCase());
    await pause();
  }
  held.lower.vulnerability = words.vulnerability.map((text, at) => `${text} ${words.alias[at]}`.toLowerCase());
  await pause();
  held.upgradeKeys = words.upgrade_to.map((to, at) => `${words.package[numbers.upgrade_package[at]]} ${numbers.upgrade_fixable[at] ? to || "?" : "-"}`);
  held.upgradeOf = new Map(held.upgradeKeys.map((key, at) => [key, at]));
  const priorities = [...new Set(told.rules.map(([, priority]) => priority))].sort();
  held.priorityRank = Uint8Array.from(told.rules, ([, priority]) => priorities.indexOf(priority));
  await pause();
  held.facets = [
    { name: "severity", label: "Severity", values: told.severities, of: numbers.severity },
    { name: "priority", label: "Priority", values: priorities, of: flags(numbers.rule, (rule) => held.priorityRank[rule]) },
    { name: "state", label: "State", values: told.states, of: numbers.state },
    { name: "kind", label: "Kind", values: told.kinds, of: numbers.kind },
  ];
  await pause();
}

class Explorer {
  constructor(held) {
    this.held = held;
    this.form = byId("filters");
    this.table = new Table(byId("list"));
    this.typed = 0;
  }

  async begin() {
    const { told, words } = this.held;
    byId("f-team").append(...told.teams.map(([id, name]) => make("option", { value: id }, name)));
    await this.#boxes();
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => this.#onInput(event));
    this.form.addEventListener("reset", () => this.#onReset());
    byId("f-image").addEventListener("focus", () => this.#offerImages(words.image), { once: true });
    addEventListener("hashchange", () => (isState(location.hash) || !location.hash) && this.show(true));
    onPaper((isPrinting) => this.table.print(isPrinting));
    byId("loading").hidden = true;
    byId("explorer").hidden = false;
    this.show(isState(location.hash));
    document.documentElement.dataset.ready = "";
    performance.mark("triagebot-ready");
  }

  /** A box for each value of a facet that any finding has; a facet of one value is none. */
  async #boxes() {
    for (const facet of this.held.facets) {
      const used = new Uint8Array(facet.values.length);
      for (let row = 0; row < facet.of.length; row++) used[facet.of[row]] = 1;
      facet.boxes = facet.values.map((value, at) => (used[at] ? this.#box(facet, value) : null));
      await pause();
      if (used.indexOf(1) === used.lastIndexOf(1) && facet.name !== "severity") continue;
      const labels = facet.boxes.filter(Boolean).map(({ label }) => label);
      byId("facets").append(make("fieldset", {}, make("legend", {}, facet.label), ...labels));
    }
  }

  #box(facet, value) {
    const input = make("input", { type: "checkbox", name: facet.name, value });
    const number = make("span", { class: "number" });
    const label = make("label", { class: facet.name === "severity" ? `chip ${value}` : "chip" }, input, make("span", {}, value), number);
    return { input, number, label };
  }

  #offerImages(names) {
    byId("images").append(...names.slice(0, 5000).map((name) => make("option", { value: name })));
  }

  /** Typing waits a little and leaves no trace in the history of the browser; a choice is a step to go back to. */
  #onInput(event) {
    const isTyped = event.target.type === "search" || event.target.hasAttribute("list");
    clearTimeout(this.typed);
    const go = () => this.#go(this.#formState(), isTyped);
    if (isTyped) this.typed = setTimeout(go, 120);
    else go();
  }

  #onReset() {
    clearTimeout(this.typed);
    this.#go({ ...stateOf(""), view: this.state.view });
    byId("f-text").focus();
  }

  #formState() {
    const told = new FormData(this.form);
    const state = { ...this.state, finding: "" };
    for (const name of ["text", "team", "image", "fixable"]) state[name] = told.get(name).trim();
    if (state.image !== this.state.image) state.upgrade = "";
    for (const { name } of this.held.facets) state[name] = told.getAll(name);
    return state;
  }

  #go(state, isTyped = false) {
    const fragment = fragmentOf(state);
    this.isByForm = true;
    if (fragment === location.hash) this.show(false);
    else if (isTyped) location.replace(fragment);
    else location.hash = fragment;
  }

  /** Show what the fragment asks for. `isMoved`: by a link, so that the focus goes along. */
  show(isMoved) {
    const { held } = this;
    const was = this.state;
    const state = (this.state = stateOf(location.hash));
    const query = new Query(held, state);
    const found = query.run();
    const view = viewOf(held, state, found, query.steps);
    this.#fill(state, found.counts);
    this.#path(state);
    this.#views(state);
    const said = this.#said(state, found, view);
    byId("count").textContent = said;
    const isSame = was && fragmentOf(was, { finding: "" }) === fragmentOf(state, { finding: "" });
    if (!isSame) this.table.show({ ...view, caption: said, sort: sortOf(state), onSort: (by, isDown) => this.#sort(by, isDown) });
    const isTold = this.#finding(state);
    if (isMoved && !this.isByForm) this.#focus(isTold, isSame, was);
    this.isByForm = false;
  }

  #focus(isTold, isSame, was) {
    const target = isTold ? byId("finding") : isSame && was.finding ? this.#rowOf(was.finding) : byId("explore-title");
    target.focus({ preventScroll: true });
    if (isTold || !isSame) (isTold ? target : byId("explore")).scrollIntoView({ block: "start" });
  }

  #rowOf(finding) {
    return [...this.table.body.querySelectorAll("th a")].find((a) => stateOf(a.hash).finding === finding) ?? byId("explore-title");
  }

  #sort(by, isDown) {
    this.#go({ ...this.state, sort: `${isDown ? "-" : ""}${by}` });
  }

  #fill(state, counts) {
    for (const name of ["text", "team", "image", "fixable"]) {
      const field = this.form.elements[name];
      if (field !== document.activeElement || field.tagName === "SELECT") field.value = state[name];
    }
    this.held.facets.forEach((facet, at) => {
      facet.boxes.forEach((box, value) => {
        if (!box) return;
        box.input.checked = state[facet.name].includes(facet.values[value]);
        box.number.textContent = count(counts[at][value]);
        box.label.classList.toggle("empty", !counts[at][value]);
      });
    });
    byId("clear").disabled = !isFiltered(state);
  }

  /** From all teams down to the upgrade; each part leads back to it. */
  #path(state) {
    const { told, upgradeOf } = this.held;
    const parts = [["All teams", { team: "", image: "", upgrade: "", view: "teams" }]];
    if (state.team) parts.push([told.teams.find(([id]) => id === state.team)?.[1] ?? state.team, { image: "", upgrade: "", view: "images" }]);
    if (state.image) parts.push([state.image, { upgrade: "", view: "upgrades" }]);
    if (state.upgrade) {
      const upgrade = upgradeOf.get(state.upgrade);
      const words = upgrade === undefined ? null : upgradeWords(this.held, upgrade);
      parts.push([words ? `${words.name} → ${words.what}` : state.upgrade, { view: "findings" }]);
    }
    const items = parts.map(([text, changes], at) => {
      const isLast = at === parts.length - 1;
      const step = link(state, changes, text);
      if (isLast) step.setAttribute("aria-current", "location");
      return make("li", {}, step);
    });
    byId("crumbs").replaceChildren(make("ol", {}, ...items));
  }

  #views(state) {
    const links = VIEWS.map((view) => {
      const made = link(state, { view }, TITLES[view]);
      if (view === state.view) made.setAttribute("aria-current", "true");
      return made;
    });
    byId("views").replaceChildren(...links);
  }

  #said(state, found, view) {
    const all = plural(found.rows.length, "finding");
    const shown = state.view === "findings" ? all : `${plural(view.length, ...NOUNS[state.view])} with ${all}`;
    return isFiltered(state) ? `${shown} of ${count(this.held.numbers.id.length)}` : shown;
  }

  #finding(state) {
    const card = byId("finding");
    const row = rowOf(this.held, state.finding);
    card.hidden = row < 0;
    if (row >= 0) tellFinding(this.held, state, row, card);
    else card.replaceChildren();
    for (const a of this.table.body.querySelectorAll("th a")) {
      if (row >= 0 && stateOf(a.hash).finding === state.finding) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
    return row >= 0;
  }
}

/** Paper is white: what is drawn is drawn anew before and after. */
function onPaper(draw) {
  const turn = (isPrinting) => {
    document.documentElement.toggleAttribute("data-paper", isPrinting);
    draw(isPrinting);
  };
  addEventListener("beforeprint", () => turn(true));
  addEventListener("afterprint", () => turn(false));
}

main();
