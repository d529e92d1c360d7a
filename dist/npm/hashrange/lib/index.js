// A server for tests: a database of its own on a free port, gone when it is stopped or when this process ends.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { binaryPath } from "./binary.js";

export { binaryPath };

export async function startServer(options = {}) {
  const { port = 0, dataDir, args = [], timeoutMillis = 10_000, env = {} } = options;
  const place = dataDir === undefined ? ["--in-memory"] : ["--data-dir", dataDir];
  // The server ends with its standard input, so it ends with this process however that ends.
  const line = ["serve", "--port", String(port), "--until-stdin-closes", ...place, ...args];
  const child = spawn(binaryPath(), line, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    complaints = (complaints + text).slice(-4096);
  });
  child.stdin.on("error", () => {}); // the server may be gone already
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines = createInterface({ input: child.stdout });
  const endpoint = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`hashrange did not begin to serve within ${timeoutMillis} ms. ${complaints}`));
    }, timeoutMillis);
    const settle = (act) => (value) => {
      clearTimeout(timer);
      act(value);
    };
    lines.on("line", (text) => {
      const found = /^listening on (\S+)$/.exec(text);
      if (found) settle(resolve)(found[1]);
    });
    child.once("error", settle(reject));
    ended.then((code) => settle(reject)(new Error(`hashrange ended with status ${code}. ${complaints}`)));
  });
  // A test run that forgets to stop the server ends all the same.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.unref?.();
  return {
    endpoint,
    port: Number(new URL(endpoint).port),
    pid: child.pid,
    /** For `new DynamoDBClient(server.clientConfig())`. */
    clientConfig: () => ({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
    }),
    async stop() {
      // `ended` is the end of the process and of its streams: all of them keep this process until then.
      for (const part of [child, child.stdin, child.stdout, child.stderr]) part.ref?.();
      if (child.exitCode === null && child.signalCode === null) child.stdin.end();
      await ended;
    },
    async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
      await this.stop();
    },
  };
}
