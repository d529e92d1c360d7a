// dotnet add package AWSSDK.DynamoDBv2
using Amazon.DynamoDBv2;
using Amazon.DynamoDBv2.Model;
using Amazon.Runtime;

var endpoint = Environment.GetEnvironmentVariable("HASHRANGE_ENDPOINT") ?? "http://127.0.0.1:8000";
var config = new AmazonDynamoDBConfig { ServiceURL = endpoint, AuthenticationRegion = "us-east-1" };
using var client = new AmazonDynamoDBClient(new BasicAWSCredentials("any", "any"), config);
await client.CreateTableAsync(new CreateTableRequest
{
    TableName = "dotnet",
    BillingMode = BillingMode.PAY_PER_REQUEST,
    AttributeDefinitions = [new AttributeDefinition("id", ScalarAttributeType.S)],
    KeySchema = [new KeySchemaElement("id", KeyType.HASH)],
});
await client.PutItemAsync("dotnet", new() { ["id"] = new("u1"), ["name"] = new("Ada") });
var found = await client.GetItemAsync("dotnet", new() { ["id"] = new("u1") });
Console.WriteLine(found.Item["name"].S);
