/**
 * A page that backtests a file of bars, and remembers every trade in the browser's IndexedDB: the next visit goes on with it.
 * Nothing is sent anywhere.
 */
import {
  backtest,
  breakout,
  indexedDbBucket,
  openMemory,
  openObjectStore,
  parseBarsCsv,
  reversion,
  similarTrades,
  type Storage,
  trend,
} from "carryover";

const DATABASE = "carryover";

const form = document.querySelector("form")!;
const button = document.querySelector("button")!;
const status = document.querySelector("#status")!;

/** What the form has now. */
function field(name: string): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}

function openStorage(): Promise<Storage> {
  return openObjectStore(indexedDbBucket(indexedDB, DATABASE), {
    label: "this browser",
    now: Date.now,
    newId: () => crypto.randomUUID(),
    // A page that was closed in the middle of a run keeps others out for so long.
    leaseMs: 15_000,
  });
}

async function showMemory(storage: Storage): Promise<void> {
  const { trades } = await openMemory(storage);
  status.textContent = `${trades.length} trades are remembered.`;
}

async function run(): Promise<void> {
  const bytes = new Uint8Array(await field("bars").files![0]!.arrayBuffer());
  const bars = parseBarsCsv(bytes, { asset: field("asset").value, timeframe: "1h", file: "the file" });
  const storage = await openStorage();
  // One tab at a time.
  const lock = await storage.lock({ pid: 0, command: "page", host: "this browser", since: new Date().toISOString() });
  try {
    const { summary } = await backtest({
      bars: [bars],
      providers: [trend(), reversion(), breakout(), similarTrades()],
      memory: await openMemory(storage),
      start: field("start").value,
      end: field("end").value,
      chunks: "month",
      onProgress: ({ simulatedMs }) => {
        status.textContent = `At ${new Date(simulatedMs).toISOString().slice(0, 10)}`;
      },
    });
    document.querySelector("#summary")!.textContent = JSON.stringify(summary, null, 2);
    await showMemory(storage);
  } finally {
    await lock.release();
  }
}

/** Shows what went wrong. */
async function attempt(work: () => Promise<void>): Promise<void> {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    status.textContent = String(error);
  }
  button.disabled = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void attempt(run);
});
form.addEventListener("reset", () => {
  void attempt(async () => {
    await new Promise((resolve) => indexedDB.deleteDatabase(DATABASE).addEventListener("success", resolve));
    await showMemory(await openStorage());
  });
});
// Without it the browser may clear the memory when space is short.
void navigator.storage.persist();
void attempt(async () => showMemory(await openStorage()));
