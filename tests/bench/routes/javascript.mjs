// The routes in plain JavaScript.
const ITEMS = "SELECT id, owner, name, kind, size, rating, note, made_at FROM items";
const notFound = () => new Response("not found", { status: 404 });
const json = (value) => (value === null ? notFound() : Response.json(value));

export default {
  async fetch(request, env) {
    const [, route, argument] = new URL(request.url).pathname.split("/");
    switch (route) {
      case "static": return new Response("ok");
      case "items": return json(await env.DB.prepare(`${ITEMS} WHERE id = ?1`).bind(+argument).first());
      case "list": return json((await env.DB.prepare(`${ITEMS} ORDER BY id LIMIT ?1`).bind(+argument).all()).results);
      case "blob": return new Response(new Uint8Array(await env.DB.prepare("SELECT body FROM blobs WHERE id = ?1").bind(+argument).first("body")));
      case "kv": return json(await env.CACHE.get(argument, "json"));
      case "r2": return new Response((await env.BUCKET.get(argument)).body);
      default: return notFound();
    }
  },
};
