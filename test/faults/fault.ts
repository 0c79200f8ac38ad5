/** What was injected and what was found. */
export interface FaultResult {
  /** How many faults were injected. */
  readonly injected: number;
  /** In words, with numbers: "all 12 outcomes present, nothing partial, a second start changed nothing". */
  readonly found: string;
}

/** One way to test rows of the fault table in docs/DURABILITY.md. */
export interface Fault {
  /** Rows of the table that it tests. */
  readonly rows: readonly number[];
  /** What is injected and where: "killed at every system call of record()". */
  readonly name: string;
  /** The means: "strace, SIGKILL at the nth call". */
  readonly how: string;
  /** What the machine lacks for it ("strace", "root"); `undefined` if it can run. */
  missing(): string | undefined;
  /** Injects the fault and checks what is left. @throws If a promise is broken. */
  inject(): Promise<FaultResult>;
}
