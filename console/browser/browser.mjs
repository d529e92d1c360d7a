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
  return { address, origin: new URL(address).origin, stop: () => child.kill("SIGTERM") };
}

export function open() {
  return puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
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
  for (let number = 0; number < 120; number += 1) {
    const customer = number % 3 === 0 ? `customer-${number % 12}` : "customer-7";
    await dynamodb(origin, "PutItem", { TableName: "orders", Item: {
      customer: { S: customer }, order: { S: `order-${String(number).padStart(4, "0")}` }, status: { S: number % 2 ? "PAID" : "OPEN" },
      total: { N: String(number * 10) }, note: { S: number % 10 ? `a note of some length about order ${number}` : hostile },
      lines: { L: [{ M: { sku: { S: "bolt" }, count: { N: "3" } } }] },
    } });
  }
  await dynamodb(origin, "PutItem", { TableName: "stock", Item: { sku: { S: "bolt" }, left: { N: "7" }, tags: { SS: ["a", "b"] } } });
}
