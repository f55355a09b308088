// Tests tests/minimal on both backends: the same requests must have the same responses.
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { eventually, finish, native, root, suite, workerd } from "./backends.mjs";

/** Sends a request with raw headers, which fetch() does not allow, and returns its status and text. */
function raw(base, path, headers) {
  return new Promise((done, failed) => {
    const sent = request(base + path, { headers }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      done([response.statusCode, text]);
    });
    sent.on("error", failed).end();
  });
}

/** Sends the start of a request, and returns what arrives within six seconds. */
function stalled(base, text) {
  return new Promise((done, failed) => {
    const { hostname, port } = new URL(base);
    let received = "";
    const socket = connect(Number(port), hostname, () => socket.write(text));
    const timer = setTimeout(() => { socket.destroy(); done(received); }, 6000);
    socket.on("data", (chunk) => {
      received += chunk;
      if (received.includes("\r\n\r\n")) setTimeout(() => { clearTimeout(timer); socket.destroy(); done(received); }, 100);
    });
    socket.on("error", failed);
  });
}

function checks({ base, output }) {
  const post = (path, body, headers = {}) => fetch(base + path, { method: "POST", body, headers });
  const failed = async (response, status, kind) => {
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal((await response.json()).error.kind, kind);
  };
  return {
    "pages and headers": async () => {
      const page = await fetch(`${base}/`);
      assert.equal(await page.text(), "<h1>Ümläute</h1>");
      assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
      assert.deepEqual(page.headers.getSetCookie(), ["a=1", "b=2"]);
    },
    "JSON and rows": async () => {
      const added = await post("/notes", JSON.stringify({ text: "first" }));
      assert.equal(added.status, 201);
      const { id } = await added.json();
      assert.equal(added.headers.get("location"), `/notes/${id}`);
      const note = await fetch(base + added.headers.get("location"));
      assert.deepEqual(await note.json(), { id, text: "first" });
      const missing = await fetch(`${base}/notes/999`);
      assert.deepEqual([missing.status, await missing.text()], [404, "there is no such note"]);
    },
    "errors are the same responses as with the types of `http`": async () => {
      await failed(await post("/notes", "{"), 400, "invalid_argument");
      await failed(await post("/notes", "{}"), 400, "invalid_argument");
      await failed(await post("/notes", JSON.stringify({ text: "x".repeat(1024) })), 413, "too_large");
      await failed(await post("/notes", JSON.stringify({ text: "first" })), 409, "unique_violation");
      await failed(await fetch(`${base}/notes/one`), 400, "invalid_argument");
      await failed(await fetch(`${base}/nothing`), 404, "not_found");
      const error = await fetch(`${base}/error`);
      assert.ok(!(await error.clone().text()).includes("secret details"));
      await failed(error, 500, "internal");
      await eventually("the log has the cause", () => output().includes("secret details"));
    },
    "a response that is not valid is a server error": async () => {
      await failed(await fetch(`${base}/status`), 500, "internal");
      await eventually("the log has the cause", () => output().includes("the status 42"));
      await failed(await fetch(`${base}/header`), 500, "internal");
      await eventually("the log has the cause", () => output().includes("the header `x-a`"));
      await failed(await fetch(`${base}/name`), 500, "internal");
      await eventually("the log has the cause", () => output().includes("the header `x a`"));
    },
    "a content type is replaced, and the length of a stream is sent": async () => {
      const table = await fetch(`${base}/table`);
      assert.equal(table.headers.get("content-type"), "text/csv");
      assert.deepEqual([table.headers.get("content-length"), await table.text()], ["3", "a,b"]);
      // Miniflare compresses text.
      const known = await fetch(`${base}/length`);
      assert.deepEqual([known.headers.get("content-length"), await known.text()], ["7", "seven b"]);
      const chunked = new Blob(["seven b"]).stream();
      const stream = await fetch(`${base}/length`, { method: "POST", body: chunked, duplex: "half", headers: { "x-length": "7" } });
      assert.deepEqual([stream.headers.get("content-length"), await stream.text()], ["7", "seven b"]);
    },
    "a status without content": async () => {
      const response = await fetch(`${base}/no-content`);
      assert.deepEqual([response.status, await response.text()], [204, ""]);
    },
    "the parts of a request": async () => {
      const [status, text] = await raw(base, "/request/?a=%C3%A4&b=1?2", { "X-Value": ["1", "2"] });
      assert.equal(status, 404, text);
      const [, seen] = await raw(base, "/request?a=%C3%A4+&b=1?2", { "X-Value": ["1", "2"], Cookie: "a=1; b=2;c" });
      const { values, country, ...parts } = JSON.parse(seen);
      // Only workerd knows a country.
      assert.ok(country === null || country.length === 2);
      const url = `${base}/request?a=%C3%A4+&b=1?2`;
      assert.deepEqual(parts, { method: "GET", url, path: "/request", query: "a=%C3%A4+&b=1?2", value: "ä ", cookie: "2", header: "1, 2" });
      assert.ok(values >= 1);
      const [, bare] = await raw(base, "/request", {});
      const { query, header } = JSON.parse(bare);
      assert.deepEqual([query, header], [null, null]);
    },
    "content passes through unchanged": async () => {
      const content = Buffer.alloc(3_000_001, (_, index) => index);
      for (let index = 0; index < content.length; index++) content[index] = index % 251;
      for (const body of ["", "text", content]) {
        const echoed = await post("/echo", body, { "content-type": "text/x-echo" });
        assert.equal(echoed.headers.get("content-type"), "text/x-echo");
        assert.ok(Buffer.from(body).equals(Buffer.from(await echoed.arrayBuffer())));
      }
    },
    "a client sees the response although nobody reads its content": async () => {
      for (const length of [0, 10, 5_000_000]) {
        const response = await post("/unread", Buffer.alloc(length));
        assert.equal(response.status, 204);
      }
      const large = await post("/notes", Buffer.alloc(5_000_000, 32));
      await failed(large, 413, "too_large");
      assert.equal((await fetch(`${base}/`)).status, 200);
    },
    "a client that stops sending sees the response": async () => {
      // What nobody reads, what the handler has taken, what is more than it accepts, and the same without a length.
      const cases = [
        ["/unread", "content-length: 1000", "abc", 204],
        ["/given-up", "content-length: 1000", "abc", 401],
        ["/notes", "content-length: 9000", "abc", 413],
        ["/notes", "transfer-encoding: chunked", `1000\r\n${"x".repeat(4096)}\r\n`, 413],
      ];
      await Promise.all(cases.map(async ([path, header, body, status]) => {
        const response = await stalled(base, `POST ${path} HTTP/1.1\r\nhost: ${new URL(base).host}\r\n${header}\r\n\r\n${body}`);
        assert.ok(response.startsWith(`HTTP/1.1 ${status} `), `${path}: ${response}`);
        if (path === "/given-up") assert.ok(response.includes("true"), response);
      }));
    },
    "a panic is a response, and the next request works": async () => {
      await failed(await fetch(`${base}/panic`), 500, "internal");
      assert.equal((await fetch(`${base}/`)).status, 200);
      await eventually("the log has the panic", () => output().includes("the handler panicked: a handler"));
    },
  };
}

const results = [];
{
  const backend = await native(join(root, "target/debug/minimal"));
  results.push(await suite("minimal natively", checks({ base: backend.base, output: backend.log })));
  await backend.stop();
}
{
  let output = "";
  const handleRuntimeStdio = (stdout, stderr) => { for (const stream of [stdout, stderr]) stream.on("data", (text) => { output += text; }); };
  const backend = await workerd("tests/minimal", { d1Databases: ["DB"], handleRuntimeStdio });
  results.push(await suite("minimal on workerd", checks({ base: backend.base, output: () => output })));
  await backend.stop();
}
finish("minimal", results);
