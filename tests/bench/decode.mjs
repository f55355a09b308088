// On workerd: rows through a generated query against `worker`'s all() + results::<T>(), in turns.
import { workerd } from "../e2e/backends.mjs";

const backend = await workerd("tests/bench", { d1Databases: ["DB"] });
// Observers outlive a request: those of one backend are not those of the other.
const observed = await workerd("tests/bench", { d1Databases: ["DB"] });
const ROUNDS = 11;

async function time(path, rows, rounds) {
  const start = performance.now();
  const { base } = path === "observed" ? observed : backend;
  const response = await fetch(`${base}/${path}?rows=${rows}&rounds=${rounds}`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
  return (performance.now() - start) / rounds;
}

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
for (const [rows, rounds] of [[1000, 20], [100, 100], [1, 300]]) {
  const times = { undecoded: [], bindery: [], observed: [], worker: [] };
  for (let round = 0; round < ROUNDS + 1; round++) {
    for (const path of Object.keys(times)) {
      const taken = await time(path, rows, rounds);
      // The first round warms up.
      if (round > 0) times[path].push(taken);
    }
  }
  const [undecoded, bindery, observed, worker] = Object.values(times).map(median);
  const ms = (value) => `${value.toFixed(3)} ms`;
  console.log(`${rows} rows of 8 columns, median of ${ROUNDS} rounds: all() undecoded ${ms(undecoded)}, bindery ${ms(bindery)}, bindery observed ${ms(observed)}, worker ${ms(worker)}`);
  console.log(`  worker / bindery ${(worker / bindery).toFixed(2)}, worker / bindery observed ${(worker / observed).toFixed(2)}`);
}
await backend.stop();
await observed.stop();
