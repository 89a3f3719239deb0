/* The page of search results: below each, what the book says there, around the words that were sought.
   The texts are a script of the book (visprof/book/excerpts.py), which pages on disk may load, too. */
/* global excerpts, Stemmer */
(() => {
  "use strict";

  const AROUND = 110; // letters before and after
  const letters = /[^\p{Letter}\p{Number}_]+/gu;

  /* Where the words stand in a text: the whole phrase, or else each word, or its stem */
  function places(text, words, stems) {
    const lower = text.toLowerCase();
    const whole = lower.indexOf(words.join(" "));
    if (whole >= 0) return [[whole, words.join(" ").length]];
    const found = [];
    words.forEach((word, place) => {
      for (const sought of [word, stems[place]]) {
        const at = lower.search(new RegExp(`(?<![\\p{Letter}\\p{Number}])${sought}`, "u"));
        if (at >= 0) {
          found.push([at, lower.slice(at).match(/^[\p{Letter}\p{Number}_]+/u)[0].length]);
          return;
        }
      }
    });
    return found.sort((a, b) => a[0] - b[0]);
  }

  function excerpt(text, marks) {
    const paragraph = document.createElement("p");
    paragraph.className = "context";
    const first = marks.length ? marks[0][0] : 0;
    let from = Math.max(0, first - AROUND);
    if (from) from = Math.min(first, text.indexOf(" ", from) + 1);
    let to = Math.min(text.length, first + AROUND * 2);
    if (to < text.length) to = Math.max(first, text.lastIndexOf(" ", to));
    let at = from;
    paragraph.append(from ? "… " : "");
    for (const [start, length] of marks) {
      if (start < at || start + length > to) continue;
      paragraph.append(text.slice(at, start));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(start, start + length);
      paragraph.append(mark);
      at = start + length;
    }
    paragraph.append(text.slice(at, to), to < text.length ? " …" : "");
    return paragraph;
  }

  /* The place of a page that says most of what was sought: the whole phrase, or most of its words */
  function best(page, words, stems) {
    let [found, most] = [null, 0];
    for (const [place, text] of Object.entries(page)) {
      const marks = places(text, words, stems);
      const said = marks.length + (text.toLowerCase().includes(words.join(" ")) ? words.length : 0);
      if (said > most) [found, most] = [place, said];
    }
    return found;
  }

  function start(results, words) {
    const stemmer = new Stemmer();
    const stems = words.map((word) => stemmer.stemWord(word));
    const root = new URL(document.documentElement.dataset.content_root, location.href);
    const add = (item) => {
      const link = item.querySelector("a");
      const address = new URL(link.href);
      const name = address.pathname.slice(root.pathname.length).replace(/\.html$/, "");
      const page = excerpts[name];
      if (!page || item.querySelector(".context")) return;
      const place = decodeURIComponent(address.hash.slice(1)) || best(page, words, stems);
      const text = page[place] ?? page[best(page, words, stems)];
      if (!text) return;
      if (place && !address.hash) link.hash = place; // where it is said
      item.append(excerpt(text, places(text, words, stems)));
    };
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes)
        for (const node of addedNodes) if (node.localName === "li") add(node);
    }).observe(results, { childList: true, subtree: true });
    results.querySelectorAll("li").forEach(add);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const query = new URLSearchParams(location.search).get("q") ?? "";
    const words = query.toLowerCase().split(letters).filter(Boolean);
    const results = document.getElementById("search-results");
    if (!words.length || !results) return;
    const texts = document.createElement("script");
    texts.src = `${document.documentElement.dataset.content_root}excerpts.js`;
    texts.addEventListener("load", () => start(results, words));
    document.head.append(texts);
  });
})();
