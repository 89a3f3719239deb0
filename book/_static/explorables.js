/* Figures to try. A page carries their numbers (visprof/figures/explorables.py); here they are drawn
   anew for the settings that the reader chooses, by the equations of the library. The settings stand
   in the address. What only some settings need comes with them (later.js); what was drawn last is the element's property `explored`. */
(() => {
  "use strict";

  const TIE = 1e-9; // numbers closer than this share are equal (visprof.ties)

  /* --- numbers ------------------------------------------------------------------------------- */

  function unpacked(text, Kind) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Kind(bytes.buffer);
  }

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const short = (value) => Number(value.toPrecision(2)).toLocaleString("en");

  /* Each user's own part of Eqs. 4 and 5 (visprof.logodds.logits_and_variances) */
  function logitsAndVariances(counts, background, alpha, variance) {
    const k = background.length;
    const logit = new Float64Array(counts.length);
    const spread = new Float64Array(counts.length);
    const above = new Float64Array(k + 1);
    for (let start = 0; start < counts.length; start += k) {
      for (let c = k - 1; c >= 0; c--) above[c] = above[c + 1] + counts[start + c] + alpha * background[c];
      for (let c = 0, below = 0; c < k; c++) {
        const inside = counts[start + c] + alpha * background[c];
        const outside = below + above[c + 1]; // the sum of the others: nothing cancels
        below += inside;
        logit[start + c] = inside ? Math.log(inside / outside) : 0;
        spread[start + c] = inside ? 1 / inside : Infinity;
        if (inside && variance === "four-term") spread[start + c] += 1 / outside;
      }
    }
    return [logit, spread];
  }

  /* Z of every pair (Eqs. 6 and 7), in the order of visprof.logodds.pairwise_max_z */
  function pairwiseMaxZ(counts, background, alpha, variance) {
    const k = background.length;
    const n = counts.length / k;
    const [logit, spread] = logitsAndVariances(counts, background, alpha, variance);
    const found = new Float64Array((n * (n - 1)) / 2);
    let pair = 0;
    for (let i = 0; i < n; i++)
      for (let j = i + 1; j < n; j++) {
        let largest = 0;
        for (let a = i * k, b = j * k; a < (i + 1) * k; a++, b++) {
          const delta = logit[a] - logit[b];
          largest = Math.max(largest, (delta * delta) / (spread[a] + spread[b]));
        }
        found[pair++] = Math.sqrt(largest);
      }
    return found;
  }

  /* Logarithm of the gamma function at half of each whole number, from 1 on */
  function logGammaOfHalves(most) {
    const found = [Infinity, Math.log(Math.PI) / 2, 0];
    for (let twice = 3; twice <= most; twice++) found.push(found[twice - 2] + Math.log(twice / 2 - 1));
    return found;
  }

  /* Expected reciprocal rank among m of n users (visprof.rank_scores.subset_reciprocal_ranks) */
  function subsetReciprocalRank(twice, n, m, logGamma) {
    const left = 2 * (n - m + 1) - twice;
    const met =
      left > 0
        ? -Math.expm1(
            logGamma[2 * n + 2 - twice] - logGamma[left] - logGamma[2 * n + 2] + logGamma[2 * (n - m + 1)],
          )
        : 1;
    return Math.min(((2 * n) / (m * twice)) * met, 1);
  }

  const randomMRR = (n) => sum(Array.from({ length: n }, (_, place) => 1 / (place + 1))) / n;

  /* --- what is on the page ------------------------------------------------------------------- */

  function add(parent, name, attributes = {}, text = "") {
    const svg = parent.namespaceURI.endsWith("svg") || name === "svg";
    const element = svg
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  /* One setting: a slider over values in order, or a list. Both are native, so keyboard, touch and
     screen readers know them. */
  function control(parent, id, { name, label, values, slider, shown = String }, changed) {
    const box = add(parent, "div", { class: "setting" });
    add(box, "label", { for: `${id}-${name}` }, label);
    const told = slider ? add(box, "span", { class: "value", "aria-hidden": "true" }) : null;
    const input = slider
      ? add(box, "input", { type: "range", min: 0, max: values.length - 1, step: 1 })
      : add(box, "select");
    input.id = `${id}-${name}`;
    if (!slider) values.forEach((value, place) => add(input, "option", { value: place }, shown(value)));
    const tell = () => {
      if (!slider) return;
      told.textContent = shown(values[input.value]);
      input.setAttribute("aria-valuetext", told.textContent);
    };
    input.addEventListener("input", () => {
      tell();
      changed();
    });
    return {
      name,
      get value() {
        return values[input.value];
      },
      set value(value) {
        const place = values.findIndex((other) => String(other) === String(value));
        if (place >= 0) input.value = place;
        tell();
      },
    };
  }

  /* The settings of one figure: shown as controls, kept in the address, drawn when they change */
  function explore(figure, specs, settings, draw) {
    const first = { ...Object.fromEntries(specs.map(({ name, values }) => [name, values[0]])), ...settings };
    const form = add(figure, "form", { class: "settings" });
    form.addEventListener("submit", (event) => event.preventDefault());
    const told = add(figure, "output", { class: "told" });
    const canvas = add(figure, "div", { class: "canvas" });
    /* draws anew; who is at a button stays at it */
    const redraw = () => {
      const key = canvas.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
      const chosen = { ...first, ...Object.fromEntries(controls.map((one) => [one.name, one.value])) };
      told.textContent = "";
      canvas.textContent = "";
      const set = (name, value) => {
        controls.find((one) => one.name === name).value = value;
        redraw();
        remember();
      };
      figure.explored = { settings: chosen, ...draw(chosen, told, canvas, set, redraw) };
      if (key) canvas.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true });
    };
    let later = 0;
    const remember = () => {
      clearTimeout(later); // browsers complain of an address that changes too often
      later = setTimeout(() => {
        const query = new URLSearchParams(controls.map((one) => [one.name, one.value]));
        history.replaceState(history.state, "", `#${figure.id}?${query}`);
      }, 300);
    };
    const controls = specs
      .filter((spec) => spec.hidden || spec.values.length > 1)
      .map((spec) => {
        if (spec.hidden) return { name: spec.name, value: spec.values[0] };
        return control(form, figure.id, spec, () => {
          redraw();
          remember();
        });
      });
    const choose = (values) => {
      for (const one of controls) if (one.name in values) one.value = values[one.name];
      redraw();
    };
    const back = add(form, "button", { type: "button" }, "Reset");
    back.addEventListener("click", () => {
      choose(first);
      remember();
    });
    const fromAddress = () => {
      const [name, query] = location.hash.slice(1).split("?");
      if (name !== figure.id) return false;
      choose({ ...first, ...Object.fromEntries(new URLSearchParams(query)) });
      figure.scrollIntoView();
      return true;
    };
    window.addEventListener("hashchange", fromAddress);
    figure.append(figure.querySelector("figcaption")); // below what it is the caption of
    figure.classList.add("alive");
    if (!fromAddress()) choose(first);
    let width = canvas.clientWidth;
    new ResizeObserver(() => {
      if ([0, width].includes(canvas.clientWidth)) return; // not shown, as on paper
      width = canvas.clientWidth;
      redraw();
    }).observe(canvas);
  }

  /* Axes from 0 to `right` and from 0 to 1; returns the plot and what scales numbers to it */
  function axes(canvas, right, across, up, ticks, scale = (value) => value) {
    const width = canvas.clientWidth;
    const height = Math.max(220, Math.min(360, width * 0.56));
    const [left, top, bottom] = [46, 30, 44];
    const svg = add(canvas, "svg", { width, height, "aria-hidden": "true" });
    const x = (value) => left + (scale(value) / scale(right)) * (width - left - 12);
    const y = (value) => height - bottom - value * (height - bottom - top);
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      add(svg, "line", { class: "grid", x1: left, x2: x(right), y1: y(share), y2: y(share) });
      add(svg, "text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, String(share));
    }
    for (const tick of ticks) {
      add(svg, "line", { class: "grid", x1: x(tick), x2: x(tick), y1: y(0), y2: y(0) + 5 });
      add(svg, "text", { x: x(tick), y: y(0) + 20, "text-anchor": "middle" }, String(tick));
    }
    add(svg, "text", { x: x(right), y: height - 6, "text-anchor": "end" }, across);
    add(svg, "text", { x: 0, y: 12 }, up);
    return { svg, x, y };
  }

  const line = (points, { x, y }) =>
    points.map(([a, b], at) => `${at ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");

  /* Steps of the share of values at or below, no finer than a screen shows */
  function ecdf(values, right) {
    const sorted = Float64Array.from(values).sort();
    const points = [[0, 0]];
    let before = 0;
    for (let column = 1, place = 0; column <= 400; column++) {
      const at = (column / 400) * right;
      while (place < sorted.length && sorted[place] <= at) place++;
      const share = place / sorted.length;
      if (share !== before) points.push([at, before], [at, share]);
      before = share;
    }
    return [...points, [right, before]];
  }

  /* --- Figure 5 ------------------------------------------------------------------------------ */

  function pairs(figure, data) {
    const total = sum(data.background);
    const { sizes, background, series } = data;
    const counts = data.counts.map((text) => unpacked(text, Float32Array)); // of all pins
    const each = counts[0].length;
    const all = sizes.length - 1;
    const later = laterOf(figure);
    let fewer = null; // counts of fewer pins
    const of = (name, size) => {
      const place = series.indexOf(name);
      if (size === sizes[all]) return counts[place];
      fewer ??= later.value.counts.map((text) => unpacked(text, Float32Array));
      const start = sizes.indexOf(size) * each;
      return fewer[place].subarray(start, start + each);
    };
    const right = data.thresholds[data.thresholds.length - 1];
    const specs = [
      {
        name: "threshold",
        label: "Cut-off",
        values: data.thresholds,
        slider: true,
        shown: (threshold) => threshold.toFixed(1),
      },
      {
        name: "alpha",
        label: "Weight of the prior, α",
        values: data.alphas,
        slider: true,
        shown: (alpha) => `${short(alpha)} (${short(alpha * total)} pins)`,
      },
      {
        name: "pins",
        label: "Pins of each user",
        values: sizes,
        slider: true,
        shown: (size) => (size === sizes[all] ? "all" : `first ${size}`),
      },
      { name: "variance", label: "Variance", values: ["two-term", "four-term"] },
      { name: "chance", label: "Chance", values: series.slice(1) },
    ];
    explore(figure, specs, { ...data.settings, pins: sizes[all] }, (chosen, told, canvas, _, redraw) => {
      if (chosen.pins !== sizes[all] && !later.value) {
        told.append(`Loading the counts of ${chosen.pins} pins …`);
        later.load().then(redraw, () => {
          told.textContent = "The counts of fewer pins lie in a file beside this page, which is not there.";
        });
        return {};
      }
      const cut = chosen.threshold * (1 + TIE);
      const found = [series[0], chosen.chance].map((name) => {
        const z = pairwiseMaxZ(of(name, chosen.pins), background, chosen.alpha, chosen.variance);
        return { name, z: [...z], above: z.filter((value) => value > cut).length / z.length };
      });
      const [ours, dealt] = found;
      add(told, "strong", {}, percent(ours.above));
      told.append(
        ` of ${ours.z.length.toLocaleString("en")} pairs have Z above ${chosen.threshold.toFixed(1)}; `,
        `with ${chosen.chance} among the users, `,
      );
      add(told, "strong", {}, percent(dealt.above));
      told.append(".");
      const ticks = Array.from({ length: Math.floor(right) + 1 }, (_, tick) => tick);
      const across = "Z, the largest |z| over clusters";
      const plot = axes(canvas, right, across, "share of pairs at or below", ticks);
      const at = plot.x(chosen.threshold);
      add(plot.svg, "rect", {
        class: "beyond",
        x: at,
        y: plot.y(1),
        width: plot.x(right) - at,
        height: plot.y(0) - plot.y(1),
      });
      add(plot.svg, "line", { class: "cut", x1: at, x2: at, y1: plot.y(0), y2: plot.y(1) });
      found.forEach(({ name, z }, place) => {
        const kind = place ? "curve chance" : "curve";
        add(plot.svg, "path", { class: kind, d: line(ecdf(z, right), plot) });
        const y = plot.y(0) - 34 + 20 * place;
        add(plot.svg, "path", { class: kind, d: `M${plot.x(right) - 150} ${y}h28` });
        add(plot.svg, "text", { x: plot.x(right) - 114, y: y + 4 }, name);
      });
      return {
        z: Object.fromEntries(found.map(({ name, z }) => [name, z])),
        above: found.map(({ above }) => above),
      };
    });
  }

  /* --- Figure 6 ------------------------------------------------------------------------------ */

  function ranks(figure, data) {
    const { n_users: n, table } = data;
    const logGamma = logGammaOfHalves(2 * n + 2);
    const rows = table.profile.map((profile, row) => ({
      profile,
      pins: table.n_train[row],
      whole: [table.value, table.low, table.high].map((column) => column[row]),
      twice: unpacked(data.twice[row], Uint32Array),
      times: unpacked(data.times[row], Uint32Array),
    }));
    const profiles = [...new Set(table.profile)];
    const sizes = [...new Set(table.n_train)];
    const most = sizes[sizes.length - 1];
    const candidates = Array.from({ length: n - 1 }, (_, place) => place + 2);
    const specs = [
      { name: "users", label: "Candidates", values: candidates, slider: true },
      { name: "pins", label: "Training pins", values: sizes, slider: true },
      { name: "profile", label: "Profile", values: profiles },
    ];
    explore(figure, specs, { users: n, pins: most, profile: profiles[0] }, (chosen, told, canvas) => {
      const { users, pins, profile } = chosen;
      const mrr = rows.map(({ twice, times }) => {
        let total = 0;
        for (let place = 0; place < twice.length; place++)
          total += times[place] * subsetReciprocalRank(twice[place], n, users, logGamma);
        return total / sum(times);
      });
      const random = randomMRR(users);
      const ours = rows.findIndex((row) => row.profile === profile && row.pins === pins);
      const three = (value) => value.toFixed(3);
      add(told, "strong", {}, three(mrr[ours]));
      told.append(
        ` is the expected MRR of the profile “${profile}” among ${users.toLocaleString("en")} users, `,
        `from ${pins} training pins; `,
      );
      add(told, "strong", {}, three(random));
      const [value, low, high] = rows[ours].whole.map(three);
      told.append(
        ` is a random ranking’s. Among all ${n.toLocaleString("en")} users it is ${value} `,
        `(${low} to ${high}).`,
      );
      const plot = axes(canvas, most * 1.04, "training pins", "mean reciprocal rank", sizes);
      for (const name of [...profiles.filter((other) => other !== profile), profile]) {
        const points = rows.flatMap((row, place) => (row.profile === name ? [[row.pins, mrr[place]]] : []));
        add(plot.svg, "path", { class: name === profile ? "curve" : "curve other", d: line(points, plot) });
      }
      add(plot.svg, "circle", { class: "arm", cx: plot.x(pins), cy: plot.y(mrr[ours]), r: 5 });
      add(plot.svg, "path", { class: "curve chance", d: line([[0, random], [most * 1.04, random]], plot) });
      add(plot.svg, "text", { x: plot.x(0) + 6, y: plot.y(random) - 6 }, "random");
      return { mrr, random };
    });
  }

  /* --- power and error ----------------------------------------------------------------------- */

  function power(figure, { table, titles, level }) {
    const rows = table.rule.map((rule, row) =>
      Object.fromEntries(Object.entries(table).map(([name, column]) => [name, column[row]])),
    );
    const distinct = (name) => [...new Set(table[name])].sort((one, other) => one - other);
    const [tastes, sizes, numbers] = ["taste", "n_pins", "n_clusters"].map(distinct);
    const most = sizes[sizes.length - 1];
    const strengths = tastes.filter((taste) => taste > 0);
    const interval = ({ low, high }) => `(${percent(low)} to ${percent(high)})`;
    const specs = [
      { name: "pins", label: "Pins of each user", values: sizes, slider: true },
      { name: "taste", label: "Strength of taste", values: strengths, slider: true },
      { name: "clusters", label: "Clusters", values: numbers, slider: true },
      { name: "rule", label: "Rule", values: Object.keys(titles), shown: (rule) => titles[rule] },
    ];
    const first = {
      pins: sizes.includes(100) ? 100 : most,
      taste: 1,
      clusters: numbers.includes(100) ? 100 : numbers[0],
    };
    explore(figure, specs, first, ({ pins, taste, clusters, rule }, told, canvas) => {
      const shown = rows.filter((row) => row.rule === rule && row.n_clusters === clusters);
      const of = (strength) => shown.filter((row) => row.taste === strength);
      const at = (strength) => of(strength).find((row) => row.n_pins === pins);
      const [found, error] = [at(taste), at(0)];
      add(told, "strong", {}, percent(found.value));
      told.append(
        ` of pairs of users of taste ${taste} with ${pins} pins each are found different `,
        `${interval(found)}; of users without any taste, `,
      );
      add(told, "strong", {}, percent(error.value));
      told.append(` ${interval(error)}.`);
      const scale = (value) => Math.log(value / (sizes[0] / 1.5));
      const plot = axes(canvas, most * 1.1, "pins of each user", "pairs found different", sizes, scale);
      for (const strength of [...strengths.filter((other) => other !== taste), 0, taste]) {
        const kind = { [taste]: "curve", 0: "curve chance" }[strength] ?? "curve other";
        const points = of(strength).map((row) => [row.n_pins, row.value]);
        add(plot.svg, "path", { class: kind, d: line(points, plot) });
      }
      for (const [row, kind] of [[error, "arm chance"], [found, "arm"]]) {
        const x = plot.x(pins);
        add(plot.svg, "line", { class: kind, x1: x, x2: x, y1: plot.y(row.low), y2: plot.y(row.high) });
        add(plot.svg, "circle", { class: kind, cx: x, cy: plot.y(row.value), r: 5 });
      }
      const [x1, x2, y] = [plot.x(sizes[0] / 1.5), plot.x(most * 1.1), plot.y(level)];
      add(plot.svg, "line", { class: "cut", x1, x2, y1: y, y2: y });
      return { found: [found.value, found.low, found.high], error: [error.value, error.low, error.high] };
    });
  }

  /* --- two users ----------------------------------------------------------------------------- */

  function users(figure, data) {
    const { background, alpha, variance, p } = data;
    const counts = unpacked(data.counts, Float32Array);
    const [n, k] = [data.users.length, background.length];
    const [logit, spread] = logitsAndVariances(counts, background, alpha, variance);
    const all = Array.from({ length: n }, (_, place) => place);
    const name = (place) => data.users[place];
    const specs = [
      { name: "a", label: "A", values: all, shown: name },
      { name: "b", label: "B", values: all, shown: name },
    ];
    explore(figure, specs, data.settings, ({ a, b }, told, canvas) => {
      const z = Array.from({ length: k }, (_, c) => {
        const [i, j] = [a * k + c, b * k + c];
        return (logit[i] - logit[j]) / Math.sqrt(spread[i] + spread[j]);
      });
      if (a === b) {
        told.append("Choose two users.");
        return { z, p: null, names: [] };
      }
      const first = [...z.keys()].sort((c, d) => Math.abs(z[d]) - Math.abs(z[c])).slice(0, 3);
      const [low, high] = a < b ? [a, b] : [b, a];
      const chance = p[low * (n - 1) - (low * (low - 1)) / 2 + high - low - 1];
      const more = (c) => (z[c] > 0 ? "A" : "B");
      told.append("Z = ");
      add(told, "strong", {}, Math.abs(z[first[0]]).toFixed(2));
      if (chance === null) told.append(". This pair was not tested.");
      else {
        told.append("; p = ");
        add(told, "strong", {}, chance.toFixed(3));
        told.append(`: so large a distance ${chance <= 0.05 ? "hardly comes" : "may come"} by chance.`);
      }
      for (const c of first) {
        const row = add(canvas, "div", { class: "cluster" });
        const shown = add(row, "div", { class: "pictures" });
        for (const src of data.pictures[c]) add(shown, "img", { src, alt: "", width: 80, height: 80 });
        const words = add(row, "p");
        if (data.names.length) add(words, "strong", {}, `${data.names[c]}. `);
        const [ours, theirs] = [a, b].map((user) => counts[user * k + c].toFixed(1));
        const signed = z[c].toFixed(2).replace("-", "−");
        words.append(`${more(c)} has more of these: A ${ours}, B ${theirs} (z\u00a0=\u00a0${signed})`);
      }
      return { z, p: chance, names: first.map((c) => data.names[c]) };
    });
  }

  /* --- whose pictures? ----------------------------------------------------------------------- */

  function guesses(figure, data) {
    const ranks = new Map(); // of the reader's finished rounds
    const mean = (values) => sum(values) / values.length;
    const rounds = data.rounds.map((_, place) => place + 1);
    const letter = (place) => String.fromCharCode(65 + place);
    const pictures = (parent, places) => {
      for (const place of places)
        add(parent, "img", { src: data.pictures[place], alt: "", width: 96, height: 96 });
    };
    const shown = (round) => `${round} of ${rounds.length}`;
    const specs = [
      { name: "round", label: "Round", values: rounds, slider: true, shown },
      { name: "guesses", values: [""], hidden: true },
    ];
    explore(figure, specs, {}, (chosen, told, canvas, set) => {
      const { asked, boards, own, order } = data.rounds[chosen.round - 1];
      // "3BA": B, then A were guessed in round 3. An address may hold anything
      const [, round, letters] = /^(\d*)([A-Z]*)$/.exec(chosen.guesses) ?? ["", "", ""];
      const tried = [];
      for (const one of round === String(chosen.round) ? letters : "") {
        const place = one.charCodeAt(0) - 65;
        if (place < boards.length && !tried.includes(place) && !tried.includes(own)) tried.push(place);
      }
      const found = tried.includes(own);
      if (found) ranks.set(chosen.round, tried.length);
      const many = (count) => `${count} guess${count === 1 ? "" : "es"}`;
      if (found) {
        add(told, "strong", {}, `It is ${letter(own)}.`);
        told.append(` You needed ${many(tried.length)}, the profile ${many(order[own])}.`);
      } else if (tried.length) {
        told.append(`Not ${tried.map(letter).join(", nor ")}. Guess again.`);
      } else {
        told.append("One of these users added the upper pictures later. Whose are they?");
      }
      const played = [...ranks.keys()];
      const yours = mean([...ranks.values()].map((rank) => 1 / rank));
      const profiles = mean(played.map((of) => 1 / data.rounds[of - 1].order[data.rounds[of - 1].own]));
      const score = document.createElement("p");
      score.className = "score";
      if (played.length) {
        score.append(`Your MRR after ${played.length} round${played.length === 1 ? "" : "s"}: `);
        add(score, "strong", {}, yours.toFixed(3));
        const [mrr, first] = data.profile;
        score.append(
          `; the profile’s in the same: ${profiles.toFixed(3)}. Over many rounds the profile has ${mrr} `,
          `and is right at once in ${first}; chance has ${data.random.toFixed(3)}.`,
        );
      }
      const group = { class: "asked", role: "group", "aria-label": "Whose are these?" };
      pictures(add(canvas, "div", group), asked);
      const grid = add(canvas, "div", { class: "boards" });
      boards.forEach((places, place) => {
        const name = letter(place);
        const board = add(grid, "div", { class: "board", role: "group", "aria-label": `Board ${name}` });
        pictures(add(board, "div", { class: "pictures" }), places);
        const mark = found && place === own ? " ✓" : tried.includes(place) ? " ✗" : "";
        const profile = found ? `, the profile’s guess ${order[place]}` : "";
        const button = add(board, "button", { type: "button", "data-key": name }, `${name}${mark}${profile}`);
        const guessed = [...tried, place].map(letter).join("");
        if (found || tried.includes(place)) button.setAttribute("aria-disabled", "true");
        else button.addEventListener("click", () => set("guesses", `${chosen.round}${guessed}`));
      });
      if (found && chosen.round < rounds.length) {
        const next = add(canvas, "button", { type: "button", class: "next" }, "Next round");
        next.addEventListener("click", () => {
          next.blur();
          set("round", chosen.round + 1);
          canvas.querySelector("button").focus({ preventScroll: true });
        });
      }
      canvas.append(score);
      return { tried, found, yours, profiles, chance: data.random };
    });
  }

  const kinds = { pairs, ranks, power, users, guesses };
  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll("figure.explorable"))
      kinds[figure.dataset.kind](figure, JSON.parse(figure.querySelector("script").textContent));
  });
})();
