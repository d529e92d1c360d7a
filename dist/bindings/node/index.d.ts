export interface DatabaseOptions {
  /** "sync", the default: acknowledged means on stable storage. "buffered": survives a killed process, waits for no disk. */
  durability?: "sync" | "buffered";
  /** Where a clock that `advance` moves begins, in milliseconds since 1970. Default: the system's clock. */
  clockMillis?: number;
}

/** A database of this process. */
export class Database {
  /** The database in a folder, which is made if it is not there; without a folder, one in memory. */
  constructor(folder?: string | null, options?: DatabaseOptions);
  /** Answers a request of DynamoDB's protocol; `target` is the header X-Amz-Target. Null: a model of faults lost the answer. */
  handle(target: string, body: string | Uint8Array): Promise<{ status: number; body: Uint8Array; crc32: number } | null>;
  /** A copy in memory that lives apart from this database, with a clock of its own: cheap, also of a large one. */
  fork(): Database;
  /** Moves the clock forward; only if the database was opened with one. */
  advance(millis: number): void;
  /** Deletes the items whose time to live has passed, as background work does sooner or later; says how many this call deleted. */
  sweepNow(): number;
  /**
   * Closes the database once all requests that it was given have ended, also those that still wait for a thread; the program waits
   * meanwhile. Later ones are rejected as DatabaseClosed. A client hands a request over some time after `send`, so await what
   * counts before. Closing again does nothing.
   */
  close(): void;
}

/** What a database cannot do. */
export class DatabaseError extends Error {
  /** Why, in one word, such as "DatabaseLocked". "InternalError": the engine panicked, which is a bug of it. */
  code: string;
}

/** A request handler of the AWS SDK for JavaScript, version 3. */
export class EmbeddedHandler {
  constructor(db: Database);
  handle(request: any, options?: { abortSignal?: any }): Promise<{ response: any }>;
  updateHttpClientConfig(key: never, value: never): void;
  httpHandlerConfigs(): {};
  destroy(): void;
}

/** What `new DynamoDBClient(...)` and `new DynamoDBStreamsClient(...)` take to be answered by a database of this process. */
export function clientConfig(db: Database): {
  region: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  requestHandler: EmbeddedHandler;
};
