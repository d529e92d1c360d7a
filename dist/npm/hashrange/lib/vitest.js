// Global setup for vitest: one server for the whole run. In vitest.config: test: { globalSetup: ["hashrange/vitest"] }.
// Tests find it by AWS_ENDPOINT_URL_DYNAMODB, which the SDK reads by itself, and by inject("hashrangeEndpoint").
import { startServer } from "./index.js";

export default async function setup(project) {
  const server = await startServer();
  const variables = {
    AWS_ENDPOINT_URL_DYNAMODB: server.endpoint,
    AWS_REGION: process.env.AWS_REGION ?? "us-east-1",
    AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? "test",
    AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? "test",
  };
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  Object.assign(process.env, variables);
  project?.provide?.("hashrangeEndpoint", server.endpoint);
  return async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await server.stop();
  };
}
