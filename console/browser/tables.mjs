// Tables, costs, heat, explain and replay: what each page does.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { check, dynamodb, work } from "./browser.mjs";

export async function drive({ page, server, step, go, text, settle, says, follow }) {
  await step("the hot key is found by following what the pages say", async () => {
    await go("/console/");
    await follow('nav a[href="/console/heat"]');
    await follow('main a[href="/console/heat/orders"]');
    check(/One partition key is hot: \{"customer":"customer-7"\}/.test(await text()), "the page names customer-7");
    await page.click("main button[hx-get]");
    await says("120 items with 5 partition keys");
  });
  await step("costs show keys and parts minute by minute", async () => {
    await follow('nav a[href="/console/costs"]');
    for (const part of ["Parts over time", "By partition key", "Partition keys over time"]) await says(part);
    check((await page.$$("svg.map rect.cell")).length >= 4, "the maps have cells");
    check((await page.$eval('[aria-label="Consumption by partition key"] tbody tr', (row) => row.innerText)).includes("customer-7"), "the hot key comes first");
  });
  await step("what is opened and focused stays so when a page renews itself", async () => {
    await go("/console/heat/orders");
    await page.focus("main details summary");
    await page.keyboard.press("Enter");
    const part = await page.$("main [hx-trigger] h2");
    await page.evaluate(() => globalThis.htmx.ajax("GET", document.querySelector("main [hx-get]").getAttribute("hx-get"), "main [hx-get]"));
    await settle((part) => !part.isConnected, part);
    check(await page.$("main details[open]"), "the details are open");
    check(await page.evaluate(() => document.activeElement.tagName === "SUMMARY"), "the focus is where it was");
  });
  await step("a query shows its request in four languages", async () => {
    await go("/console/tables/orders/items");
    await page.type('[name="pk"]', "customer-7");
    await follow("#builder button.main");
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
    await follow('button[value="save"]');
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
  await step("records that the server left out are a row that says so", async () => {
    const { identifier } = await page.evaluateOnNewDocument(() => {
      const Source = EventSource;
      globalThis.EventSource = class extends Source {
        constructor(address) {
          super(address);
          globalThis.source = this;
        }
      };
    });
    await go("/console/tables/orders/stream");
    await says("State: live");
    await page.evaluate(() => globalThis.source.dispatchEvent(new MessageEvent("gap", { data: "records were <b>left out</b>" })));
    await settle(() => document.querySelector("tbody[data-events] td.refusal")?.textContent === "records were <b>left out</b>");
    await page.removeScriptToEvaluateOnNewDocument(identifier);
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
    for (const address of ["/console/tables/orders/items", "/console/tables/stock/item", "/console/heat/orders", "/console/explain", "/console/inside/bench"]) {
      await go(address);
      const missed = await page.evaluateHandle(() => new Set([...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
        .filter((part) => part.checkVisibility() && part.type !== "hidden" && !part.disabled)));
      const stops = await missed.evaluate((missed) => missed.size);
      for (let stop = 0; stop < stops + 5; stop += 1) {
        await page.keyboard.press("Tab");
        await missed.evaluate((missed) => missed.delete(document.activeElement));
      }
      const left = await missed.evaluate((missed) => [...missed].map((part) => part.outerHTML.slice(0, 100)));
      check(left.length === 0, `${address}: the keyboard does not reach ${left.join(" | ")}`);
    }
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
}
