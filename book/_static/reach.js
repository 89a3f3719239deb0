/* What scrolls by itself (a wide table, figure or equation) can be reached and scrolled with the
   keyboard; what fits is no stop on the way. */
document.addEventListener("DOMContentLoaded", () => {
  const watch = new ResizeObserver((boxes) => {
    for (const { target } of boxes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(".bd-article :is(table, figure, div.math)")) watch.observe(box);

  /* the bibliography's markup: entries of a list, by a role that browsers still know */
  for (const entry of document.querySelectorAll("[role=doc-biblioentry]")) entry.role = "listitem";

  /* in the list of pages, what opens those below one is an arrow: it is told as what it opens */
  for (const toggle of document.querySelectorAll("nav.bd-links summary")) {
    const page = toggle.closest("li")?.querySelector("a");
    toggle.ariaLabel = `Pages below ${page?.textContent.trim() ?? "this one"}`;
  }

  /* The library was one page: links to what has moved to the page of its group lead on to it. */
  const name = decodeURIComponent(location.hash.slice(1)).replace(/^module-/, "");
  if (/\/api\.html$/.test(location.pathname) && name.startsWith("visprof.")) {
    const modules = [...document.querySelectorAll('.bd-article a[href*="#module-visprof."]')]
      .map((link) => [link.hash.slice("#module-".length), link.href.split("#")[0]])
      .filter(([module]) => `${name}.`.startsWith(`${module}.`))
      .sort(([a], [b]) => b.length - a.length);
    if (modules.length) location.replace(modules[0][1] + location.hash);
  }
});
