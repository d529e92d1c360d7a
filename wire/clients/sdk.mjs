// The AWS SDK for JavaScript v3: plain and document client, paginators, waiters, typed errors, streams.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.INSTALLED}/package.json`)
const {
  CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient, ConditionalCheckFailedException,
  TransactionCanceledException, paginateQuery, waitUntilTableExists, waitUntilTableNotExists,
} = require('@aws-sdk/client-dynamodb')
const {
  BatchExecuteStatementCommand, BatchGetCommand, BatchWriteCommand, DynamoDBDocumentClient, ExecuteStatementCommand,
  ExecuteTransactionCommand, GetCommand, PutCommand, TransactWriteCommand, UpdateCommand,
} = require('@aws-sdk/lib-dynamodb')
const { DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand } =
  require('@aws-sdk/client-dynamodb-streams')

const endpoint = { endpoint: process.env.ENDPOINT }
const client = new DynamoDBClient(endpoint)
const documents = DynamoDBDocumentClient.from(client)
const TableName = 'orders'

await client.send(new CreateTableCommand({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    { AttributeName: 'customer', AttributeType: 'S' },
    { AttributeName: 'order', AttributeType: 'N' },
    { AttributeName: 'status', AttributeType: 'S' },
  ],
  KeySchema: [{ AttributeName: 'customer', KeyType: 'HASH' }, { AttributeName: 'order', KeyType: 'RANGE' }],
  GlobalSecondaryIndexes: [{
    IndexName: 'by_status',
    KeySchema: [{ AttributeName: 'status', KeyType: 'HASH' }],
    Projection: { ProjectionType: 'ALL' },
  }],
  StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
}))
await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: 30 }, { TableName })

const item = { customer: 'c', order: 1, status: 'OPEN', tags: new Set(['a', 'b']), raw: new Uint8Array([0, 255]), m: { l: [1, null] } }
await documents.send(new PutCommand({ TableName, Item: item }))
assert.deepEqual((await documents.send(new GetCommand({ TableName, Key: { customer: 'c', order: 1 } }))).Item, item)

const puts = Array.from({ length: 25 }, (_, n) => ({ PutRequest: { Item: { customer: 'd', order: n, status: 'OPEN' } } }))
await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: puts } }))
let count = 0
const query = {
  TableName, IndexName: 'by_status', KeyConditionExpression: '#s = :s', ExpressionAttributeNames: { '#s': 'status' },
  ExpressionAttributeValues: { ':s': { S: 'OPEN' } },
}
for await (const page of paginateQuery({ client, pageSize: 10 }, query)) count += page.Count
assert.equal(count, 26)
const keys = [{ customer: 'd', order: 3 }, { customer: 'd', order: 99 }]
const batch = await documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: keys } } }))
assert.equal(batch.Responses[TableName].length, 1)

await assert.rejects(
  documents.send(new UpdateCommand({
    TableName, Key: { customer: 'c', order: 1 }, UpdateExpression: 'SET #s = :new', ConditionExpression: '#s = :old',
    ExpressionAttributeNames: { '#s': 'status' }, ExpressionAttributeValues: { ':new': 'PAID', ':old': 'SHIPPED' },
  })),
  (error) => error instanceof ConditionalCheckFailedException,
)
await assert.rejects(
  documents.send(new TransactWriteCommand({
    TransactItems: [
      { Put: { TableName, Item: { customer: 'e', order: 1 } } },
      { Put: { TableName, Item: item, ConditionExpression: 'attribute_not_exists(customer)' } },
    ],
  })),
  (error) => error instanceof TransactionCanceledException && error.CancellationReasons[1].Code === 'ConditionalCheckFailed',
)

const streams = new DynamoDBStreamsClient(endpoint)
const { Table } = await client.send(new DescribeTableCommand({ TableName }))
const StreamArn = Table.LatestStreamArn
const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }))
let records = 0
for (const { ShardId } of StreamDescription.Shards) {
  const start = await streams.send(new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }))
  records += (await streams.send(new GetRecordsCommand({ ShardIterator: start.ShardIterator }))).Records.length
}
assert.equal(records, 26)

// PartiQL, by the plain and by the document client.
const insert = `INSERT INTO "${TableName}" VALUE {'customer': ?, 'order': ?, 'status': 'NEW'}`
await documents.send(new ExecuteStatementCommand({ Statement: insert, Parameters: ['p', 1] }))
await assert.rejects(
  documents.send(new ExecuteStatementCommand({ Statement: insert, Parameters: ['p', 1] })),
  (error) => error.name === 'DuplicateItemException')
const stated = await documents.send(new ExecuteStatementCommand({
  Statement: `SELECT * FROM "${TableName}"."by_status" WHERE status = ?`, Parameters: ['NEW'], ReturnConsumedCapacity: 'INDEXES',
}))
assert.deepEqual(stated.Items, [{ customer: 'p', order: 1, status: 'NEW' }])
assert.equal(stated.ConsumedCapacity.GlobalSecondaryIndexes.by_status.CapacityUnits, 0.5)
const batched = await documents.send(new BatchExecuteStatementCommand({ Statements: [
  { Statement: `UPDATE "${TableName}" SET status = 'OLD' WHERE customer = 'p' AND "order" = 1 RETURNING MODIFIED OLD *` },
  { Statement: `UPDATE "${TableName}" SET status = 'OLD' WHERE customer = 'nobody' AND "order" = 1` },
] }))
assert.deepEqual(batched.Responses[0].Item, { status: 'NEW' })
assert.equal(batched.Responses[1].Error.Code, 'ConditionalCheckFailed')
await documents.send(new ExecuteTransactionCommand({ TransactStatements: [
  { Statement: `DELETE FROM "${TableName}" WHERE customer = ? AND "order" = ?`, Parameters: ['p', 1] },
  { Statement: insert, Parameters: ['q', 1] },
] }))
const moved = await documents.send(new ExecuteTransactionCommand({ TransactStatements: [
  { Statement: `SELECT * FROM "${TableName}" WHERE customer = 'p' AND "order" = 1` },
  { Statement: `SELECT status FROM "${TableName}" WHERE customer = 'q' AND "order" = 1` },
] }))
assert.deepEqual(moved.Responses.map((one) => one.Item), [undefined, { status: 'NEW' }])

await client.send(new DeleteTableCommand({ TableName }))
await waitUntilTableNotExists({ client, minDelay: 1, maxWaitTime: 30 }, { TableName })
