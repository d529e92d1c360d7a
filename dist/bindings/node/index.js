// DynamoDB's data model inside of this process, behind the AWS SDK's own clients: no server, no socket.
const { randomUUID } = require("node:crypto");
const { Readable } = require("node:stream");

const native = load();

/** The addon of this platform: a package of its own, or the file that HASHRANGE_ADDON names. */
function load() {
  if (process.env.HASHRANGE_ADDON) return require(process.env.HASHRANGE_ADDON);
  const name = `@hashrange/embedded-${process.platform}-${process.arch}`;
  try {
    return require(name);
  } catch (cause) {
    throw new Error(`hashrange cannot load ${name}; in a checkout, dist/bindings/check node builds it`, { cause });
  }
}

/** What a database cannot do; `code` says why in one word, such as DatabaseLocked. */
class DatabaseError extends Error {
  constructor(code, message, cause) {
    super(message, { cause });
    this.name = "DatabaseError";
    this.code = code;
  }
}

/** The addon's error as one of this module. */
function failure(error) {
  const [, code, message] = /^([A-Z]\w+): (.*)$/s.exec(error.message) ?? [];
  return code === undefined ? error : new DatabaseError(code, message, error);
}

function attempt(act) {
  try {
    return act();
  } catch (error) {
    throw failure(error);
  }
}

class Database {
  #native;

  constructor(folder, options) {
    this.#native = folder instanceof native.Database ? folder : attempt(() => new native.Database(folder, options));
  }

  async handle(target, body) {
    try {
      return await this.#native.handle(target, Buffer.from(body));
    } catch (error) {
      throw failure(error);
    }
  }

  fork() {
    return new Database(attempt(() => this.#native.fork()));
  }

  advance(millis) {
    attempt(() => this.#native.advance(millis));
  }

  sweepNow() {
    return attempt(() => this.#native.sweepNow());
  }

  close() {
    attempt(() => this.#native.close());
  }
}

class EmbeddedHandler {
  #db;

  constructor(db) {
    this.#db = db;
  }

  async handle(request, { abortSignal } = {}) {
    const aborted = () => Object.assign(new Error("Request aborted"), { name: "AbortError" });
    if (abortSignal?.aborted) throw aborted();
    const target = Object.entries(request.headers).find(([name]) => name.toLowerCase() === "x-amz-target")?.[1];
    const answer = await this.#db.handle(target ?? "", request.body ?? "");
    if (abortSignal?.aborted) throw aborted();
    if (answer === null) throw Object.assign(new Error("the connection was closed"), { code: "ECONNRESET", name: "TimeoutError" });
    const headers = {
      "content-type": "application/x-amz-json-1.0",
      "content-length": String(answer.body.length),
      "x-amz-crc32": String(answer.crc32),
      "x-amzn-requestid": randomUUID(),
    };
    return { response: { statusCode: answer.status, headers, body: Readable.from([answer.body]) } };
  }

  updateHttpClientConfig() {}

  httpHandlerConfigs() {
    return {};
  }

  destroy() {}
}

function clientConfig(db) {
  return {
    region: "us-east-1", // that of the ARNs
    endpoint: "http://hashrange.invalid", // never connected to
    credentials: { accessKeyId: "embedded", secretAccessKey: "embedded" },
    requestHandler: new EmbeddedHandler(db),
  };
}

module.exports = { Database, DatabaseError, EmbeddedHandler, clientConfig };
