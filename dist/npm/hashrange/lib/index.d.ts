/** Options of {@link startServer}. */
export interface ServerOptions {
  /** Port to listen on. Default 0: a free one. */
  port?: number;
  /** Folder of the database. Default: none, everything is kept in memory. */
  dataDir?: string;
  /** Further arguments of `hashrange serve`, such as `["--timing", "service"]`. */
  args?: string[];
  /** Variables of the server's environment besides those of this process. */
  env?: Record<string, string>;
  /** How long to wait for the server. Default 10,000. */
  timeoutMillis?: number;
}

/** A server that runs. It ends with this process at the latest. */
export interface Server {
  /** Its address, such as `http://127.0.0.1:40123`. */
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number | undefined;
  /** Configuration for `new DynamoDBClient(...)`. */
  clientConfig(): {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  /** Stops the server in order, and waits for its end. */
  stop(): Promise<void>;
}

/** Starts a server with a database of its own. Rejects if it does not begin to serve, with what it said. */
export function startServer(options?: ServerOptions): Promise<Server>;

/** The path of the program. Throws if there is none for this platform. */
export function binaryPath(): string;
