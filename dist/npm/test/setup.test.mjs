// Runs under vitest with hashrange/vitest as its global setup.
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { expect, inject, test } from "vitest";

test("clients find the server of the run by themselves", async () => {
  expect(process.env.AWS_ENDPOINT_URL_DYNAMODB).toBe(inject("hashrangeEndpoint"));
  expect((await new DynamoDBClient({}).send(new ListTablesCommand({}))).TableNames).toEqual([]);
});
