/* The plane of t-SNE to zoom into. A page carries its pins and their pictures in one sheet
   (visprof/figures/interactive.py); here they are drawn on a canvas, in the page's colours. The sheet
   comes when the map is first pointed at (later.js). What is on the screen can be read off the element's property `shown`. */
(() => {
  "use strict";

  const RADIUS = 3.5; // of a pin, in CSS pixels
  const REACH = { mouse: 8, touch: 20 }; // how far from a pin one may point
  const MARGIN = 14;
  const STEP = 1.5; // of a button or a key
  const ENLARGED = 2; // pictures, on the screen

  function unpacked(text, Kind) {
    return new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  }

  function add(parent, name, attributes = {}, text = "") {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  function start(figure) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const [x, y] = [data.x, data.y].map((column) => unpacked(column, Float32Array));
    const board = unpacked(data.board, Uint16Array);
    const sizes = unpacked(data.sizes, Uint8Array);
    const { columns, cell, captions, boards } = data;
    const later = laterOf(figure);

    const card = document.createElement("div");
    card.className = "card";
    figure.querySelector("figcaption").before(card);
    const bar = add(card, "div", { class: "bar" });
    const canvas = add(card, "canvas", { tabindex: 0, role: "application" });
    canvas.setAttribute(
      "aria-label",
      `${figure.getAttribute("aria-label")} Arrow keys go from pin to pin, plus and minus zoom.`,
    );
    const tip = add(card, "div", { class: "tip", role: "status", hidden: "" });
    const picture = add(tip, "span", { class: "picture" });
    const caption = add(tip, "span");
    const named = add(tip, "span", { class: "board" });
    figure.classList.add("alive");

    /* --- where things are: `scale` CSS pixels a unit, (left, top) the unit at the upper left --- */

    let [scale, left, top, width, height] = [1, 0, 0, 0, 0];
    let current = -1; // the pin whose picture is shown
    let waiting = false;
    const [west, east] = [x.reduce((a, b) => Math.min(a, b)), x.reduce((a, b) => Math.max(a, b))];
    const [south, north] = [y.reduce((a, b) => Math.min(a, b)), y.reduce((a, b) => Math.max(a, b))];
    const at = (pin) => [(x[pin] - left) * scale, (top - y[pin]) * scale];

    function reset() {
      scale = Math.min(
        (width - 2 * MARGIN) / (east - west || 1),
        (height - 2 * MARGIN) / (north - south || 1),
      );
      left = (west + east) / 2 - width / 2 / scale;
      top = (south + north) / 2 + height / 2 / scale;
    }

    function zoom(by, px = width / 2, py = height / 2) {
      left += (px / scale) * (1 - 1 / by);
      top -= (py / scale) * (1 - 1 / by);
      scale *= by;
      repaint();
    }

    function pan(dx, dy) {
      left -= dx / scale;
      top += dy / scale;
      repaint();
    }

    function nearest(px, py, reach) {
      let [found, least] = [-1, reach * reach];
      for (let pin = 0; pin < x.length; pin++) {
        const [a, b] = at(pin);
        const distance = (a - px) ** 2 + (b - py) ** 2;
        if (distance <= least) [found, least] = [pin, distance];
      }
      return found;
    }

    /* --- what is drawn ------------------------------------------------------------------------ */

    function repaint() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        paint();
      });
    }

    function paint() {
      const pen = canvas.getContext("2d");
      const ratio = canvas.width / width;
      const ink = getComputedStyle(figure).color;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const dot = (pin, radius) => {
        const [a, b] = at(pin);
        pen.beginPath();
        pen.arc(a, b, radius, 0, 2 * Math.PI);
      };
      pen.strokeStyle = ink;
      pen.lineWidth = 0.5;
      for (let pin = 0; pin < x.length; pin++) {
        dot(pin, RADIUS);
        pen.fillStyle = `#${data.colours.slice(6 * pin, 6 * pin + 6)}`;
        pen.fill();
        pen.stroke();
      }
      pen.lineWidth = 2;
      for (const pin of ringed()) {
        dot(pin, RADIUS + 2);
        pen.stroke();
      }
      if (current < 0) return;
      pen.lineWidth = 3;
      dot(current, RADIUS + 5);
      pen.stroke();
      place();
    }

    const ringed = () =>
      current < 0 ? [] : [...x.keys()].filter((pin) => board[pin] === board[current]);

    /* the picture beside its pin, inside the card; gone with its pin */
    function place() {
      const [a, b] = at(current);
      tip.hidden = a < 0 || b < 0 || a > width || b > height;
      const right = a + 14 + tip.offsetWidth <= width;
      const beside = right ? a + 14 : a - 14 - tip.offsetWidth;
      tip.style.left = `${Math.max(0, Math.min(width - tip.offsetWidth, beside))}px`;
      const above = Math.min(height - tip.offsetHeight, b - tip.offsetHeight / 2);
      tip.style.top = `${canvas.offsetTop + Math.max(0, above)}px`;
    }

    function point(pin) {
      if (pin === current) return;
      current = pin;
      tip.hidden = pin < 0;
      if (pin >= 0) {
        if (later.value) picture.style.backgroundImage = `url(${later.value.sheet})`;
        else later.load().then(() => (picture.style.backgroundImage = `url(${later.value.sheet})`), () => {});
        picture.style.backgroundSize = `${columns * cell * ENLARGED}px`;
        const [column, row] = [pin % columns, Math.floor(pin / columns)];
        picture.style.backgroundPosition = `${-column * cell * ENLARGED}px ${-row * cell * ENLARGED}px`;
        picture.style.width = `${sizes[2 * pin] * ENLARGED}px`;
        picture.style.height = `${sizes[2 * pin + 1] * ENLARGED}px`;
        caption.textContent = captions[pin];
        named.textContent = boards[board[pin]];
      }
      repaint();
    }

    /* --- what a reader does ------------------------------------------------------------------- */

    const inside = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const button = (text, name, act) =>
      add(bar, "button", { type: "button", "aria-label": name, title: name }, text).addEventListener("click", act);
    button("+", "Zoom in", () => zoom(STEP));
    button("−", "Zoom out", () => zoom(1 / STEP));
    button("Reset", "Show the whole map", () => {
      reset();
      repaint();
    });

    let dragged = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return;
      dragged = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return;
      if (dragged) {
        pan(event.clientX - dragged[0], event.clientY - dragged[1]);
        dragged = [event.clientX, event.clientY];
      } else point(nearest(...inside(event), REACH.mouse));
    });
    for (const type of ["pointerup", "pointercancel"])
      canvas.addEventListener(type, () => {
        dragged = null;
      });
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !dragged) point(-1);
    });
    // a tap does what hovering does, and stays when the finger is lifted
    canvas.addEventListener("click", (event) => {
      if (event.pointerType !== "mouse") point(nearest(...inside(event), REACH.touch));
    });

    // A wheel turn that began outside scrolls the page on past the map; it zooms once the pointer
    // itself, not the page below it, has moved over the map.
    let [spot, own] = ["", true];
    for (const type of ["wheel", "pointermove"])
      document.addEventListener(
        type,
        (event) => {
          const [within, before] = [canvas.contains(event.target), spot];
          spot = `${event.clientX} ${event.clientY}`;
          if (type === "pointermove") own ||= within && spot !== before;
          else if (!within) own = false;
        },
        { capture: true, passive: true },
      );
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!own) return;
        event.preventDefault();
        const pixels = event.deltaY * (event.deltaMode ? 16 : 1);
        zoom(2 ** (-pixels / 300), ...inside(event));
      },
      { passive: false },
    );

    // one finger scrolls the page, two zoom and pan the map
    let pinched = null;
    const fingers = (event) => {
      const [one, other] = [...event.touches].map(inside);
      const middle = [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
      return { middle, apart: Math.hypot(one[0] - other[0], one[1] - other[1]) };
    };
    for (const type of ["touchstart", "touchmove", "touchend", "touchcancel"])
      canvas.addEventListener(
        type,
        (event) => {
          if (event.touches.length !== 2) {
            pinched = null;
            return;
          }
          event.preventDefault();
          const now = fingers(event);
          if (pinched && pinched.apart && now.apart) {
            pan(now.middle[0] - pinched.middle[0], now.middle[1] - pinched.middle[1]);
            zoom(now.apart / pinched.apart, ...now.middle);
          }
          pinched = now;
        },
        { passive: false },
      );

    const towards = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    /* the nearest pin in a direction: what lies aside of it counts as three times as far */
    function next([ux, uy]) {
      if (current < 0) return nearest(width / 2, height / 2, Infinity);
      const [a, b] = at(current);
      let [found, least] = [current, Infinity];
      for (let pin = 0; pin < x.length; pin++) {
        const [dx, dy] = [at(pin)[0] - a, at(pin)[1] - b];
        const along = dx * ux + dy * uy;
        const far = along + 3 * Math.abs(dx * uy - dy * ux);
        if (along > 0 && far < least) [found, least] = [pin, far];
      }
      return found;
    }
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in towards) {
        point(next(towards[event.key]));
        const [a, b] = at(current);
        if (a < 0 || b < 0 || a > width || b > height) pan(width / 2 - a, height / 2 - b);
      } else if (event.key === "+" || event.key === "=") zoom(STEP);
      else if (event.key === "-") zoom(1 / STEP);
      else if (event.key === "0" || event.key === "Home") {
        reset();
        repaint();
      } else if (event.key === "Escape") point(-1);
      else return;
      event.preventDefault();
    });

    new ResizeObserver(() => {
      const before = [width, height];
      [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (!width || !height) return; // not shown
      [canvas.width, canvas.height] = [width, height].map((side) => Math.round(side * devicePixelRatio));
      if (before[0]) {
        // the middle stays in the middle
        left += (before[0] - width) / 2 / scale;
        top -= (before[1] - height) / 2 / scale;
      } else reset();
      paint();
    }).observe(canvas);
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });

    Object.defineProperty(figure, "shown", {
      get() {
        const box = canvas.getBoundingClientRect();
        return {
          pins: [...x.keys()].map((pin) => [box.left + at(pin)[0], box.top + at(pin)[1]]),
          range: [left, left + width / scale],
          ringed: ringed().map((pin) => x[pin]),
        };
      },
    });
  }

  const startAll = () => document.querySelectorAll("figure.interactive-map").forEach(start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
