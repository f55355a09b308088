// Shows the sections that have every word of the search, and all of what is above and below them.
const search = document.getElementById("search");
const sections = [...document.querySelectorAll("main section")];
const links = new Map([...document.querySelectorAll("nav li > a")].map((link) => [link.hash.slice(1), link.parentElement]));
const texts = new Map(sections.map((section) => [section, section.textContent.toLowerCase()]));
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (section) => words.every((word) => texts.get(section).includes(word));
  for (const section of sections) {
    const inner = sections.filter((other) => other !== section && section.contains(other));
    const own = has(section) && !inner.some(has);
    section.dataset.found = own || !words.length ? "yes" : "";
  }
  for (const section of sections) {
    const found = (other) => other.dataset.found === "yes";
    const near = found(section) || sections.some((other) => other !== section && found(other) && (section.contains(other) || other.contains(section)));
    section.hidden = !near;
    const entry = links.get(section.id);
    if (entry) entry.hidden = !near;
  }
  document.getElementById("nothing").hidden = sections.some((section) => !section.hidden);
});
