/** Clients of a server over HTTP, in a process of their own. Prints the milliseconds of each of their requests, and how many failed. */
const [url, token, body, clients, requests] = process.argv.slice(2);

/** Requests of one client before the others come: programs are compiled while they run. */
const UNCOUNTED = 1000;

const times: number[] = [];
let failed = 0;

async function ask(): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/rpc`, { method: "POST", headers, body: body! }).catch(() => undefined);
  if (!(await answer?.text())?.includes('"result"')) failed += 1;
}

for (let i = 0; i < UNCOUNTED; i++) await ask();
await Promise.all(
  Array.from({ length: Number(clients) }, async () => {
    for (let i = 0; i < Number(requests); i++) {
      const start = performance.now();
      await ask();
      times.push(performance.now() - start);
    }
  }),
);
console.log(JSON.stringify({ times, failed }));
