// The answer on trust at other tolerances: its sentences and the groups of its picture are in the page.

const startTolerances = () => {
  for (const card of document.querySelectorAll(".card")) {
    const answers = [...card.querySelectorAll("p[data-tolerance]")];
    if (answers.length < 2) continue;
    const words = html("output", {});
    const slider = html("input", { type: "range", min: 0, max: answers.length - 1,
      value: answers.findIndex((one) => !one.hidden), oninput: () => show() });
    const show = () => {
      for (const part of card.querySelectorAll("[data-tolerance]")) {
        part.toggleAttribute("hidden", part.dataset.tolerance !== slider.value);
      }
      words.textContent = answers[slider.value].dataset.words;
      slider.setAttribute("aria-valuetext", words.textContent);
    };
    answers[0].before(html("label", { class: "tolerances" }, "tolerance ", slider, words));
    show();
  }
};
