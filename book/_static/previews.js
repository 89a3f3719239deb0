/* What a link points at (a figure, an equation, a term, a reference) is shown when the link is
   pointed at or reached by the keyboard, until it is left or Escape is pressed. The page carries
   it: see visprof/book/previews.py. Where nothing can hover, links are links. */
document.addEventListener("DOMContentLoaded", () => {
  const template = document.getElementById("previews");
  const box = document.createElement("div");
  if (!template || !box.showPopover || !matchMedia("(any-hover: hover)").matches) return;
  Object.assign(box, { id: "preview", role: "tooltip", popover: "manual" });
  (document.querySelector(".bd-article") ?? document.body).append(box);

  const WAIT = 300; // ms: crossing a link shows nothing, crossing the gap to the box keeps it
  const made = new Map(); // what was shown, with its mathematics set, by address
  let link = null, dismissed = null, coming = 0, going = 0, mathjax = null;

  const content = (of) => template.content.querySelector(`[data-of="${CSS.escape(of.getAttribute("href"))}"]`);
  const linkAt = (target) => {
    const found = target.closest?.("a.reference.internal[href*='#']");
    return found && content(found) ? found : null;
  };

  function load() { // a page without mathematics of its own has not loaded MathJax
    window.MathJax = { // as in _config.yml
      loader: { load: ["input/tex", "output/chtml", "a11y/assistive-mml"] },
      tex: { tagSide: "left", tagIndent: "0em" },
      options: { processHtmlClass: "math" },
      startup: { typeset: false },
    };
    const script = document.createElement("script");
    script.src = template.dataset.mathjax;
    document.head.append(script);
    return new Promise((done) => { script.onload = script.onerror = done; });
  }

  async function prepare(part) {
    await Promise.all([...part.querySelectorAll("img")].map((image) => image.decode().catch(() => {})));
    if (!part.querySelector(".math")) return;
    if (template.dataset.mathjax) await (mathjax ??= load());
    await window.MathJax?.startup?.promise;
    await window.MathJax?.typesetPromise?.([part]);
    for (const stop of part.querySelectorAll("[tabindex]")) stop.removeAttribute("tabindex");
  }

  function place() { // below the link, or above it where there is more room
    const { left, top, bottom } = link.getBoundingClientRect();
    box.style.maxHeight = `${Math.max(top, innerHeight - bottom) - 12}px`;
    const { width, height } = box.getBoundingClientRect();
    const below = bottom + 4 + height < innerHeight || top < innerHeight - bottom;
    box.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - width - 8))}px`;
    box.style.top = `${below ? bottom + 4 : top - height - 4}px`;
    const scrolls = box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth;
    box.tabIndex = scrolls ? 0 : -1; // to be scrolled by the keyboard
  }

  function hide() {
    clearTimeout(coming);
    link?.removeAttribute("aria-describedby");
    link = null;
    box.hidePopover();
  }

  async function show(of) {
    if (of === link) return;
    hide();
    link = of;
    const address = of.getAttribute("href");
    if (!made.has(address)) made.set(address, document.importNode(content(of), true));
    const part = made.get(address);
    box.replaceChildren(part);
    box.style.visibility = "hidden"; // pictures and mathematics come first: nothing moves in view
    box.showPopover();
    of.setAttribute("aria-describedby", box.id);
    await (part.ready ??= prepare(part));
    if (link !== of) return;
    place();
    box.style.visibility = "";
  }

  function leave() {
    going = 0;
    const kept = box.matches(":hover, :focus-within") || link?.matches(":hover, :focus-visible");
    if (link && !kept) hide();
  }
  const soon = (wait) => {
    if (going && wait) return;
    clearTimeout(going);
    going = setTimeout(leave, wait);
  };

  document.addEventListener("pointerover", ({ pointerType, target }) => {
    if (pointerType === "touch") return;
    const over = linkAt(target);
    clearTimeout(coming);
    over?.removeAttribute("title"); // the browser's own would cover it
    if (over !== dismissed) dismissed = null;
    if (over && over !== link && !dismissed) coming = setTimeout(() => over.matches(":hover") && show(over), WAIT);
    if (over !== link) soon(WAIT);
  });
  document.documentElement.addEventListener("pointerleave", () => soon(WAIT));
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible") && linkAt(target)) show(linkAt(target));
  });
  document.addEventListener("focusout", () => soon(0));
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !link) return;
    dismissed = link;
    hide();
  });
  document.addEventListener("click", ({ target }) => { if (link && !box.contains(target)) hide(); });
  const follow = () => { if (link && !box.style.visibility) place(); };
  for (const kind of ["scroll", "resize"]) addEventListener(kind, follow, true);
});
