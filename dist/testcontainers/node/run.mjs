// Starts a container of an image, writes an item and reads it.
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { HashrangeContainer } from "./dist/index.js";

const container = await new HashrangeContainer(process.argv[2]).start();
const client = new DynamoDBClient(container.getClientConfig());
const [TableName, id] = ["things", { S: "u1" }];
await client.send(
  new CreateTableCommand({
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  }),
);
await client.send(new PutItemCommand({ TableName, Item: { id, name: { S: "Ada" } } }));
const { Item } = await client.send(new GetItemCommand({ TableName, Key: { id } }));
client.destroy();
await container.stop();
console.log(Item.name.S);
