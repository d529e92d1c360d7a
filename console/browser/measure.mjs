// How long the first paint of a table of a million items takes, and what an open page costs writers.
import { dynamodb, open, start } from "./browser.mjs";

const ITEMS = Number(process.env.HASHRANGE_ITEMS || 1_000_000);
const folder = process.env.HASHRANGE_FOLDER; // a database whose table "big" has the items
const server = await start(folder ? ["console", folder, "--write", "--port", "0"] : ["serve", "--in-memory", "--console", "--port", "0", "--console-write"]);
const browser = await open();

async function batch(first, count) {
  const requests = [];
  for (let at = first; at < first + count; at += 25) {
    const puts = [];
    for (let number = at; number < Math.min(at + 25, first + count); number += 1) {
      puts.push({ PutRequest: { Item: { id: { S: `key-${number}` }, text: { S: "x".repeat(100) }, number: { N: String(number) } } } });
    }
    requests.push(dynamodb(server.origin, "BatchWriteItem", { RequestItems: { big: puts } }));
  }
  await Promise.all(requests);
}

try {
  if (!folder) {
    await dynamodb(server.origin, "CreateTable", { TableName: "big", BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }], KeySchema: [{ AttributeName: "id", KeyType: "HASH" }] });
    for (let at = 0; at < ITEMS; at += 1000) await batch(at, Math.min(1000, ITEMS - at));
  }
  const page = await browser.newPage();
  for (const address of ["/console/", "/console/tables/big/items", "/console/tables/big/items?pk=key-77", "/console/heat/big", "/console/costs"]) {
    const paints = [];
    for (let round = 0; round < 7; round += 1) {
      await page.goto(server.origin + address, { waitUntil: "load" });
      await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
      paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    }
    paints.sort((a, b) => a - b);
    console.log(`${address}: first contentful paint ${paints[3].toFixed(0)} ms (median of 7; ${paints[0].toFixed(0)} to ${paints[6].toFixed(0)})`);
  }
} finally {
  await browser.close();
  server.stop();
}
