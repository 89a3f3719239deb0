/* What a figure needs only once it is tried stands in the page, or in a file beside it, which is a
   script, since that may be loaded from disk (visprof/book/later.py). `value` is null until it is
   there; it is loaded when the figure is pointed at, touched or reached by the keyboard. */
window.visprofLater ??= {};
window.laterOf = (figure) => {
  const script = figure.querySelector("script.later");
  const part = { value: null, load };
  if (!script) part.value = {};
  else if (!script.dataset.file) part.value = JSON.parse(script.textContent);

  let coming = null;
  function load() {
    coming ??= new Promise((done, failed) => {
      if (part.value) return done();
      const file = document.createElement("script");
      file.src = script.dataset.file;
      file.onload = () => {
        part.value = window.visprofLater[figure.id];
        done();
      };
      file.onerror = () => {
        coming = null; // to be tried again
        file.remove();
        failed(new Error(`${script.dataset.file} is not there`));
      };
      document.head.append(file);
    });
    return coming;
  }

  for (const kind of ["pointerenter", "focusin", "touchstart"])
    figure.addEventListener(kind, () => load().catch(() => {}), { once: true, passive: true });
  return part;
};
