// Figures are decoded when they come near the screen, and have downloads.

const figureBytes = (figure) => unpack(Number(figure.dataset.image));

const showFigure = async (figure) => {
  const image = figure.querySelector("img");
  if (image.src) return;
  image.src = URL.createObjectURL(new Blob([await figureBytes(figure)], { type: "image/svg+xml" }));
};

const startFigures = () => {
  const figures = [...document.querySelectorAll("figure[data-image]")];
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) { near.unobserve(target); showFigure(target); }
    }
  }, { rootMargin: "600px" });
  for (const figure of figures) {
    near.observe(figure);
    const name = figure.dataset.file;
    figure.querySelector(".downloads").append(
      button("SVG", async () => save(`${name}.svg`, await figureBytes(figure), "image/svg+xml")),
      button("PNG", async () => savePng(`${name}.png`, await figureBytes(figure))),
      button("CSV", async () => save(`${name}.csv`, await unpack(Number(figure.dataset.csv)), "text/csv")));
  }
  addEventListener("beforeprint", () => figures.forEach(showFigure));
};

const startCopying = () => {
  for (const block of document.querySelectorAll("pre.commands")) {
    const copy = button("Copy", async () => {
      await navigator.clipboard.writeText(block.textContent);
      copy.textContent = "Copied";
    });
    if (navigator.clipboard) block.before(copy);
  }
};
