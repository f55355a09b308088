// Updates the overview each second, unless the reader selects text in it.
"use strict";

const PERIOD = 1000;

async function update() {
  const live = document.getElementById("live");
  if (document.hidden || !getSelection().isCollapsed) return;

  const response = await fetch(location.href);
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const next = page.getElementById("live");

  // The lists of requests move: only queries stay where they are.
  for (const details of live.querySelectorAll("details[open]")) {
    if (details.id.startsWith("request-")) return;
    next.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  }
  live.replaceWith(document.adoptNode(next));
}

if (document.getElementById("live")) {
  setInterval(() => update().catch(() => {}), PERIOD);
}
