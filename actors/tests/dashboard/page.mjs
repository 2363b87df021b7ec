// Looks at the page of the example in a real browser:
//
//     cargo build --example 18-dashboard
//     node actors/tests/dashboard/page.mjs target/debug/examples/18-dashboard DIRECTORY
//
// It wants Chromium (CHROMIUM, by default /usr/bin/chromium) and the package playwright-core (in NODE_PATH), and puts
// pictures of the views into the directory.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";

const { chromium } = createRequire(process.env.NODE_PATH ? join(process.env.NODE_PATH, "x.js") : import.meta.url)("playwright-core");
const [program, pictures] = process.argv.slice(2);
const shop = spawn(program, { env: { ...process.env, PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] });
const profile = mkdtempSync(join(tmpdir(), "page-"));
let said = "";
const [url, control] = await new Promise((found, failed) => {
  shop.stdout.on("data", (data) => {
    said += data;
    const [page, control] = [/the dashboard is at (\S+)/, /the shop is at (\S+)/].map((line) => line.exec(said)?.[1]);
    if (page && control) found([page, control]);
  });
  shop.on("exit", () => failed(new Error("the example has ended")));
});
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args, viewport: { width: 1240, height: 800 } });
const page = context.pages()[0] || (await context.newPage());
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
const picture = (name) => page.screenshot({ path: join(pictures, name + ".png") });
const row = (name) => page.locator("#rows .row", { has: page.getByRole("link", { name, exact: true }) });
const verdict = (name, word) => row(name).locator(".verdict.is-" + word).waitFor({ timeout: 30000 });
const view = (name) => page.locator("#views a", { hasText: new RegExp("^" + name) }).click();

try {
  await page.goto(url);
  // An actor that is there, and troubles that come by themselves.
  await row("clerk").waitFor();
  await verdict("mailer", "full");
  await verdict("alice", "deadlocked");
  await page.locator("#rows .verdict.is-unreachable").first().waitFor({ timeout: 30000 });
  // A new one appears without a reload.
  const numberOf = async () => Number((await page.locator("#numbers dd").first().textContent()).replace(/\s/g, ""));
  const before = await numberOf();
  await page.waitForFunction((before) => Number(document.querySelector("#numbers dd").textContent.replace(/\s/g, "")) > before, before, { timeout: 30000 });
  // One that is stuck turns red.
  // Its answer may come only once the thread is free again.
  const answered = fetch(new URL("/stick", control), { method: "POST" });
  await verdict("clerk", "stuck");
  const [ink, bad] = await page.evaluate(() => {
    const probe = document.createElement("i");
    probe.style.color = "var(--bad)";
    document.body.append(probe);
    const colours = [getComputedStyle(document.querySelector(".verdict.is-stuck")).color, getComputedStyle(probe).color];
    probe.remove();
    return colours;
  });
  assert.equal(ink, bad, "what is stuck is red");
  await picture("tree-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("tree-dark");
  await page.setViewportSize({ width: 400, height: 800 });
  await picture("tree-400");
  const overflows = () => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(await overflows(), false, "nothing is wider than 400 px");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1240, height: 800 });
  // By keyboard: search, down, one node, back.
  await page.keyboard.press("/");
  await page.keyboard.type("mailer");
  await page.keyboard.press("Tab");
  await page.locator("#rows .row[tabindex='0']").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator("#node h2", { hasText: "mailer" }).first().waitFor();
  await picture("node");
  await page.keyboard.press("Escape");
  await page.locator("#node").waitFor({ state: "hidden" });
  await page.locator("#search").fill("");
  await answered;
  // One that ends names what it waits for.
  await fetch(new URL("/stop", control), { method: "POST" });
  await view("Stopping");
  await page.locator("#stopping .note", { hasText: "/warehouse/inventory" }).waitFor({ timeout: 30000 });
  await page.locator("#stopping tr", { hasText: "waits for the end of child" }).first().waitFor();
  await page.waitForTimeout(1500);
  await picture("stopping");
  await view("Waits");
  await page.locator("#waits svg").first().waitFor({ timeout: 30000 });
  await picture("waits");
  // A group that grows.
  await view("Groups");
  await page.locator("#groups tr", { hasText: "Session" }).filter({ has: page.locator("td.up") }).first().waitFor({ timeout: 30000 });
  await picture("groups");
  await page.setViewportSize({ width: 400, height: 800 });
  await picture("groups-400");
  assert.equal(await overflows(), false, "nothing is wider than 400 px");
  await page.setViewportSize({ width: 1240, height: 800 });
  await view("Ends");
  await page.locator("#ends tr", { hasText: "/warehouse" }).first().waitFor({ timeout: 30000 });
  // A failure has the tree of its causes.
  const failed = page.locator("#ends tr", { hasText: "/sessions/Checkout" }).filter({ has: page.locator(".verdict", { hasText: "failed" }) });
  await failed.locator(".causes li", { hasText: "payment the card was refused" }).first().waitFor({ timeout: 30000 });
  await picture("ends");
  await view("Time");
  await page.locator("#time svg").first().waitFor();
  await picture("time");
  assert.deepEqual(errors, [], "nothing went wrong in the page");
  // The system ends while the page is open.
  shop.removeAllListeners("exit");
  shop.kill("SIGTERM");
  await page.locator("#banner", { hasText: "The system has ended" }).waitFor({ timeout: 30000 });
  await view("Tree");
  await picture("ended");
  console.log("the page shows what it should");
} catch (error) {
  await picture("failed");
  console.error(errors.join("\n"));
  throw error;
} finally {
  shop.removeAllListeners("exit");
  shop.kill("SIGKILL");
  await context.close();
  rmSync(profile, { recursive: true });
}
