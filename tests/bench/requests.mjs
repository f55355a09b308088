// Whole requests to one worker, natively and on workerd through Miniflare, in turns.
import { Agent, request } from "node:http";
import { join } from "node:path";
import { native, root, workerd } from "../e2e/backends.mjs";

const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const backends = {
  native: await native(join(target, "release/server")),
  miniflare: await workerd("tests/bench", { d1Databases: ["DB"] }),
};
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const ROUNDS = 9;

/** Sends a request and returns its text. */
const send = (base, method, path) =>
  new Promise((done, failed) => {
    const sent = request(`${base}${path}`, { method, agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => { text += chunk; });
      response.on("end", () => (response.statusCode === 200 ? done(text) : failed(new Error(`${path}: ${response.statusCode} ${text}`))));
    });
    sent.on("error", failed);
    sent.end();
  });

const workloads = {
  "point reads, one client": async (base) => {
    for (let id = 1; id <= 300; id++) await send(base, "GET", `/file?id=${id}`);
    return 300;
  },
  "point reads, 16 clients": async (base) => {
    const client = async (first) => { for (let id = first; id < first + 100; id++) await send(base, "GET", `/file?id=${(id % 1000) + 1}`); };
    await Promise.all(Array.from({ length: 16 }, (_, index) => client(index * 61)));
    return 1600;
  },
  "inserts of 1,000 rows": async (base) => {
    for (let round = 0; round < 10; round++) {
      const text = await send(base, "POST", "/lines");
      if (text !== "1000") throw new Error(text);
    }
    return 10;
  },
};

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
for (const [name, work] of Object.entries(workloads)) {
  const times = { native: [], miniflare: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [backend, { base }] of Object.entries(backends)) {
      const start = performance.now();
      const count = await work(base);
      // The first round warms up.
      if (round > 0) times[backend].push((performance.now() - start) / count);
    }
  }
  const [own, miniflare] = [median(times.native), median(times.miniflare)];
  console.log(`${name}: native ${own.toFixed(3)} ms, Miniflare ${miniflare.toFixed(3)} ms, native / Miniflare ${(own / miniflare).toFixed(2)}`);
}
await backends.native.stop();
await backends.miniflare.stop();
process.exit(0);
