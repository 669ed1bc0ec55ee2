// Downloads: images, and the numbers of figures and tables.

const PNG_SCALE = 3;

const save = (name, content, type) => {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = html("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

const savePng = async (name, content) => {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([content], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = html("canvas", { width: PNG_SCALE * image.width, height: PNG_SCALE * image.height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  const png = await new Promise((done) => canvas.toBlob(done, "image/png"));
  save(name, png, "image/png");
};

// text that a spreadsheet takes for a formula gets a leading apostrophe, as in saibench's `csv_of`
const csvCell = (value) => {
  const runs = typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) && Number.isNaN(Number(value));
  const text = value === null || value === undefined || Number.isNaN(value) ? "" : `${runs ? "'" : ""}${value}`;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
};

// heads: names; rows: lists of values
const csv = (heads, rows) =>
  [heads, ...rows].map((row) => row.map(csvCell).join(",")).join("\n") + "\n";

const fileName = (...parts) =>
  [document.title.replace(/ · saibench$/, ""), ...parts].join("-").replace(/[^A-Za-z0-9._-]+/g, "_");

// an <svg> of the page as a self-contained file
const svgFile = (drawing) => {
  const copy = drawing.cloneNode(true);
  const [, , width, height] = drawing.getAttribute("viewBox").split(" ");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.prepend(svg("style", {}, DRAWING_STYLE));
  return new XMLSerializer().serializeToString(copy);
};

const DRAWING_STYLE = `text { font: 11px system-ui, sans-serif; fill: #1d2733; }
.frame { fill: none; stroke: #8a8a8a; stroke-width: .8; } .grid { stroke: #e6e6e6; stroke-width: .7; }
.dots { fill: none; stroke: #0072b2; stroke-opacity: .45; stroke-width: 4; stroke-linecap: round; }
.line { fill: none; stroke: #0072b2; stroke-width: 1.6; } .dot, .column { fill: #0072b2; }
.interval-bar { stroke: #1d2733; } .diagonal { stroke: #8a8a8a; stroke-dasharray: 4 3; }`;

const drawingDownloads = (name, drawing, numbers) => html("p", { class: "downloads" },
  button("SVG", () => save(`${name}.svg`, svgFile(drawing()), "image/svg+xml")),
  button("PNG", () => savePng(`${name}.png`, svgFile(drawing()))),
  button("CSV", () => save(`${name}.csv`, numbers(), "text/csv")));
