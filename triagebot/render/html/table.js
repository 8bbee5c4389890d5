// A table of any length: only the rows that can be seen are in the document, and each says which row of all it is.

const AROUND = 12; // rows beyond the edge, so that Tab always finds the next one
const PRINTED = 1000; // rows that go on paper

class Table {
  #rows = new Map();
  #shown = null;

  constructor(mount) {
    this.head = make("thead");
    this.columns = make("colgroup");
    this.caption = make("caption", { class: "hidden" });
    this.body = make("tbody");
    [this.above, this.below] = [0, 1].map(() => make("tbody", { "aria-hidden": true, class: "gap" }));
    this.table = make("table", { class: "list" }, this.caption, this.columns, this.head, this.above, this.body, this.below);
    this.scroller = make("div", { class: "scroller", tabindex: 0, role: "region" }, this.table);
    this.more = make("p", { class: "soft printed" });
    mount.append(this.scroller, this.more);
    this.scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this.#onKey(event));
    this.body.addEventListener("click", (event) => this.#onClick(event));
    new ResizeObserver(() => this.#draw()).observe(this.scroller);
  }

  /** Show `length` rows. `columns`: {label, sort, class}; `row(at)`: the cells of one; `sort`: what they are sorted by. */
  show(shown) {
    const sorting = this.head.contains(document.activeElement) ? document.activeElement.dataset.sort : "";
    this.#shown = shown;
    this.#rows.clear();
    this.body.replaceChildren();
    this.scroller.scrollTop = 0;
    this.scroller.setAttribute("aria-label", shown.caption);
    this.caption.textContent = shown.caption;
    this.table.className = `list ${shown.name}`;
    this.table.setAttribute("aria-rowcount", shown.length + 1);
    this.columns.replaceChildren(...shown.columns.map((column) => make("col", { class: column.class })));
    this.head.replaceChildren(make("tr", { "aria-rowindex": 1 }, ...shown.columns.map((column) => this.#heading(column))));
    if (sorting) this.head.querySelector(`[data-sort="${sorting}"]`)?.focus();
    this.#gap(this.above, 0);
    this.#gap(this.below, shown.length * this.#rowHeight()); // it takes its room before it is measured
    this.#draw();
  }

  /** All rows at once, for paper; `false`: as before. */
  print(isPrinting) {
    if (!this.#shown) return;
    this.isPrinting = isPrinting;
    this.#draw();
  }

  #heading(column) {
    const { sort } = this.#shown;
    const isSorted = column.sort && sort.by === column.sort;
    const order = isSorted ? (sort.isDown ? "descending" : "ascending") : column.sort ? "none" : undefined;
    const label = column.sort ? make("button", { type: "button", "data-sort": column.sort }, column.label) : column.label;
    const cell = make("th", { scope: "col", class: column.class, "aria-sort": order }, label);
    if (column.sort) label.addEventListener("click", () => this.#shown.onSort(column.sort, isSorted ? !sort.isDown : column.isDown));
    return cell;
  }

  #rowHeight() {
    return parseFloat(getComputedStyle(this.table).getPropertyValue("--row"));
  }

  #draw() {
    if (!this.#shown) return;
    const { length } = this.#shown;
    const height = this.#rowHeight();
    let first = Math.max(0, Math.floor(this.scroller.scrollTop / height) - AROUND);
    let last = Math.min(length, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / height) + AROUND);
    if (this.isPrinting) [first, last] = [0, Math.min(length, PRINTED)];
    for (const [at, row] of this.#rows) {
      if (at >= first && at < last) continue;
      row.remove();
      this.#rows.delete(at);
    }
    let before = null;
    for (let at = first; at < last; at++) {
      let row = this.#rows.get(at);
      if (!row) {
        row = this.#row(at);
        this.#rows.set(at, row);
        if (before) before.after(row);
        else this.body.prepend(row);
      }
      before = row;
    }
    this.more.textContent = this.isPrinting && last < length ? `and ${count(length - last)} more` : "";
    this.#gap(this.above, this.isPrinting ? 0 : first * height);
    this.#gap(this.below, this.isPrinting ? 0 : (length - last) * height);
  }

  #row(at) {
    const { columns, row } = this.#shown;
    const cells = row(at);
    const made = cells.map((cell, i) => {
      const tag = i === 0 ? "th" : "td";
      const element = make(tag, { class: columns[i].class, scope: i === 0 ? "row" : undefined });
      element.append(cell);
      if (element.textContent.length > 14) element.title = element.textContent;
      return element;
    });
    return make("tr", { "aria-rowindex": at + 2 }, ...made);
  }

  #gap(body, height) {
    if (height <= 0) body.replaceChildren();
    else {
      if (!body.firstChild) body.append(make("tr", {}, make("td")));
      body.firstChild.style.height = `${height}px`;
    }
  }

  #onClick(event) {
    if (event.target.closest("a, button") || getSelection()?.toString()) return;
    event.target.closest("tr")?.querySelector("th a")?.click();
  }

  /** Arrows go from row to row, Home and End to the first and the last. */
  #onKey(event) {
    const here = document.activeElement.closest?.("tr[aria-rowindex]");
    if (!here || !this.body.contains(here)) return;
    const at = Number(here.getAttribute("aria-rowindex")) - 2;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / here.offsetHeight) - 2);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const wanted = Math.min(Math.max(moves[event.key], 0), this.#shown.length - 1);
    const top = wanted * here.offsetHeight;
    const room = this.scroller.clientHeight - this.head.offsetHeight - here.offsetHeight;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room;
    this.#draw();
    this.#rows.get(wanted)?.querySelector("th a")?.focus({ preventScroll: true });
  }
}
