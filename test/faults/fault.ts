/** What was injected, and what was found afterwards. */
export interface FaultResult {
  /** How many faults were really injected. */
  readonly injected: number;
  /** In words, with numbers: "all 12 outcomes there, nothing partial, a second start changed nothing". */
  readonly found: string;
}

/** One way in which rows of the fault matrix (docs/DURABILITY.md) are tested. */
export interface Fault {
  /** Rows of the matrix that it shows. */
  readonly rows: readonly number[];
  /** What is injected, where: "killed at every system call of record()". */
  readonly name: string;
  /** By what means: "strace, SIGKILL at the nth call". */
  readonly how: string;
  /** What this machine lacks for it ("strace", "root"); `undefined` if it can run. */
  missing(): string | undefined;
  /** Injects and looks. @throws If something does not hold. */
  inject(): Promise<FaultResult>;
}
