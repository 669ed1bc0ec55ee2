// Elements are built from text, never from markup, so that no text of a study becomes a tag.

const build = (make) => (name, attributes = {}, ...children) => {
  const node = make(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
};

const html = build((name) => document.createElement(name));
const svg = build((name) => document.createElementNS("http://www.w3.org/2000/svg", name));

const button = (text, click, attributes = {}) =>
  html("button", { type: "button", onclick: click, ...attributes }, text);

const picker = (label, options, chosen, change) => {
  const select = html("select", { onchange: () => change(select.value) },
    options.map(([value, text]) => html("option", { value, selected: value === chosen }, text)));
  return html("label", {}, `${label} `, select);
};

const note = (text) => html("p", { class: "note" }, text);
