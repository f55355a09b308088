// Tests examples/files end to end, on both backends: the same requests must have the same responses.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { eventually, finish, native, root, start, suite, workerd } from "./backends.mjs";

export const bindings = {
  d1Databases: ["DB"],
  kvNamespaces: ["CACHE"],
  r2Buckets: ["STORAGE"],
  // The worker does not have the second one: with it a test makes a job fail.
  queueProducers: { QUEUE: "files-queue", FAILED: "files-failed" },
  queueConsumers: {
    "files-queue": { maxBatchTimeout: 0.1, deadLetterQueue: "files-failed" },
    "files-failed": { maxBatchTimeout: 0.1 },
  },
  ai: { binding: "AI" },
  durableObjects: { USER_STATS: { className: "UserStats", useSQLite: true }, FEEDS: { className: "Feed", useSQLite: true } },
  bindings: { ENVIRONMENT: "production", MAX_FILE_SIZE: "10485760" },
};
export const program = join(root, "target/debug/files");

/** Reads and changes the storage of a backend without the worker, to create the state that a crash leaves. */
export function storage({ miniflare, state }) {
  if (miniflare) {
    const database = miniflare.getD1Database("DB");
    return {
      sql: async (text) => (await (await database).prepare(text).all()).results,
      objects: async () => (await (await miniflare.getR2Bucket("STORAGE")).list()).objects.map(({ key }) => key).sort(),
      send: async (job) => (await miniflare.getQueueProducer("QUEUE")).send(job),
      fail: async (job) => (await miniflare.getQueueProducer("FAILED")).send(job),
    };
  }
  const open = (path, text, ...values) => {
    const database = new DatabaseSync(join(state, path), { timeout: 5000 });
    try { return database.prepare(text).all(...values); } finally { database.close(); }
  };
  const add = (queue, job) => {
    const insert = "INSERT INTO messages (queue, body, sent_at, visible_at) VALUES (?, ?, ?, ?)";
    open("queues.sqlite", insert, queue, JSON.stringify(job), Date.now(), Date.now());
  };
  return {
    sql: async (text) => open("d1/files-db.sqlite", text),
    objects: async () => open("r2/files-storage/index.sqlite", "SELECT key FROM objects ORDER BY key").map(({ key }) => key),
    send: async (job) => add("files-queue", job),
    fail: async (job) => add("files-failed", job),
  };
}

/** Sends a GET with a `Host` of its own, which fetch() does not allow, and returns the status. */
function statusFor(base, host, path = "/") {
  return new Promise((done, failed) => {
    const sent = request(base + path, { headers: { host } }, (response) => { response.resume(); done(response.statusCode); });
    sent.on("error", failed).end();
  });
}

/** The headers that every response must have. */
function assertProtected(what, { headers }) {
  assert.equal(headers.get("x-content-type-options"), "nosniff", what);
  assert.equal(headers.get("referrer-policy"), "no-referrer", what);
  assert.match(headers.get("content-security-policy") ?? "", /default-src 'none';.*frame-ancestors 'none'/, what);
}

const disposition = 'Content-Disposition: form-data; name="file"; filename="a"';

/** A form as a page sends it. */
function form(content, name = "hello.txt", field = "file") {
  const data = new FormData();
  data.append(field, new Blob([content], { type: "text/plain" }), name);
  return { method: "POST", body: data };
}

/** A form with one part, whose headers are written by hand. */
function part(...headers) {
  const body = `--X\r\n${headers.join("\r\n")}\r\n\r\nabc\r\n--X--\r\n`;
  return { method: "POST", headers: { "content-type": "multipart/form-data; boundary=X" }, body };
}

/** Sends the requests of a client, and returns its view of the responses. Replaces times, which differ in every run. */
async function transcript(backend) {
  const { base } = backend;
  const lines = [];
  const call = async (what, path, init = {}, user = "ann") => {
    // Otherwise Miniflare compresses the response and omits its length.
    const own = { "accept-encoding": "identity", ...(user ? { "x-user-id": user } : {}) };
    // A header that is null is not sent.
    const headers = Object.fromEntries(Object.entries({ ...own, ...init.headers }).filter(([, value]) => value !== null));
    const response = await fetch(base + path, { ...init, headers }).catch((error) => {
      throw new Error(`${what}: ${error.cause ?? error}`);
    });
    assertProtected(what, response);
    const text = (await response.text()).replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "<time>");
    const kept = path.includes("/content") ? ["content-type", "content-length", "content-disposition", "content-range", "etag"] : [];
    const shown = ["cache-control", ...kept].map((name) => `${name}: ${response.headers.get(name)}`).join(", ");
    lines.push(`${what}: ${response.status} ${shown} ${text.length > 400 ? `${text.length} characters` : text}`);
    return text;
  };
  const processed = (user) => eventually(`the consumer has marked every file of ${user}`, async () => {
    const response = await fetch(`${base}/api/files`, { headers: { "x-user-id": user } });
    return (await response.json()).files.every((file) => file.processed);
  });
  const client = { base, lines, call, processed, ...storage(backend) };
  await ordinary(client);
  await brokenForms(client);
  await otherSites(client);
  await otherHosts(client);
  await crashes(client);
  await repeatedMessages(client);
  await slowUpload(client);
  await failedJobs(client);
  await feeds(client);
  // Uploads that failed have a row for an hour, but no object.
  const known = new Set((await client.sql("SELECT object_key FROM files")).map(({ object_key }) => object_key));
  lines.push(`every object has a row: ${(await client.objects()).every((key) => known.has(key))}`);
  return lines;
}

/** A job that failed on every attempt is listed, and its owner can try again. */
async function failedJobs({ base, call, processed, fail }) {
  const { id } = JSON.parse(await call("upload of a file that fails", "/api/files", form("fails", "fails.txt"), "fay"));
  await processed("fay");
  await fail({ job: "process", id, user: "fay" });
  await fail({ job: "process", id: 999_999, user: "fay" });
  await fail({ job: "sweep" });
  const failed = (expected) => eventually(`the list says that ${expected} jobs have failed`, async () => {
    const response = await fetch(`${base}/api/files`, { headers: { "x-user-id": "fay" } });
    return (await response.json()).files.filter((file) => file.failed).length === expected;
  });
  await failed(1);
  await call("list with a failed job", "/api/files", {}, "fay");
  const retry = (what, path, user) => call(what, path, { method: "POST" }, user);
  await retry("another's failed job", `/api/files/${id}/retry`, "bob");
  await retry("failed job of no file", "/api/files/999999/retry", "fay");
  await retry("failed job", `/api/files/${id}/retry`, "fay");
  await failed(0);
  await retry("job that has not failed", `/api/files/${id}/retry`, "fay");
}

/** Every window of a user hears what happens, and no other site does. */
async function feeds({ base, lines, call, processed }) {
  const open = async (user) => {
    const socket = new WebSocket(`${base.replace("http", "ws")}/api/feed?user=${user}`);
    const heard = [];
    socket.onmessage = ({ data }) => heard.push(JSON.parse(data));
    await new Promise((done, failed) => { socket.onopen = done; socket.onerror = failed; });
    return { socket, heard };
  };
  const [first, second, other] = [await open("gail"), await open("gail"), await open("hugh")];
  const { id } = JSON.parse(await call("upload with open windows", "/api/files", form("live", "live.txt"), "gail"));
  await processed("gail");
  await call("delete with open windows", `/api/files/${id}`, { method: "DELETE" }, "gail");
  for (const { heard } of [first, second]) {
    await eventually("the window has heard everything", () => heard.length === 3);
    // The first two cross on their way.
    lines.push(`heard: ${heard.map((activity) => JSON.stringify({ ...activity, file: activity.file === id })).sort().join(" ")}`);
  }
  assert.deepEqual(other.heard, []);
  for (const { socket } of [first, second, other]) socket.close();

  const status = await new Promise((done, failed) => {
    const headers = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", origin: "https://example.com", "sec-fetch-site": "cross-site" };
    const sent = request(`${base}/api/feed?user=gail`, { headers }, ({ statusCode }) => done(statusCode));
    sent.on("upgrade", (response, socket) => { socket.destroy(); done(response.statusCode); });
    sent.on("error", failed).end();
  });
  lines.push(`feed for another site: ${status}`);
  await call("feed without an upgrade", "/api/feed", {}, "gail");
}

async function ordinary({ base, lines, call, processed }) {
  await call("page", "/");
  await call("nobody", "/api/files", {}, null);
  await call("bad user", "/api/files", {}, "a b/../c");
  await call("empty list", "/api/files");
  await call("upload", "/api/files", form("hello world\n"));
  await call("upload again", "/api/files", form("second", "übung \"2\".txt"));
  await call("upload of another", "/api/files", form("private"), "bob");
  await processed("ann");
  await call("list", "/api/files");
  await call("get, from the database", "/api/files/1");
  await call("get, from the cache", "/api/files/1");
  await call("get of another's", "/api/files/1", {}, "bob");
  await call("download", "/api/files/1/content");
  await call("download with a name that needs care", "/api/files/2/content");
  const download = (what, headers, init) => call(what, "/api/files/1/content", { headers, ...init });
  await download("part of a download", { range: "bytes=6-" });
  await download("range that does not exist", { range: "bytes=12-" });
  await download("download that has not changed", { "if-none-match": "*" });
  await download("download that has changed", { "if-match": '"other"' });
  await download("head of a download", {}, { method: "HEAD" });
  await call("download of another's", "/api/files/1/content", {}, "bob");
  await call("delete of another's", "/api/files/1", { method: "DELETE" }, "bob");
  await call("delete", "/api/files/1", { method: "DELETE" });
  await call("delete again", "/api/files/1", { method: "DELETE" });
  await call("get after delete", "/api/files/1");
  await call("download after delete", "/api/files/1/content");
  await call("no number", "/api/files/one");
  await call("no such route", "/api/other");
  await call("no form", "/api/files", { method: "POST", body: "text" });
  await call("no field", "/api/files", form("x", "x", "other"));
  await call("large id", "/api/files/9007199254740993");
  await call("huge id", "/api/files/9223372036854775808");
  await call("negative id", "/api/files/-1");
  await call("no such method", "/api/files", { method: "PUT" });
  await call("too large", "/api/files", form(new Uint8Array(10_485_761)));
  const large = new Uint8Array(10_485_760).map((_, index) => index % 251);
  const { id } = JSON.parse(await call("as large as it may be", "/api/files", form(large, "large.bin")));
  const back = await fetch(`${base}/api/files/${id}/content`, { headers: { "x-user-id": "ann" } });
  const bytes = new Uint8Array(await back.arrayBuffer());
  lines.push(`the large one comes back whole: ${bytes.length === large.length && bytes.every((byte, index) => byte === large[index])}`);
  await processed("ann");
  await call("list after all", "/api/files");
}

async function brokenForms({ call }) {
  const names = { long: "x".repeat(256), no: "", folder: "..", path: "../up.txt", Windows: "C:\\up.txt", control: "a\u0085b", binary: "a\0b" };
  for (const [what, name] of Object.entries(names)) {
    await call(`${what} name`, "/api/files", part(`Content-Disposition: form-data; name="file"; filename="${name}"`));
  }
  await call("long name that is short enough", "/api/files", form("x", "x".repeat(255)), "tia");
  await call("long headers", "/api/files", part(disposition, `X-Long: ${"x".repeat(5000)}`));
  await call("many headers", "/api/files", part(disposition, ...Array.from({ length: 40 }, (_, index) => `X-${index}: x`)));
  await call("endless headers", "/api/files", part(disposition, `X-Long: ${"x".repeat(10_600_000)}`));
  await call("form that breaks off", "/api/files", { ...part(), body: `--X\r\n${disposition}\r\n\r\nabc` });
  await call("form without a boundary", "/api/files", { ...part(), headers: { "content-type": "multipart/form-data" } });
  const types = {
    HTML: "text/html; charset=utf-8", SVG: "image/svg+xml", no: "", invalid: "no type", partial: "text/", any: "*/*",
    quoted: "te(xt/plain", foreign: "ü/x", long: `text/${"x".repeat(200)}`,
  };
  for (const [what, type] of Object.entries(types)) {
    const uploaded = await call(`upload with ${what} type`, "/api/files", part(disposition, `Content-Type: ${type}`), "tia");
    await call(`download with ${what} type`, `/api/files/${JSON.parse(uploaded).id}/content?user=tia`, {}, null);
  }
}

async function otherSites({ base, call }) {
  // A form of another site can send all of these.
  const another = { "origin": "https://example.com", "x-user-id": null };
  const simple = (type, body = "x") => ({ method: "POST", body, headers: { ...another, "content-type": type } });
  await call("form of another site", "/api/files?user=ann", { ...form("x"), headers: { ...another, "sec-fetch-site": "cross-site" } });
  await call("form of another site in an old browser", "/api/files?user=ann", { ...form("x"), headers: another });
  await call("text of another site", "/api/files?user=ann", simple("text/plain"));
  await call("encoded form of another site", "/api/files?user=ann", simple("application/x-www-form-urlencoded"));
  for (const [site, id] of [["cross-site", 2], ["same-site", 2], ["same-origin", 4000], ["none", 4000]]) {
    await call(`delete from ${site}`, `/api/files/${id}`, { method: "DELETE", headers: { "sec-fetch-site": site } });
  }
  await call("nothing was changed by another site", "/api/files");
  const preflight = { origin: "https://example.com", "access-control-request-method": "DELETE", "access-control-request-headers": "x-user-id" };
  await call("preflight of another site", "/api/files/2", { method: "OPTIONS", headers: { ...another, ...preflight } });
  const allowed = await fetch(`${base}/api/files/2`, { method: "OPTIONS", headers: preflight });
  assert.equal(allowed.headers.get("access-control-allow-origin"), null);
  assert.equal(allowed.headers.get("access-control-allow-headers"), null);
}

async function otherHosts({ base, lines }) {
  const { port } = new URL(base);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`, "localhost"]) {
    lines.push(`host ${host.replace(port, "<port>")}: ${await statusFor(base, host)}`);
  }
  for (const host of [`example.com:${port}`, "example.com", "localhost.example.com", "127.0.0.1.example.com", "192.168.0.1", "[::2]"]) {
    lines.push(`host ${host.replace(port, "<port>")}: ${await statusFor(base, host)}`);
    lines.push(`API of host ${host.replace(port, "<port>")}: ${await statusFor(base, host, "/api/files?user=ann")}`);
  }
}

/** The rows and objects of the user `eve`, in one line. */
async function stored({ sql, objects }) {
  const rows = await sql("SELECT filename, state FROM files WHERE user_id = 'eve' ORDER BY id");
  const keys = (await objects()).filter((key) => key.startsWith("eve/")).map((key) => key.replace(/\/.*\//, "/")).sort();
  return JSON.stringify({ rows: rows.map(({ filename, state }) => `${filename} ${state}`), keys });
}

/** Uploads files as `eve`, waits until they are processed, and returns their ids. */
async function add({ call, processed }, ...names) {
  const ids = [];
  for (const name of names) ids.push(JSON.parse(await call(`upload of ${name}`, "/api/files", form(name, name), "eve")).id);
  await processed("eve");
  return ids;
}

const twoHoursAgo = "datetime('now', '-2 hours')";

async function crashes(client) {
  const { lines, call, sql, send } = client;
  const [late, fresh, deleted, kept] = await add(client, "late", "fresh", "deleted", "kept");
  // Each of these states is what a crash between two calls leaves behind.
  await sql(`UPDATE files SET state = 'pending', uploaded_at = ${twoHoursAgo} WHERE id = ${late}`);
  await sql(`UPDATE files SET state = 'pending' WHERE id = ${fresh}`);
  await sql(`UPDATE files SET state = 'deleted' WHERE id = ${deleted}`);
  await call("unfinished files are not listed", "/api/files", {}, "eve");
  for (const id of [late, fresh, deleted]) await call("unfinished file", `/api/files/${id}`, {}, "eve");
  await call("download of an unfinished file", `/api/files/${late}/content`, {}, "eve");
  await call("delete of an unfinished file", `/api/files/${late}`, { method: "DELETE" }, "eve");
  await send({ job: "sweep" });
  await eventually("the sweep has deleted two rows", async () => (await sql("SELECT id FROM files WHERE user_id = 'eve'")).length === 2);
  lines.push(`after the sweep: ${await stored(client)}`);
  await call("delete of the other", `/api/files/${kept}`, { method: "DELETE" }, "eve");
  await eventually("a job has deleted the row", async () => (await sql("SELECT id FROM files WHERE user_id = 'eve'")).length === 1);
  lines.push(`after the delete: ${await stored(client)}`);

  // SQLite would otherwise use the largest id again.
  const [next] = await add(client, "next");
  lines.push(`the next id is new: ${next === kept + 1}`);
  await call("get of the next", `/api/files/${next}`, {}, "eve");
}

/** A queue can deliver a message twice, and also late. */
async function repeatedMessages(client) {
  const { lines, sql, send } = client;
  const [{ id: next }] = await sql("SELECT id FROM files WHERE filename = 'next'");
  await sql(`UPDATE files SET processed_at = '2026-01-01 00:00:00' WHERE id = ${next}`);
  const before = await stored(client);
  const process = (id) => ({ job: "process", id, user: "eve" });
  // The file before the last one is deleted.
  for (const job of [process(next), process(next), process(next - 1), { job: "sweep" }, { job: "sweep" }]) await send(job);
  // Messages are processed in their order, so this one is the last.
  await add(client, "last");
  const [{ processed_at }] = await sql(`SELECT processed_at FROM files WHERE id = ${next}`);
  lines.push(`before the messages: ${before}, after: ${await stored(client)}, still processed at ${processed_at}`);
}

/** An upload that is slower than the sweep must not leave its object behind. */
async function slowUpload(client) {
  const { lines, call, sql, send } = client;
  let release;
  const released = new Promise((done) => { release = done; });
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode(`--X\r\n${disposition.replace('"a"', '"slow"')}\r\n\r\nabc`));
      await released;
      controller.enqueue(encoder.encode("def\r\n--X--\r\n"));
      controller.close();
    },
  });
  const slow = call("upload that takes too long", "/api/files", { ...part(), body, duplex: "half" }, "eve");
  const unfinished = "filename = 'slow' AND user_id = 'eve'";
  await eventually("the upload has begun", async () => (await sql(`SELECT id FROM files WHERE ${unfinished} AND state = 'pending'`)).length === 1);
  await sql(`UPDATE files SET uploaded_at = ${twoHoursAgo} WHERE ${unfinished}`);
  await send({ job: "sweep" });
  await eventually("the sweep has given it up", async () => (await sql(`SELECT id FROM files WHERE ${unfinished}`)).length === 0);
  release();
  await slow;
  lines.push(`at the end: ${await stored(client)}`);
}

/** Starts the worker with a MAX_FILE_SIZE that is not a number, and returns its answer and its log. */
async function misconfigured() {
  let log = "";
  const backend = await workerd("examples/files", {
    ...bindings,
    bindings: { ...bindings.bindings, MAX_FILE_SIZE: "ten" },
    handleRuntimeStdio: (...streams) => streams.forEach((stream) => stream.on("data", (text) => { log += text; })),
  });
  try {
    const response = await fetch(`${backend.base}/`);
    await eventually("the log has a line", () => log.includes("MAX_FILE_SIZE"));
    return { status: response.status, text: await response.text(), log };
  } finally {
    await backend.stop();
  }
}

if (process.argv[1] === import.meta.filename) {
  const results = [];
  const onWorkerd = await workerd("examples/files", bindings);
  const onNative = await native(program);
  let there = [];
  let here = [];
  results.push(await suite("files", {
    "every request has a response on workerd": async () => { there = await transcript(onWorkerd); },
    "every request has a response natively": async () => { here = await transcript(onNative); },
    "the responses are the same": () => {
      // R2 computes other entity tags for multipart uploads.
      const comparable = (lines) => lines.map((line) => line.replace(/etag: "[^"]*"/, "etag"));
      assert.ok(there.length > 25);
      assert.deepEqual(comparable(here), comparable(there));
    },
    "each response has the expected status": () => {
      const statuses = here.filter((line) => /: \d{3} /.test(line)).map((line) => line.match(/^(.*?): (\d{3}) /).slice(1).join(" "));
      assert.deepEqual(statuses, [
        "page 200", "nobody 401", "bad user 401", "empty list 200", "upload 201", "upload again 201", "upload of another 201",
        "list 200", "get, from the database 200", "get, from the cache 200", "get of another's 404", "download 200",
        "download with a name that needs care 200", "part of a download 206", "range that does not exist 416", "download that has not changed 304", "download that has changed 412", "head of a download 200", "download of another's 404", "delete of another's 404", "delete 200",
        "delete again 404", "get after delete 404", "download after delete 404", "no number 400", "no such route 404",
        "no form 400", "no field 400", "large id 400", "huge id 400", "negative id 400", "no such method 405", "too large 413",
        "as large as it may be 201", "list after all 200",
        "long name 400", "no name 400", "folder name 400", "path name 400", "Windows name 400", "control name 400", "binary name 400",
        "long name that is short enough 201", "long headers 400", "many headers 400", "endless headers 413",
        "form that breaks off 400", "form without a boundary 400",
        ...["HTML", "SVG", "no", "invalid", "partial", "any", "quoted", "foreign", "long"]
          .flatMap((type) => [`upload with ${type} type 201`, `download with ${type} type 200`]),
        "form of another site 403", "form of another site in an old browser 403", "text of another site 403",
        "encoded form of another site 403", "delete from cross-site 403",
        "delete from same-site 403", "delete from same-origin 404", "delete from none 404",
        "nothing was changed by another site 200", "preflight of another site 405",
        "upload of late 201", "upload of fresh 201", "upload of deleted 201", "upload of kept 201",
        "unfinished files are not listed 200", ...Array(3).fill("unfinished file 404"), "download of an unfinished file 404",
        "delete of an unfinished file 404", "delete of the other 200", "upload of next 201", "get of the next 200",
        "upload of last 201", "upload that takes too long 400",
        "upload of a file that fails 201", "list with a failed job 200", "another's failed job 404",
        "failed job of no file 404", "failed job 200", "job that has not failed 404",
        "upload with open windows 201", "delete with open windows 200", "feed without an upgrade 400",
      ]);
      const types = here.filter((line) => /^download with \w+ type/.test(line)).map((line) => line.match(/content-type: (.*?),/)[1]);
      assert.deepEqual(types, ["text/html", "image/svg+xml", ...Array(7).fill("application/octet-stream")]);
      const hosts = here.filter((line) => /^(API of )?host /.test(line)).map((line) => line.slice(-3));
      assert.deepEqual(hosts, [...Array(5).fill("200"), ...Array(12).fill("403")]);
    },
    "no crash leaves an object behind, and no id is used again": () => {
      for (const line of [
        'after the sweep: {"rows":["fresh pending","kept stored"],"keys":["eve/fresh","eve/kept"]}',
        'after the delete: {"rows":["fresh pending"],"keys":["eve/fresh"]}',
        "the next id is new: true",
        'before the messages: {"rows":["fresh pending","next stored"],"keys":["eve/fresh","eve/next"]}, '
          + 'after: {"rows":["fresh pending","next stored","last stored"],"keys":["eve/fresh","eve/last","eve/next"]}, '
          + "still processed at 2026-01-01 00:00:00",
        'at the end: {"rows":["fresh pending","next stored","last stored"],"keys":["eve/fresh","eve/last","eve/next"]}',
        "every object has a row: true",
      ]) assert.ok(here.includes(line), line);
    },
    "every window of a user hears what happens": () => {
      const heard = 'heard: {"kind":"deleted","file":true} {"kind":"processed","file":true,"filename":"live.txt"} {"kind":"uploaded","file":true,"filename":"live.txt"}';
      assert.deepEqual(here.filter((line) => line.startsWith("heard: ")), [heard, heard]);
      assert.ok(here.includes("feed for another site: 403"));
    },
    "a large file comes back whole": () => {
      assert.ok(here.includes("the large one comes back whole: true"));
    },
    "the text of an error is for the caller": () => {
      const errors = here.filter((line) => /: 4\d\d /.test(line));
      assert.ok(errors.length > 40);
      for (const line of errors) assert.doesNotMatch(line.replace(/^[^{]*/, ""), /\b(D1|R2|KV|SQL|SQLite|parameter|binding|query|multer|stream|row)\b/i);
    },
    "a wrong setting is an error of the server": async () => {
      const { status, text, log } = await misconfigured();
      assert.equal(status, 500);
      assert.doesNotMatch(text, /MAX_FILE_SIZE/);
      assert.match(log, /MAX_FILE_SIZE is not a `u64`/);
      for (const MAX_FILE_SIZE of ["ten", "-1", ""]) {
        const starting = native(program, { CLOUDFLARE_INCLUDE_PROCESS_ENV: "true", MAX_FILE_SIZE });
        await assert.rejects(starting, /MAX_FILE_SIZE is not a `u64`/);
      }
    },
    "a client that stalls in its body receives a response": async () => {
      for (const { name, base } of [onNative, onWorkerd]) {
        const socket = connect(new URL(base).port, "127.0.0.1");
        socket.write("POST /api/files HTTP/1.1\r\nHost: localhost\r\nX-Requested-With: files\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nx");
        const answer = await new Promise((done) => {
          socket.once("data", (data) => done(String(data)));
          setTimeout(() => done("no answer"), 10_000).unref();
        });
        socket.destroy();
        assert.match(answer, /^HTTP\/1.1 401 /, name);
      }
    },
    "acknowledged data survives kill -9": async () => {
      const data = new FormData();
      data.append("file", new Blob(["kept"]), "kept.txt");
      const headers = { "x-user-id": "carol" };
      const { id } = await (await fetch(`${onNative.base}/api/files`, { method: "POST", body: data, headers })).json();
      const died = new Promise((done) => { onNative.child.removeAllListeners("exit"); onNative.child.on("exit", done); });
      onNative.child.kill("SIGKILL");
      await died;
      const again = await start(program, onNative.state);
      try {
        const content = await fetch(`${again.base}/api/files/${id}/content`, { headers });
        assert.equal(await content.text(), "kept");
        await eventually("the queued message is delivered after the restart", async () => {
          const response = await fetch(`${again.base}/api/files/${id}`, { headers });
          return (await response.json()).processed;
        });
      } finally {
        await again.stop();
        rmSync(onNative.state, { recursive: true });
      }
    },
  }));
  if (process.env.BINDERY_TRANSCRIPT) console.log(["", "native:", ...here, "", "workerd:", ...there].join("\n"));
  await onWorkerd.stop();
  finish("files", results);
}
