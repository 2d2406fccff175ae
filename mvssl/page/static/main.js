// The library: pictures of all videos, ticks for side by side, uploads; and which part of the page is shown.

import { ask, careful, element, order, picture, say, state, timecode } from "./common.js";
import { openMoment } from "./moment.js";
import { openTogether, stopTogether } from "./together.js";

const grid = document.getElementById("grid");
const filter = document.getElementById("filter");
const chosen = document.getElementById("chosen");
const PAGE = 200; // cards shown at most; the filter finds the others
let ticked = [];

const load = async () => Object.assign(state, await ask("library"));

function card(video) {
  const image = element("img", { loading: "lazy", alt: video.id, src: picture(video.number, (video.start_s + video.end_s) / 2) });
  image.addEventListener("error", () => { image.alt = "cannot be shown: outside the folder, gone, or damaged"; });
  const shot = element("button", { className: "shot", ariaLabel: `open ${video.id}` }, image);
  shot.addEventListener("click", () => { location.hash = `#moment/${video.number}`; });
  const box = element("input", { type: "checkbox", checked: ticked.includes(video.number), ariaLabel: `choose ${video.id}` });
  const made = element("div", { className: "card" }, shot, element("label", { className: "tick" }, box),
    element("div", { className: "name", textContent: video.id }),
    element("div", { className: "faint", textContent: [timecode(video.end_s - video.start_s), ...video.about].join(" · ") }));
  made.classList.toggle("ticked", box.checked);
  box.addEventListener("change", () => {
    ticked = box.checked ? [...ticked, video.number] : ticked.filter((number) => number !== video.number);
    made.classList.toggle("ticked", box.checked);
    showChosen();
  });
  return made;
}

function showLibrary() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = state.videos.filter((video) => {
    const text = [video.id, ...video.about].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  grid.replaceChildren(...found.slice(0, PAGE).map(card));
  const more = found.length > PAGE ? `, the first ${PAGE} shown` : "";
  document.getElementById("count").textContent = `${found.length} of ${state.videos.length} videos${more}`;
}

function showChosen() {
  const names = ticked.map((number) => state.videos[number].id);
  chosen.hidden = !names.length || document.getElementById("library").hidden;
  chosen.querySelector("span").textContent = `${names[0]} (reference)${names.length > 1 ? ` and ${names.slice(1).join(", ")}` : ": tick one more"}`;
  chosen.querySelector("button").disabled = names.length < 2;
}

async function send(file) {
  const limit = state.upload;
  if (limit.refused) throw new Error(limit.refused);
  if (file.size > limit.max_mb * 1e6) throw new Error(`${file.name}: larger than the ${limit.max_mb} MB that this page takes`);
  say(`${file.name}: sending and embedding …`);
  const found = await (await order("upload", { name: file.name }, file)).json();
  await load();
  showLibrary();
  say(`${state.videos[found.number].id} is in the library`);
}

const route = careful(async () => {
  const [name, rest] = (location.hash.slice(1) || "library").split("/");
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  for (const link of document.querySelectorAll("nav a")) link.classList.toggle("here", link.hash === `#${name}`);
  say("");
  showChosen();
  if (name !== "together") stopTogether();
  if (name === "moment" && rest) await openMoment(...rest.split(",").map(Number));
  if (name === "together" && rest) await openTogether(rest.split(",").map(Number));
});

filter.addEventListener("input", showLibrary);
document.querySelector("#upload input").addEventListener("change", careful(async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) await send(file);
}));
chosen.children[1].addEventListener("click", () => { location.hash = `#together/${ticked.join(",")}`; });
chosen.children[2].addEventListener("click", () => { ticked = []; showLibrary(); showChosen(); });
window.addEventListener("hashchange", route);
await careful(load)();
showLibrary();
await route();
