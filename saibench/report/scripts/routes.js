// The address names the current view, so that back, forward and links work.

const VIEWS = { cell: showCell, sample: showSample, compare: showCompare };

function address(view, ...names) {
  return `#/${[view, ...names].map((name) => encodeURIComponent(name)).join("/")}`;
}

const plain = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone % in an address typed by hand
  }
};

const openDetails = () => {
  const target = document.getElementById(plain(location.hash.slice(1)));
  if (target?.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
};

let latest = 0;

const follow = async () => {
  if (!location.hash.startsWith("#/")) { openDetails(); return; }
  const [view, ...names] = location.hash.slice(2).split("/").map(plain);
  const show = VIEWS[view];
  if (!show) return;
  const own = latest += 1;
  const section = html("section", { id: view });
  await show(section, ...names);
  if (own !== latest) return;
  if (view === "cell") {
    giveBack();
    document.getElementById("sample").replaceChildren();
  }
  document.getElementById(view).replaceWith(section);
  section.scrollIntoView({ behavior: "instant", block: "start" });
};

Object.assign(window.saibench, { button, decoded, html, picker, save, formatNumber });
window.saibench.whenReady.forEach((ready) => ready());
startMatrix();
startFigures();
startTables();
startCopying();
startTolerances();
startStudies();
addEventListener("hashchange", follow);
if (document.readyState === "complete") follow();
else addEventListener("load", follow);
