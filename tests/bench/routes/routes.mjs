// Whole requests to workers with the same routes, in turns: each round sends one request to each of
// them, so that a change in the load of the machine affects all. Each worker serves one route at a time.
import { readFileSync, readdirSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { Miniflare } from "../../e2e/backends.mjs";

const here = import.meta.dirname;
const selected = new RegExp(process.argv[2] ?? "");
const rounds = Number(process.env.ROUNDS ?? 2000);
const BLOCKS = 10;

const options = (scriptPath, modules = {}) => ({
  modules: true,
  scriptPath: join(here, scriptPath),
  compatibilityDate: "2026-04-01",
  host: "127.0.0.1",
  port: 0,
  cf: false,
  d1Databases: ["DB"],
  kvNamespaces: ["CACHE"],
  r2Buckets: ["BUCKET"],
  ...modules,
});

const wasm = (folder) =>
  options(`build/${folder}/index.js`, {
    modulesRoot: join(here, "build", folder),
    modulesRules: [
      { type: "ESModule", include: ["**/*.js"] },
      { type: "CompiledWasm", include: ["**/*.wasm"] },
    ],
  });

const workers = {
  hand: wasm("hand"),
  axum: wasm("axum"),
  "axum, observer": wasm("observed"),
  minimal: wasm("minimal"),
  "minimal, observer": wasm("minimal-observed"),
  JavaScript: options("javascript.mjs"),
};

/** The processes of workerd that this program has started. */
function children() {
  const parent = (pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    } catch {
      return 0;
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parent(name) === process.pid);
}

/** The CPU time of a process, in milliseconds. */
function cpuTime(pid) {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds / 1e6;
}

async function fill(miniflare) {
  const database = await miniflare.getD1Database("DB");
  const migration = readFileSync(join(here, "bindery/migrations/0001_items.sql"), "utf8");
  for (const statement of migration.split(";").map((text) => text.trim()).filter(Boolean)) {
    await database.prepare(statement).run();
  }
  const insert = database.prepare("INSERT INTO items (owner, name, kind, size, rating, note, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)");
  const item = (i) => {
    const rating = i % 3 ? i / 7 : null;
    const note = i % 2 ? `A note with "quotes" and ünicode ${i}` : null;
    return insert.bind(`user-${i % 7}`, `A file of some name ${i}.txt`, "text/plain; charset=utf-8", 1000 + i * 37, rating, note, "2026-04-01 12:00:00");
  };
  await database.batch(Array.from({ length: 1000 }, (_, i) => item(i)));
  const body = new Uint8Array(65536).map((_, i) => (i * 7919) % 251);
  await database.prepare("INSERT INTO blobs (id, body) VALUES (1, ?)").bind(body).run();

  const meta = {
    id: 1,
    filename: "A file.txt",
    content_type: "text/plain",
    size_bytes: 12345,
    uploaded_at: "2026-04-01 12:00:00",
    processed: true,
    processed_at: "2026-04-01 12:00:01",
  };
  await (await miniflare.getKVNamespace("CACHE")).put("meta", JSON.stringify(meta));
  await (await miniflare.getR2Bucket("BUCKET")).put("ten", new Uint8Array(10_000).map((_, i) => i % 251));
}

async function start(name) {
  const before = new Set(children());
  const miniflare = new Miniflare(workers[name]);
  const { hostname: host, port } = new URL(String(await miniflare.ready));
  const pid = children().find((child) => !before.has(child));
  await fill(miniflare);

  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { "accept-encoding": "identity" };
  const send = (path) =>
    new Promise((done, failed) => {
      const request = get({ host, port, path, agent, headers }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => done({ status: response.statusCode, content: Buffer.concat(chunks) }));
        response.on("error", failed);
      });
      request.on("error", failed);
    });
  const stop = async () => { agent.destroy(); await miniflare.dispose(); };
  return { name, pid, send, stop };
}

/** Fails if a worker does not answer as the first one. */
async function check(path, sides) {
  // A REAL that passes through JSON may differ in its last digit.
  const rounded = (_, value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(14)) : value);
  const comparable = ({ status, content }) => {
    const text = content.toString("latin1");
    return `${status} ${text.startsWith("{") || text.startsWith("[") ? JSON.stringify(JSON.parse(text), rounded) : text}`;
  };
  const expected = comparable(await sides[0].send(path));
  if (!expected.startsWith("200 ")) throw new Error(`${sides[0].name} ${path}: ${expected.slice(0, 200)}`);
  for (const side of sides) {
    const received = comparable(await side.send(path));
    if (received !== expected) throw new Error(`${side.name} ${path}: ${received.slice(0, 200)}`);
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function compare(title, path, count, sides) {
  for (let i = 0; i < 100; i++) for (const side of sides) await side.send(path);
  await check(path, sides);

  const results = sides.map(() => ({ times: [], medians: [], cpu: 0 }));
  for (let block = 0; block < BLOCKS; block++) {
    const times = sides.map(() => []);
    for (let round = 0; round < count / BLOCKS; round++) {
      for (let k = 0; k < sides.length; k++) {
        // Another worker is the first in each round.
        const index = (k + round) % sides.length;
        const cpu = cpuTime(sides[index].pid);
        const start = performance.now();
        await sides[index].send(path);
        times[index].push(performance.now() - start);
        results[index].cpu += (cpuTime(sides[index].pid) - cpu) / count;
      }
    }
    results.forEach((result, index) => {
      result.times.push(...times[index]);
      result.medians.push(median(times[index]));
    });
  }

  const [hand] = results;
  console.log(`${title}: by hand ${median(hand.times).toFixed(3)} ms, CPU ${hand.cpu.toFixed(3)} ms`);
  for (const [index, result] of results.entries()) {
    if (index === 0) continue;
    const ratios = result.medians.map((value, block) => value / hand.medians[block]).toSorted((a, b) => a - b);
    const p50 = median(result.times) / median(hand.times);
    const range = `${ratios[1].toFixed(2)} to ${ratios.at(-2).toFixed(2)}`;
    console.log(`  ${sides[index].name.padEnd(18)} ${p50.toFixed(3)} (${range}), CPU ${(result.cpu / hand.cpu).toFixed(2)}`);
  }
}

const routes = [
  ["static", "/static", rounds],
  ["point", "/items/500", rounds],
  ["list of 100", "/list/100", rounds / 2],
  ["list of 1,000", "/list/1000", rounds / 4],
  ["blob of 64 KiB", "/blob/1", rounds / 4],
  ["kv", "/kv/meta", rounds],
  ["r2", "/r2/ten", rounds],
];
console.log("p50 of whole requests divided by that of the worker by hand, with the range of the blocks");
for (const [title, path, count] of routes) {
  if (!selected.test(title)) continue;
  const sides = [];
  for (const name of Object.keys(workers)) sides.push(await start(name));
  await compare(title, path, count, sides);
  for (const side of sides) await side.stop();
}
process.exit(0);
