// Saved frames of a study: the molecule of one run or of two side by side, with its atoms' errors.

const host = document.currentScript.parentElement;
const kept = JSON.parse(host.querySelector("script.frames").textContent);
const SIDES = ["A", "B"];

const vectors = (flat, frame, atoms) =>
  Array.from({ length: atoms }, (_, atom) => [...flat.slice(3 * (frame * atoms + atom), 3 * (frame * atoms + atom) + 3)]);

// positions Å, error and force meV/Å of one frame; null if the run did not save it
const frameOf = async (point, sample) => {
  const frames = kept.points[point];
  const at = frames ? frames.ids.indexOf(sample) : -1;
  if (at < 0) return null;
  const { decoded } = window.saibench, of = (list) => (frames.padded ? list[at] : list);
  const symbols = of(frames.symbols), atoms = symbols.length, width = frames.padded ?? atoms;
  const [positions, forces, error] = await Promise.all(
    ["positions", "forces", "error"].map(async (name) => vectors(await decoded("f4", frames[name]), at, width).slice(0, atoms)));
  const centre = [0, 1, 2].map((axis) => positions.reduce((sum, one) => sum + one[axis], 0) / atoms);
  return {
    ...frames, symbols, radii: of(frames.radii), why: frames.why[at], forces, error, norms: error.map(length),
    positions: positions.map((one) => one.map((value, axis) => value - centre[axis])),
  };
};

const startView = () => ({ yaw: 0.5, pitch: 0.3, zoom: 1.1, arrows: true, labels: true });

const listen = (canvas, view, redraw, point) => {
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => { last = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) { point(event); return; }
    view.yaw += 0.01 * (event.clientX - last[0]);
    view.pitch += 0.01 * (event.clientY - last[1]);
    last = [event.clientX, event.clientY];
    redraw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom = Math.min(6, Math.max(0.4, view.zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1)));
    redraw();
  }, { passive: false });
};

const meanOf = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;

const componentMae = (vector) => meanOf(vector.map(Math.abs));

// one molecule with its caption, drawn as `view` says
const stage = (frame, side, view, largest, redrawAll) => {
  const { html, button, save, formatNumber } = window.saibench;
  const canvas = html("canvas", { role: "img", "aria-label": "molecule with the force errors of its atoms" });
  const tip = html("p", { class: "tip" });
  const bonds = bondsOf(frame);
  let places = [];
  const draw = () => { if (canvas.isConnected) places = drawMolecule(canvas, frame, bonds, view, largest); };
  listen(canvas, view, redrawAll, (event) => {
    const box = canvas.getBoundingClientRect();
    const hit = places.filter(({ x, y, radius }) =>
      Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y) < radius)
      .sort((a, b) => b.z - a.z)[0];
    tip.textContent = hit ? `${frame.symbols[hit.atom]}, atom ${hit.atom}: error ${formatNumber(frame.norms[hit.atom])} of ` +
      `${formatNumber(length(frame.forces[hit.atom]))} meV/Å` : "";
  });
  const caption = html("p", {}, html("strong", {}, [side, frame.words].filter(Boolean).join(": ")), ` · force MAE ` +
    `${formatNumber(meanOf(frame.error.map(componentMae)))} meV/Å per component, n = ${frame.symbols.length} atoms; ` +
    `largest error ${formatNumber(Math.max(...frame.norms))} meV/Å `,
    button("PNG", () => canvas.toBlob((png) => save("molecule.png", png, "image/png"))));
  return { draw, element: html("div", { class: "stage" }, caption, canvas, tip) };
};

// the errors of each atom, of one run or of two side by side
const atomTable = (frames) => {
  const { html, formatNumber } = window.saibench;
  const [first] = frames;
  const order = first.norms.map((_, atom) => atom).sort((a, b) => first.norms[b] - first.norms[a]);
  const heads = ["atom", "element", "reference force [meV/Å]", ...(frames.length > 1
    ? frames.map((_, at) => `error of ${SIDES[at]} [meV/Å]`)
    : ["force error [meV/Å]", "MAE of its components [meV/Å]"])];
  const errors = (atom) => frames.length > 1 ? frames.map(({ norms }) => norms[atom])
    : [first.norms[atom], componentMae(first.error[atom])];
  return html("div", { class: "by-atom" }, html("table", { class: "pairs" },
    html("thead", {}, html("tr", {}, heads.map((text) => html("th", {}, text)))),
    html("tbody", {}, order.map((atom) => html("tr", {},
      html("td", {}, String(atom)), html("td", {}, first.symbols[atom]),
      [length(first.forces[atom]), ...errors(atom)].map((value) => html("td", { class: "number" }, formatNumber(value))))))));
};

// the molecule of a run, next to that of another run with the same saved frame
const molecule = (point, sample) => {
  const { html, formatNumber, picker } = window.saibench;
  const view = startView();
  const stages = html("div", { class: "stages" }), top = html("span");
  const others = Object.keys(kept.points).filter((one) => one !== point && kept.points[one].ids.includes(sample));
  const root = html("div", { class: "molecule", "data-sample": sample });
  let drawn = [];
  const redraw = () => drawn.forEach(({ draw }) => draw());
  const show = async (other) => {
    const frames = await Promise.all([point, ...(other ? [other] : [])].map((one) => frameOf(one, sample)));
    const largest = Math.max(...frames.flatMap(({ norms }) => norms), 1e-9);
    drawn = frames.map((frame, at) => stage(frame, other ? SIDES[at] : "", view, largest, redraw));
    stages.replaceChildren(...drawn.map(({ element }) => element), atomTable(frames));
    top.textContent = `${formatNumber(largest)} meV/Å`;
    root.dataset.why = frames[0].why;
    why.textContent = frames[0].why;
    requestAnimationFrame(redraw);
  };
  const toggle = (name, text) => html("label", {}, html("input", {
    type: "checkbox", checked: view[name],
    onchange: (event) => { view[name] = event.target.checked; redraw(); },
  }), ` ${text}`);
  const why = html("span", { class: "interval" });
  root.append(html("div", { class: "controls" }, toggle("arrows", "arrows"), toggle("labels", "elements"),
    others.length ? picker("compare with", [["", "none"], ...others.map((one) => [one, kept.points[one].words])], "", show) : null,
    why), stages, html("div", { class: "scale" }, "error 0", html("span", { class: "ramp" }), top));
  new ResizeObserver(redraw).observe(stages);
  show("");
  return root;
};

const gallery = () => {
  const { html, picker } = window.saibench;
  const holder = host.querySelector(".gallery"), place = html("div"), frames = html("span");
  const points = Object.keys(kept.points);
  const show = (point, sample) => place.replaceChildren(molecule(point, sample));
  const choose = (point) => {
    const { ids, why } = kept.points[point];
    frames.replaceChildren(picker("frame", ids.map((id, at) => [String(id), `${id}: ${why[at]}`]), String(ids[0]),
      (id) => show(point, Number(id))));
    show(point, ids[0]);
  };
  holder.append(html("div", { class: "controls" },
    picker("run", points.map((point) => [point, kept.points[point].words]), points[0], choose), frames), place);
  choose(points[0]);
};

window.saibench.sampleViews.push((point, sample) =>
  kept.points[point.point]?.ids.includes(sample) && (point.study === host.closest("[data-study]")?.dataset.study)
    ? molecule(point.point, sample) : null);
window.saibench.whenReady.push(() => new IntersectionObserver((entries, observer) => {
  if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
  observer.disconnect();
  gallery();
}, { rootMargin: "300px" }).observe(host));
