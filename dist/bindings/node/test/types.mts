// That the types of this package fit those of the AWS SDK; compiled, not run.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { clientConfig, Database, DatabaseError, EmbeddedHandler } from "@hashrange/embedded";

const db = new Database("folder", { durability: "buffered", clockMillis: 0 });
new DynamoDBClient(clientConfig(db));
new DynamoDBStreamsClient({ region: "eu-west-1", requestHandler: new EmbeddedHandler(db.fork()) });
export const swept: number = db.sweepNow();
export const code = (error: DatabaseError): string => error.code;
