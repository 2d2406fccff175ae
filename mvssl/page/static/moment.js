// The same moment elsewhere: scrub a video, look for what is on screen, play what was found.

import { ask, careful, clockWords, element, film, picture, player, state, timecode } from "./common.js";

const AROUND_S = 1; // a place is played from this long before it to this long after it
const part = document.getElementById("moment");
const gallery = document.getElementById("gallery");
const asked = document.getElementById("asked");
let shown = null;

export async function openMoment(number, time_s) {
  const video = state.videos[number];
  if (!video) throw new Error(`there is no video number ${number}`);
  part.classList.add("open");
  if (shown?.video !== video) {
    shown = player(video);
    const step = (by) => { shown.screen.pause(); shown.time_s += by * video.step_s; };
    const toggle = element("button", { textContent: "Play" });
    toggle.addEventListener("click", () => (shown.screen.paused ? shown.screen.play() : shown.screen.pause()));
    for (const name of ["play", "pause"]) shown.screen.addEventListener(name, () => { toggle.textContent = shown.screen.paused ? "Play" : "Pause"; });
    const back = element("button", { textContent: "◀ frame", onclick: () => step(-1) });
    const on = element("button", { textContent: "frame ▶", onclick: () => step(1) });
    document.getElementById("scrub").replaceChildren(shown, element("div", { className: "bar" }, back, toggle, on));
    gallery.replaceChildren();
    asked.textContent = "Scrub to a frame of interest, then look for it in the other videos.";
  }
  if (time_s !== undefined) shown.time_s = time_s;
}

function tile(match) {
  const video = state.videos[match.number];
  const [start_s, end_s] = match.end_s > match.start_s ? [match.start_s, match.end_s] : [match.time_s - AROUND_S, match.time_s + AROUND_S];
  const shot = element("button", { className: "shot", ariaLabel: `play ${video.id}` }, element("img", { alt: video.id, src: picture(match.number, match.time_s) }));
  shot.addEventListener("click", () => {
    let screen = shot.querySelector("video");
    if (!screen) {
      screen = film(video, { poster: picture(match.number, match.time_s) });
      screen.addEventListener("timeupdate", () => { if (screen.currentTime + video.start_s >= end_s) screen.pause(); });
      shot.replaceChildren(screen);
    }
    screen.currentTime = Math.max(start_s - video.start_s, 0);
    screen.play();
  });
  const open = element("a", { href: `#moment/${match.number},${match.time_s.toFixed(3)}`, textContent: "open" });
  const align = element("a", { href: `#together/${shown.video.number},${match.number}`, textContent: "align" });
  const where = `${timecode(match.time_s)}${clockWords(video, match.time_s)} f${match.frame} · distance ${match.distance.toFixed(3)}`;
  return element("div", { className: "card" }, shot, element("div", { className: "name", textContent: `${match.rank}. ${video.id}` }),
    element("div", { className: "faint" }, where, element("br"), open, " · ", align));
}

document.getElementById("find").addEventListener("click", careful(async () => {
  if (!shown) return;
  shown.screen.pause();
  const [time_s, span] = [shown.time_s, Number(document.getElementById("span").value)];
  const low = Math.max(time_s - span, shown.video.start_s), high = Math.min(time_s + span, shown.video.end_s);
  asked.textContent = "looking …";
  const found = await ask("search", { video: shown.video.number, start_s: low, end_s: high, k: 12 }).catch((error) => {
    asked.textContent = "";
    throw error;
  });
  const other = "own video and other cameras of its session left out";
  asked.textContent = found.length ? `${timecode(time_s)}${clockWords(shown.video, time_s)} of ${shown.video.id} in other videos, nearest first (${other}). Click to play.` : `no other video to look in (${other})`;
  gallery.replaceChildren(...found.map(tile));
}));
