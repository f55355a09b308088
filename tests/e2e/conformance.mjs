// Runs the conformance suite on workerd: the Rust code of `cargo test -p conformance`, built to Wasm.
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, finish, root, suite, workerd } from "./backends.mjs";

// A worker whose traces the worker under test receives.
const traced = {
  name: "traced",
  modules: true,
  compatibilityDate: "2026-04-01",
  tails: ["tested"],
  script: `export default {
    async fetch(request) {
      console.warn("hot", 7);
      if (new URL(request.url).pathname === "/fail") throw new TypeError("too hot");
      return new Response(null, { status: 204 });
    },
  }`,
};

// The worker that the worker under test calls, with a Durable Object and a Workflow.
const other = {
  name: "other",
  modules: true,
  compatibilityDate: "2026-04-01",
  script: `
    import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "cloudflare:workers";
    export class Counter extends DurableObject {
      async fetch() {
        const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
        await this.ctx.storage.put("count", count);
        return new Response(String(count));
      }
    }
    export class Orders extends WorkflowEntrypoint {
      async run(event, step) {
        return { twice: await step.do("double", async () => event.payload.n * 2) };
      }
    }
    export default class extends WorkerEntrypoint {
      async fetch(request) {
        const url = new URL(request.url);
        if (url.search === "?redirect") return Response.redirect(url.origin + "/elsewhere", 302);
        if (url.search === "?declared") {
          const { readable, writable } = new TransformStream();
          const writer = writable.getWriter();
          writer.write(new TextEncoder().encode("hello")).then(() => writer.close());
          return new Response(readable, { headers: { "content-length": "5", "x-declared": "1" } });
        }
        if (url.pathname === "/forwarded") return Response.json({ colo: request.cf?.colo !== undefined, agent: request.headers.get("user-agent") });
        if (url.pathname === "/wait") await new Promise((done) => setTimeout(done, 50));
        return new Response("other " + url.pathname + url.search);
      }
      add(left, right) { return left + right; }
    }
    let taken = 0;
    /** A fake K2 stream that accepts records of bytes and rejects empty ones. */
    export class Stream extends WorkerEntrypoint {
      send(records) {
        const good = records.every(({ content, headers }) => content instanceof Uint8Array && content.length > 0 && headers);
        if (!good) return { success: false, error: { code: 1, message: taken + " records before", retryable: true } };
        taken += records.length;
        return { success: true };
      }
    }`,
  durableObjects: { COUNTERS: { className: "Counter", useSQLite: true } },
  workflows: { ORDERS: { name: "orders", className: "Orders" } },
};
const folder = join(root, "tests/conformance/assets");
/** A placeholder for kinds that Miniflare does not simulate, so that the worker starts. */
const placeholder = () => new Response("a placeholder");
const everything = {
  durableObjects: { COUNTERS: { className: "Counter", scriptName: "other" }, ROOMS: { className: "Room", useSQLite: true }, LIMITS: { className: "Limits", useSQLite: true }, LEASES: { className: "Leases", useSQLite: true }, TALLIES: { className: "Tallies", useSQLite: true }, PLACES: { className: "Places", useSQLite: true } },
  workflows: { ORDERS: { name: "orders", className: "Orders", scriptName: "other" }, JOURNEYS: { name: "journeys", className: "Journey" } },
  hyperdrives: { POSTGRES: "postgres://ann:pw@127.0.0.1:5432/shop" },
  vectorize: { VECTORS: { index_name: "vectors" } },
  ai: { binding: "AI" },
  aiSearchNamespaces: { SEARCHES: { namespace: "n" } },
  aiSearchInstances: { SEARCH: { instance_name: "i" } },
  agentMemory: { MEMORY: { namespace: "n" } },
  images: { binding: "IMAGES" },
  media: { binding: "MEDIA" },
  stream: { binding: "STREAM" },
  analyticsEngineDatasets: { EVENTS: { dataset: "events" } },
  email: { send_email: [{ name: "MAIL", allowed_destination_addresses: ["ann@example.com"] }] },
  ratelimits: { LIMITER: { namespace_id: "1001", simple: { limit: 2, period: 60 } } },
  secretsStoreSecrets: { STORED: { store_id: "s", secret_name: "stored" } },
  versionMetadata: "VERSION",
  assets: { directory: folder, binding: "ASSETS", routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true } },
  dispatchNamespaces: { TENANTS: { namespace: "tenants" } },
  mtlsCertificates: { MTLS: { certificate_id: "c" } },
  pipelines: { PIPELINE: { stream: "p" } },
  vpcServices: { VPC_SERVICE: { service_id: "v" } },
  vpcNetworks: { VPC_NETWORK: { network_id: "n" } },
  workerLoaders: { LOADER: {} },
  artifacts: { ARTIFACTS: { namespace: "default" } },
  flagship: { FLAGS: { app_id: "f" } },
  helloWorld: { HELLO: {} },
  textBlobBindings: { TERMS: join(folder, "terms.txt") },
  dataBlobBindings: { LOGO: join(folder, "logo.bin") },
  serviceBindings: { SERVICE: "other", BROWSER: placeholder, ANALYTICS: placeholder, K2: { name: "other", entrypoint: "Stream" }, UNSAFE: placeholder, FORWARD: placeholder, MODULE: placeholder },
};

const shards = [0, 1, 2, 3, 4].map((number) => `SHARD_${number}`);
let output = "";
const collect = (stdout, stderr) => { for (const stream of [stdout, stderr]) stream.on("data", (text) => { output += text; process.stderr.write(text); }); };
const backend = await workerd("tests/conformance", {
  handleRuntimeStdio: collect,
  ...everything,
  d1Databases: ["DB", ...shards],
  kvNamespaces: ["CACHE", "OTHER"],
  r2Buckets: { STORAGE: { id: "conformance", s3Credentials: { accessKeyId: "an-id", secretAccessKey: "a secret" } } },
  queueProducers: { QUEUE: "conformance-queue", LINES: "conformance-lines", BLOBS: "conformance-blobs" },
  queueConsumers: {
    "conformance-queue": { maxBatchSize: 5, maxBatchTimeout: 0.1, maxRetries: 1 },
    "conformance-lines": { maxBatchTimeout: 0.1, maxRetries: 1, deadLetterQueue: "conformance-dead" },
    "conformance-dead": { maxBatchTimeout: 0.1 },
    "conformance-blobs": { maxBatchTimeout: 0.1 },
  },
  bindings: { NAME: "bindery", COUNT: 3, RATIO: 90.28571428571429, ON: true, TREE: { a: [1, "x", null] }, LEVEL: "debug", SWITCHES: { new_checkout: true, limit: 2 }, TOKEN: "open sesame", REGION: "eu", SAMPLE_RATE: "0.25", SENTRY_DSN: "https://key@example.com/1", LINK_SECRET: "thirty-two bytes are the minimum" },
}, [other, traced]);
const stored = await backend.miniflare.getSecretsStoreSecretAPI("STORED");
await stored().create("kept");

/** Empties every store, so that each case starts with an empty backend. */
async function reset() {
  const database = await backend.miniflare.getD1Database("DB");
  for (const table of ["posts", "users", "loose", "received", "ledger", "articles", "links", "marks", "items", "ids", "cache", "audit_log", "idempotency_keys"]) await database.prepare(`DELETE FROM ${table}`).run();
  for (const name of shards) {
    const database = await backend.miniflare.getD1Database(name);
    await database.batch(["DELETE FROM visits", "DELETE FROM entries", "DELETE FROM accounts", "DROP TABLE IF EXISTS _bindery_moves"].map((sql) => database.prepare(sql)));
  }
  for (const name of ["CACHE", "OTHER"]) {
    const namespace = await backend.miniflare.getKVNamespace(name);
    for (const { name } of (await namespace.list()).keys) await namespace.delete(name);
  }
  const bucket = await backend.miniflare.getR2Bucket("STORAGE");
  for (const { key } of (await bucket.list()).objects) await bucket.delete(key);
}

async function run(name) {
  const response = await fetch(`${backend.base}/run/${name}`, { method: "POST" });
  return [response.status, await response.text()];
}

const names = await (await fetch(`${backend.base}/cases`)).json();
assert.ok(names.length >= 30, "the cases are listed");
const checks = Object.fromEntries(
  names.map((name) => [name, async () => {
    await reset();
    assert.deepEqual(await run(name), [200, "ok"]);
  }]),
);
checks["queue::delivery"] = async () => {
  await reset();
  assert.deepEqual(await run("queue::send"), [200, "ok"]);
  await eventually("every message that can arrive has arrived", async () => (await run("queue::arrived"))[0] === 200);
};
checks["queue::settled"] = async () => {
  await reset();
  for (const step of ["undecided", "failing"]) {
    assert.deepEqual(await run(`queue::send_${step}`), [200, "ok"]);
    await eventually("the messages have arrived", async () => (await run(`queue::${step}_arrived`))[0] === 200);
  }
};
checks["queue::plain"] = async () => {
  await reset();
  assert.deepEqual(await run("queue::send_plain"), [200, "ok"]);
  await eventually("the messages have arrived", async () => (await run("queue::plain_arrived"))[0] === 200);
};
checks["queue::delayed"] = async () => {
  await reset();
  assert.deepEqual(await run("queue::send_delayed"), [200, "ok"]);
  await eventually("the messages have arrived", async () => (await run("queue::delayed_arrived"))[0] === 200);
};
checks["objects: an alarm that fails fires again"] = async () => {
  assert.deepEqual(await run("objects::set_failing_alarm"), [200, "ok"]);
  await eventually("the alarm has fired twice", async () => (await run("objects::failing_alarm_fired"))[0] === 200);
};
/** A client of a WebSocket, whose messages are awaited one by one. */
function open(path) {
  const socket = new WebSocket(`${backend.base.replace("http", "ws")}${path}`);
  socket.binaryType = "arraybuffer";
  const [messages, waiting] = [[], []];
  const arrived = (message) => (waiting.length ? waiting.shift()(message) : messages.push(message));
  socket.onmessage = ({ data }) => arrived(typeof data === "string" ? data : [...new Uint8Array(data)]);
  socket.onclose = ({ code, reason }) => arrived({ code, reason });
  const next = () => (messages.length ? messages.shift() : new Promise((resolve) => waiting.push(resolve)));
  return { socket, next, send: (message) => socket.send(message) };
}
async function connect(room, user) {
  const client = open(`/rooms/${room}/${user}`);
  assert.equal(await client.next(), `welcome ${user}`);
  return client;
}
checks["sockets without an object"] = async () => {
  assert.equal((await fetch(`${backend.base}/socket`)).status, 426);
  const client = async () => {
    const client = open("/socket");
    await new Promise((done) => client.socket.addEventListener("open", done));
    return client;
  };
  const ann = await client();
  for (const text of ["hello", "Grüße", ""]) {
    ann.send(text);
    assert.equal(await ann.next(), text);
  }
  ann.send(new Uint8Array([1, 2, 3]));
  assert.deepEqual(await ann.next(), [1, 2, 3]);
  const [bob, carl, dora] = [await client(), await client(), await client()];
  bob.send("end");
  assert.deepEqual(await bob.next(), { code: 1000, reason: "" });
  carl.send("fail");
  assert.deepEqual(await carl.next(), { code: 1011, reason: "the worker failed" });
  dora.send("bye");
  assert.deepEqual(await dora.next(), { code: 4000, reason: "goodbye" });
  ann.socket.close(3000, "done");
  assert.equal((await ann.next()).code, 3000);
  await eventually("the close is seen", async () => output.includes('echo ended with Some((3000, "done"))'));
  await eventually("the failure is in the log", async () => output.includes("a WebSocket failed: worker application: no echo today"));
};
checks["server-sent events"] = async () => {
  const read = async (headers) => {
    const response = await fetch(`${backend.base}/events`, { headers });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    let text = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body) {
        text += decoder.decode(chunk);
        if (text.includes('["number",6]')) break;
      }
    } catch { /* A stream that fails can end the connection. */ }
    assert.match(text, /^:\n\n/m, "it is kept alive");
    return text.replaceAll(":\n\n", "");
  };
  const event = (number) => `event: count\nid: ${number}\ndata: ["number",${number}]\n\n`;
  assert.equal(await read({}), event(1) + event(2));
  assert.equal(await read({ "last-event-id": "4" }), event(5) + event(6));
};
checks["objects: sockets of clients"] = async () => {
  const ann = await connect("hall", "ann");
  const bob = await connect("hall", "bob");
  ann.send("who");
  assert.equal(await ann.next(), JSON.stringify([["ann", "bob"], ["user", "ann"], 1]));
  ann.send("ping");
  assert.equal(await ann.next(), "pong");
  bob.send("hello");
  for (const { next } of [ann, bob]) assert.equal(await next(), "bob: hello");
  ann.send(new Uint8Array([1, 2, 3]));
  assert.deepEqual(await ann.next(), [3, 2, 1]);
  ann.send("fail");
  ann.send("@bob psst");
  assert.equal(await bob.next(), "ann to bob: psst");
  bob.send("leave");
  assert.deepEqual(await bob.next(), { code: 4000, reason: "goodbye" });
  assert.equal(await ann.next(), "bob left");
  ann.socket.close(3000, "bye");
  assert.deepEqual(await ann.next(), { code: 3000, reason: "bye" });
  const reset = await connect("reset", "carl");
  reset.send("reset");
  assert.equal((await reset.next()).code, 1006);
};
checks["objects: sockets outlive the object"] = async () => {
  const ann = await connect("idle", "ann");
  ann.send("who");
  assert.equal(await ann.next(), JSON.stringify([["ann"], ["user", "ann"], 1]));
  // The platform evicts an object that has only sockets after about 10 seconds.
  await new Promise((done) => setTimeout(done, 12_000));
  ann.send("who");
  assert.equal(await ann.next(), JSON.stringify([["ann"], ["user", "ann"], 1]));
  ann.socket.close();
};
checks["the start hook runs once"] = async () => {
  for (let index = 0; index < 3; index++) assert.equal(await (await fetch(`${backend.base}/starts`)).text(), "1");
};
checks["requests and batches are events"] = async () => {
  await reset();
  const events = async () => (await fetch(`${backend.base}/observed`)).json();
  await fetch(`${backend.base}/observe`, { method: "POST" });
  await events();
  await fetch(`${backend.base}/no-such-route`);
  await fetch(`${backend.base}/run/no-such-case`, { method: "POST" });
  await run("queue::send_undecided");
  const expected = [
    "cloudflare.worker.fetch.success Some(404) None", "cloudflare.worker.fetch.error Some(500) None",
    "cloudflare.worker.queue.success None Some(1)",
  ];
  const seen = [];
  await eventually("the events", async () => {
    seen.push(...await events());
    return expected.every((line) => seen.includes(line));
  });
};
checks["rate limits hold back 100 clients at once"] = async () => {
  await reset();
  const wave = async (engine) => {
    const responses = await Promise.all(Array.from({ length: 100 }, () => fetch(`${backend.base}/limited/${engine}`)));
    const refused = responses.filter(({ status }) => status === 429);
    for (const { headers } of refused) assert.ok(Number(headers.get("retry-after")) > 0);
    return 100 - refused.length;
  };
  for (const engine of ["binding", "kv", "object"]) {
    const allowed = [await wave(engine), await wave(engine), await wave(engine)];
    console.log(`rate limit by ${engine}: of 100 requests at once with a limit of 2, ${allowed.join(", then ")} were allowed`);
    // KV cannot add to a value, so that calls at the same time count as one.
    if (engine !== "kv") assert.deepEqual(allowed, [2, 0, 0]);
    else assert.equal(allowed[2], 0);
  }
};
checks["cron triggers call their handlers"] = async () => {
  await reset();
  const worker = await backend.miniflare.getWorker();
  const scheduledTime = new Date(Date.UTC(2026, 0, 30, 3, 20));
  const run = async (cron) => (await worker.scheduled({ cron, scheduledTime })).outcome;
  assert.equal(await run("*/20 3 * * *"), "ok");
  assert.equal(await run("0 12 * * MON-FRI"), "ok");
  assert.equal(await run("30 1 L * *"), "exception");
  assert.equal(await run("0 0 * * *"), "exception");
  const seconds = scheduledTime.getTime() / 1000;
  const expected = `*/20 3 * * * at ${seconds}0 12 * * MON-FRI at ${seconds}failing`;
  await eventually("the handlers have run", async () => (await (await fetch(`${backend.base}/noted`)).text()).length === expected.length);
  const noted = await (await fetch(`${backend.base}/noted`)).text();
  for (const text of expected.split(/(?=0 12)|(?=failing)/)) assert.ok(noted.includes(text), `${text} in ${noted}`);
  await eventually("the failure is in the log", () => output.includes("cron 30 1 L * *: the handler failed: worker application: no night shift"));
};
checks["emails call their handler"] = async () => {
  await reset();
  const emails = new URL("../conformance/emails/", import.meta.url);
  const send = async (to, name = "question.eml") => {
    const body = await readFile(new URL(name, emails));
    const query = new URLSearchParams({ from: "ann@example.com", to: `${to}@example.net`, format: "json" });
    return (await fetch(`${backend.base}/cdn-cgi/handler/email?${query}`, { method: "POST", body })).json();
  };
  const noted = async () => (await fetch(`${backend.base}/noted`)).text();
  assert.equal((await send("store")).outcome, "ok");
  assert.equal(await noted(), (await readFile(new URL("question.txt", emails), "utf8")).trimEnd());
  assert.deepEqual((await send("forward")).forwards.map(({ recipient }) => recipient), ["team@example.com"]);
  assert.equal((await send("reject")).rejectReason, "nobody lives here");
  assert.equal((await send("fail")).outcome, "exception");
  const [reply] = (await send("reply")).replies;
  for (const line of ["From: <reply@example.net>", "To: <ann@example.com>", "In-Reply-To: <1@example.com>"]) assert.ok(reply.raw.split("\r\n").includes(line), `${line} in ${reply.raw}`);
  await reset();
  assert.deepEqual((await send("reply", "automatic.eml")).replies, []);
  assert.match(await noted(), /^email reply: this email cannot be replied to: a program has sent it/);
};
checks["traces of another worker call their handler"] = async () => {
  await reset();
  const worker = await backend.miniflare.getWorker("traced");
  const noted = async () => (await fetch(`${backend.base}/noted`)).text();
  await (await worker.fetch("https://example.com/a")).text();
  await eventually("the trace is noted", async () => (await noted()) === `ok "GET" "https://example.com/a" 204 true warn ["hot",7]`);
  await reset();
  await worker.fetch("https://example.com/fail").catch(() => {});
  await eventually("the exception is noted", async () => /^exception "GET" "https:\/\/example.com\/fail" .*TypeError: too hot$/.test(await noted()));
};
checks["background work ends after the response"] = async () => {
  await reset();
  assert.equal(await (await fetch(`${backend.base}/background`, { method: "POST" })).text(), "started");
  await eventually("the work is done", async () => (await (await fetch(`${backend.base}/noted`)).text()) === "background");
};
checks["caches work in the background"] = async () => {
  await reset();
  assert.equal(await (await fetch(`${backend.base}/tiers`, { method: "POST" })).text(), "ok");
  await eventually("the work is done", async () => (await (await fetch(`${backend.base}/tiers`)).text()) === "ok");
};
checks["a handler sees an absolute URI and the address of the client"] = async () => {
  const description = await (await fetch(`${backend.base}/request`)).text();
  // Miniflare sets `cf` even without a network.
  assert.equal(description, "http 127.0.0.1 /request true true");
};
checks["events of tracing and printed lines are in the log"] = async () => {
  assert.equal(await (await fetch(`${backend.base}/log`)).text(), "logged");
  await eventually("the log contains them", () => output.includes("INFO upload{file=7}: conformance::serve: an event answer=42") && output.includes("a printed line"));
  assert.ok(!output.includes("hidden"));
};
checks["requests are sent to other servers"] = async () => {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.url === "/redirect") return response.writeHead(303, { location: "/other" }).end();
    if (request.url === "/slow") return setTimeout(() => response.end("late"), 3000);
    if (request.url === "/missing") return response.writeHead(404, { "x-answer": "no" }).end("not here");
    const text = `${request.method} ${request.url} ${request.headers["x-asked"]} ${body}`;
    if (request.url === "/gzip") return response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(text));
    response.writeHead(200, { "x-answer": "yes" }).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const send = async (url, options = {}) => {
    const query = new URLSearchParams({ url, ...options });
    return await (await fetch(`${backend.base}/fetch?${query}`, { method: "POST", body: "hello" })).text();
  };
  try {
    assert.equal(await send(`${origin}/a?b=1`), "200 yes POST /a?b=1 yes hello");
    assert.equal(await send(`${origin}/missing`), "404 no not here");
    assert.equal(await send(`${origin}/gzip`), "200 none POST /gzip yes hello");
    assert.equal(await send(`${origin}/redirect`), "200 yes GET /other yes ");
    assert.equal(await send(`${origin}/redirect`, { redirect: "manual" }), "303 none ");
    assert.equal(await send(`${origin}/redirect`, { redirect: "error" }), "error denied");
    assert.equal(await send(`${origin}/slow`, { timeout: 200 }), "error timeout");
    assert.equal(await send("http://127.0.0.1:1/"), "error unavailable");
    assert.equal(await send("/relative"), "error invalid_argument");
  } finally {
    server.closeAllConnections();
    server.close();
  }
};
checks["bodies pass through the worker unchanged"] = async () => {
  await reset();
  const content = Buffer.alloc(6_000_001, (index) => index);
  for (let index = 0; index < content.length; index++) content[index] = index % 251;
  const url = `${backend.base}/objects/large`;
  const stored = await fetch(url, { method: "PUT", body: content });
  assert.equal(await stored.text(), String(content.length));
  const chunked = new Blob([content]).stream();
  const streamed = await fetch(url, { method: "PUT", body: chunked, duplex: "half" });
  assert.equal(await streamed.text(), String(content.length));

  const whole = await fetch(url);
  assert.ok(content.equals(Buffer.from(await whole.arrayBuffer())));
  const rest = await fetch(`${url}?is_read=true`);
  const read = Number(rest.headers.get("x-read"));
  assert.ok(read > 0 && content.subarray(read).equals(Buffer.from(await rest.arrayBuffer())));

  for (const body of ["", "text", content]) {
    const echoed = await fetch(`${backend.base}/echo`, { method: "POST", body, headers: { "x-echo-x-quote": '"\\\t' } });
    assert.ok(Buffer.from(body).equals(Buffer.from(await echoed.arrayBuffer())));
    assert.deepEqual(echoed.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.equal(echoed.headers.get("x-quote"), '"\\');
  }
};
checks["headers are UTF-8 in both directions"] = async () => {
  // fetch() sends and receives each byte as a character.
  const text = Buffer.from("ä€").toString("latin1");
  const echoed = await fetch(`${backend.base}/echo`, { method: "POST", headers: { "x-echo-bytes": text } });
  assert.equal(echoed.headers.get("x-digits"), "c3a4e282ac");
  assert.equal(echoed.headers.get("bytes"), text);
};
checks["a forwarded request keeps its properties"] = async () => {
  const url = `${backend.base}/forwarded`;
  const seen = await fetch(url, { headers: { "user-agent": "a browser" } });
  assert.deepEqual(await seen.json(), { colo: true, agent: "a browser" });
  const redirected = await fetch(`${url}?redirect`, { redirect: "manual" });
  assert.equal(redirected.status, 302);
};
checks["a forwarded response keeps its length"] = async () => {
  const headers = { "accept-encoding": "identity" };
  const response = await fetch(`${backend.base}/forwarded?declared`, { headers });
  assert.deepEqual([response.headers.get("x-declared"), response.headers.get("content-length")], ["1", "5"]);
  assert.equal(await response.text(), "hello");
};
checks["presigned requests"] = async () => {
  await reset();
  const bucket = `${backend.base}/cdn-cgi/local/r2/s3/conformance`;
  const response = await fetch(`${backend.base}/presign`, { method: "POST", body: bucket });
  assert.deepEqual([response.status, await response.text()], [200, "ok"]);
};
checks["a panic is a response, and the next request works"] = async () => {
  const slow = fetch(`${backend.base}/slow`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const response = await fetch(`${backend.base}/panic`);
  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), { error: { kind: "internal", message: "the request could not be served" } });
  // The instance of the module has ended, and with it the other requests.
  assert.ok((await slow).status >= 500, "it does not hang");
  assert.equal((await fetch(`${backend.base}/cases`)).status, 200);
  await eventually("the log contains the panic", () => output.includes("worker fetch: the handler panicked: a handler"));
};
checks["missing bindings and bindings of the wrong type are all reported at startup"] = async () => {
  const poor = await workerd("tests/conformance", {
    d1Databases: ["DB"],
    kvNamespaces: ["CACHE", "STORAGE"],
    bindings: { NAME: "bindery", COUNT: "three", RATIO: 90.28571428571429, ON: true, TREE: null, LEVEL: "loud", SWITCHES: '{"new_checkout": true, "limit": 2}' },
    handleRuntimeStdio: (stdout, stderr) => { stdout.on("data", (text) => { output += text; }); stderr.on("data", (text) => { output += text; }); },
  });
  let output = "";
  try {
    const response = await fetch(`${poor.base}/cases`);
    assert.equal(response.status, 500);
    assert.equal((await response.json()).error.kind, "misconfigured");
    await eventually("the log contains the errors", () => output.includes("start"));
    for (const part of ["the binding STORAGE is not an R2 bucket", "the binding OTHER is missing", "the binding QUEUE is missing", "the variable COUNT is not a whole number", "the variable REGION is missing", "the variable LEVEL is not a `crate::environment::Level`", "the variable TREE is not an object", "the secret TOKEN is missing"]) {
      assert.ok(output.includes(part), `${part}\n${output}`);
    }
  } finally {
    await poor.stop();
  }
};
/** What needs a worker that has done nothing else. */
const first = {};
first["an upload of 100 MB needs little memory"] = async () => {
  await reset();
  const memory = async () => Number(await (await fetch(`${backend.base}/memory`)).text());
  const before = await memory();
  const chunk = new Uint8Array(1_000_000).fill(120);
  // A worker may use 128 MB. The content has no known length, so it is uploaded in parts.
  const stream = new ReadableStream({
    sent: 0,
    pull(controller) { this.sent++ < 100 ? controller.enqueue(chunk) : controller.close(); },
  });
  const url = `${backend.base}/objects/large`;
  const stored = await fetch(url, { method: "PUT", body: stream, duplex: "half" });
  assert.equal(await stored.text(), "100000000");
  const grown = (await memory()) - before;
  assert.ok(before + grown < 64, `the memory grows from ${before} MiB by ${grown} MiB`);
  console.log(`        the memory grows from ${before} MiB by ${grown} MiB`);
  let length = 0;
  for await (const part of (await fetch(url)).body) length += part.length;
  assert.equal(length, 100_000_000);
};
const results = [await suite("conformance on workerd", first), await suite("conformance on workerd", checks)];
await backend.stop();
finish("conformance on workerd", results);
