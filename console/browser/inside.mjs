// Inside and workbenches: what the engine does is drawn as it happens, and what a crash would keep is shown point by point.

export async function drive({ page, go, step, check, says, text, server, dynamodb }) {
  await step("background work is paused and done step by step, and drawn as it happens", async () => {
    await go("/console/inside");
    await page.click("#stepper button");
    await says("Background work is paused");
    await dynamodb(server.origin, "PutItem", { TableName: "stock", Item: { sku: { S: "stepped" } } });
    await page.select("#piece", "flush");
    await page.click("#stepper button.main");
    await says("flushed partition");
    await page.waitForFunction(() => document.querySelectorAll("ol.events li").length > 0, { timeout: 8000 });
    await page.waitForSelector("[data-partition].changed", { timeout: 8000 });
    await page.click('#stepper button[hx-post="/console/inside/resume"]');
    await says("goes on by itself");
  });
  await step("an arc of the ring leads to its partition", async () => {
    await go("/console/inside");
    await Promise.all([page.waitForNavigation(), page.click("svg.ring a")]);
    check(/Partition \d+ of/.test(await text()), "the page is about a partition");
    await page.waitForSelector("svg.layers rect.layer");
  });
  await step("a write is followed on a workbench, and its power is cut", async () => {
    await go("/console/inside/bench");
    await Promise.all([page.waitForNavigation(), page.click('button[value="copy"]')]);
    await page.$eval("#text", (field) => { field.value = "INSERT INTO stock VALUE {'sku': 'followed'}"; });
    await page.click('[name="followed"]');
    await page.click("form.bench button.main");
    await page.waitForSelector("svg.crash", { timeout: 60000 });
    const shown = await text();
    check(shown.includes("always lost") && shown.includes("always kept"), "crashes before and after the sync differ");
    await page.click('button[value="cut power 2"]');
    await says("It had not been closed");
    const stored = await dynamodb(server.origin, "GetItem", { TableName: "stock", Key: { sku: { S: "followed" } } });
    check(!stored.Item, "the database that is shown is not touched");
  });
}
