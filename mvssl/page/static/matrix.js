// The similarity matrix: the query's time across, the reference's time up; path, pins and the present instant over it.

const place = document.getElementById("matrix");
const [frame, image, drawing] = [".frame", "img", "svg"].map((name) => place.querySelector(name));
const NAMESPACE = "http://www.w3.org/2000/svg";
let bounds = null, cursor = [];

function shape(name, fields) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(fields)) made.setAttribute(key, value);
  return made;
}

const x = (time_s) => (time_s - bounds.query[0]) / (bounds.query[1] - bounds.query[0]);
const y = (time_s) => 1 - (time_s - bounds.reference[0]) / (bounds.reference[1] - bounds.reference[0]);

export function drawMatrix(reference, query, map) {
  bounds = { reference: [reference.first_s, reference.last_s], query: [query.first_s, query.last_s] };
  const address = `api/matrix?reference=${reference.number}&query=${query.number}`;
  if (!image.src.endsWith(address)) image.src = address;
  place.querySelector(".up").textContent = `${reference.id}: ${bounds.reference[0].toFixed(1)} to ${bounds.reference[1].toFixed(1)} s`;
  place.querySelector(".across").textContent = `${query.id}: ${bounds.query[0].toFixed(1)} to ${bounds.query[1].toFixed(1)} s`;
  drawing.setAttribute("viewBox", "0 0 1 1");
  const points = map.ref_time_s.map((time_s, i) => `${x(map.query_time_s[i])},${y(time_s)}`).join(" ");
  const even = map.ref_time_s.map((time_s, i) => `${x(map.linear_query_time_s[i])},${y(time_s)}`).join(" ");
  cursor = [shape("line", {}), shape("line", {})];
  const pins = map.pins.map(([ref_s, query_s]) => shape("ellipse", { cx: x(query_s), cy: y(ref_s), rx: 0.018, ry: 0.018 }));
  drawing.replaceChildren(shape("polyline", { points: even, class: "even" }), shape("polyline", { points }), ...cursor, ...pins);
}

// Shows the present instant as two lines.
drawMatrix.now = (ref_s, query_s) => {
  const [across, up] = [Math.min(Math.max(x(query_s), 0), 1), Math.min(Math.max(y(ref_s), 0), 1)];
  for (const [key, value] of Object.entries({ x1: across, x2: across, y1: 0, y2: 1 })) cursor[0].setAttribute(key, value);
  for (const [key, value] of Object.entries({ x1: 0, x2: 1, y1: up, y2: up })) cursor[1].setAttribute(key, value);
};

frame.addEventListener("click", (event) => {
  const box = frame.getBoundingClientRect();
  const across = (event.clientX - box.left) / box.width, up = 1 - (event.clientY - box.top) / box.height;
  drawMatrix.onclick(
    bounds.reference[0] + up * (bounds.reference[1] - bounds.reference[0]),
    bounds.query[0] + across * (bounds.query[1] - bounds.query[0]),
  );
});
