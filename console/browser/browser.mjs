// A console with a database of its own, and a browser to look at it.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import path from "node:path";

export const work = process.env.CONSOLE_WORK;
const load = createRequire(path.join(work, "package.json"));
const puppeteer = load("puppeteer-core");
export const axe = load.resolve("axe-core/axe.min.js");

// Starts the program with arguments; resolves with the address of its pages.
export async function start(args) {
  const child = spawn(process.env.HASHRANGE, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const address = await new Promise((found, failed) => {
    child.once("exit", (code) => failed(new Error(`the program ended with ${code}`)));
    lines.on("line", (line) => {
      const match = line.match(/the console is at (http:\S+)/);
      if (match) found(match[1]);
    });
  });
  return { address, origin: new URL(address).origin, pid: child.pid, stop: () => child.kill("SIGTERM") };
}

export function open() {
  // Tabs work side by side, so those in the background must be as awake as the one in front.
  const awake = ["--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"];
  return puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...awake] });
}

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

// What every tab reports to: steps that passed and failed, and what no page may do.
export function report() {
  const results = { passed: 0, failed: 0, complaints: [] };
  // A step that fails is reported, and the others go on.
  const step = async (name, run) => {
    const begun = performance.now();
    try {
      await run();
      results.passed += 1;
    } catch (error) {
      results.failed += 1;
      console.error(`FAILED ${name}: ${error.message}`);
    }
    if (process.env.HASHRANGE_TIMES) console.log(`${(performance.now() - begun).toFixed(0).padStart(6)} ms ${name}`);
  };
  return { results, step };
}

// A tab on a console.
export async function tab(browser, server, { results, step }) {
  // A context of its own has storage of its own: the theme that one tab chooses is not another one's.
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  // Whatever the policy forbids, whatever a script gets wrong, and every request to another machine ends up here.
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type()) && !/status of (4|5)\d\d/.test(message.text())) results.complaints.push(message.text());
  });
  page.on("pageerror", (error) => results.complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${server.origin}/`) && !request.url().startsWith("data:")) results.complaints.push(`a request to ${request.url()}`);
  });
  const text = () => page.evaluate(() => document.body.innerText);
  // By the clock, and not by frames, of which a tab in the background has none.
  const settle = (until, ...args) => page.waitForFunction(until, { timeout: 15000, polling: 20 }, ...args);
  // A page is ready when it has htmx, which comes behind the first paint.
  const ready = () => settle(() => globalThis.htmx);
  const go = async (address) => {
    await page.goto(new URL(address, server.address).href, { waitUntil: "load" });
    await ready();
  };
  const says = (words) => settle((words) => document.body.innerText.includes(words), words);
  const follow = async (selector) => {
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click(selector)]);
    await ready();
  };
  return { page, server, step, go, text, settle, says, follow };
}

// An operation of DynamoDB on the server.
export async function dynamodb(origin, operation, body) {
  const answer = await fetch(`${origin}/`, {
    method: "POST", body: JSON.stringify(body),
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `DynamoDB_20120810.${operation}` },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${operation}: ${text}`);
  return JSON.parse(text);
}

// A shop: orders with an index and a stream, of which one customer's are hot.
export async function fill(origin) {
  const S = (name) => ({ AttributeName: name, AttributeType: "S" });
  const key = (name, KeyType) => ({ AttributeName: name, KeyType });
  await dynamodb(origin, "CreateTable", {
    TableName: "orders", BillingMode: "PAY_PER_REQUEST", AttributeDefinitions: [S("customer"), S("order"), S("status")],
    KeySchema: [key("customer", "HASH"), key("order", "RANGE")],
    GlobalSecondaryIndexes: [{ IndexName: "by_status", KeySchema: [key("status", "HASH")], Projection: { ProjectionType: "ALL" } }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  });
  await dynamodb(origin, "CreateTable", {
    TableName: "stock", BillingMode: "PAY_PER_REQUEST", AttributeDefinitions: [S("sku")], KeySchema: [key("sku", "HASH")],
  });
  const hostile = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">";
  const put = (number) => dynamodb(origin, "PutItem", { TableName: "orders", Item: {
    customer: { S: number % 3 === 0 ? `customer-${number % 12}` : "customer-7" },
    order: { S: `order-${String(number).padStart(4, "0")}` }, status: { S: number % 2 ? "PAID" : "OPEN" },
    total: { N: String(number * 10) }, note: { S: number % 10 ? `a note of some length about order ${number}` : hostile },
    lines: { L: [{ M: { sku: { S: "bolt" }, count: { N: "3" } } }] },
  } });
  await Promise.all(Array.from({ length: 120 }, (_, number) => put(number)));
  await dynamodb(origin, "PutItem", { TableName: "stock", Item: { sku: { S: "bolt" }, left: { N: "7" }, tags: { SS: ["a", "b"] } } });
}
