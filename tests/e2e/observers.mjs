// Sends requests to tests/observers on both backends, and compares what each observer reports about them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { eventually, finish, native, root, suite, workerd } from "./backends.mjs";

/** A server that receives spans. It refuses the first ones, which are then sent again. */
async function collector() {
  const received = { spans: [], keys: new Set(), parents: [], requests: 0 };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.url === "/hello") {
      received.parents.push(request.headers.traceparent);
      return response.end("hello");
    }
    received.requests++;
    if (received.requests === 1) return response.writeHead(503).end();
    received.keys.add(request.headers["x-key"]);
    const [{ resource, scopeSpans: [{ scope, spans }] }] = JSON.parse(body).resourceSpans;
    Object.assign(received, { resource, scope });
    received.spans.push(...spans);
    response.end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => { server.closeAllConnections(); server.close(); };
  return { ...received, received, uri: `http://127.0.0.1:${server.address().port}`, stop };
}

const KINDS = ["", "internal", "server", "client", "producer", "consumer"];

/** A span as text: what it is inside of, and its attributes. */
function describe(span, spans) {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  const inside = parent ? parent.name : span.parentSpanId ? "(remote)" : "-";
  const value = ({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.boolValue].join("=");
  const attributes = span.attributes.map(value).filter((text) => !text.startsWith("cloudflare.binding.name=127")).sort();
  const status = span.status.code === 2 ? ` ERROR ${span.status.message ?? ""}` : "";
  return `${inside} > ${KINDS[span.kind]} ${span.name}${status} { ${attributes.join(", ")} }`;
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

/** What the backends have reported, to be compared. */
const reports = {};

function checks(name, { base, output, points }, { received }) {
  const report = (reports[name] = {});
  return {
    "Server-Timing has a line for each service": async () => {
      const response = await fetch(`${base}/work`, { headers: { traceparent: PARENT } });
      assert.equal(await response.text(), "first true");
      const timing = response.headers.get("server-timing");
      report.timing = timing.replace(/dur=[\d.]+/g, "dur=N").split(", ").sort();
    },
    "spans that the server refuses are sent again": async () => {
      await eventually("the first export fails", () => output().includes("spans cannot be exported: the server responds with 503"));
      await fetch(`${base}/report`);
      const ofRequest = () => received.spans.filter(({ traceId }) => traceId === TRACE);
      await eventually("the spans arrive", () => ofRequest().some(({ kind }) => kind === 2));
      report.spans = ofRequest().map((span) => describe(span, received.spans)).sort();
      assert.deepEqual([...received.keys], ["the key"]);
    },
    "a batch has a trace of its own": async () => {
      const batch = await eventually("the batch arrives", () => received.spans.find(({ kind }) => kind === 5));
      const spans = received.spans.filter(({ traceId }) => traceId === batch.traceId);
      report.batch = spans.map((span) => describe(span, spans)).sort();
      assert.equal(batch.parentSpanId, undefined);
    },
    "a request to another server continues the trace": async () => {
      const span = received.spans.find(({ traceId, name }) => traceId === TRACE && name.startsWith("request"));
      assert.deepEqual(received.parents, [`00-${TRACE}-${span.spanId}-01`]);
    },
    "spans are inside of each other in time": async () => {
      for (const span of received.spans) {
        assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano));
        const parent = received.spans.find(({ spanId }) => spanId === span.parentSpanId);
        if (parent) assert.ok(BigInt(parent.startTimeUnixNano) <= BigInt(span.startTimeUnixNano), span.name);
      }
      const attributes = Object.fromEntries(received.resource.attributes.map(({ key, value }) => [key, value.stringValue]));
      assert.equal(attributes["service.name"], "observers");
      assert.equal(received.scope.name, "bindery");
    },
    "the others": async () => {
      const seen = await (await fetch(`${base}/report`)).json();
      const lines = output().split("\n").filter((line) => line.startsWith("{"));
      report.json = lines.map((line) => JSON.parse(line)).filter(({ event }) => event).map(({ event, "db.query.summary": query }) => [event, query].join(" ").trim());
      // Natively the server writes the line of a request.
      report.json = [...new Set(report.json)].filter((line) => !line.startsWith("cloudflare.worker.fetch")).sort();
      assert.equal(report.json.length, 10);
      report.aggregate = seen.aggregate.filter(([service]) => service !== "worker");
      report.metrics = [...new Set(seen.metrics)].sort();
      report.cost = seen.cost.filter(([resource]) => !resource.includes("request"));
      report.tracing = [...new Set(seen.spans.split("\n").map((line) => line.match(/otel\.name="([^"]*)"/g)?.map((part) => part.slice(11, -1)).join(" > ")))].filter(Boolean).sort();
      // The log arrives later.
      const distinct = async () => [...new Set((await points()).map(({ blobs, indexes }) => [indexes[0], blobs[0], blobs[3]].join(" ").trim()))].sort();
      await eventually("the batch has its point", async () => (await distinct()).some((point) => point.includes("observers-jobs.queue")));
      report.points = await distinct();
    },
  };
}

const results = [];
{
  const server = await collector();
  const secrets = { COLLECTOR: server.uri, COLLECTOR_KEY: "the key", BINDERY_LOG: "off" };
  const backend = await native(join(root, "target/debug/observers"), secrets);
  const lines = () => readFileSync(join(backend.state, "analytics_engine/EVENTS.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const tested = { base: backend.base, output: backend.log, points: lines };
  results.push(await suite("observers natively", checks("native", tested, server)));
  await backend.stop();
  server.stop();
}
{
  const server = await collector();
  let output = "";
  const handleRuntimeStdio = (stdout, stderr) => { for (const stream of [stdout, stderr]) stream.on("data", (text) => { output += text; }); };
  // Miniflare discards data points. This dataset writes them to the log, in the call as on the platform.
  const dataset = {
    name: "dataset",
    modules: true,
    script: `export default () => ({ writeDataPoint: (point) => console.log("point " + JSON.stringify(point)) });`,
  };
  const backend = await workerd("tests/observers", {
    bindings: { COLLECTOR: server.uri, COLLECTOR_KEY: "the key" },
    d1Databases: ["DB"],
    kvNamespaces: ["CACHE"],
    r2Buckets: ["FILES"],
    queueProducers: { JOBS: "observers-jobs" },
    queueConsumers: { "observers-jobs": { maxBatchSize: 1, maxBatchTimeout: 0 } },
    wrappedBindings: { EVENTS: { scriptName: "dataset" } },
    handleRuntimeStdio,
  }, [dataset]);
  const points = () => output.split("\n").filter((line) => line.startsWith("point ")).map((line) => JSON.parse(line.slice(6)));
  const tested = { base: backend.base, output: () => output, points };
  results.push(await suite("observers on workerd", checks("workerd", tested, server)));
  await backend.stop();
  server.stop();
}
results.push(await suite("observers", {
  "both backends report the same": async () => {
    if (process.env.PRINT) console.log(JSON.stringify(reports.native, null, 2));
    assert.deepEqual(reports.workerd, reports.native);
  },
}));
finish("observers", results);
