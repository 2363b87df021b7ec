"use strict";
// Sends images, and shows what `/events` tells. Whatever comes from elsewhere is set as text.

const AT_ONCE = 2; // Images that are sent at a time.
const BOUND_AT_ONCE = 3; // Jobs that end with this page have a connection each, of which a browser has six.
const SHOWN = 200;
const SIGNS = { queued: "…", working: "◔", failed: "✕", cancelled: "–" };

const $ = (id) => document.getElementById(id);
const jobs = new Map(); // By number.
const items = new Map();
const waiting = [];
let sending = 0, bound = 0;

function el(tag, props, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

const seconds = (n) => new Promise((done) => setTimeout(done, n * 1000));

function size(bytes) {
  if (bytes < 1000) return bytes + " B";
  if (bytes < 1e6) return (bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0) + " kB";
  return (bytes / 1e6).toFixed(1) + " MB";
}

function say(text, isBad) {
  const close = el("button", { type: "button", "aria-label": "Dismiss" }, "✕");
  const note = el("li", isBad ? { class: "bad" } : {}, el("span", {}, text), close);
  close.addEventListener("click", () => note.remove());
  $("notes").append(note);
  return note;
}

// Jobs

function picture(job) {
  if (job.state !== "done") return el("div", { class: "picture", "aria-hidden": "true" }, el("span", { class: "sign" }, SIGNS[job.state]));
  const shown = job.thumbnails.find((each) => each.size >= 512) || job.thumbnails.at(-1);
  const image = el("img", { src: `/jobs/${job.id}/${shown.size}`, width: shown.width, height: shown.height, alt: "", loading: "lazy" });
  const kind = shown.media_type === "image/png" ? "picture see-through" : "picture";
  return el("a", { class: kind, href: `/jobs/${job.id}/${job.thumbnails.at(-1).size}`, "aria-label": "Open " + (job.name || "job " + job.id) }, image);
}

function what(job) {
  if (job.state === "queued") return "waits for a worker";
  if (job.state === "working") return el("progress", { value: job.made + 0.5, max: job.of + 0.5, "aria-label": `${job.made} of ${job.of} thumbnails` });
  if (job.state !== "done") return job.state === "failed" ? "failed: " + job.why : job.why;
  const links = job.thumbnails.map((each) => el("a", { href: `/jobs/${job.id}/${each.size}`, title: `${each.width} × ${each.height}, ${size(each.bytes)}` }, String(each.size)));
  return el("span", { class: "what" }, ...links);
}

function line(job) {
  const content = what(job);
  const line = el("div", { class: "line" }, content.className === "what" ? content : el("span", { class: "what" }, content));
  if (job.state === "queued" || job.state === "working") {
    const cancel = el("button", { type: "button", "aria-label": "Cancel " + (job.name || "job " + job.id) }, "Cancel");
    cancel.addEventListener("click", () => {
      cancel.disabled = true;
      fetch(`/jobs/${job.id}`, { method: "DELETE" }).catch(() => { cancel.disabled = false; });
    });
    line.append(cancel);
  }
  return line;
}

function show(job) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  let item = items.get(job.id);
  if (!item) {
    const facts = `${job.width} × ${job.height}, ${size(job.bytes)}` + (job.with_client ? ", ends with its client" : "");
    const text = el("div", { class: "text" }, el("span", { class: "name", title: job.name }, job.name || "job " + job.id), el("span", { class: "facts" }, facts), line(job));
    item = el("li", {}, picture(job), text);
    items.set(job.id, item);
    const next = [...$("jobs").children].find((other) => Number(other.dataset.id) < job.id);
    $("jobs").insertBefore(item, next || null);
    item.dataset.id = job.id;
  } else {
    const hadFocus = item.contains(document.activeElement);
    if (before.state !== job.state) item.firstChild.replaceWith(picture(job));
    const old = item.querySelector(".line");
    const bar = old.querySelector("progress");
    if (bar && job.state === "working") bar.replaceWith(what(job));
    else old.replaceWith(line(job));
    if (hadFocus && !item.contains(document.activeElement)) (item.querySelector("a, button") || $("files")).focus();
  }
  item.className = job.state;
  while ($("jobs").children.length > SHOWN) forget(Number($("jobs").lastChild.dataset.id));
  $("empty").hidden = items.size > 0;
}

function forget(id) {
  const item = items.get(id);
  if (item) item.remove();
  items.delete(id);
  jobs.delete(id);
}

// What the service tells

function listen() {
  const events = new EventSource("/events");
  const state = (is, text) => { $("state").dataset.is = is; $("state").textContent = text; };
  events.addEventListener("jobs", (event) => {
    state("live", "connected");
    const all = JSON.parse(event.data).slice(-SHOWN);
    const there = new Set(all.map((job) => job.id));
    for (const id of [...jobs.keys()]) if (!there.has(id)) forget(id);
    all.forEach(show);
    $("empty").hidden = items.size > 0;
  });
  events.addEventListener("job", (event) => show(JSON.parse(event.data)));
  events.addEventListener("closing", () => state("over", "the service ends; what waits is done at its next start"));
  events.addEventListener("error", () => {
    if ($("state").dataset.is === "live") state("", "connecting again");
    // A browser comes back by itself, but not after an answer that is no stream.
    if (events.readyState === EventSource.CLOSED) seconds(2).then(listen);
  });
}

// What is sent

function add(files) {
  for (const file of files) waiting.push({ file, isBound: $("bound").checked });
  go();
}

function go() {
  while (waiting.length > 0 && sending < AT_ONCE) {
    if (waiting[0].isBound && bound + sending >= BOUND_AT_ONCE) return;
    const next = waiting.shift();
    sending += 1;
    send(next).catch((error) => say(`${next.file.name}: ${error.message}`, true)).finally(() => { sending -= 1; go(); });
  }
}

async function send({ file, isBound }) {
  const query = new URLSearchParams({ name: file.name });
  if (isBound) query.set("with", "client");
  let note = null;
  for (;;) {
    const answer = await fetch("/jobs?" + query, { method: "POST", body: file });
    if (answer.status === 429 || answer.status === 503) {
      const { error } = await answer.json();
      note = note || say(`${file.name}: ${error}; it is sent again by and by`, false);
      await seconds(Number(answer.headers.get("retry-after")) || 1);
      continue;
    }
    if (note) note.remove();
    if (!answer.ok) {
      const why = await answer.json().then(({ error }) => error, () => answer.status === 413 ? "the file is too large" : "refused with " + answer.status);
      throw new Error(why);
    }
    if (isBound) follow(answer);
    else show(await answer.json());
    return;
  }
}

// The job lives as long as somebody reads this.
async function follow(answer) {
  bound += 1;
  try {
    const reader = answer.body.getReader();
    while (!(await reader.read()).done);
  } catch {
    // The service has gone, and the job with it.
  }
  bound -= 1;
  go();
}

$("files").addEventListener("change", () => { add($("files").files); $("files").value = ""; });
$("form").addEventListener("submit", (event) => event.preventDefault());
addEventListener("paste", (event) => add(event.clipboardData.files));
let depth = 0; // Of elements that are dragged over.
addEventListener("dragenter", () => { depth += 1; $("drop").classList.add("over"); });
addEventListener("dragleave", () => { depth -= 1; if (depth === 0) $("drop").classList.remove("over"); });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  $("drop").classList.remove("over");
  add(event.dataTransfer.files);
});
listen();
