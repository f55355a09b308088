// Shows the innermost sections that have every word of the search, with what is above and below them.
const search = document.getElementById("search");
const links = new Map([...document.querySelectorAll("nav li > a")].map((link) => [link.hash.slice(1), link.parentElement]));
const byElement = new Map();
// In the order of the page: what is above a section stands before it.
const sections = [...document.querySelectorAll("main section")].map((element) => {
  const section = { element, entry: links.get(element.id), text: element.textContent.toLowerCase(), above: byElement.get(element.parentElement) };
  byElement.set(element, section);
  return section;
});
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of sections) {
    section.has = words.every((word) => section.text.includes(word));
    section.inner = false;
    section.shown = false;
  }
  for (const section of sections.toReversed()) if (section.has && section.above) section.above.inner = true;
  for (const section of sections) {
    section.found = !words.length || (section.has && !section.inner) || Boolean(section.above?.found);
    for (let one = section; section.found && one && !one.shown; one = one.above) one.shown = true;
  }
  for (const { element, entry, shown } of sections) {
    element.hidden = !shown;
    if (entry) entry.hidden = !shown;
  }
  document.getElementById("nothing").hidden = sections.some((section) => section.shown);
});
