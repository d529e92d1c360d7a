// What an open page costs writers, with a page open and without, by turns: puts a second of one client, and processor time of the
// server for a put. The client, the server and the browser share the processor, and every other process disturbs the first
// figure; the second is the server's own.
//
//   HASHRANGE_PAGE=heat/stock            the page, below /console/
import { readFileSync } from "node:fs";
import http from "node:http";
import { dynamodb, fill, open, start } from "./browser.mjs";

const ROUNDS = Number(process.env.HASHRANGE_ROUNDS || 4); // 0: only what pages ask
const MILLIS = 8000; // longer than pages take until they ask again
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

// Processor time of the server so far, in milliseconds; Linux counts it in hundredths of a second.
function cpuMillis() {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ").pop().split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function measure() {
  const [begun, cpu] = [performance.now(), cpuMillis()];
  let count = 0;
  while (performance.now() < begun + MILLIS) { await put(count); count += 1; }
  return { rate: count / (performance.now() - begun) * 1000, count, cpu: cpuMillis() - cpu };
}

// What an open page asks of the server again and again: processor time of the server for it. It is a share of one core.
async function asks() {
  const REQUESTS = 400;
  for (let number = 0; number < 5000; number += 1) await put(number); // a full ranking of keys
  for (const [part, millis] of [["heat/stock?part=1", 5000], ["costs?part=1", 5000], ["tables/orders/indexes?part=1", 2000], ["replay?part=1", 2000]]) {
    const cpu = cpuMillis();
    for (let request = 0; request < REQUESTS; request += 1) await (await fetch(`${server.origin}/console/${part}`)).text();
    const each = (cpuMillis() - cpu) / REQUESTS;
    console.log(`${part}: ${each.toFixed(2)} ms of the server's processor every ${millis} ms: ${(each / millis * 100).toFixed(3)} %`);
  }
  const [cpu, begun] = [cpuMillis(), performance.now()];
  const stream = new AbortController();
  const events = await fetch(`${server.origin}/console/tables/orders/stream/events`, { signal: stream.signal });
  const inside = await fetch(`${server.origin}/console/api/inside/events`, { signal: stream.signal });
  await new Promise((later) => setTimeout(later, 10000));
  const share = (cpuMillis() - cpu) / (performance.now() - begun) * 100;
  console.log(`two event streams (${events.status}, ${inside.status}) without a commit: ${share.toFixed(3)} %`);
  stream.abort();
}

// Writers with a page open and without.
async function compare() {
  const page = await browser.newPage();
  const measured = { with: [], without: [] };
  for (let round = 0; round < 2 * ROUNDS; round += 1) {
    // With, without, without, with: what drifts falls on both.
    const isOpen = round % 4 === 0 || round % 4 === 3;
    await page.goto(isOpen ? `${server.origin}/console/${address}` : "about:blank", { waitUntil: "load" });
    await new Promise((later) => setTimeout(later, 1500)); // what opening a page costs the browser is not what an open one costs
    measured[isOpen ? "with" : "without"].push(await measure());
  }
  const sum = (all, of) => all.reduce((sum, one) => sum + one[of], 0);
  const mean = (all) => sum(all, "rate") / all.length;
  const cpu = (all) => sum(all, "cpu") / sum(all, "count") * 1000;
  const change = (of) => `${of(measured.without).toFixed(1)} without a page, ${of(measured.with).toFixed(1)} with ${address} open: ${((of(measured.with) / of(measured.without) - 1) * 100).toFixed(1)} %`;
  console.log(`puts a second: ${change(mean)}`);
  console.log(`microseconds of the server's processor for a put: ${change(cpu)}`);
}

try {
  await fill(server.origin);
  await asks();
  await measure();
  if (ROUNDS > 0) await compare();
} finally {
  await browser.close();
  server.stop();
}
