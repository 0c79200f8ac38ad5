/** Does calls of buckets inside a worker: of R2, and of the SQLite of a Durable Object. */
import { durableObjectBucket, type DurableObjectSql } from "../../lib/storage/durable-object-bucket.ts";
import { type R2Binding, r2Bucket } from "../../lib/storage/r2-bucket.ts";
import { answerCall } from "../storage/remote-bucket.ts";

interface Environment {
  readonly R2: R2Binding;
  readonly OBJECT: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export default {
  async fetch(request: Request, { R2, OBJECT }: Environment): Promise<Response> {
    if (request.url.endsWith("/object")) return OBJECT.getByName("one").fetch(request);
    return new Response(await answerCall(r2Bucket(R2), await request.text()));
  },
};

/** A Durable Object with a bucket. */
export class BucketObject {
  readonly #sql: DurableObjectSql;

  constructor(state: { readonly storage: { readonly sql: DurableObjectSql } }) {
    this.#sql = state.storage.sql;
  }

  async fetch(request: Request): Promise<Response> {
    return new Response(await answerCall(durableObjectBucket(this.#sql), await request.text()));
  }
}
