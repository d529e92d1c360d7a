// How long the first paint of a table of a million items takes, in a browser that has the console's files.
//
//   HASHRANGE_FOLDER=shop.db             a database whose table "big" has the items; without, one is filled in memory
import { dynamodb, open, start } from "./browser.mjs";

const ITEMS = Number(process.env.HASHRANGE_ITEMS || 1_000_000);
const ROUNDS = 25;
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
  const addresses = ["/console/", "/console/tables/big/items", "/console/tables/big/items?pk=key-77", "/console/heat/big", "/console/costs"];
  const paints = new Map(addresses.map((address) => [address, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const address of addresses) {
      await page.goto(server.origin + address, { waitUntil: "load" });
      await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length, { polling: 20 });
      const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
      if (round > 0) paints.get(address).push(paint); // the first round fills the browser's cache
    }
  }
  for (const [address, times] of paints) {
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.floor(share * ROUNDS)].toFixed(0);
    console.log(`${address}: first contentful paint ${at(0.5)} ms (median of ${ROUNDS}; ${at(0.1)} to ${at(0.9)} without the tenths at both ends)`);
  }
} finally {
  await browser.close();
  server.stop();
}
