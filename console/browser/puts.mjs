// What an open page costs writers: puts a second with pages open and without, by turns. Other processes disturb it.
import http from "node:http";
import { dynamodb, fill, open, start } from "./browser.mjs";

const ROUNDS = 6;
const MILLIS = 2500;
const server = await start(["console", "--in-memory", "--write", "--port", "0"]);
const browser = await open();
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const { hostname, port } = new URL(server.origin);

function put(number) {
  const body = JSON.stringify({ TableName: "stock", Item: { sku: { S: `sku-${number % 5000}` }, text: { S: "x".repeat(100) } } });
  return new Promise((done, failed) => {
    const request = http.request({ hostname, port, agent, method: "POST", headers: {
      "content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.PutItem", "content-length": Buffer.byteLength(body),
    } }, (answer) => { answer.resume(); answer.on("end", done); });
    request.on("error", failed);
    request.end(body);
  });
}

async function putsPerSec() {
  const end = performance.now() + MILLIS;
  const begun = performance.now();
  let count = 0;
  while (performance.now() < end) { await put(count); count += 1; }
  return count / (performance.now() - begun) * 1000;
}

try {
  await fill(server.origin);
  await putsPerSec();
  const sums = { without: 0, heat: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    sums.without += await putsPerSec();
    const page = await browser.newPage();
    await page.goto(`${server.origin}/console/${process.env.HASHRANGE_PAGE || "heat/stock"}`, { waitUntil: "load" });
    await new Promise((later) => setTimeout(later, 700)); // what opening a page costs the browser is not what an open one costs
    sums.heat += await putsPerSec();
    await page.close();
  }
  const change = (sums.heat / sums.without - 1) * 100;
  console.log(`puts a second: ${(sums.without / ROUNDS).toFixed(0)} without a page, ${(sums.heat / ROUNDS).toFixed(0)} with one open: ${change.toFixed(1)} %`);
} finally {
  await browser.close();
  server.stop();
}
