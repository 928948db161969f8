"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const cell = document.getElementById("cell");

function element(kind, text, className) {
  const node = document.createElement(kind);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

// The same as the macro `card` of page.html, for images that are too many to be written out.
function card(prediction) {
  const card = element("li", "", "card");
  const image = element("span", "", "image");
  image.setAttribute("role", "img");
  image.setAttribute("aria-label", `${prediction.name}, an image of ${prediction.actual}`);
  image.style.setProperty("--x", prediction.place % data.columns);
  image.style.setProperty("--y", Math.floor(prediction.place / data.columns));
  const likeliest = element("ol", "", "likeliest");
  for (const [name, probability, text] of prediction.top) {
    const line = element("li", "", name === prediction.actual ? "right" : "");
    const meter = element("meter", "");
    meter.value = probability;
    meter.setAttribute("aria-hidden", "true");
    line.append(element("span", name), meter, element("span", text));
    likeliest.append(line);
  }
  const caption = element("p", "");
  caption.append(element("small", prediction.name));
  card.append(image, caption, likeliest);
  return card;
}

function open(key) {
  const { title, count, images } = data.cells[key];
  document.getElementById("cell-title").textContent = title;
  document.getElementById("cell-note").textContent = images.length < count
    ? `${images.length} of ${count}, the most confident ones; train/out/test/predictions.csv has all.` : "";
  document.getElementById("cell-images").replaceChildren(...images.map(card));
  cell.showModal();
}

// A single tab stop, with arrow keys within, as in a spreadsheet.
const buttons = [...document.querySelectorAll(".matrix button")];
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function neighbour(button, [down, right]) {
  const table = button.closest("table");
  let place = button.closest("td");
  let [row, column] = [place.parentElement.rowIndex, place.cellIndex];
  for (;;) {
    [row, column] = [row + down, column + right];
    place = table.rows[row]?.cells[column];
    if (!place || place.tagName !== "TD") return null;
    if (place.querySelector("button")) return place.querySelector("button");
  }
}

let stop = buttons[0];

buttons.forEach((button) => {
  button.tabIndex = button === stop ? 0 : -1;
  button.addEventListener("focus", () => {
    stop.tabIndex = -1;
    stop = button;
    stop.tabIndex = 0;
  });
  button.addEventListener("click", () => open(button.dataset.cell));
  button.addEventListener("keydown", (event) => {
    const next = event.key in STEPS && neighbour(button, STEPS[event.key]);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
});

cell.addEventListener("click", (event) => { if (event.target === cell) cell.close(); });
