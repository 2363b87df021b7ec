"use strict";
// Shows what `events` tells: the whole once, then what is different. Whatever comes from the program is set as text.

const VIEWS = ["tree", "stopping", "waits", "groups", "ends", "time"];
const RANK = ["deadlocked", "stuck", "overdue", "stopping", "unreachable", "restarting", "full", "busy", "waiting", "starting", "idle"];
const TROUBLE = new Set(["deadlocked", "stuck", "overdue", "unreachable", "full"]);
const FATES = { killed: "is killed", reported: "is reported as not yielding", restarted: "is restarted", nothing: "" };
const PAGE_OF_ROWS = 400;
const OPEN_BY_ITSELF = 40;

const $ = (id) => document.getElementById(id);
const rows = new Map();
const groups = new Map();
let ends = [], letters = [], samples = [], head = {};
let children = new Map();
let clock = 0; // The snapshots' clock less this page's.
let events = null, isOver = false;
const folds = new Map(); // What a user has opened or shut.
let limit = PAGE_OF_ROWS, focused = null, shown = [], detail = null;

// Elements

function el(tag, props, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...content.filter((each) => each !== null && each !== undefined));
  return made;
}

function svg(tag, props, ...content) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const verdict = (word) => el("span", { class: "verdict is-" + word }, word);
const link = (id, text) => (id === null || id === undefined ? text : el("a", { href: "#" + view() + "/" + id }, text));

// Words

const now = () => performance.now() + clock;

function time(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (ms < 1000) return Math.max(0, Math.round(ms)) + " ms";
  if (s < 60) return (Math.floor(ms / 100) / 10).toFixed(1) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + (Math.floor(s / 60) % 60) + " min";
  return Math.floor(s / 86400) + " d " + (Math.floor(s / 3600) % 24) + " h";
}

const ago = (since) => (since === undefined || since === null ? "" : time(now() - since));
const count = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

function nameOf(row) {
  const above = rows.get(row.owner);
  const base = above ? above.path.replace(/\/$/, "") + "/" : "";
  return above && row.path.startsWith(base) ? row.path.slice(base.length) || "/" : row.path;
}

const shortType = (name) => name.replace(/[A-Za-z0-9_]+::(?=[A-Za-z0-9_{])/g, "");

function what(row) {
  const parts = [];
  if (row.what) parts.push(row.what);
  if (row.label) parts.push("handling " + row.label);
  // What comes and goes within a second would only tremble.
  if (row.since !== undefined && row.word !== "idle" && now() - row.since >= 1000) parts.push("for " + ago(row.since));
  const fate = row.order && FATES[row.order.then];
  if (row.due !== undefined) parts.push((fate || "due") + " in " + time(row.due - now()));
  if (row.blocks) parts.unshift("holds up the stop");
  if (row.restarts && row.word !== "restarting") parts.push(row.restarts + " restarts");
  return parts.join(", ");
}

// What comes in

function listen() {
  if (events) events.close();
  events = new EventSource("events");
  events.addEventListener("whole", (event) => {
    const data = JSON.parse(event.data);
    rows.clear(); groups.clear();
    for (const row of data.rows) rows.set(row.id, row);
    for (const group of data.groups) groups.set(group.id, group);
    ends = data.ends; letters = data.letters; samples = data.samples;
    isOver = false;
    arrived(data, true);
  });
  events.addEventListener("change", (event) => {
    const data = JSON.parse(event.data);
    // Who is beneath whom is made of the rows themselves, so a row that has changed is another one there, too.
    const isOther = data.rows.put.length > 0 || data.rows.gone.length > 0;
    apply(rows, data.rows); apply(groups, data.groups);
    ends = lastEnds(ends.concat(data.ends));
    if (data.letters) letters = data.letters;
    samples.push(data.sample);
    while (samples.length && samples[0].at < data.at - 600000) samples.shift();
    arrived(data, isOther);
  });
  events.addEventListener("end", (event) => {
    const { why } = JSON.parse(event.data);
    isOver = true;
    events.close();
    say("over", why === "system" ? "ended" : "dashboard ended");
    banner(why === "system" ? "The system has ended, or is about to. This is what was last seen of it." : "The dashboard was ended; the system goes on. This is what was last seen.");
    setTimeout(listen, 5000);
  });
  events.onerror = () => {
    if (isOver) { setTimeout(() => isOver && listen(), 5000); events.close(); return; }
    say("", "no connection");
    banner("No connection: the process has ended, or does not answer. Trying again.");
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  };
}

function apply(known, difference) {
  for (const id of difference.gone) known.delete(id);
  for (const each of difference.put) known.set(each.id, each);
}

function arrived(data, isOther) {
  head = data;
  clock = data.at - performance.now();
  say("live", "live");
  banner("");
  if (isOther) arrange();
  draw();
  if (detail !== null) look(detail);
}

function say(is, text) { $("state").dataset.is = is; put($("state"), text); }
function banner(text) { $("banner").hidden = !text; put($("banner"), text); }

/** Who is beneath whom, in the order of their starts. */
function arrange() {
  children = new Map();
  for (const row of rows.values()) {
    const owner = rows.has(row.owner) ? row.owner : null;
    if (!children.has(owner)) children.set(owner, []);
    children.get(owner).push(row);
  }
  for (const each of children.values()) each.sort((one, other) => one.born - other.born || one.id - other.id);
}

// Views

function place() {
  const [name, id] = location.hash.slice(1).split("/");
  return { name: VIEWS.includes(name) ? name : "tree", id: id ? Number(id) : null };
}

const view = () => place().name;

function turn() {
  const { name, id } = place();
  for (const each of VIEWS) $(each).hidden = each !== name;
  if (id !== detail) { detail = id; if (id === null) $("node").hidden = true; else look(id); }
  draw();
}

function draw() {
  numbers(); tabs();
  if (!head.root) return;
  ({ tree, stopping, waits, groups: drawGroups, ends: drawEnds, time: drawTime })[view()]();
}

function numbers() {
  const last = samples[samples.length - 1];
  if (!last) return;
  put($("root"), head.root === "/" ? "tenure" : head.root.replace(/:?\/$/, ""));
  document.title = (last.trouble ? "(" + last.trouble + ") " : "") + $("root").textContent;
  const all = [["nodes", count(head.alive)], ["in trouble", count(last.trouble), last.trouble > 0], ["queued", count(last.queued)], ["msg/s", count(last.rate)], ["dead letters", count(last.letters)]];
  const made = all.map(([name, value, bad]) => el("div", { class: bad ? "bad" : "" }, el("dt", {}, name), el("dd", {}, value)));
  $("numbers").replaceChildren(...made);
}

function tabs() {
  let stopping = 0, cycles = 0, bad = 0;
  for (const row of rows.values()) {
    if (row.order) stopping += 1;
    if (row.word === "deadlocked") cycles += 1;
    if (TROUBLE.has(row.word)) bad += 1;
  }
  const counts = { tree: [bad, true], stopping: [stopping, false], waits: [cycles, true] };
  const at = view();
  const links = VIEWS.map((name) => {
    const [number, isBad] = counts[name] || [0];
    return [name, number, isBad];
  });
  const told = JSON.stringify([links, at]);
  if ($("views").dataset.told === told) return;
  $("views").dataset.told = told;
  $("views").replaceChildren(...links.map(([name, number, isBad]) => el("a", { href: "#" + name, "aria-current": name === at ? "page" : null }, name[0].toUpperCase() + name.slice(1), number ? el("span", { class: "count" + (isBad ? " bad" : "") }, count(number)) : null)));
}

// Tree

const SORTS = {
  verdict: (totals) => (one, other) => totals.get(one.id).rank - totals.get(other.id).rank,
  queued: (totals) => (one, other) => totals.get(other.id).queued - totals.get(one.id).queued,
  rate: (totals) => (one, other) => totals.get(other.id).rate - totals.get(one.id).rate,
  beneath: (totals) => (one, other) => totals.get(other.id).beneath - totals.get(one.id).beneath,
  age: () => (one, other) => one.born - other.born,
  name: () => (one, other) => nameOf(one).localeCompare(nameOf(other), "en", { numeric: true }),
};

function fits() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const only = $("only").value;
  if (!words.length && !only) return null;
  return (row) => {
    if (only === "trouble" && !TROUBLE.has(row.word) && !row.blocks) return false;
    if (only === "active" && (row.word === "idle" || row.word === "waiting") && !row.rate) return false;
    if (["actor", "task", "blocking"].includes(only) && row.kind !== only) return false;
    const text = (row.path + " " + row.type + " " + (row.label || "") + " " + row.word + " " + row.site).toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/** Of each node what is beneath it, itself included: from the leaves up, without recursion. */
function sum(matches) {
  const totals = new Map(), order = [];
  const pending = [...(children.get(null) || [])];
  while (pending.length) {
    const row = pending.pop();
    order.push(row);
    pending.push(...(children.get(row.id) || []));
  }
  for (const row of order.reverse()) {
    const total = { beneath: 0, queued: row.queued || 0, rate: row.rate || 0, rank: RANK.indexOf(row.word), bad: TROUBLE.has(row.word) ? 1 : 0, hit: !matches || matches(row) };
    for (const child of children.get(row.id) || []) {
      const of = totals.get(child.id);
      total.beneath += of.beneath + 1; total.queued += of.queued; total.rate += of.rate; total.bad += of.bad;
      total.rank = Math.min(total.rank, of.rank); total.hit = total.hit || of.hit;
    }
    totals.set(row.id, total);
  }
  return totals;
}

function isOpen(row, totals, isFiltered) {
  if (folds.has(row.id)) return folds.get(row.id);
  const beneath = (children.get(row.id) || []).length;
  return isFiltered || beneath <= OPEN_BY_ITSELF || row.owner === null;
}

function tree() {
  const matches = fits(), totals = sum(matches), order = SORTS[$("sort").value];
  shown = [];
  const pending = (children.get(null) || []).map((row) => [row, 0]).reverse();
  while (pending.length) {
    const [row, depth] = pending.pop();
    if (!totals.get(row.id).hit) continue;
    shown.push([row, depth, matches && !matches(row)]);
    if (!isOpen(row, totals, matches)) continue;
    const beneath = order ? [...(children.get(row.id) || [])].sort(order(totals)) : children.get(row.id) || [];
    for (let at = beneath.length - 1; at >= 0; at -= 1) pending.push([beneath[at], depth + 1]);
  }
  const lines = shown.slice(0, limit);
  if (!lines.some(([row]) => row.id === focused)) focused = lines.length ? lines[0][0].id : null;
  fill(lines, totals, matches);
  const more = shown.length - lines.length;
  const notes = [];
  if (more > 0) notes.push(count(more) + " more rows. ");
  if (head.without_row || head.left_out) notes.push("At least " + count(head.without_row + head.left_out) + " nodes have no row here: those in trouble come first, then those nearest to the root. Groups count them. ");
  if (!lines.length) notes.push("Nothing fits.");
  $("more").hidden = !notes.length;
  const button = el("button", { type: "button" }, "Show more");
  button.onclick = () => { limit += PAGE_OF_ROWS; draw(); };
  $("more").replaceChildren(notes.join(""), more > 0 ? button : "");
}

/** Rows that are there already are changed where they differ, so that the focus stays. */
function fill(lines, totals, matches) {
  const box = $("rows"), old = new Map([...box.children].map((each) => [Number(each.dataset.id), each]));
  let at = box.firstChild;
  for (const [row, depth, isFaded] of lines) {
    let line = old.get(row.id);
    old.delete(row.id);
    if (!line) line = newLine(row);
    if (line === at) at = at.nextSibling; else box.insertBefore(line, at);
    change(line, row, depth, isFaded, totals.get(row.id), matches);
  }
  for (const each of old.values()) each.remove();
}

function newLine(row) {
  const fold = el("button", { type: "button", class: "fold", tabindex: "-1", "aria-hidden": "true" });
  fold.onclick = () => toggle(row.id);
  const name = el("span", { class: "name", role: "gridcell" }, fold, el("a", { href: "#tree/" + row.id, tabindex: "-1" }), el("small", {}));
  const cell = (kind) => el("span", { class: kind, role: "gridcell" });
  return el("div", { class: "row", role: "row", "data-id": row.id }, name, el("span", { role: "gridcell" }, verdict(row.word)), cell("what"), cell("queued n"), cell("rate n"), cell("beneath n"));
}

function change(line, row, depth, isFaded, total, matches) {
  const [name, verdictCell, whatCell, queued, rate, beneath] = line.children;
  const has = (children.get(row.id) || []).length > 0, open = has && isOpen(row, null, matches);
  const indent = Math.min(depth, 24) * 16;
  name.style.paddingLeft = indent + "px";
  line.style.setProperty("--indent", indent + 20 + "px");
  line.className = "row" + (detail === row.id ? " chosen" : "") + (isFaded ? " faded" : "");
  line.setAttribute("aria-level", depth + 1);
  if (has) line.setAttribute("aria-expanded", open); else line.removeAttribute("aria-expanded");
  line.tabIndex = row.id === focused ? 0 : -1;
  put(name.children[0], has ? (open ? "▼" : "▶") : "");
  put(name.children[1], nameOf(row));
  name.children[1].title = row.path;
  put(name.children[2], shortType(row.type));
  name.children[2].title = row.type + " at " + row.site;
  const pill = verdictCell.firstChild;
  if (pill.textContent !== row.word) { pill.textContent = row.word; pill.className = "verdict is-" + row.word; }
  const said = what(row);
  put(whatCell, said);
  whatCell.title = said;
  put(queued, row.queued ? count(row.queued) + (row.capacity ? " / " + count(row.capacity) : "") : "");
  put(rate, row.rate ? count(row.rate) : "");
  const sums = has ? count(total.beneath) + (!open && total.bad > (TROUBLE.has(row.word) ? 1 : 0) ? " !" : "") : "";
  put(beneath, sums);
  beneath.title = has ? "beneath, and with it: " + count(total.beneath) + " nodes, " + count(total.queued) + " queued, " + count(Math.round(total.rate)) + " msg/s, " + count(total.bad) + " in trouble" : "";
}

function toggle(id, to) {
  const row = rows.get(id);
  if (!row) return;
  folds.set(id, to === undefined ? !isOpen(row, null, fits()) : to);
  draw();
}

// Stopping

function table(columns, lines) {
  const heads = columns.map(([text, kind]) => el("th", { class: kind || "", scope: "col" }, text));
  return el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...lines)));
}

const cell = (content, kind) => el("td", { class: kind || "" }, content);
const depthOf = (row) => { let depth = 0; for (let at = row; at; at = rows.get(at.owner)) depth += 1; return depth; };

function stopping() {
  const all = [...rows.values()].filter((row) => row.order);
  const here = $("stopping");
  if (!all.length) { here.replaceChildren(el("p", { class: "empty" }, "Nothing was told to end.")); return; }
  all.sort((one, other) => (other.blocks || 0) - (one.blocks || 0) || depthOf(other) - depthOf(one));
  const deepest = all.find((row) => row.blocks);
  const note = deepest ? el("p", { class: "note" }, "The deepest that holds it up: ", link(deepest.id, deepest.path), ". " + sentence(deepest)) : null;
  const lines = all.slice(0, 300).map((row) => {
    const left = row.order.due === undefined || row.order.due === null ? null : row.order.due - now();
    const whole = left === null ? 0 : row.order.due - (row.order.since ?? now());
    const bar = left !== null && whole > 0 && left > 0 ? el("progress", { max: whole, value: Math.max(0, left) }) : null;
    const fate = FATES[row.order.then] || "";
    const due = left === null ? "" : left > 0 ? fate + " in " + time(left) : "its time is over";
    return el("tr", {}, cell(link(row.id, row.path), "path"), cell(verdict(row.word)), cell(row.what || (row.label ? "handling " + row.label : ""), "text"), el("td", { class: "text" }, row.order.text, el("small", {}, ago(row.order.since) && ago(row.order.since) + " ago")), el("td", { class: "left" }, bar, el("small", {}, due)));
  });
  here.replaceChildren(...[note, table([["Node"], ["Verdict"], ["Waits for"], ["Who asked"], ["Time left"]], lines)].filter(Boolean));
}

function sentence(row) {
  const said = what(row).replace(/^holds up the stop(, )?/, "");
  return row.word[0].toUpperCase() + row.word.slice(1) + (said ? ": " + said : "") + ".";
}

// Waits

function cycles() {
  const found = new Map();
  for (const row of rows.values()) {
    if (row.word !== "deadlocked") continue;
    const paths = row.what.replace(/, until a limit ends it$/, "").split(" → ").slice(0, -1);
    found.set([...paths].sort().join("\n"), [paths, row.what.endsWith("ends it")]);
  }
  return [...found.values()];
}

/** Nodes on a circle, each with an arrow to the one that it waits for. */
function ring(paths) {
  const size = Math.min(90, 34 + paths.length * 7), width = 460, height = 2 * size + 60, cx = width / 2, cy = height / 2;
  const at = (index) => { const angle = (index / paths.length) * 2 * Math.PI - Math.PI / 2; return [cx + size * Math.cos(angle), cy + size * Math.sin(angle), Math.cos(angle)]; };
  const drawn = [];
  paths.forEach((path, index) => {
    const [x, y] = at(index), [tx, ty] = at((index + 1) % paths.length);
    const dx = tx - x, dy = ty - y, far = Math.hypot(dx, dy) || 1, bend = 12;
    const mx = (x + tx) / 2 + (-dy / far) * -bend, my = (y + ty) / 2 + (dx / far) * -bend;
    const ex = tx - ((tx - mx) / Math.hypot(tx - mx, ty - my)) * 9, ey = ty - ((ty - my) / Math.hypot(tx - mx, ty - my)) * 9;
    const ux = (ex - mx) / Math.hypot(ex - mx, ey - my), uy = (ey - my) / Math.hypot(ex - mx, ey - my);
    if (paths.length > 1) {
      drawn.push(svg("path", { class: "edge", d: `M${x},${y} Q${mx},${my} ${ex},${ey}` }));
      drawn.push(svg("polygon", { class: "tip", points: `${ex},${ey} ${ex - 8 * ux - 4 * uy},${ey - 8 * uy + 4 * ux} ${ex - 8 * ux + 4 * uy},${ey - 8 * uy - 4 * ux}` }));
    }
  });
  paths.forEach((path, index) => {
    const [x, y, side] = at(index), short = path.length > 28 ? "…" + path.slice(-27) : path;
    drawn.push(svg("circle", { class: "knot", cx: x, cy: y, r: 6 }));
    const anchor = Math.abs(side) < 0.2 ? "middle" : side > 0 ? "start" : "end";
    const text = svg("text", { x: x + (Math.abs(side) < 0.2 ? 0 : side > 0 ? 12 : -12), y: Math.abs(side) < 0.2 ? (y < cy ? y - 12 : y + 22) : y + 4, "text-anchor": anchor });
    text.textContent = short;
    drawn.push(text);
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": paths.join(" waits for ") }, ...drawn);
}

function waits() {
  const here = $("waits"), made = [], found = cycles();
  if (found.length) {
    made.push(el("h2", {}, "Cycles"));
    made.push(el("div", { class: "cycles" }, ...found.slice(0, 20).map(([paths, limited]) => el("figure", {}, ring(paths), el("figcaption", { class: "what" }, paths.length + " wait for each other" + (limited ? ", until a limit ends one wait" : ""))))));
  }
  const all = [];
  // Whoever waits for its own order waits for anybody.
  const isReal = (row, wait) => wait.kind !== "order" || wait.to !== row.id;
  for (const row of rows.values()) for (const wait of row.waits || []) if (isReal(row, wait)) all.push([row, wait]);
  all.sort((one, other) => (one[1].since ?? Infinity) - (other[1].since ?? Infinity));
  const lines = all.slice(0, 300).map(([row, wait]) => el("tr", {}, cell(link(row.id, row.path), "path"), cell(wait.kind), el("td", { class: "path" }, wait.to === null ? wait.text : link(wait.to, wait.path), wait.others ? " and " + wait.others + " more" : ""), cell(ago(wait.since), "n"), cell(wait.due ? "due in " + time(wait.due - now()) : wait.limited ? "limited" : "", "optional")));
  if (lines.length) made.push(el("h2", {}, "Waits"), table([["Who"], ["For"], ["Whom"], ["Since", "n"], ["Until", "optional"]], lines));
  if (all.length > 300) made.push(el("p", { class: "note" }, count(all.length - 300) + " younger ones are not shown."));
  here.replaceChildren(...(made.length ? made : [el("p", { class: "empty" }, "Nobody waits for anybody.")]));
}

// Groups

function line(points, width, height) {
  const most = Math.max(1, ...points), last = Math.max(1, points.length - 1);
  const at = points.map((value, index) => `${((index / last) * width).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`).join(" ");
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" }, svg("polygon", { points: `0,${height} ${at} ${width},${height}` }), svg("polyline", { points: at }));
}

function drawGroups() {
  const all = [...groups.values()].sort((one, other) => other.change - one.change || other.count - one.count);
  const lines = all.map((group) => {
    const sign = group.change > 0 ? "+" : group.change < 0 ? "−" : "";
    const marks = [group.unreachable ? group.unreachable + " unreachable" : "", group.trouble > group.unreachable ? group.trouble - group.unreachable + " in trouble" : ""].filter(Boolean).join(", ");
    return el("tr", {}, el("td", { class: "path" }, shortType(group.type), el("small", { class: "mono" }, group.site)), cell(count(group.count), "n"), cell(sign + (group.change ? count(Math.abs(group.change)) : ""), "n " + (group.change > 0 ? "up" : group.change < 0 ? "down" : "")), cell(group.counts.length > 1 ? line(group.counts, 120, 26) : "", "optional"), cell(group.count ? ago(group.born) : "", "n optional"), cell(group.queued ? count(group.queued) : "", "n"), cell(marks, "text optional"));
  });
  const over = head.groups_over ? "over " + time(head.groups_over) : "";
  $("groups").replaceChildren(el("p", { class: "note" }, "Nodes counted by type and place of spawn, those first that have grown most " + over + ". A group that only grows is a leak."), table([["Type, and where it is spawned"], ["Count", "n"], ["Growth", "n"], ["Ten minutes", "optional"], ["Oldest", "n optional"], ["Queued", "n"], ["", "optional"]], lines));
}

// Ends

/** The last of those that went wrong, and the last of the others. */
function lastEnds(all) {
  const left = { true: 100, false: 100 };
  return all.reverse().filter((end) => left[isBad(end)]-- > 0).reverse();
}

const isBad = (end) => end.how === "failed" || end.how === "cut_short";

function causes(end) {
  const lines = end.causes.map((cause) => {
    const isOwn = end.causes.length === 1 && cause.path === end.path;
    const line = el("li", {}, isOwn ? "" : el("span", { class: "mono" }, cause.path + " "), cause.text);
    line.style.paddingLeft = Math.min(cause.depth, 16) * 14 + "px";
    return line;
  });
  if (end.more_causes) lines.push(el("li", {}, "and at least " + count(end.more_causes) + " more"));
  return lines.length ? el("ul", { class: "causes" }, ...lines) : "";
}

function endLine(end) {
  const how = el("span", { class: "verdict is-" + (isBad(end) ? "stuck" : "idle") }, end.how.replace("_", " ") + (end.goes_on ? ", restarted" : ""));
  return el("tr", {}, el("td", { class: "path" }, end.path, el("small", {}, shortType(end.type_name))), cell(ago(end.at_ms) + " ago", "n"), cell(time(end.age_ms), "n optional"), el("td", { class: "text" }, how, causes(end)), cell(end.before, "text optional"));
}

function drawEnds() {
  const made = [], columns = [["Node"], ["Ended", "n"], ["Lived", "n optional"], ["How"], ["Before that", "optional"]];
  const newest = [...ends].reverse(), bad = newest.filter(isBad), others = newest.filter((end) => !isBad(end));
  made.push(el("h2", {}, "Failed or cut short"), bad.length ? table(columns, bad.map(endLine)) : el("p", { class: "empty" }, "Nothing has, since the dashboard began."));
  made.push(el("h2", {}, "Other ends"), others.length ? table(columns, others.map(endLine)) : el("p", { class: "empty" }, "Nothing has ended since the dashboard began."));
  if (head.missed_ends) made.push(el("p", { class: "note" }, count(head.missed_ends) + " ends are not listed: too many came at once."));
  const total = samples.length ? samples[samples.length - 1].letters : 0;
  made.push(el("h2", {}, "Dead letters"));
  if (letters.length) made.push(table([["Label"], ["Count", "n"], ["The last one was for"]], [...letters].sort((one, other) => other.count - one.count).map((each) => el("tr", {}, el("td", { class: "path" }, each.label, el("small", {}, each.type)), cell(count(each.count), "n"), cell(each.last, "path")))));
  else made.push(el("p", { class: "empty" }, total ? count(total) + " in all; a LetterLog given to the builder and the dashboard counts them by label." : "None."));
  $("ends").replaceChildren(...made);
}

// Time

const PLOTS = [["alive", "Nodes"], ["rate", "Messages a second"], ["queued", "Queued messages"], ["trouble", "Nodes in trouble"], ["restarts", "Restarts within their windows"], ["letters", "Dead letters"], ["foreign", "Foreign tasks"]];

function drawTime() {
  const here = $("time"), last = samples[samples.length - 1];
  if (!last) return;
  const from = Math.min(samples[0].at, last.at - 1000), span = last.at - from;
  here.replaceChildren(el("div", { class: "plots" }, ...PLOTS.map(([key, name]) => {
    const values = samples.map((sample) => sample[key]), most = Math.max(...values), least = Math.min(...values);
    const floor = key === "alive" ? Math.max(0, Math.floor(least - (most - least) * 0.2)) : 0, top = Math.max(most, floor + 1);
    const y = (value) => (82 - ((value - floor) / (top - floor)) * 78).toFixed(1);
    const points = samples.map((sample) => `${(((sample.at - from) / span) * 300).toFixed(1)},${y(sample[key])}`).join(" ");
    return el("figure", { class: "plot" }, el("figcaption", {}, name, el("b", {}, count(last[key]))), svg("svg", { viewBox: "0 0 300 84", preserveAspectRatio: "none", role: "img", "aria-label": `${name}: now ${last[key]}, least ${least}, most ${most}` }, svg("polygon", { points: `0,84 ${points} 300,84` }), svg("polyline", { points })), el("div", { class: "axis" }, el("span", {}, time(span) + " ago"), el("span", {}, "least " + count(least) + ", most " + count(most)), el("span", {}, "now")));
  })));
}

// One node

async function look(id) {
  const answer = await fetch("node/" + id).then((got) => got.json().then((data) => [got.ok, data]), () => null).catch(() => null);
  if (!answer || detail !== id) return;
  const [isThere, data] = answer, here = $("node"), close = el("button", { type: "button", class: "close", "aria-label": "Close" }, "✕");
  close.onclick = () => { location.hash = view(); };
  const wasOpen = here.querySelector("details")?.open, at = here.scrollTop, hadFocus = here.contains(document.activeElement);
  here.hidden = false;
  if (!isThere) { here.replaceChildren(close, el("h2", {}, "Node " + id), el("p", {}, data.error + ".")); return; }
  const ms = (value) => (value === undefined || value === null ? "" : time(value));
  const mail = data.mailbox, order = data.order, grace = data.grace, sources = data.sources, restarts = data.restarts;
  const facts = [
    ["Is", data.verdict.sentence], ["Kind", data.kind + ", " + data.phase + (data.phase_for_ms !== null ? " for " + ms(data.phase_for_ms) : "")],
    ["Type", data.type_name], ["Spawned", data.site.file + ":" + data.site.line + ":" + data.site.column], ["Age", ms(data.age_ms)],
    ["Owner", data.owner === null ? "" : link(data.owner, rows.get(data.owner)?.path || String(data.owner))],
    ["Mailbox", mail && `${count(mail.queued)} queued, ` + (mail.oldest_for_ms ? `the oldest for ${ms(mail.oldest_for_ms)}, ` : "") + `${mail.capacity === null ? "unbounded" : "room for " + count(mail.capacity)}, ${mail.gate}` + (mail.senders_waiting ? `, ${mail.senders_waiting} senders wait` : "")],
    ["Handled", mail && count(data.handled)], ["Handling", data.label && data.label + (data.handling_for_ms !== null ? " for " + ms(data.handling_for_ms) : "")],
    ["In a poll", data.in_poll_for_ms !== null && data.in_poll_for_ms > 0 && "for " + ms(data.in_poll_for_ms)],
    ["Told to end", order && (order.ago_ms !== null ? ms(order.ago_ms) + " ago, " : "") + order.kind + (order.by.path ? " by " + order.by.path : " by " + order.by.who) + (order.site ? " at " + order.site.file + ":" + order.site.line : "")],
    ["Its grace", grace && `${ms(grace.used_ms)} of ${ms(grace.whole_ms)} used` + (grace.left_ms !== null ? ", " + (FATES[grace.then] || "over") + " in " + ms(grace.left_ms) : "")],
    ["Sources", sources && `${sources.timers} timers, ${sources.streams} streams, ${sources.watches} watches`],
    ["Restarts", restarts && `${restarts.recent} of ${restarts.limit} within ${ms(restarts.window_ms)}` + (restarts.last_failure ? ": " + restarts.last_failure : "")],
    ["Beneath", data.children && count(data.children) + " right beneath"], ["References", data.references !== null && data.references !== undefined ? String(data.references) : ""],
  ];
  const list = el("dl", {}, ...facts.filter(([, fact]) => fact).flatMap(([name, fact]) => [el("dt", {}, name), el("dd", {}, fact)]));
  const waits = data.waits.length ? [el("h2", {}, "Waits for"), el("ul", {}, ...data.waits.map((wait) => el("li", {}, wait.kind + " ", wait.target ? link(wait.target.id, wait.target.path) : "", wait.for_ms ? " for " + ms(wait.for_ms) : "", wait.due_in_ms ? ", due in " + ms(wait.due_in_ms) : "")))] : [];
  const raw = el("details", { open: wasOpen }, el("summary", {}, "As JSON"), el("pre", {}, JSON.stringify(data, null, 2)));
  here.replaceChildren(close, el("h2", {}, data.path), verdict(data.verdict.word), list, ...waits, raw, el("p", { class: "note" }, el("a", { href: "#tree/" + id }, "Link to this node"), " · ", el("a", { href: "node/" + id }, "node/" + id)));
  here.scrollTop = at;
  if (hadFocus) close.focus();
}

// Keys

function move(by) {
  const at = shown.findIndex(([row]) => row.id === focused), to = shown[Math.min(Math.max(0, at + by), Math.min(shown.length, limit) - 1)];
  if (!to) return;
  focused = to[0].id;
  draw();
  $("rows").querySelector(`[data-id="${focused}"]`)?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isField = event.target.matches("input, select");
  if (event.key === "Escape") {
    if (isField && event.target.value) return;
    if (detail !== null) location.hash = view(); else event.target.blur();
    return;
  }
  if (isField) return;
  if (event.key === "/") { location.hash = "tree"; $("search").focus(); event.preventDefault(); return; }
  const number = Number(event.key);
  if (number >= 1 && number <= VIEWS.length) { location.hash = VIEWS[number - 1]; return; }
  const row = event.target.closest("#rows .row");
  if (!row) return;
  const id = Number(row.dataset.id), open = row.getAttribute("aria-expanded");
  const keys = {
    ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => move(-Infinity), End: () => move(Infinity), PageDown: () => move(20), PageUp: () => move(-20),
    ArrowRight: () => (open === "false" ? toggle(id, true) : move(1)),
    ArrowLeft: () => { if (open === "true") toggle(id, false); else if (rows.has(rows.get(id)?.owner)) { focused = rows.get(id).owner; move(0); } },
    Enter: () => { location.hash = "tree/" + id; },
  };
  if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
});

$("rows").addEventListener("focusin", (event) => { const row = event.target.closest(".row"); if (row) focused = Number(row.dataset.id); });
for (const id of ["search", "only", "sort"]) $(id).addEventListener("input", () => { limit = PAGE_OF_ROWS; draw(); });
$("open").onclick = () => { for (const row of rows.values()) folds.set(row.id, true); draw(); };
$("shut").onclick = () => { for (const row of rows.values()) folds.set(row.id, row.owner === null); draw(); };
window.addEventListener("hashchange", turn);
// A page that nobody sees needs no events; a browser has few connections.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { events.close(); say("", "paused"); } else listen();
});
setInterval(() => { if (!isOver && !document.hidden) draw(); }, 1000);
turn();
listen();
