/** Does calls of a bucket of IndexedDB inside a page. */
import { indexedDbBucket } from "../../lib/storage/indexed-db-bucket.ts";
import { answerCall } from "../storage/remote-bucket.ts";

const bucket = indexedDbBucket(indexedDB, "buckets");

Object.assign(globalThis, { answerCall: (call: string): Promise<string> => answerCall(bucket, call) });
