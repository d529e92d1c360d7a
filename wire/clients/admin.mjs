// dynamodb-admin, the usual web interface: it lists tables, and shows the items of one.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

const { ENDPOINT, INSTALLED } = process.env
const require = createRequire(`${INSTALLED}/package.json`)
const { CreateTableCommand, DeleteTableCommand, DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb')
const client = new DynamoDBClient({ endpoint: ENDPOINT })
await client.send(new CreateTableCommand({
  TableName: 'people',
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'name', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }],
}))
await client.send(new PutItemCommand({ TableName: 'people', Item: { name: { S: 'Ada Lovelace' }, born: { N: '1815' } } }))

const probe = createServer().listen(0, '127.0.0.1')
await once(probe, 'listening')
const { port } = probe.address()
probe.close()
const admin = spawn(`${INSTALLED}/node_modules/.bin/dynamodb-admin`, ['--port', String(port), '--host', '127.0.0.1'], {
  env: { ...process.env, DYNAMO_ENDPOINT: ENDPOINT },
  stdio: 'ignore',
})
try {
  const page = async (path) => {
    for (let left = 100; ; left--) {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`)
        assert.equal(answer.status, 200, path)
        return await answer.text()
      } catch (error) {
        if (left === 0) throw error
        await sleep(100)
      }
    }
  }
  assert.match(await page('/'), /people/)
  assert.match(await page('/tables/people/items'), /Ada Lovelace/)
  assert.match(await page('/tables/people/items/Ada%20Lovelace'), /1815/)
  assert.match(await page('/tables/people/meta'), /PAY_PER_REQUEST/)
} finally {
  admin.kill()
  await client.send(new DeleteTableCommand({ TableName: 'people' }))
}
