// The calls of the platform that most requests need. Each function replaces several calls from Wasm
// into JavaScript, each of which costs about as much as the work itself.

/** Calls `run` in a microtask. `queueMicrotask` takes ten times as long. */
export async function schedule(run) {
  await undefined;
  guard(run);
}

/** Passes the result of a promise to `settle`. */
export function settled(promise, settle, id) {
  Promise.resolve(promise).then(
    (value) => guard(settle, id, true, value),
    (error) => guard(settle, id, false, error),
  );
}

/** Calls Wasm. A panic becomes an error event, after which the next request gets a new instance. */
function guard(call, ...values) {
  try {
    call(...values);
  } catch (error) {
    reportError(error);
  }
}

/**
 * Headers are lines of names and values, which have no line breaks. Pairs in arrays or in JSON take
 * twice as long.
 */
function linesOf(headers) {
  let lines = "";
  headers.forEach((value, name) => { lines += `${name}\n${value}\n`; });
  return lines;
}

function addHeaders(headers, lines) {
  const texts = lines.split("\n");
  for (let index = 0; index + 1 < texts.length; index += 2) headers.append(texts[index], texts[index + 1]);
  return headers;
}

/** Returns the method, the URL and the headers of a request. */
export function requestParts(request) {
  return `${request.method}\n${request.url}\n${linesOf(request.headers)}`;
}

/** Returns the status and the headers of a response. */
export function responseParts(response) {
  return `${response.status}\n${linesOf(response.headers)}`;
}

export function createRequest(url, method, headers, content, origin) {
  const init = { method, headers: addHeaders(new Headers(), headers) };
  if (content !== null) init.body = content;
  if (content instanceof ReadableStream) init.duplex = "half";
  for (const name of ["cf", "redirect", "signal"]) {
    if (origin?.[name]) init[name] = origin[name];
  }
  return new Request(url, init);
}

/** `others` are further members of the init object, or undefined. */
export function createResponse(content, status, headers, others) {
  const response = new Response(content, { status, ...others });
  addHeaders(response.headers, headers);
  return response;
}

/** Creates a response with bytes in the memory of the Wasm, which are copied. */
export function createResponseOfBytes(bytes, status, headers, others) {
  return createResponse(bytes.slice(), status, headers, others);
}

/**
 * Reads and discards the content of a request: a client that is still sending it would see a
 * connection error instead of the response. Returns undefined if there is nothing to read. An
 * `AbortSignal` would not end a read that waits for the client.
 */
export function discard(request, milliseconds) {
  const { body } = request;
  if (!body || body.locked) return undefined;
  return Promise.race([body.pipeTo(new WritableStream()), scheduler.wait(milliseconds)]);
}

/** Returns a promise for the whole content of a stream. */
export function contentOf(stream) {
  return new Response(stream).arrayBuffer();
}

/** Returns a stream of bytes in the memory of the Wasm, which are copied. */
export function streamOf(bytes) {
  return new Response(bytes.slice()).body;
}

/** Starts a timer. Its promise is fulfilled when the time is over, or `stop` is called. */
export function startTimer(milliseconds) {
  const timer = {};
  timer.promise = new Promise((resolve) => {
    const id = setTimeout(resolve, milliseconds);
    timer.stop = () => {
      clearTimeout(id);
      resolve();
    };
  });
  return timer;
}

export function fixedLengthStream(length) {
  return new FixedLengthStream(length);
}

/** The platform removes the `Content-Length` of a body of any other stream. */
export function withLength(stream, length) {
  return stream.pipeThrough(fixedLengthStream(length));
}

export function stringify(value) {
  return JSON.stringify(value);
}

/** Returns the bytes of an `ArrayBuffer`. */
export function bytesOf(buffer) {
  return new Uint8Array(buffer);
}

export function prepare(database, sql, parameters) {
  const statement = database.prepare(sql);
  return parameters.length > 0 ? statement.bind(...parameters) : statement;
}

/** Returns a promise for the rows as arrays, after the names of the columns if `columnNames` is set. */
export function queryRaw(database, sql, parameters, columnNames) {
  return prepare(database, sql, parameters).raw({ columnNames });
}

export function getValue(namespace, name, type, cacheTtl) {
  return namespace.get(name, { type, cacheTtl });
}

export function getObject(bucket, key, options) {
  return bucket.get(key, options);
}

/** Returns the properties of an R2 object as JSON, in four arrays, or undefined for null. */
export function objectInfo(object) {
  if (object === null) return undefined;
  const { key, version, size, etag, uploaded, storageClass, range } = object;
  const http = object.httpMetadata ?? {};
  const digests = object.checksums?.toJSON() ?? {};
  return JSON.stringify([
    [key, version, size, etag, uploaded.getTime(), storageClass, range?.offset, range?.length],
    [
      http.contentType,
      http.contentLanguage,
      http.contentDisposition,
      http.contentEncoding,
      http.cacheControl,
      http.cacheExpiry?.getTime(),
    ],
    [digests.md5, digests.sha1, digests.sha256, digests.sha384, digests.sha512],
    Object.entries(object.customMetadata ?? {}).flat(),
  ]);
}

/**
 * Calls a method of a Durable Object, and returns a promise for its reply. The method is in `cf`, which
 * no client of the worker can set.
 */
export async function callObject(stub, binderyMethod, body) {
  const response = await stub.fetch("http://object/", { method: "POST", body, cf: { binderyMethod } });
  return response.text();
}

/** Returns the method that a request to a Durable Object calls, or undefined. */
export function methodOfCall(request) {
  return request.cf?.binderyMethod;
}

/** Resets a Durable Object when the call of Wasm has returned: the platform ends it at once. */
export function abortObject(state, reason) {
  queueMicrotask(() => state.abort(reason));
}

/** Returns the database of a Durable Object as an object with the methods of a D1 database. */
export function objectDatabase(storage) {
  const { sql } = storage;
  const counts = () => sql.exec("SELECT total_changes() AS changes, last_insert_rowid() AS id").one();
  const statement = (text, parameters) => ({
    bind: (...parameters) => statement(text, parameters),
    raw({ columnNames }) {
      const cursor = sql.exec(text, ...parameters);
      const rows = [...cursor.raw()];
      return columnNames ? [cursor.columnNames, ...rows] : rows;
    },
    all() {
      const before = counts();
      const cursor = sql.exec(text, ...parameters);
      const results = cursor.toArray();
      const { changes, id } = counts();
      const meta = {
        rows_read: cursor.rowsRead,
        rows_written: cursor.rowsWritten,
        changes: changes - before.changes,
        last_row_id: id,
      };
      return { results, meta };
    },
  });
  counts();
  return {
    prepare: (text) => statement(text, []),
    batch: (statements) => storage.transactionSync(() => statements.map((each) => each.all())),
  };
}

/** Applies the migrations that a Durable Object does not have. `files` are names and texts in turns. */
export function migrateObject(storage, table, files) {
  const { sql } = storage;
  const name = `"${table.replaceAll('"', '""')}"`;
  sql.exec(`CREATE TABLE IF NOT EXISTS ${name}(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`);
  const applied = new Set(sql.exec(`SELECT name FROM ${name}`).toArray().map((row) => row.name));
  for (let index = 0; index < files.length; index += 2) {
    const [file, text] = [files[index], files[index + 1]];
    if (applied.has(file)) continue;
    storage.transactionSync(() => {
      sql.exec(text);
      sql.exec(`INSERT INTO ${name} (name) VALUES (?)`, file);
    });
  }
}

/** Accepts a socket of a Durable Object. Returns the end of the object and that of the client. */
export function acceptSocket(state, tags) {
  const { 0: client, 1: server } = new WebSocketPair();
  state.acceptWebSocket(server, tags);
  return [server, client];
}

export function setAutoResponse(state, request, response) {
  state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(request, response));
}

/**
 * Calls a method of the platform whose callback a future of Wasm is. `started` is fulfilled in the
 * callback, which lasts until `resolve` or `reject` is called, and `finished` is the result.
 */
export function enterSection(owner, method) {
  const section = {};
  section.started = new Promise((start, fail) => {
    const callback = () => {
      start();
      return new Promise((resolve, reject) => { Object.assign(section, { resolve, reject }); });
    };
    section.finished = owner[method](callback);
    section.finished.catch(fail);
  });
  return section;
}
