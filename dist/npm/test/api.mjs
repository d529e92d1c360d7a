// Runs in a fresh folder in which the packed files were installed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import test from "node:test";
import { CreateTableCommand, DynamoDBClient, GetItemCommand, ListTablesCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { startServer } from "hashrange";

const table = {
  TableName: "users",
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
};

test("a server of a test keeps items until it is stopped", async () => {
  const server = await startServer();
  const client = new DynamoDBClient(server.clientConfig());
  await client.send(new CreateTableCommand(table));
  await client.send(new PutItemCommand({ TableName: "users", Item: { id: { S: "u1" }, name: { S: "Ada" } } }));
  const found = await client.send(new GetItemCommand({ TableName: "users", Key: { id: { S: "u1" } } }));
  assert.equal(found.Item.name.S, "Ada");
  const other = await startServer();
  const empty = await new DynamoDBClient(other.clientConfig()).send(new ListTablesCommand({}));
  assert.deepEqual(empty.TableNames, []);
  await Promise.all([server.stop(), other.stop()]);
  await assert.rejects(fetch(server.endpoint));
});

test("a folder keeps what a server before wrote", async () => {
  for (const expected of [[], ["users"]]) {
    const server = await startServer({ dataDir: "./kept" });
    const client = new DynamoDBClient(server.clientConfig());
    assert.deepEqual((await client.send(new ListTablesCommand({}))).TableNames, expected);
    if (expected.length === 0) await client.send(new CreateTableCommand(table));
    await server.stop();
  }
});

test("what the server says is in the error", async () => {
  await assert.rejects(startServer({ args: ["--nonsense"] }), /ended with status 2.*--nonsense/s);
});

test("a server ends with a process that is killed", async () => {
  const script = `const { startServer } = await import("hashrange"); const s = await startServer(); console.log(s.endpoint); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const endpoint = await new Promise((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim())));
  assert.equal((await fetch(endpoint)).status, 200);
  child.kill("SIGKILL");
  for (let tries = 0; ; tries += 1) {
    if (await fetch(endpoint).then(() => false, () => true)) break;
    assert.ok(tries < 100, "the server outlives its process");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
