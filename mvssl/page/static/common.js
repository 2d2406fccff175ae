// What all parts of the page share: asking the server, words to the user, and a player with its timeline.

export const state = { videos: [], names: [], token: "" };

async function answered(address, parameters, options) {
  const answer = await fetch(`api/${address}?${new URLSearchParams(parameters)}`, options);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

export const ask = async (address, parameters = {}) => (await answered(address, parameters)).json();

// What makes a file on the server: by POST, with the token that only this page can read.
export const order = (address, parameters = {}, body = null) => answered(address, parameters, { method: "POST", body, headers: { "X-mvssl": state.token } });

export function say(words, bad = false) {
  const place = document.getElementById("words");
  place.hidden = !words;
  place.className = bad ? "bad" : "";
  place.textContent = words;
}

// Runs a handler; what goes wrong is said in words at the top of the page.
export const careful = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    say(error.message, true);
  }
};

export function element(tag, fields = {}, ...children) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
}

export function timecode(seconds) {
  const ms = Math.round(Math.abs(seconds) * 1000);
  const minutes = Math.floor(ms / 60000);
  return `${seconds < 0 && ms ? "-" : ""}${minutes}:${((ms % 60000) / 1000).toFixed(3).padStart(6, "0")}`;
}

// Times are those of the file's clock; where a player, which shows 0 at the first frame, differs, both are said.
export function clockWords(video, time_s) {
  if (Math.abs(video.start_s) < 0.0005) return "";
  return ` on the file's clock (a player shows ${timecode(time_s - video.start_s)} of ${timecode(video.end_s - video.start_s)})`;
}

export const picture = (number, time_s, height = 180) => `api/picture?video=${number}&time_s=${time_s.toFixed(3)}&height=${height}`;

export const colour = (label) => `hsl(${(state.names.indexOf(label) * 137.5 + 40) % 360} 62% 68%)`;

// A <video> whose clock is the file's own: time_s = currentTime + start_s. A file that the browser cannot play is
// asked for again as a copy that it can.
export function film(video, fields = {}) {
  const made = element("video", { muted: true, playsInline: true, preload: "auto", src: `api/video?video=${video.number}`, ...fields });
  made.addEventListener("error", careful(async () => {
    if (made.src.includes("copy")) throw new Error(`${video.id}: this browser cannot play it`);
    if (!state.token) Object.assign(state, await ask("library"));
    await order("copy", { video: video.number });
    made.src += "&copy=1";
  }));
  return made;
}

export function timeline(video, labels, jump) {
  const whole = video.end_s - video.start_s;
  const bar = element("div", { className: "timeline", title: "click to jump" });
  for (const row of labels) {
    const sure = row.confidence == null ? "" : ` (carried over, confidence ${row.confidence.toFixed(2)})`;
    const piece = element("i", { textContent: row.label, title: `${row.label} ${timecode(row.start_s)} to ${timecode(row.end_s)}${sure}` });
    piece.style.left = `${((row.start_s - video.start_s) / whole) * 100}%`;
    piece.style.width = `${((row.end_s - row.start_s) / whole) * 100}%`;
    piece.style.background = colour(row.label);
    if (row.confidence != null) piece.style.opacity = 0.35 + 0.65 * row.confidence;
    bar.append(piece);
  }
  const now = element("div", { className: "now" });
  bar.append(now);
  bar.addEventListener("click", (event) => {
    const box = bar.getBoundingClientRect();
    jump(video.start_s + ((event.clientX - box.left) / box.width) * whole);
  });
  bar.show = (time_s) => { now.style.left = `${((time_s - video.start_s) / whole) * 100}%`; };
  return bar;
}

export function labelAt(labels, time_s) {
  const row = labels.find((one) => one.start_s <= time_s && time_s < one.end_s);
  return row ? row.label : "";
}

// A player: picture, name, clock, slider, timeline. `jump` replaces what its slider and timeline do.
export function player(video, { labels = video.labels, role = "", jump } = {}) {
  const screen = film(video);
  const badge = element("span", { className: "badge" });
  const clock = element("span", { className: "clock" });
  const title = element("p", { className: "title" });
  if (role) title.append(element("b", { textContent: role }), " ");
  title.append(video.id);
  const slider = element("input", { type: "range", min: video.start_s, max: video.end_s, step: 0.001, value: video.start_s, ariaLabel: `time in ${video.id}` });
  const made = element("div", { className: "player" }, element("div", { className: "stage" }, screen, badge), title, clock, slider);
  made.video = video;
  made.screen = screen;
  Object.defineProperty(made, "time_s", {
    get: () => screen.currentTime + video.start_s,
    set: (value) => { screen.currentTime = Math.min(Math.max(value, video.start_s), video.end_s - 0.001) - video.start_s; },
  });
  const move = jump ?? ((time_s) => { made.time_s = time_s; });
  slider.addEventListener("input", () => move(Number(slider.value)));
  made.relabel = (rows) => {
    made.querySelector(".timeline")?.remove();
    made.labels = rows;
    made.bar = timeline(video, rows, (time_s) => move(time_s));
    made.append(made.bar);
  };
  made.show = () => {
    const time_s = made.time_s;
    clock.textContent = `${timecode(time_s)} of ${timecode(video.end_s)}${clockWords(video, time_s)}`;
    badge.textContent = made.classList.contains("unmatched") ? "no matching moment" : labelAt(made.labels, time_s);
    if (document.activeElement !== slider || !screen.paused) slider.value = time_s;
    made.bar.show(time_s);
  };
  made.relabel(labels);
  for (const name of ["seeked", "timeupdate", "loadedmetadata"]) screen.addEventListener(name, made.show);
  return made;
}
