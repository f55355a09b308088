// The conformance suite on workerd: the same Rust source as `cargo test -p conformance`, built to Wasm.
import assert from "node:assert/strict";
import { eventually, finish, suite, workerd } from "./worlds.mjs";

const world = await workerd("tests/conformance", {
  d1Databases: ["DB"],
  kvNamespaces: ["CACHE", "OTHER"],
  r2Buckets: ["STORAGE"],
  queueProducers: { QUEUE: "conformance-queue" },
  queueConsumers: { "conformance-queue": { maxBatchSize: 5, maxBatchTimeout: 0.1, maxRetries: 1 } },
  bindings: { NAME: "bindery", COUNT: 3, RATIO: 0.5, ON: true, TREE: { a: [1, "x", null] }, TOKEN: "open sesame" },
});

/** Empties every store, so that each case finds the world as new. */
async function reset() {
  const database = await world.miniflare.getD1Database("DB");
  for (const table of ["posts", "users", "loose", "received"]) await database.prepare(`DELETE FROM ${table}`).run();
  for (const name of ["CACHE", "OTHER"]) {
    const namespace = await world.miniflare.getKVNamespace(name);
    for (const { name } of (await namespace.list()).keys) await namespace.delete(name);
  }
  const bucket = await world.miniflare.getR2Bucket("STORAGE");
  for (const { key } of (await bucket.list()).objects) await bucket.delete(key);
}

async function run(name) {
  const response = await fetch(`${world.base}/run/${name}`, { method: "POST" });
  return [response.status, await response.text()];
}

const names = await (await fetch(`${world.base}/cases`)).json();
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
  await eventually("every message that can arrive has", async () => (await run("queue::arrived"))[0] === 200);
};
checks["a missing binding and a mistyped one are told at once"] = async () => {
  const poor = await workerd("tests/conformance", {
    d1Databases: ["DB"],
    kvNamespaces: ["CACHE", "STORAGE"],
    bindings: { NAME: "bindery", COUNT: "three", RATIO: 0.5, ON: true, TREE: null },
    handleRuntimeStdio: (stdout, stderr) => { stdout.on("data", (text) => { output += text; }); stderr.on("data", (text) => { output += text; }); },
  });
  let output = "";
  try {
    const response = await fetch(`${poor.base}/cases`);
    assert.equal(response.status, 500);
    assert.equal((await response.json()).error.kind, "misconfigured");
    await eventually("the log names all that is wrong", () => output.includes("start"));
    for (const part of ["the binding STORAGE is not an R2 bucket", "the binding OTHER is missing", "the binding QUEUE is missing", "the variable COUNT is not a whole number", "the secret TOKEN is missing"]) {
      assert.ok(output.includes(part), `${part}\n${output}`);
    }
  } finally {
    await poor.stop();
  }
};
const results = [await suite("conformance on workerd", checks)];
await world.stop();
finish("conformance on workerd", results);
