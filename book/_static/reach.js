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
});
