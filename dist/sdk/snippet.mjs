// npm install @aws-sdk/client-dynamodb
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({
  endpoint: process.env.HASHRANGE_ENDPOINT ?? "http://127.0.0.1:8000",
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
});
await client.send(
  new CreateTableCommand({
    TableName: "node",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  }),
);
await client.send(new PutItemCommand({ TableName: "node", Item: { id: { S: "u1" }, name: { S: "Ada" } } }));
const found = await client.send(new GetItemCommand({ TableName: "node", Key: { id: { S: "u1" } } }));
console.log(found.Item.name.S);
