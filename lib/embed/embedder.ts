/** Turns a sentence into a vector, so that sentences of like meaning lie close. */
export interface Embedder {
  /** Its name in config.yaml and in the sidecar. */
  readonly id: string;
  /** Changes whenever the same sentence could give another vector; vectors of another fingerprint are made anew. */
  readonly fingerprint: string;
  /** Floats per vector. */
  readonly dim: number;

  /** @returns A vector of `dim` floats and unit length. */
  embed(sentence: string): Float32Array | Promise<Float32Array>;
}
