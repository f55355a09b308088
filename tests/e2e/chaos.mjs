// Uses examples/files natively while calls fail, responses get lost, messages arrive twice and the process is
// killed. Then no file that was acknowledged may be missing, and no object, row or cached entry may be left over.
// OPERATIONS, SEED and KILLS set the size of the run.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { eventually, finish, root, start, suite } from "./backends.mjs";

const OPERATIONS = Number(process.env.OPERATIONS ?? 600);
const KILLS = Number(process.env.KILLS ?? 3);
const SEED = Number(process.env.SEED ?? 1);
const CLIENTS = 8;

/** Together every tenth call of a service fails, half of them after they were applied. */
const FAULTS = [
  `seed=${SEED}`,
  ...["d1", "kv", "r2", "queue"].flatMap((service) => [`${service}:fail=0.03`, `${service}:overload=0.02`, `${service}:lose_response=0.05`]),
  "queue:redeliver=0.1",
].join(" ");

const program = join(root, "target/debug/files");
const state = mkdtempSync(join(tmpdir(), "bindery-chaos-"));
const counts = { done: 0, failed: 0, lost: 0 };
/** Each known file: its user, the hash of its content, and whether a delete was acknowledged or may have happened. */
const files = new Map();
let server;
let random = SEED;

/** The next number of a linear congruential generator, from 0 to 1. */
function next() {
  random = (random * 1664525 + 1013904223) % 2 ** 32;
  return random / 2 ** 32;
}

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

function open(path, text, ...values) {
  const database = new DatabaseSync(join(state, path), { timeout: 5000 });
  try { return database.prepare(text).all(...values); } finally { database.close(); }
}

/** Sends a request. Returns undefined if the connection is lost. */
async function send(user, method, path, body) {
  const headers = { "x-user-id": user };
  try {
    const response = await fetch(server.base + path, { method, headers, body });
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
  } catch {
    counts.lost++;
    await server.ready;
    return undefined;
  }
}

/** Counts the result of an operation. A status that is not expected is an error of the application. */
function settle(what, response, expected) {
  if (response === undefined) return false;
  if (response.status >= 500) { counts.failed++; return false; }
  assert.ok(expected.includes(response.status), `${what}: ${response.status} ${response.bytes.toString().slice(0, 200)}`);
  counts.done++;
  return true;
}

async function upload(user) {
  const content = Buffer.from(Array.from({ length: Math.floor(next() * 4000) }, () => Math.floor(next() * 256)));
  const form = new FormData();
  form.append("file", new Blob([content]), `file-${Math.floor(next() * 1e9)}.bin`);
  const response = await send(user, "POST", "/api/files", form);
  if (!settle("upload", response, [201])) return;
  const { id } = JSON.parse(response.bytes);
  assert.ok(!files.has(id), `the id ${id} is used twice`);
  files.set(id, { user, hash: hash(content), state: "stored" });
}

async function download(id, file) {
  const before = file.state;
  const response = await send(file.user, "GET", `/api/files/${id}/content`);
  // Another client may delete it meanwhile.
  const expected = { stored: [200], deleting: [200, 404], deleted: before === "deleted" ? [404] : [200, 404] };
  if (settle(`download of ${id}`, response, expected[file.state]) && response.status === 200) {
    assert.equal(hash(response.bytes), file.hash, `the content of ${id}`);
  }
}

async function show(id, file) {
  settle(`metadata of ${id}`, await send(file.user, "GET", `/api/files/${id}`), file.state === "stored" ? [200] : [200, 404]);
}

async function remove(id, file) {
  if (file.state !== "stored") return;
  file.state = "deleting";
  const response = await send(file.user, "DELETE", `/api/files/${id}`);
  if (settle(`delete of ${id}`, response, [200])) file.state = "deleted";
}

async function client(number, hasNext) {
  while (hasNext()) {
    const user = `user-${number}-${Math.floor(next() * 4)}`;
    const known = [...files.entries()].slice(-200);
    const choice = next();
    const [id, file] = known[Math.floor(next() * known.length)] ?? [];
    if (id === undefined || choice < 0.4) await upload(user);
    else if (choice < 0.6) await show(id, file);
    else if (choice < 0.8) await download(id, file);
    else await remove(id, file);
  }
}

async function launch(faults) {
  const started = await start(program, state, { BINDERY_LOG: "off", BINDERY_FAULTS: faults });
  return { ...started, ready: Promise.resolve() };
}

/** Kills the process, and starts it again with the same state. */
async function kill(number) {
  let isReady;
  const killed = server;
  killed.ready = new Promise((done) => { isReady = done; });
  await killed.stop("SIGKILL");
  // Other faults than before, which are the same in each run.
  server = await launch(FAULTS.replace(/seed=\d+/, `seed=${SEED * 1000 + number}`));
  isReady();
}

const checks = {
  [`${OPERATIONS} operations with faults and ${KILLS} kills`]: async () => {
    server = await launch(FAULTS);
    let started = 0;
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(number, () => started++ < OPERATIONS));
    const all = Promise.all(clients);
    for (let number = 1; number <= KILLS; number++) {
      const due = (OPERATIONS * number) / (KILLS + 1);
      while (started < due) await Promise.race([all, new Promise((done) => setTimeout(done, 10))]);
      await kill(number);
    }
    await all;
    console.log(`        ${counts.done} done, ${counts.failed} failed, ${counts.lost} connections lost, ${files.size} files known`);
    assert.ok(counts.done > OPERATIONS / 3 && counts.failed > 0 && (KILLS === 0 || counts.lost > 0), JSON.stringify(counts));
  },
  "a sweep without faults ends what was interrupted": async () => {
    await server.stop();
    // An upload is given up after an hour.
    open("d1/files-db.sqlite", "UPDATE files SET uploaded_at = datetime('now', '-2 hours') WHERE state = 'pending'");
    server = await launch("");
    const form = new FormData();
    form.append("file", new Blob(["the last"]), "last.txt");
    const { bytes } = await send("sweeper", "POST", "/api/files", form);
    assert.equal((await send("sweeper", "DELETE", `/api/files/${JSON.parse(bytes).id}`)).status, 200);
    await eventually("the queue is empty", () => open("queues.sqlite", "SELECT id FROM messages").length === 0);
    assert.deepEqual(open("d1/files-db.sqlite", "SELECT id, state FROM files WHERE state <> 'stored'"), []);
  },
  "every acknowledged file is there, and every deleted one is gone": async () => {
    const expected = { stored: [200], deleting: [200, 404], deleted: [404] };
    for (const [id, file] of files) {
      const content = await send(file.user, "GET", `/api/files/${id}/content`);
      assert.ok(expected[file.state].includes(content.status), `${id} is ${file.state}: ${content.status}`);
      if (content.status === 200) assert.equal(hash(content.bytes), file.hash, `the content of ${id}`);
    }
  },
  "rows, objects and cached entries agree": async () => {
    await server.stop();
    const rows = open("d1/files-db.sqlite", "SELECT id, user_id, filename, object_key, size_bytes, processed FROM files ORDER BY object_key");
    const objects = open("r2/files-storage/index.sqlite", "SELECT key, size FROM objects ORDER BY key");
    assert.deepEqual(objects, rows.map(({ object_key: key, size_bytes: size }) => ({ __proto__: null, key, size })));
    assert.ok(rows.length > 0);

    const known = new Map(rows.map((row) => [`file:${row.user_id}:${row.id}`, row]));
    for (const { key, value } of open("kv/CACHE.sqlite", "SELECT key, value FROM entries")) {
      const cached = JSON.parse(Buffer.from(value).toString());
      assert.ok(known.has(key), `${key} is cached, but the file is gone`);
      assert.equal(cached.filename, known.get(key).filename);
    }
    rmSync(state, { recursive: true });
  },
};

const results = [await suite("chaos", checks)];
if (results[0][1] > 0) console.log(`the state is in ${state}, the seed is ${SEED}`);
finish("chaos", results);
