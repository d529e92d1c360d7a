// What an open page costs writers: puts a second of one client with a page open and without, by turns; the medians of both.
// The client, the server and the browser share the processor, and every other process disturbs the figures.
//
//   HASHRANGE_PAGE=heat/stock            the page, below /console/
import http from "node:http";
import { dynamodb, fill, open, start } from "./browser.mjs";

const ROUNDS = 16;
const MILLIS = 1500;
const address = process.env.HASHRANGE_PAGE || "heat/stock";
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
  const page = await browser.newPage();
  const rates = { with: [], without: [] };
  for (let round = 0; round < 2 * ROUNDS; round += 1) {
    // With, without, without, with: what drifts falls on both.
    const isOpen = round % 4 === 0 || round % 4 === 3;
    await page.goto(isOpen ? `${server.origin}/console/${address}` : "about:blank", { waitUntil: "load" });
    await new Promise((later) => setTimeout(later, 500)); // what opening a page costs the browser is not what an open one costs
    rates[isOpen ? "with" : "without"].push(await putsPerSec());
  }
  const median = (rates) => rates.sort((a, b) => a - b)[rates.length / 2];
  const [opened, closed] = [median(rates.with), median(rates.without)];
  console.log(`puts a second: ${closed.toFixed(0)} without a page, ${opened.toFixed(0)} with ${address} open: ${((opened / closed - 1) * 100).toFixed(1)} %`);
} finally {
  await browser.close();
  server.stop();
}
