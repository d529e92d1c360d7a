// The image as a Testcontainers module for Node.js.
import { AbstractStartedContainer, GenericContainer, Wait, type StartedTestContainer } from "testcontainers";

const PORT = 8000;

/** A container of the server, not started yet. `new HashrangeContainer("hashrange:0.1.0").start()`. */
export class HashrangeContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.withExposedPorts(PORT);
    this.withWaitStrategy(Wait.forHealthCheck());
    this.withStartupTimeout(30_000);
  }

  public override async start(): Promise<StartedHashrangeContainer> {
    return new StartedHashrangeContainer(await super.start());
  }
}

/** A container that serves. */
export class StartedHashrangeContainer extends AbstractStartedContainer {
  constructor(started: StartedTestContainer) {
    super(started);
  }

  /** The address of the server as this machine reaches it. */
  public getEndpoint(): string {
    return `http://${this.getHost()}:${this.getMappedPort(PORT)}`;
  }

  /** For `new DynamoDBClient(container.getClientConfig())`. */
  public getClientConfig() {
    return {
      endpoint: this.getEndpoint(),
      region: "us-east-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
    };
  }
}
