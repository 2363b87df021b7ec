// Uses the page of the service in a real browser, and takes pictures of it:
//
//     cargo build --release -p images
//     node examples/images/tests/page.mjs target/release/images DIRECTORY
//
// It wants Chromium (CHROMIUM, by default /usr/bin/chromium) and the package playwright-core (in NODE_PATH).
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";

const { chromium } = createRequire(process.env.NODE_PATH ? join(process.env.NODE_PATH, "x.js") : import.meta.url)("playwright-core");
const [program, pictures] = process.argv.slice(2);
const data = mkdtempSync(join(tmpdir(), "images-page-"));
const service = spawn(program, { env: { ...process.env, PORT: "0", DATA: join(data, "store") }, stdio: ["ignore", "pipe", "inherit"] });
let said = "";
const url = await new Promise((found, failed) => {
  service.stdout.on("data", (bytes) => {
    said += bytes;
    const line = /listening on (\S+)/.exec(said);
    if (line) found(line[1]);
  });
  service.on("exit", () => failed(new Error("the service has ended")));
});
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launchPersistentContext(join(data, "profile"), { executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args, viewport: { width: 1100, height: 760 } });
const errors = [];
const watch = (page) => {
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  return page;
};
const ask = async (path, options) => (await fetch(url + path, options)).json();
const jobs = () => ask("/jobs");
const until = async (what, look) => {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (await look()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("never: " + what);
};

// A landscape of that size, drawn by the browser.
const landscape = async (page, seed, width, height, type) => {
  const base64 = await page.evaluate(async ([seed, width, height, type]) => {
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d");
    let state = seed * 7919;
    const chance = () => (state = (state * 48271) % 2147483647) / 2147483647;
    chance();
    const hue = [205, 28, 222, 340, 262, 190, 46][seed % 7] + chance() * 10;
    const sky = pen.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, `hsl(${hue} 55% 42%)`);
    sky.addColorStop(1, `hsl(${(hue + 50) % 360} 75% 82%)`);
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = `hsl(${(hue + 60) % 360} 90% 92%)`;
    pen.beginPath();
    pen.arc(width * (0.2 + chance() * 0.6), height * (0.25 + chance() * 0.2), height * 0.09, 0, 7);
    pen.fill();
    for (let ridge = 0; ridge < 4; ridge += 1) {
      pen.fillStyle = `hsl(${(hue + 25) % 360} ${34 - ridge * 3}% ${56 - ridge * 13}%)`;
      pen.beginPath();
      pen.moveTo(0, height);
      const [a, b, c] = [chance() * 7, chance() * 7, 1 + chance() * 2];
      for (let x = 0; x <= 100; x += 1) {
        const wave = Math.sin(a + x * 0.05 * c) * 0.06 + Math.sin(b + x * 0.17) * 0.025 + Math.sin(x * 0.61 + a) * 0.006;
        pen.lineTo((width * x) / 100, height * (0.52 + ridge * 0.12 + wave));
      }
      pen.lineTo(width, height);
      pen.fill();
    }
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type, quality: 0.9 })).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  }, [seed, width, height, type]);
  return Buffer.from(base64, "base64");
};
const file = (name, mimeType, buffer) => ({ name, mimeType, buffer });

try {
  const page = watch(browser.pages()[0] || (await browser.newPage()));
  await page.goto(url);
  await page.locator("#state[data-is=live]").waitFor();
  await page.locator("#empty").waitFor();
  await page.screenshot({ path: join(pictures, "empty.png") });

  const names = ["fjord", "dunes", "harbour", "ridge", "evening", "valley", "moor"];
  const files = [];
  for (const [seed, name] of names.entries()) files.push(file(name + ".jpg", "image/jpeg", await landscape(page, seed + 3, 1200, 800 + (seed % 2) * 400, "image/jpeg")));
  const torn = Buffer.from(files[0].buffer.subarray(0, 700));
  files.push(file("torn.jpg", "image/jpeg", torn));
  await page.locator("#files").setInputFiles(files);
  await page.locator("#jobs li.done").nth(names.length - 1).waitFor();
  // What is no image is said, and is nobody's job.
  await page.locator("#files").setInputFiles([file("letter.png", "image/png", Buffer.from("hello"))]);
  await page.locator("#notes li.bad", { hasText: "letter.png" }).waitFor();
  // The thumbnails are there to be seen.
  const shown = await page.locator("#jobs img").first().evaluate((image) => image.decode().then(() => image.naturalWidth));
  assert(shown > 0);

  // Large ones keep the workers busy while a picture is taken, and what waits is cancelled by keyboard.
  const large = await landscape(page, 40, 6300, 6300, "image/png");
  await page.locator("#files").setInputFiles(["north", "south", "east", "west", "home"].map((name) => file(name + ".png", "image/png", large)));
  await page.locator("#jobs li.queued button").first().waitFor();
  while (await page.locator("#notes button").count() > 0) await page.locator("#notes button").first().click();
  await page.locator("#jobs li.queued button").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("#jobs li.cancelled").waitFor();
  await page.locator("#jobs li.working").first().waitFor();
  await page.screenshot({ path: join(pictures, "light.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(pictures, "dark.png") });
  await page.setViewportSize({ width: 400, height: 820 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(overflow <= 0, "it is wider than its window by " + overflow);
  await page.screenshot({ path: join(pictures, "narrow-dark.png") });
  await page.emulateMedia({ colorScheme: "light" });
  await page.screenshot({ path: join(pictures, "narrow.png") });
  await page.setViewportSize({ width: 1100, height: 760 });
  await until("all have ended", async () => (await jobs()).every((job) => !["queued", "working"].includes(job.state)));

  // An image is dropped, and its job ends with the page that it was dropped on.
  const guest = watch(await browser.newPage());
  await guest.goto(url);
  await guest.locator("#bound").check();
  const handle = await guest.evaluateHandle((bytes) => {
    const dropped = new DataTransfer();
    const data = Uint8Array.from(atob(bytes), (each) => each.charCodeAt(0));
    dropped.items.add(new File([data], "guest.png", { type: "image/png" }));
    return dropped;
  }, large.toString("base64"));
  await guest.dispatchEvent("#drop", "drop", { dataTransfer: handle });
  await until("it is there", async () => (await jobs()).some((job) => job.name === "guest.png"));
  await guest.close();
  await until("it has ended with its page", async () => (await jobs()).find((job) => job.name === "guest.png").state === "cancelled");

  // With the keyboard alone: files are chosen by the first Tab that comes to the form.
  await page.locator("h1").click();
  for (let tabs = 0; tabs < 6; tabs += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.id) === "files") break;
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), "files");
  await page.screenshot({ path: join(pictures, "keyboard.png") });

  // The dashboard is beside it.
  const tree = watch(await browser.newPage());
  await tree.goto(url + "/tree");
  await tree.getByRole("link", { name: "store", exact: true }).waitFor();
  await tree.close();

  // The page says that the service ends.
  service.removeAllListeners("exit");
  const ended = new Promise((done) => service.on("exit", (code) => done(code)));
  service.kill("SIGTERM");
  await page.locator("#state[data-is=over]").waitFor();
  assert.equal(await ended, 0);
  // Refusals, and the end, are written to the console by the browser itself.
  assert.deepEqual(errors.filter((error) => !/Failed to load resource|net::ERR/.test(error)), []);
  console.log("the page works");
} finally {
  await browser.close();
  service.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true });
}
