// The AWS SDK's own clients on a database of this process; sockets are forbidden.
import assert from "node:assert/strict";
import dns from "node:dns";
import { mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import {
  ConditionalCheckFailedException, CreateTableCommand, DescribeTableCommand, DynamoDBClient, GetItemCommand, ListTablesCommand, paginateScan,
  PutItemCommand, QueryCommand, ScanCommand, TransactWriteItemsCommand, UpdateItemCommand, UpdateTimeToLiveCommand, waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand } from "@aws-sdk/client-dynamodb-streams";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { clientConfig, Database, DatabaseError } from "@hashrange/embedded";

const refuse = () => {
  throw new Error("a socket was opened");
};
net.Socket.prototype.connect = refuse;
dns.lookup = refuse;
const table = {
  TableName: "orders",
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }, { AttributeName: "n", AttributeType: "N" }],
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "n", KeyType: "RANGE" }],
  StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
};
const Key = { pk: { S: "a" }, n: { N: "0" } };

async function filled(db) {
  const client = new DynamoDBClient(clientConfig(db));
  await client.send(new CreateTableCommand(table));
  await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName: "orders" });
  return client;
}

test("items, conditions and pages", async () => {
  const client = await filled(new Database());
  for (let n = 0; n < 5; n += 1) {
    await client.send(new PutItemCommand({ TableName: "orders", Item: { pk: { S: "a" }, n: { N: `${n}` }, b: { B: new Uint8Array([0, 255]) } } }));
  }
  const found = await client.send(
    new QueryCommand({ TableName: "orders", KeyConditionExpression: "pk = :p AND n >= :n", ExpressionAttributeValues: { ":p": { S: "a" }, ":n": { N: "3" } } }),
  );
  assert.deepEqual(found.Items.map((item) => item.n.N), ["3", "4"]);
  assert.deepEqual([...found.Items[0].b.B], [0, 255]);
  assert.equal(found.$metadata.httpStatusCode, 200);
  assert.ok(found.$metadata.requestId);
  const again = new PutItemCommand({ TableName: "orders", Item: { pk: { S: "a" }, n: { N: "1" } }, ConditionExpression: "attribute_not_exists(pk)" });
  await assert.rejects(client.send(again), ConditionalCheckFailedException);
  let items = 0;
  for await (const page of paginateScan({ client, pageSize: 2 }, { TableName: "orders" })) items += page.Items.length;
  assert.equal(items, 5);
  const check = { ConditionCheck: { TableName: "orders", Key, ConditionExpression: "attribute_not_exists(pk)" } };
  const put = { Put: { TableName: "orders", Item: { pk: { S: "t" }, n: { N: "1" } } } };
  await assert.rejects(client.send(new TransactWriteItemsCommand({ TransactItems: [put, check] })), (error) => {
    assert.deepEqual(error.CancellationReasons.map((reason) => reason.Code), ["None", "ConditionalCheckFailed"]);
    return true;
  });
});

test("the document client and streams", async () => {
  const db = new Database();
  const client = await filled(db);
  const documents = DynamoDBDocumentClient.from(client);
  await documents.send(new PutCommand({ TableName: "orders", Item: { pk: "d", n: 1, list: [1, { deep: true }] } }));
  const found = await documents.send(new GetCommand({ TableName: "orders", Key: { pk: "d", n: 1 } }));
  assert.deepEqual(found.Item.list, [1, { deep: true }]);
  const StreamArn = (await client.send(new DescribeTableCommand({ TableName: "orders" }))).Table.LatestStreamArn;
  const streams = new DynamoDBStreamsClient(clientConfig(db));
  const { Shards } = (await streams.send(new DescribeStreamCommand({ StreamArn }))).StreamDescription;
  const names = [];
  for (const { ShardId } of Shards) {
    const { ShardIterator } = await streams.send(new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" }));
    const { Records } = await streams.send(new GetRecordsCommand({ ShardIterator }));
    names.push(...Records.map((record) => record.eventName));
  }
  assert.deepEqual(names, ["INSERT"]);
});

test("requests side by side count together", async () => {
  const client = await filled(new Database());
  const add = () => client.send(new UpdateItemCommand({ TableName: "orders", Key, UpdateExpression: "ADD c :1", ExpressionAttributeValues: { ":1": { N: "1" } } }));
  await Promise.all(Array.from({ length: 100 }, add));
  assert.equal((await client.send(new GetItemCommand({ TableName: "orders", Key }))).Item.c.N, "100");
});

test("a folder is kept, opened once, and closed", async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "hashrange-")), "data");
  const db = new Database(folder, { durability: "buffered" });
  const client = await filled(db);
  assert.throws(() => new Database(folder), (error) => error instanceof DatabaseError && error.code === "DatabaseLocked");
  const late = client.send(new ListTablesCommand({}));
  await late;
  db.close();
  db.close();
  await assert.rejects(db.handle("DynamoDB_20120810.ListTables", "{}"), (error) => error instanceof DatabaseError && error.code === "DatabaseClosed");
  await assert.rejects(client.send(new ListTablesCommand({})), DatabaseError);
  const kept = await new DynamoDBClient(clientConfig(new Database(folder))).send(new ListTablesCommand({}));
  assert.deepEqual(kept.TableNames, ["orders"]);
});

test("a copy with a clock of its hand", async () => {
  const begin = Date.UTC(2027, 0, 15, 8);
  const db = new Database(null, { clockMillis: begin });
  const client = await filled(db);
  const TimeToLiveSpecification = { Enabled: true, AttributeName: "until" };
  await client.send(new UpdateTimeToLiveCommand({ TableName: "orders", TimeToLiveSpecification }));
  await client.send(new PutItemCommand({ TableName: "orders", Item: { ...Key, until: { N: `${begin / 1000 + 3600}` } } }));
  const copy = db.fork();
  copy.advance(2 * 3600 * 1000);
  copy.sweepNow(); // background work may have been there first
  const count = async (which) => (await new DynamoDBClient(clientConfig(which)).send(new ScanCommand({ TableName: "orders" }))).Count;
  db.sweepNow(); // its own clock has not moved
  assert.deepEqual([await count(copy), await count(db)], [0, 1]);
});

test("settings that are wrong", async () => {
  assert.throws(() => new Database(null, { durability: "eventual" }), /sync or buffered/);
  assert.throws(() => new Database("/dev/null/nothing"), (error) => error.code === "IoError");
  assert.throws(() => new Database().advance(1), (error) => error.code === "UnsupportedOperation");
});

test("a request that was aborted, and CommonJS", async () => {
  const client = await filled(new Database());
  const abort = new AbortController();
  abort.abort();
  await assert.rejects(client.send(new ListTablesCommand({}), { abortSignal: abort.signal }), { name: "AbortError" });
  assert.equal(createRequire(import.meta.url)("@hashrange/embedded").Database, Database);
});

test("a close answers all requests that the database was given", async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "hashrange-")), "data");
  const db = new Database(folder);
  await filled(db);
  // Far more than the pool has threads, so most of them wait for one.
  const puts = Array.from({ length: 200 }, (_, n) =>
    db.handle("DynamoDB_20120810.PutItem", JSON.stringify({ TableName: "orders", Item: { pk: { S: "q" }, n: { N: `${n}` } } })),
  );
  db.close();
  const late = db.handle("DynamoDB_20120810.ListTables", "{}");
  assert.deepEqual(new Set((await Promise.all(puts)).map((answer) => answer.status)), new Set([200]));
  await assert.rejects(late, (error) => error instanceof DatabaseError && error.code === "DatabaseClosed");
  const found = await new DynamoDBClient(clientConfig(new Database(folder))).send(new ScanCommand({ TableName: "orders", Select: "COUNT" }));
  assert.equal(found.Count, 200);
});

const skip = !process.env.HASHRANGE_PLANTED && "needs dist/bindings/check --debug";

test("a panic inside rejects one request, and the process goes on", { skip }, async () => {
  const db = new Database();
  const panics = (error) => error instanceof DatabaseError && error.code === "InternalError" && /planted/.test(error.message);
  await assert.rejects(db.handle("Planted.Panic", ""), panics);
  assert.equal((await db.handle("DynamoDB_20120810.ListTables", "{}")).status, 200);
  db.close();
});
