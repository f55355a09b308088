// Tests the page of examples/files in headless Chromium, on both backends, with the actions of a user.
// BINDERY_SCREENSHOTS=folder saves a screenshot of each state, wide and narrow, light and dark.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { bindings, program, storage } from "./files.mjs";
import { eventually, finish, native, suite, workerd } from "./backends.mjs";

const require = createRequire(join(process.env.BINDERY_NODE_MODULES, "_"));
const { chromium } = require("playwright-core");

const args = [
  "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-pings", "--metrics-recording-only",
  "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
  "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-breakpad",
  "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
  // The names of `example` are those of other sites on this machine. Makes every other host unreachable.
  "--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
// The offset is not a whole hour, so that a time in UTC cannot be mistaken for a local time.
const zone = { locale: "en-GB", timezoneId: "Asia/Kolkata" };
const tooLarge = 10_485_761;
const markup = "<img src=x onerror=window.ran=1>.png";
const text = (name, content) => ({ name, mimeType: "text/plain", buffer: Buffer.from(content) });

/** Opens the page in a new profile, as `user` unless that is null, and records all problems. */
async function visit(browser, backend, user, options = {}) {
  const context = await browser.newContext({ ...zone, viewport: { width: 1100, height: 800 }, ...options });
  const page = await context.newPage();
  // The native queue waits five seconds for a batch, and a slow machine may need more time.
  page.setDefaultTimeout(30_000);
  const requests = [];
  const problems = [];
  context.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => { problems.push(`a browser dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(backend.base);
  const list = page.getByRole("list", { name: "Your files" });
  const visitor = {
    page,
    context,
    rows: list.getByRole("listitem"),
    row: (name) => list.getByRole("listitem").filter({ hasText: name }),
    uploads: page.getByRole("list", { name: "Uploads" }).getByRole("listitem"),
    button: (name) => page.getByRole("button", { name, exact: true }),
    names: () => list.locator(".name").allTextContents(),
    /** The files of this user according to the server. */
    stored: async () => (await (await fetch(`${backend.base}/api/files`, { headers: { "x-user-id": user } })).json()).files,
    /** Selects files with the button of the page. */
    async choose(...files) {
      const chooser = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Choose files" }).click();
      await (await chooser).setFiles(files);
    },
    async enter(name) {
      await page.getByLabel("User").fill(name);
      await page.getByLabel("User").press("Enter");
    },
    /** Removes the problems that the test caused: Chromium reports each failed request in the console. */
    expected(pattern, least = 1) {
      const others = problems.filter((problem) => !pattern.test(problem));
      assert.ok(problems.length - others.length >= least, `nothing on the console is like ${pattern}: ${problems}`);
      problems.splice(0, problems.length, ...others);
    },
    /** Closes the page and asserts that there were no problems and no requests to other hosts. */
    async leave() {
      const foreign = requests.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== backend.base);
      await context.close();
      assert.deepEqual(foreign, []);
      assert.deepEqual(problems, []);
      assert.ok(requests.length > 0);
    },
  };
  if (user) await visitor.enter(user);
  return visitor;
}

/** While the gate is shut, the page sees every file as waiting. */
async function gate(page) {
  const held = { shut: true, asked: 0 };
  await page.route("**/api/files", async (route) => {
    if (route.request().method() !== "GET" || !held.shut) return route.fallback();
    const response = await route.fetch();
    const { files } = await response.json();
    held.asked++;
    await route.fulfill({ response, json: { files: files.map((file) => ({ ...file, processed: false })) } });
  });
  return held;
}

/** Drops files on an element, as if they were dragged from a folder. */
async function drop(page, selector, files) {
  const data = await page.evaluateHandle((files) => {
    const data = new DataTransfer();
    for (const [name, content] of files) data.items.add(new File([content], name, { type: "text/plain" }));
    return data;
  }, files);
  await page.dispatchEvent(selector, "dragover", { dataTransfer: data });
  const lit = await page.locator("#zone.over").count();
  await page.dispatchEvent(selector, "drop", { dataTransfer: data });
  return { lit, after: await page.locator("#zone.over").count() };
}

/** Slows uploads down, so that their progress is visible. */
async function slow({ page, context }, bytesPerSecond) {
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const speed = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond };
  await session.send("Network.emulateNetworkConditions", speed);
}

/** Serves a page of another site, and returns its port. */
async function serveSite(html) {
  const server = createServer((request, response) => response.setHeader("content-type", "text/html").end(html));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { port: server.address().port, stop: () => server.close() };
}

/** What a page of another site can try. Each of these returns the outcome as text. */
const attacks = {
  fetch: async (url) => fetch(`${url}/api/files?user=ned`).then(() => "read", () => "blocked"),
  header: async (url) => {
    const init = { method: "DELETE", headers: { "x-user-id": "ned" } };
    return fetch(`${url}/api/files/1`, init).then(() => "sent", () => "blocked");
  },
  simple: async (url) => {
    const body = new FormData();
    body.append("file", new Blob(["planted"]), "planted.txt");
    return fetch(`${url}/api/files?user=ned`, { method: "POST", mode: "no-cors", body }).then(() => "sent", () => "blocked");
  },
  frame: async (url) => {
    const frame = document.createElement("iframe");
    const loaded = new Promise((done) => { frame.onload = done; });
    frame.src = url;
    document.body.append(frame);
    await loaded;
    return "loaded";
  },
};

const checks = (browser, backend) => ({
  "another site cannot read, change or frame anything": async () => {
    const visitor = await visit(browser, backend, "ned");
    await visitor.page.getByText("Nothing here yet").waitFor();
    await visitor.choose(text("mine.txt", "mine"));
    await visitor.row("mine.txt").getByText("processed").waitFor();
    const html = `<form method="post" enctype="multipart/form-data" action="${backend.base}/api/files?user=ned">
      <input type="file" name="file"><button>Win a prize</button></form>`;
    const site = await serveSite(html);
    // The first site differs in its name, the second only in its port.
    for (const host of ["evil.example", "127.0.0.1"]) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`http://${host}:${site.port}/`);
      assert.equal(await page.evaluate(attacks.fetch, backend.base), "blocked");
      assert.equal(await page.evaluate(attacks.header, backend.base), "blocked");
      // The server refuses it, and the browser hides the response from the page.
      assert.equal(await page.evaluate(attacks.simple, backend.base), "blocked");
      await page.evaluate(attacks.frame, backend.base);
      const [, frame] = page.frames();
      assert.equal(await frame.locator("h1").filter({ hasText: "Files" }).count(), 0);
      await page.locator("input").setInputFiles(text("planted.txt", "planted"));
      const posted = page.waitForResponse((response) => response.request().isNavigationRequest() && response.request().method() === "POST");
      await page.getByRole("button", { name: "Win a prize" }).click();
      assert.equal((await posted).status(), 403);
      await context.close();
    }
    site.stop();
    // The name of another site that resolves to this machine.
    const rebound = await browser.newContext();
    const page = await rebound.newPage();
    const { port } = new URL(backend.base);
    for (const path of ["/", "/api/files?user=ned"]) {
      assert.equal((await page.goto(`http://rebound.example:${port}${path}`)).status(), 403);
    }
    await rebound.close();
    assert.deepEqual((await visitor.stored()).map((file) => file.filename), ["mine.txt"]);
    await visitor.leave();
  },
  "an uploaded page is saved and does not run": async () => {
    const visitor = await visit(browser, backend, "olga");
    const { page } = visitor;
    await page.getByText("Nothing here yet").waitFor();
    const script = "<script>localStorage.setItem('ran', '1')</script>";
    const svg = `<svg xmlns="http://www.w3.org/2000/svg">${script}</svg>`;
    await visitor.choose(
      { name: "page.html", mimeType: "text/html", buffer: Buffer.from(script) },
      { name: "drawing.svg", mimeType: "image/svg+xml", buffer: Buffer.from(svg) },
    );
    await eventually("both are processed", async () => (await page.locator(".state.processed").count()) === 2);
    for (const { id, filename } of await visitor.stored()) {
      const tab = await visitor.context.newPage();
      const coming = tab.waitForEvent("download");
      await tab.goto(`${backend.base}/api/files/${id}/content?user=olga`).catch(() => {});
      assert.equal((await coming).suggestedFilename(), filename);
      assert.equal(tab.url(), "about:blank");
      await tab.close();
    }
    assert.equal(await page.evaluate(() => localStorage.getItem("ran")), null);
    await visitor.leave();
  },
  "a new user is asked for a name, and the page remembers it": async () => {
    const visitor = await visit(browser, backend, null);
    const { page } = visitor;
    await page.getByText("Who are you?").waitFor();
    const asked = page.getByText("Enter a user name first.");
    const inField = () => page.evaluate(() => document.activeElement.id === "user");
    await visitor.button("Choose files").click();
    await asked.waitFor();
    assert.ok(await inField());
    await page.reload();
    await drop(page, "#zone", [["early.txt", "x"]]);
    await asked.waitFor();
    await visitor.enter("a b/../c");
    await page.getByText("letters, digits and - _ . @ only").waitFor();
    assert.equal(await page.getByLabel("User").getAttribute("aria-invalid"), "true");
    // An invalid name must not keep the focus in the field.
    await page.keyboard.press("Tab");
    assert.equal(await inField(), false);
    await visitor.enter("new.comer@example-1_2");
    await page.getByText("Nothing here yet").waitFor();
    assert.equal(await page.getByText("letters, digits and - _ . @ only").count(), 0);
    await page.reload();
    await page.getByText("Nothing here yet").waitFor();
    assert.equal(await page.getByLabel("User").inputValue(), "new.comer@example-1_2");
    await visitor.leave();
  },
  "two windows see each other's uploads": async () => {
    const visitor = await visit(browser, backend, "wanda");
    await visitor.page.getByText("Nothing here yet").waitFor();
    const other = await visitor.context.newPage();
    await other.goto(backend.base);
    await other.getByText("Nothing here yet").waitFor();
    const stranger = await visit(browser, backend, "walter");
    await stranger.page.getByText("Nothing here yet").waitFor();
    for (const page of [visitor.page, other, stranger.page]) await page.waitForFunction(() => feed.readyState === WebSocket.OPEN);

    await visitor.choose(text("ours.txt", "seen by both"));
    const activity = (page, words) => page.getByRole("list", { name: "Activity" }).getByRole("listitem").filter({ hasText: words });
    for (const page of [visitor.page, other]) {
      await activity(page, "ours.txt was uploaded").waitFor();
      await activity(page, "ours.txt was processed").waitFor();
      await page.getByRole("list", { name: "Your files" }).getByText("processed").waitFor();
    }
    await other.getByRole("button", { name: "Delete ours.txt" }).click();
    await other.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await activity(visitor.page, "ours.txt was deleted").waitFor();
    await visitor.page.getByText("Nothing here yet").waitFor();
    assert.equal(await stranger.page.getByRole("list", { name: "Activity" }).count(), 0);
    await stranger.leave();
    await visitor.leave();
  },
  "a job that failed can be tried again": async () => {
    const visitor = await visit(browser, backend, "fiona");
    const { page } = visitor;
    await visitor.choose(text("stuck.txt", "x"));
    await visitor.row("stuck.txt").getByText("processed").waitFor();
    const [{ id }] = await visitor.stored();
    // The file is shown as one whose job has never succeeded.
    await page.route("**/api/files", async (route) => {
      const response = await route.fetch();
      const { files } = await response.json();
      await route.fulfill({ response, json: { files: files.map((file) => ({ ...file, processed: file.processed && !file.failed })) } });
    });
    await storage(backend).fail({ job: "process", id, user: "fiona" });
    await page.getByText("stuck.txt could not be processed").waitFor();
    await visitor.row("stuck.txt").locator(".state", { hasText: "failed" }).waitFor();
    const again = visitor.button("Try again to process stuck.txt");
    await again.focus();
    await page.keyboard.press("Enter");
    await visitor.row("stuck.txt").getByText("processed").waitFor();
    assert.equal(await again.count(), 0);
    await visitor.leave();
  },
  "upload, list, processed, download, delete": async () => {
    const visitor = await visit(browser, backend, "ann");
    const { page } = visitor;
    const name = "tide table.bin";
    const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * index) % 253));
    await page.getByText("Nothing here yet").waitFor();
    await visitor.choose({ name, mimeType: "application/octet-stream", buffer: content });
    const row = visitor.row(name);
    await row.getByText("300 kB").waitFor();
    await row.getByText("processed").waitFor();
    assert.equal(await visitor.uploads.count(), 0);
    assert.equal(await page.getByText("Nothing here yet").isVisible(), false);

    const [{ uploaded_at }] = await visitor.stored();
    const local = new Date(Date.parse(`${uploaded_at.replace(" ", "T")}Z`) + 5.5 * 3_600_000).toISOString();
    // A locale may write an hour below 10 with one digit.
    const [hour, minute] = local.slice(11, 16).split(":");
    const time = new RegExp(`\\b0?${Number(hour)}:${minute}\\b`);
    assert.match(await row.locator("time").textContent(), time, `expected ${local}`);

    const coming = page.waitForEvent("download");
    await page.getByRole("link", { name: `Download ${name}` }).click();
    const download = await coming;
    assert.equal(download.suggestedFilename(), name);
    assert.ok(content.equals(await readFile(await download.path())));

    const bin = visitor.button(`Delete ${name}`);
    await bin.click();
    const dialog = page.getByRole("dialog", { name: "Delete this file?" });
    await dialog.getByText(`${name} cannot be brought back.`).waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await visitor.rows.count(), 1);
    await bin.click();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.equal((await visitor.stored()).length, 1);
    await bin.click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("Nothing here yet").waitFor();
    assert.equal(await visitor.rows.count(), 0);
    assert.deepEqual(await visitor.stored(), []);
    await visitor.leave();
  },
  "the page checks a waiting file again until it is processed": async () => {
    const visitor = await visit(browser, backend, "ben");
    await visitor.page.getByText("Nothing here yet").waitFor();
    const held = await gate(visitor.page);
    await visitor.choose(text("slow.txt", "slow"));
    await visitor.row("slow.txt").getByText("waiting").waitFor();
    const asked = held.asked;
    await eventually("the page asks again by itself", () => held.asked >= asked + 2);
    assert.equal(await visitor.row("slow.txt").getByText("waiting").count(), 1);
    held.shut = false;
    await visitor.row("slow.txt").getByText("processed").waitFor();
    await visitor.page.getByRole("status").getByText("slow.txt is processed.").waitFor({ state: "attached" });
    await visitor.leave();
  },
  "several files can be dropped, also outside of the zone": async () => {
    const visitor = await visit(browser, backend, "cleo");
    await visitor.page.getByText("Nothing here yet").waitFor();
    const onZone = await drop(visitor.page, "#zone", [["one.txt", "1"], ["two.txt", "22"], ["three.txt", "333"]]);
    assert.deepEqual(onZone, { lit: 1, after: 0 });
    await drop(visitor.page, "footer", [["four.txt", "4444"]]);
    await eventually("four rows", async () => (await visitor.names()).length === 4);
    assert.deepEqual(await visitor.names(), ["four.txt", "three.txt", "two.txt", "one.txt"]);
    await eventually("no upload is left", async () => (await visitor.uploads.count()) === 0);
    await eventually("all are processed", async () => (await visitor.page.locator(".state.processed").count()) === 4);
    await visitor.leave();
  },
  "markup in a name is shown as text and does not run": async () => {
    const visitor = await visit(browser, backend, "dora");
    const { page } = visitor;
    await page.getByText("Nothing here yet").waitFor();
    await visitor.choose({ name: markup, mimeType: "image/png", buffer: Buffer.alloc(tooLarge) }, text(markup, "small"));
    await visitor.row(markup).getByText("processed").waitFor();
    await visitor.uploads.getByText("Not uploaded").waitFor();
    await visitor.button(`Delete ${markup}`).click();
    await page.getByRole("dialog").getByText(markup).waitFor();
    assert.deepEqual(await visitor.names(), [markup]);
    assert.deepEqual(await visitor.uploads.locator(".name").allTextContents(), [markup]);
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.evaluate("window.ran"), undefined);
    visitor.expected(/status of 413/);
    await visitor.leave();
  },
  "a file that is too large shows the error of the API": async () => {
    const visitor = await visit(browser, backend, "emil");
    const { page } = visitor;
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await visitor.choose({ name: "whale.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(tooLarge) });
    const response = await answer;
    assert.equal(response.status(), 413);
    const { error } = await response.json();
    assert.match(error.message, /10485760 bytes/);
    const failed = visitor.uploads.filter({ hasText: "whale.bin" });
    await failed.getByText(error.message).waitFor();
    await page.getByRole("status").getByText(error.message).waitFor({ state: "attached" });
    // The message stays, but neither the list nor the next upload waits for it.
    await visitor.choose(text("minnow.txt", "small"));
    await visitor.row("minnow.txt").getByText("processed").waitFor();
    assert.equal(await failed.count(), 1);
    await visitor.button("Dismiss the message about whale.bin").click();
    await failed.waitFor({ state: "detached" });
    assert.deepEqual((await visitor.stored()).map((file) => file.filename), ["minnow.txt"]);
    visitor.expected(/status of 413/);
    await visitor.leave();
  },
  "an upload shows its progress and can be canceled": async () => {
    const visitor = await visit(browser, backend, "fay");
    await visitor.page.getByText("Nothing here yet").waitFor();
    await slow(visitor, 1_000_000);
    await visitor.choose({ name: "long.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(8_000_000) }, text("next.txt", "n"));
    const upload = visitor.uploads.filter({ hasText: "long.bin" });
    await upload.getByText(/^[1-9]\d? % of 8 MB$/).waitFor();
    assert.ok(await upload.getByRole("progressbar", { name: "Upload of long.bin" }).isVisible());
    await visitor.uploads.filter({ hasText: "next.txt" }).getByText("in line").waitFor();
    await visitor.button("Cancel the upload of long.bin").click();
    await visitor.row("next.txt").waitFor();
    await eventually("no upload is left", async () => (await visitor.uploads.count()) === 0);
    assert.deepEqual((await visitor.stored()).map((file) => file.filename), ["next.txt"]);
    await visitor.leave();
  },
  "an unreachable server is reported, and the page recovers": async () => {
    const visitor = await visit(browser, backend, "gus");
    const { page } = visitor;
    await page.getByText("Nothing here yet").waitFor();
    await visitor.choose(text("kept.txt", "kept"));
    await visitor.row("kept.txt").getByText("processed").waitFor();
    const failing = (route) => route.abort("connectionrefused");
    await page.route("**/api/**", failing);
    await visitor.button("Refresh the list").click();
    const alert = page.getByRole("alert").getByText("the server cannot be reached");
    await alert.waitFor();
    // The known files stay, and each failed action shows its reason.
    assert.deepEqual(await visitor.names(), ["kept.txt"]);
    await visitor.choose(text("lost.txt", "lost"));
    await visitor.uploads.getByText("Not uploaded: the connection to the server broke off.").waitFor();
    await visitor.button("Delete kept.txt").click();
    await visitor.button("Delete").click();
    await page.getByRole("dialog").getByText("Not deleted: the server cannot be reached.").waitFor();
    await visitor.button("Cancel").click();
    await page.unroute("**/api/**", failing);
    await visitor.button("Try again").click();
    await alert.waitFor({ state: "hidden" });
    // The page also recovers without an action of the user.
    await page.route("**/api/**", failing, { times: 2 });
    await visitor.button("Refresh the list").click();
    await alert.waitFor();
    await alert.waitFor({ state: "hidden" });
    assert.deepEqual((await visitor.stored()).map((file) => file.filename), ["kept.txt"]);
    visitor.expected(/ERR_CONNECTION_REFUSED/, 5);
    await visitor.leave();
  },
  "a user only sees their own files": async () => {
    const visitor = await visit(browser, backend, "hal");
    const { page } = visitor;
    await page.getByText("Nothing here yet").waitFor();
    await visitor.choose(text("private.txt", "mine"));
    await visitor.row("private.txt").waitFor();
    await visitor.enter("ida");
    await page.getByText("Nothing here yet").waitFor();
    assert.equal(await visitor.rows.count(), 0);
    await visitor.enter("hal");
    await visitor.row("private.txt").waitFor();
    // A typed name takes effect immediately, and an invalid name does not show any files.
    await page.getByLabel("User").fill("ida");
    await drop(page, "#zone", [["of ida.txt", "i"]]);
    await visitor.row("of ida.txt").waitFor();
    assert.deepEqual((await visitor.stored()).map((file) => file.filename), ["private.txt"]);
    await visitor.enter("i/da");
    await page.getByText("Who are you?").waitFor();
    assert.equal(await visitor.rows.count(), 0);
    await visitor.leave();
  },
  "the keyboard reaches every control, and the focus is not lost": async () => {
    const visitor = await visit(browser, backend, "joy");
    const { page } = visitor;
    await page.getByText("Nothing here yet").waitFor();
    await visitor.choose(text("a.txt", "a"), text("b.txt", "b"));
    await eventually("both are processed", async () => (await page.locator(".state.processed").count()) === 2);
    const focused = () => page.evaluate(() => {
      const control = document.activeElement;
      return control.ariaLabel || control.labels?.[0]?.textContent || control.textContent;
    });
    await page.getByLabel("User").focus();
    const reached = [await focused()];
    for (let press = 0; press < 7; press++) {
      await page.keyboard.press("Tab");
      reached.push(await focused());
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.equal(outline, "solid", `${reached.at(-1)} does not show the focus`);
    }
    assert.deepEqual(reached, [
      "User", "Open", "Choose files", "Refresh the list", "Download b.txt", "Delete b.txt", "Download a.txt", "Delete a.txt",
    ]);
    // When the row of the focused button is deleted, the focus moves to the button of the next row.
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    assert.equal(await focused(), "Cancel");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await visitor.row("b.txt").waitFor({ state: "detached" });
    // The feed can remove the row before the dialog closes.
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.equal(await focused(), "Delete a.txt");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "Delete a.txt");
    await visitor.leave();
  },
  "the page does not scroll sideways on a phone": async () => {
    for (const width of [390, 320]) {
      const visitor = await visit(browser, backend, `kim${width}`, { viewport: { width, height: 700 }, hasTouch: true });
      const { page } = visitor;
      await page.getByText("Nothing here yet").waitFor();
      const long = `${"x".repeat(240)}.txt`;
      await visitor.choose(text(long, "x"), { name: `too-${long}`, mimeType: "text/plain", buffer: Buffer.alloc(tooLarge) });
      await visitor.uploads.getByText("Not uploaded").waitFor();
      await visitor.button(`Delete ${long}`).tap();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(over, 0);
      const box = await page.getByRole("dialog").boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= width);
      const small = await page.evaluate(() => [...document.querySelectorAll("main button, main a, main input:not([hidden])")]
        .filter((control) => control.checkVisibility())
        .map((control) => control.getBoundingClientRect())
        .filter(({ width, height, right }) => width < 40 || height < 40 || right > innerWidth).length);
      assert.equal(small, 0, "every control is on the screen and large enough for a finger");
      visitor.expected(/status of 413/);
      await visitor.leave();
    }
  },
});

/** Saves a screenshot of each state of the page. */
async function screenshots(browser, backend, folder) {
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, viewport] of [["desktop", { width: 1100, height: 800 }], ["phone", { width: 390, height: 844 }]]) {
      const visitor = await visit(browser, backend, null, { colorScheme, viewport, deviceScaleFactor: 2 });
      const { page } = visitor;
      const shoot = (state) => page.screenshot({ path: join(folder, `${state}-${size}-${colorScheme}.png`) });
      await page.getByText("Who are you?").waitFor();
      await shoot("newcomer");
      await visitor.enter(`lou-${size}-${colorScheme}`);
      await page.getByText("Nothing here yet").waitFor();
      await shoot("empty");
      await visitor.choose(
        { name: "harbour at dusk.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(2_345_678) },
        text("minutes of the meeting in the old library, second draft with all remarks.txt", "x".repeat(18_250)),
        text(markup, "x"),
        text("übersicht.pdf", "x".repeat(640_000)),
      );
      await eventually("all are processed", async () => (await page.locator(".state.processed").count()) === 4);
      const held = await gate(page);
      await page.route("**/api/files", async (route) => {
        // Marks only the newest file as waiting.
        if (route.request().method() !== "GET") return route.fallback();
        const response = await route.fetch();
        const { files } = await response.json();
        await route.fulfill({ response, json: { files: files.map((file, index) => ({ ...file, processed: index > 0 })) } });
      });
      held.shut = false;
      await visitor.choose(text("notes.md", "x".repeat(900)));
      await visitor.row("notes.md").getByText("waiting").waitFor();
      await shoot("list");
      await visitor.choose({ name: "whale.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(tooLarge) });
      await visitor.uploads.getByText("Not uploaded").waitFor();
      await slow(visitor, 1_000_000);
      await visitor.choose({ name: "film.mov", mimeType: "video/mp4", buffer: Buffer.alloc(9_000_000) }, text("after it.csv", "x"));
      await visitor.uploads.getByText(/^[2-9]\d % of/).waitFor();
      await shoot("uploads");
      await visitor.button("Cancel the upload of film.mov").click();
      await visitor.button("Delete harbour at dusk.jpg").click();
      await shoot("delete");
      await visitor.button("Cancel").click();
      await page.route("**/api/**", (route) => route.abort("connectionrefused"));
      await visitor.button("Refresh the list").click();
      await page.getByText("the server cannot be reached").waitFor();
      await shoot("unreachable");
      visitor.expected(/status of 413|ERR_CONNECTION_REFUSED/, 2);
      await visitor.leave();
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const results = [];
  const browser = await chromium.launch({ executablePath: process.env.BINDERY_CHROMIUM, args });
  const backends = [() => native(program), () => workerd("examples/files", bindings)];
  for (const [index, start] of backends.entries()) {
    const backend = await start();
    results.push(await suite(`page, ${backend.name}`, checks(browser, backend)));
    const folder = process.env.BINDERY_SCREENSHOTS;
    if (folder && index === 0) results.push(await suite("page", { "screenshots are saved": () => screenshots(browser, backend, folder) }));
    await backend.stop();
  }
  await browser.close();
  finish("page", results);
}
