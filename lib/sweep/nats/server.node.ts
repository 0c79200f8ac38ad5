import type { JetStreamClient, JetStreamManager, JsMsg, StreamInfo } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { ObjectStore } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { CarryoverError, fail, messageOf, undefinedIfCorrupt } from "../../errors.ts";
import { delay, unlessAborted } from "../../util/async.ts";
import { areEqual } from "../../util/bytes.ts";
import { VERSION } from "../../version.ts";
import { connectNats } from "./connect.node.ts";
import { API_CODES, codeOf, isRefusal, refused } from "./api-errors.ts";
import { queueIdOfStream, streamOf, subjectOf } from "./names.ts";
import { readObject } from "./read-object.ts";
import { decodeQueuedCell, encodeQueuedCell, type QueuedCell } from "./definition.ts";

/** A cell whose worker is silent for so long goes to another worker. */
const LEASE_MS = 10_000;

/** A run whose cell was finished a moment ago may be queued again after this. */
const DUPLICATES_MS = 1000;

/** How long a server may be away before a command gives up, and how long it waits between attempts. */
const PATIENCE_MS = 120_000;
const RETRY_MS = 500;

/** How long the last messages to a server may take when a command ends. */
const FLUSH_MS = 500;

const CONSUMER = "workers";
/** The key of a queue's metadata that has the version of its runs. */
const VERSION_KEY = "carryover";

/** A queue of runs, as the server has it. */
export interface Queue {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly version: string;
  /** Runs that are not acknowledged yet, those in the hands of workers too. */
  readonly left: number;
}

/** A run that was given to this worker. */
export interface QueuedRun extends QueuedCell {
  /** Tells the server that the worker is alive. */
  readonly beat: () => void;
  /** Takes it off the queue. */
  readonly done: () => Promise<void>;
  /** Gives it back, for another worker. */
  readonly giveBack: () => void;
}

/** The parts of NATS JetStream that sweeps use. Every call waits for a server that is away for a moment. */
export class SweepServer {
  /** How often a worker must tell that it is alive, milliseconds. */
  static readonly beatMs: number = LEASE_MS / 4;

  readonly #connection: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #signal: AbortSignal;
  readonly #stores = new Map<string, Promise<ObjectStore>>();

  private constructor(parts: {
    connection: NatsConnection;
    js: JetStreamClient;
    manager: JetStreamManager;
    signal: AbortSignal;
  }) {
    this.#connection = parts.connection;
    this.#js = parts.js;
    this.#manager = parts.manager;
    this.#signal = parts.signal;
  }

  /**
   * Connects to a server.
   *
   * @param target A URL, or the name of a context.
   * @param options `name`: what the server shows for this client.
   * @throws {CarryoverError} `NOT_FOUND`, `BAD_USAGE`, `IO`.
   */
  static async connect(target: string, options: { name: string; signal: AbortSignal }): Promise<SweepServer> {
    const connection = await connectNats(target, options);
    const { jetstream, jetstreamManager } = await import("@nats-io/jetstream");
    try {
      const [js, manager] = [jetstream(connection), await jetstreamManager(connection)];
      return new SweepServer({ connection, js, manager, signal: options.signal });
    } catch (cause) {
      await connection.close();
      const expected = "JetStream: start the server with -js";
      throw fail("IO", "Cannot use the NATS server", { found: messageOf(cause), expected, cause });
    }
  }

  async close(): Promise<void> {
    // What was given back is lost otherwise, and other workers wait for it until the lease ends.
    await unlessAborted(this.#connection.flush(), AbortSignal.timeout(FLUSH_MS)).catch(() => {});
    await this.#connection.close();
  }

  /** Makes the queue of a sweep, if it is not there. */
  async openQueue(id: string): Promise<void> {
    const { AckPolicy, DiscardPolicy, RetentionPolicy, StorageType } = await import("@nats-io/jetstream");
    await this.#patiently(async () => {
      await this.#manager.streams.add({
        name: streamOf(id),
        subjects: [subjectOf(id, "*")],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.File,
        // A run that is still in the queue is not queued twice.
        discard: DiscardPolicy.New,
        discard_new_per_subject: true,
        max_msgs_per_subject: 1,
        duplicate_window: nanoseconds(DUPLICATES_MS),
        metadata: { [VERSION_KEY]: VERSION },
      });
      await this.#manager.consumers.add(streamOf(id), {
        durable_name: CONSUMER,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanoseconds(LEASE_MS),
        max_ack_pending: -1,
      });
    });
  }

  /** The queues of all sweeps, the oldest first. */
  async queues(): Promise<readonly Queue[]> {
    const infos = await this.#patiently(async () => {
      const found: StreamInfo[] = [];
      for await (const info of this.#manager.streams.list("carryover.cells.>")) found.push(info);
      return found;
    });
    return infos
      .toSorted((a, b) => (a.created < b.created ? -1 : 1))
      .flatMap(({ config, state }) => {
        const id = queueIdOfStream(config.name);
        const version = config.metadata?.[VERSION_KEY] ?? "unknown";
        return id === undefined ? [] : [{ id, version, left: state.messages }];
      });
  }

  /** How many runs of a queue are not finished; `undefined` if there is no such queue. */
  async leftIn(id: string): Promise<number | undefined> {
    try {
      return (await this.#patiently(() => this.#manager.streams.info(streamOf(id)))).state.messages;
    } catch (error) {
      if (codeOf(error) === API_CODES.noStream) return undefined;
      throw error;
    }
  }

  /** Queues a run, unless it is in the queue. @returns Whether it was not. */
  async enqueue(id: string, queued: QueuedCell): Promise<boolean> {
    try {
      const { run } = queued;
      const publish = () => this.#js.publish(subjectOf(id, run), encodeQueuedCell(queued), { msgID: run });
      return !(await this.#patiently(publish)).duplicate;
    } catch (error) {
      if (codeOf(error) === API_CODES.isQueued) return false;
      throw error;
    }
  }

  /** The next run of a queue; `undefined` if all that is left is in the hands of workers. */
  async take(id: string): Promise<QueuedRun | undefined> {
    const message = await this.#patiently(async () => {
      const consumer = await this.#js.consumers.get(streamOf(id), CONSUMER);
      return consumer.next({ expires: 1000 });
    });
    if (message === null) return undefined;
    return {
      ...decodeQueuedCell(message.data, message.subject),
      beat: () => message.working(),
      done: () => this.#acknowledge(message),
      giveBack: () => message.nak(),
    };
  }

  /** If the lease was lost meanwhile, another worker finishes the same run: its result is there already. */
  async #acknowledge(message: JsMsg): Promise<void> {
    await this.#patiently(async () => {
      await message.ackAck();
    });
  }

  /**
   * The bytes of an object; `undefined` if there is none.
   *
   * @param store One of `SHARED`.
   * @throws {CarryoverError} `CORRUPT` if it is damaged, or larger than `maxBytes`.
   */
  async read(store: string, name: string, options: { maxBytes: number }): Promise<Uint8Array | undefined> {
    return this.#patiently(async () => readObject(await this.#objects(store), name, options));
  }

  /** Whether an object is there. */
  async has(store: string, name: string): Promise<boolean> {
    const info = await this.#patiently(async () => (await this.#objects(store)).info(name));
    return info !== null && !info.deleted;
  }

  /** Names of all objects of a store. */
  async names(store: string): Promise<ReadonlySet<string>> {
    const infos = await this.#patiently(async () => (await this.#objects(store)).list());
    return new Set(infos.filter(({ deleted }) => !deleted).map(({ name }) => name));
  }

  /**
   * Writes an object once. The same bytes again are fine.
   *
   * @returns Whether the object has these bytes now.
   */
  async createOnce(store: string, name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#patiently(async () => (await this.#objects(store)).putBlob({ name }, bytes, { previousRevision: 0 }));
      return true;
    } catch (error) {
      if (codeOf(error) !== API_CODES.isThere) throw error;
    }
    const found = await undefinedIfCorrupt(() => this.read(store, name, { maxBytes: bytes.length }));
    return found !== undefined && areEqual(found, bytes);
  }

  /** Writes an object, and replaces one that is there. */
  async replace(store: string, name: string, bytes: Uint8Array): Promise<void> {
    await this.#patiently(async () => (await this.#objects(store)).putBlob({ name }, bytes));
  }

  /** A key-value store. @param options `ttlMs`: how long a value is kept. @default for ever */
  async values(store: string, { ttlMs }: { ttlMs?: number } = {}): Promise<KV> {
    const { Kvm } = await import("@nats-io/kv");
    return this.#patiently(() => new Kvm(this.#js).create(store, ttlMs === undefined ? {} : { ttl: ttlMs }));
  }

  /** Creates a value that is not there yet. @returns Whether it was not. */
  async createValue(values: KV, key: string, value: Uint8Array | string): Promise<boolean> {
    try {
      await this.#patiently(() => values.create(key, value));
      return true;
    } catch (error) {
      if (codeOf(error) === API_CODES.isThere) return false;
      throw error;
    }
  }

  /** The value of a key; `undefined` if there is none. */
  async valueOf(values: KV, key: string): Promise<Uint8Array | undefined> {
    const entry = await this.#patiently(() => values.get(key));
    return entry === null || entry.operation !== "PUT" ? undefined : entry.value;
  }

  #objects(name: string): Promise<ObjectStore> {
    const known = this.#stores.get(name);
    if (known !== undefined) return known;
    const opened = import("@nats-io/obj").then(({ Objm }) => new Objm(this.#js).create(name));
    this.#stores.set(name, opened);
    opened.catch(() => this.#stores.delete(name));
    return opened;
  }

  /**
   * Does something again while the server is away. All that is done here may be done twice.
   *
   * @throws What the server refuses, and `IO` if it stays away.
   */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      this.#signal.throwIfAborted();
      try {
        return await unlessAborted(work(), this.#signal);
      } catch (cause) {
        if (cause instanceof CarryoverError) throw cause;
        if (isRefusal(cause)) throw refused(cause);
        if (performance.now() > until) {
          const found = `no answer for ${PATIENCE_MS / 1000} s (${messageOf(cause)})`;
          throw fail("IO", "Cannot use the NATS server", {
            found,
            expected: "it to come back: run the same again",
            cause,
          });
        }
        await delay(RETRY_MS, this.#signal);
      }
    }
  }
}

function nanoseconds(ms: number): number {
  return ms * 1_000_000;
}
