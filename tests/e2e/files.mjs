// Tests examples/files end to end, on both backends: the same requests must have the same responses.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { eventually, finish, native, root, start, suite, workerd } from "./backends.mjs";

export const bindings = {
  d1Databases: ["DB"],
  kvNamespaces: ["CACHE"],
  r2Buckets: ["STORAGE"],
  queueProducers: { QUEUE: "files-queue" },
  queueConsumers: { "files-queue": { maxBatchTimeout: 0.1 } },
  ai: { binding: "AI" },
  durableObjects: { USER_STATS: { className: "UserStats", useSQLite: true } },
  bindings: { ENVIRONMENT: "production", MAX_FILE_SIZE: "10485760" },
};
export const program = join(root, "target/debug/files");

/** Sends the requests of a client, and returns its view of the responses. Replaces times, which differ in every run. */
async function transcript(base) {
  const lines = [];
  const call = async (what, path, init = {}, user = "ann") => {
    // Otherwise Miniflare compresses the response and omits its length.
    const headers = { "accept-encoding": "identity", ...(user ? { "x-user-id": user } : {}), ...init.headers };
    const response = await fetch(base + path, { ...init, headers }).catch((error) => {
      throw new Error(`${what}: ${error.cause ?? error}`);
    });
    const text = (await response.text()).replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "<time>");
    const kept = ["content-type", "content-length", "content-disposition", "etag", "x-content-type-options"];
    const shown = path.endsWith("/content") ? kept.map((name) => `${name}: ${response.headers.get(name)}`).join(", ") : "";
    lines.push(`${what}: ${response.status} ${shown}${text.length > 400 ? `${text.length} characters` : text}`);
    return text;
  };
  const form = (content, name = "hello.txt", field = "file") => {
    const data = new FormData();
    data.append(field, new Blob([content], { type: "text/plain" }), name);
    return { method: "POST", body: data };
  };
  await call("page", "/");
  await call("nobody", "/api/files", {}, null);
  await call("bad user", "/api/files", {}, "a b/../c");
  await call("empty list", "/api/files");
  await call("upload", "/api/files", form("hello world\n"));
  await call("upload again", "/api/files", form("second", "übung \"2\".txt"));
  await call("upload of another", "/api/files", form("private"), "bob");
  const processed = () => eventually("the consumer has marked every file", async () => {
    const response = await fetch(`${base}/api/files`, { headers: { "x-user-id": "ann" } });
    return (await response.json()).files.every((file) => file.processed);
  });
  await processed();
  await call("list", "/api/files");
  await call("get, from the database", "/api/files/1");
  await call("get, from the cache", "/api/files/1");
  await call("get of another's", "/api/files/1", {}, "bob");
  await call("download", "/api/files/1/content");
  await call("download with a name that needs care", "/api/files/2/content");
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
  await call("long name", "/api/files", form("x", "x".repeat(256)));
  const boundary = { "content-type": "multipart/form-data; boundary=X" };
  const open = '--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc';
  await call("form that breaks off", "/api/files", { method: "POST", headers: boundary, body: open });
  await call("too large", "/api/files", form(new Uint8Array(10_485_761)));
  const large = new Uint8Array(10_485_760).map((_, index) => index % 251);
  await call("as large as it may be", "/api/files", form(large, "large.bin"));
  const back = await fetch(`${base}/api/files/4/content`, { headers: { "x-user-id": "ann" } });
  const bytes = new Uint8Array(await back.arrayBuffer());
  lines.push(`the large one comes back whole: ${bytes.length === large.length && bytes.every((byte, index) => byte === large[index])}`);
  await processed();
  await call("list after all", "/api/files");
  return lines;
}

if (process.argv[1] === import.meta.filename) {
  const results = [];
  const onWorkerd = await workerd("examples/files", bindings);
  const onNative = await native(program);
  let there = [];
  let here = [];
  results.push(await suite("files", {
    "every request has a response on workerd": async () => { there = await transcript(onWorkerd.base); },
    "every request has a response natively": async () => { here = await transcript(onNative.base); },
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
        "download with a name that needs care 200", "download of another's 404", "delete of another's 404", "delete 200",
        "delete again 404", "get after delete 404", "download after delete 404", "no number 400", "no such route 404",
        "no form 400", "no field 400", "long name 400", "form that breaks off 400", "too large 413",
        "as large as it may be 201", "list after all 200",
      ]);
      assert.ok(here.includes("the large one comes back whole: true"));
    },
    "a client that stalls in its body receives a response": async () => {
      for (const { name, base } of [onNative, onWorkerd]) {
        const socket = connect(new URL(base).port, "127.0.0.1");
        socket.write("POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nx");
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
