// Every page: what it does, how it fits, whether a checker of accessibility finds anything.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { axe, dynamodb, fill, open, start, work } from "./browser.mjs";
import * as inside from "./inside.mjs";

const shots = path.join(work, "shots");
mkdirSync(shots, { recursive: true });
const checker = readFileSync(axe, "utf8");
const results = { passed: 0, failed: 0 };

// A step that fails is reported, and the others go on.
async function step(name, run) {
  try {
    await run();
    results.passed += 1;
  } catch (error) {
    results.failed += 1;
    console.error(`FAILED ${name}: ${error.message}`);
  }
}

function check(holds, what) {
  if (!holds) throw new Error(what);
}

const server = await start(["console", "--in-memory", "--write", "--port", "0"]);
const browser = await open();
const page = await browser.newPage();
// Whatever the policy forbids, and whatever a script gets wrong, ends up here.
const complaints = [];
page.on("console", (message) => { if (["error", "warn"].includes(message.type()) && !/status of (4|5)\d\d/.test(message.text())) complaints.push(message.text()); });
page.on("pageerror", (error) => complaints.push(String(error)));

const go = (address) => page.goto(new URL(address, server.address).href, { waitUntil: "load" });
const text = () => page.evaluate(() => document.body.innerText);
const settle = (until, ...args) => page.waitForFunction(until, { timeout: 8000 }, ...args);
const says = (words) => settle((words) => document.body.innerText.includes(words), words);

// Pages as they are looked at: a name for the picture, and the address.
const key = encodeURIComponent('{"customer":{"S":"customer-7"},"order":{"S":"order-0010"}}');
const pages = [
  ["tables", "/console/"],
  ["items", "/console/tables/orders/items"],
  ["query", "/console/tables/orders/items?pk=customer-7&op=begins_with&sk=order-00&filter_name=total&filter_op=ge&filter_type=N&filter_value=100"],
  ["explained", "/console/tables/orders/explain?pk=customer-7"],
  ["item", `/console/tables/orders/item?key=${key}`],
  ["new-item", "/console/tables/orders/item"],
  ["files", "/console/tables/orders/files"],
  ["indexes", "/console/tables/orders/indexes"],
  ["stream", "/console/tables/orders/stream"],
  ["ttl", "/console/tables/orders/ttl"],
  ["history", "/console/tables/orders/history?from=%231&to=now"],
  ["versions", `/console/tables/orders/versions?key=${key}`],
  ["costs", "/console/costs"],
  ["heat", "/console/heat"],
  ["heat-of-table", "/console/heat/orders"],
  ["explain", "/console/explain"],
  ["replay", "/console/replay"],
  ["inside", "/console/inside"],
  ["partition", "/console/inside/partition/1"],
  ["workbench-begin", "/console/inside/bench"],
  ["lessons", "/console/lessons"],
  ["not-there", "/console/tables/none/items"],
];

async function violations() {
  await page.evaluate(checker);
  const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations);
  return found.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
}

try {
  await fill(server.origin);
  await page.setBypassCSP(false);

  await step("the hot key is found by following what the pages say", async () => {
    await go("/console/");
    await Promise.all([page.waitForNavigation(), page.click('nav a[href="/console/heat"]')]);
    await Promise.all([page.waitForNavigation(), page.click('main a[href="/console/heat/orders"]')]);
    check(/One partition key is hot: \{"customer":"customer-7"\}/.test(await text()), "the page names customer-7");
  });
  await step("a query shows its request in four languages", async () => {
    await go("/console/tables/orders/items");
    await page.type('[name="pk"]', "customer-7");
    await Promise.all([page.waitForNavigation(), page.click("#builder button.main")]);
    await page.click("#request summary");
    const shown = await text();
    for (const part of ["aws dynamodb query", ".query(\"customer-7\")", "Key(\"customer\").eq(\"customer-7\")", "WHERE \"customer\" = 'customer-7'"]) {
      check(shown.includes(part), `the page shows ${part}`);
    }
  });
  await step("another index has other key fields", async () => {
    await go("/console/tables/orders/items");
    await page.select('[name="index"]', "by_status");
    await says("Partition key status (S)");
  });
  await step("an item is made, changed and refused in the engine's words", async () => {
    await go("/console/tables/stock/item");
    await page.type('#attributes .attribute:nth-child(1) [name="value"]', "nut");
    await page.click('[data-add="#attributes"]');
    const last = "#attributes .attribute:last-child";
    await page.type(`${last} [name="name"]`, "left");
    await page.select(`${last} [name="type"]`, "N");
    await page.type(`${last} [name="value"]`, "many");
    await page.click('button[value="save"]');
    await says("left: ");
    await page.click(`${last} [name="value"]`, { clickCount: 3 });
    await page.type(`${last} [name="value"]`, "12");
    await Promise.all([page.waitForNavigation(), page.click('button[value="save"]')]);
    const stored = await dynamodb(server.origin, "GetItem", { TableName: "stock", Key: { sku: { S: "nut" } } });
    check(stored.Item.left.N === "12", "the item is stored");
  });
  await step("chosen items are changed together", async () => {
    await go("/console/tables/stock/items");
    await page.click("[data-all]");
    await page.type('fieldset [name="name"]', "place");
    await page.type('fieldset [name="value"]', "shelf");
    await page.click("button.danger");
    await says("Changed: 2");
  });
  await step("a file that is dropped is imported", async () => {
    await go("/console/tables/stock/files");
    const file = path.join(work, "stock.csv");
    writeFileSync(file, "sku,left:N\nwasher,5\nscrew,x\n");
    const input = await page.$(".drop input");
    await input.uploadFile(file);
    await says("Put from CSV: 1");
    await says("screw") .catch(() => {});
    check((await text()).includes("line 3"), "the record that is refused is named");
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(['{"sku":{"S":"nail"}}\n'], "dropped.json"));
      document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
    });
    await says("Put from DynamoDB JSON: 1");
  });
  await step("an export has every item", async () => {
    const lines = await page.evaluate(async () => (await (await fetch("/console/api/tables/orders/export?format=ddb-json")).text()).trim().split("\n").length);
    check(lines === 120, `120 lines, and not ${lines}`);
  });
  await step("records appear as they are committed", async () => {
    await go("/console/tables/orders/stream");
    await says("State: live");
    await dynamodb(server.origin, "PutItem", { TableName: "orders", Item: { customer: { S: "live" }, order: { S: "<img src=x onerror=\"document.title='run'\">" } } });
    await settle(() => document.querySelectorAll("tbody[data-events] tr").length === 1);
    check((await page.title()) !== "run" && (await text()).includes("<img src=x"), "its text is shown and not run");
  });
  await step("a lag is set and shown", async () => {
    await go("/console/tables/orders/indexes");
    await page.click('[name="millis"]', { clickCount: 3 });
    await page.type('[name="millis"]', "60000");
    await page.click('button[value="lag"]');
    await says("after 60000 ms");
    await dynamodb(server.origin, "PutItem", { TableName: "orders", Item: { customer: { S: "live" }, order: { S: "2" }, status: { S: "OPEN" } } });
    await says("1 on their way");
  });
  await step("a statement is explained", async () => {
    await go("/console/explain");
    await page.click("form button.main");
    await says("What the request touches").catch(() => {});
    await says("Scan");
  });
  await step("requests are recorded and tried on another design", async () => {
    await go("/console/replay");
    await page.click("#recording button");
    await says("Recording:");
    for (let number = 0; number < 20; number += 1) await dynamodb(server.origin, "GetItem", { TableName: "orders", Key: { customer: { S: "customer-7" }, order: { S: "order-0010" } } });
    await page.click("#recording button");
    await says("20 accesses are recorded");
    await page.click("form button.main");
    await says("20 accesses of");
    check((await text()).includes("eight shards"), "both designs are shown");
  });
  await step("the keyboard reaches everything, the page first", async () => {
    await go("/console/tables/orders/items");
    await page.keyboard.press("Tab");
    check(await page.evaluate(() => document.activeElement.className === "skip"), "the first stop skips to the page");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    check(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), "the next stop is in the page");
  });
  await step("light and dark are chosen and kept", async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await ground();
    await page.click("#theme");
    const after = await ground();
    check(before !== after, "the ground changes");
    await page.reload();
    check((await ground()) === after, "it is kept");
    await page.click("#theme");
  });
  await step("background work is paused, done by a button and let run", async () => {
    await go("/console/inside");
    await page.click('form[hx-post="/console/inside/pause"] button');
    await settle(() => document.querySelector('form[hx-post="/console/inside/step"]'));
    await page.click('form[hx-post="/console/inside/step"] button.main');
    await settle(() => document.querySelector("#stepper .said"));
    await page.click('[hx-post="/console/inside/resume"]');
    await says("It runs by itself.");
  });
  await inside.drive({ page, go, step, check, says, text, server, dynamodb });
  await step("a workbench answers a request and has its power cut", async () => {
    await go("/console/inside/bench");
    await Promise.all([page.waitForNavigation(), page.click('form[hx-post="/console/inside/bench"] button')]);
    pages.splice(-1, 0, ["workbench", new URL(page.url()).pathname]);
    for (const button of await page.$$('main form[hx-target="#answer"] button')) {
      await button.click();
      await settle(() => !document.querySelector(".htmx-request") && document.querySelector("#answer").children.length > 0);
      check(!(await page.$("#answer .refusal")), await page.evaluate(() => document.querySelector("#answer").innerText));
    }
  });
  await step("every lesson is taken to its end", async () => {
    await go("/console/lessons");
    const lessons = await page.$$eval('main a[href^="/console/lessons/"]', (links) => [...new Set(links.map((link) => link.getAttribute("href")))]);
    check(lessons.length >= 10, `there are ten lessons, and not ${lessons.length}`);
    for (const lesson of lessons) {
      await go(lesson);
      await Promise.all([page.waitForNavigation(), page.click("form.row button.main")]);
      if (lesson === lessons[0]) pages.splice(-1, 0, ["lesson", `${new URL(page.url()).pathname}${new URL(page.url()).search}`]);
      for (let next = await page.$(".step.next"); next; next = await page.$(".step.next")) {
        const id = await next.evaluate((step) => step.id);
        await page.click(`#${id} button`);
        await settle((id) => !document.getElementById(id)?.classList.contains("next") || document.querySelector(".refusal"), id);
        check(!(await page.$(".refusal")), `${lesson} ${id}: ${await page.evaluate(() => document.querySelector(".refusal")?.innerText)}`);
      }
    }
  });
  check((await page.title()) !== "run", "no value was run as script");

  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.evaluate(() => localStorage.removeItem("theme"));
    for (const width of [360, 1280]) {
      await page.setViewport({ width, height: 800 });
      for (const [name, address] of pages) {
        // Dark differs in colours only, which do not depend on the width.
        if (scheme === "dark" && width === 360) continue;
        await step(`${name} at ${width} px, ${scheme}`, async () => {
          await go(address);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          await page.screenshot({ path: path.join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
          check(over <= 0, `the page is ${over} px too wide`);
          if (scheme === "light" && width === 1280) return; // the two others have every width and every colour
          const found = await violations();
          check(found.length === 0, found.join("\n  "));
        });
      }
    }
  }
  await step("no script failed and nothing broke the policy", async () => check(complaints.length === 0, complaints.join("\n  ")));
} finally {
  await browser.close();
  server.stop();
}
console.log(`${results.passed} passed, ${results.failed} failed`);
process.exit(results.failed ? 1 : 0);
