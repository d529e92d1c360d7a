// Inside and workbenches: what the engine does is drawn as it happens, and what a crash would keep is shown point by point.
import { check, dynamodb } from "./browser.mjs";

// Resolves with the address of a workbench on which something was done.
export async function drive({ page, server, step, go, text, settle, says, follow }) {
  let bench = "/console/inside/bench";
  await step("background work is paused and done step by step, and drawn as it happens", async () => {
    await go("/console/inside");
    await page.click('form[hx-post="/console/inside/pause"] button');
    await says("Background work is paused");
    await dynamodb(server.origin, "PutItem", { TableName: "stock", Item: { sku: { S: "stepped" } } });
    await page.select("#piece", "flush");
    await page.click("#stepper button.main");
    await says("flushed partition");
    await settle(() => document.querySelectorAll("ol.events li").length > 0);
    await settle(() => document.querySelector("[data-partition].changed"));
    await page.click('#stepper button[hx-post="/console/inside/resume"]');
    await says("goes on by itself");
    await says("It runs by itself.");
  });
  await step("an arc of the ring leads to its partition", async () => {
    await go("/console/inside");
    await follow("svg.ring a");
    check(/Partition \d+ of/.test(await text()), "the page is about a partition");
    check(await page.$("svg.layers rect.layer"), "its layers are drawn");
  });
  await step("a write is followed on a workbench, and its power is cut", async () => {
    await go("/console/inside/bench");
    await follow('button[value="copy"]');
    bench = new URL(page.url()).pathname;
    await page.$eval("#text", (field) => { field.value = "INSERT INTO stock VALUE {'sku': 'followed'}"; });
    await page.click('[name="followed"]');
    await page.click("form.bench button.main");
    await page.waitForFunction(() => document.querySelector("svg.crash"), { timeout: 60000, polling: 50 });
    const shown = await text();
    check(shown.includes("always lost") && shown.includes("always kept"), "crashes before and after the sync differ");
    await page.click('button[value="cut power 2"]');
    await says("It had not been closed");
    const stored = await dynamodb(server.origin, "GetItem", { TableName: "stock", Key: { sku: { S: "followed" } } });
    check(!stored.Item, "the database that is shown is not touched");
  });
  await step("every button of a workbench has an answer", async () => {
    await go("/console/inside/bench");
    await follow('form[hx-post="/console/inside/bench"] button');
    for (const button of await page.$$('main form[hx-target="#answer"] button')) {
      await button.click();
      await settle(() => !document.querySelector(".htmx-request") && document.querySelector("#answer").children.length > 0);
      check(!(await page.$("#answer .refusal")), await page.evaluate(() => document.querySelector("#answer").innerText));
    }
  });
  return bench;
}
