// Side by side: the reference leads, the others follow its time map; the matrix shows where, a click jumps or pins.

import { ask, careful, element, order, player, say, state, timecode } from "./common.js";
import { drawMatrix } from "./matrix.js";

const part = document.getElementById("together");
const [places, play, speed] = ["players", "play", "speed"].map((id) => document.getElementById(id));
const [which, mode] = [document.querySelector("#which select"), document.getElementById("mode")];
const [pinsPlace, verdict] = ["pins", "verdict"].map((id) => document.getElementById(id));
const JUMP_S = 0.25; // further off than this, a video is moved; less far, it is sped up or slowed down
let lead = null, followers = [], looking = 0, frame = 0;

const pinned = (one) => `${one.video.number}${one.pins.length ? `@${one.pins.map((pin) => pin.map((t) => t.toFixed(3)).join("=")).join(",")}` : ""}`;

export async function openTogether(numbers) {
  if (numbers.length < 2 || numbers.some((number) => !state.videos[number])) throw new Error("choose two or more videos in the library");
  stopTogether();
  part.classList.add("open");
  const [reference, ...queries] = numbers.map((number) => state.videos[number]);
  lead = player(reference, { role: "reference", jump });
  lead.screen.muted = false;
  followers = queries.map((video) => {
    const made = player(video, { jump: (time_s) => jump(at(made.map.query_time_s, made.map.ref_time_s, time_s)) });
    made.pins = [];
    return made;
  });
  looking = 0;
  places.replaceChildren(lead, ...followers);
  which.replaceChildren(...queries.map((video, i) => element("option", { value: i, textContent: video.id })));
  which.parentElement.hidden = queries.length < 2;
  say("aligning …");
  for (const one of followers) await align(one);
  say("");
  jump(reference.start_s);
  frame = requestAnimationFrame(follow);
}

export function stopTogether() {
  cancelAnimationFrame(frame);
  for (const one of [lead, ...followers]) one?.screen.pause();
}

async function align(one) {
  one.map = await ask("align", { reference: lead.video.number, query: pinned(one) });
  one.relabel(one.map.labels);
  if (one === followers[looking]) showMatrix();
}

async function save(kind) {
  const shown = kind === "picture" ? [followers[looking]] : followers;
  const parameters = [["kind", kind], ["reference", lead.video.number], ...shown.map((one) => ["query", pinned(one)])];
  say("making the file …");
  const answer = await order("save", parameters);
  const name = answer.headers.get("Content-Disposition").split('"')[1];
  const href = URL.createObjectURL(await answer.blob());
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60000);
  say("");
}

function showMatrix() {
  const one = followers[looking];
  if (!one.map) return;
  const line = `${one.map.from_linear_s.toFixed(2)} s from even tempo (dotted) on average`;
  const notes = [one.map.verdict, line, ...one.map.notes].join("; ");
  verdict.textContent = `${one.video.id} ${notes}.`;
  drawMatrix(lead.video, one.video, one.map);
  const made = one.pins.map((pin, i) => element("button", {
    textContent: `${timecode(pin[0])} = ${timecode(pin[1])} ✕`, title: "remove this pin",
    onclick: careful(async () => { one.pins.splice(i, 1); await align(one); }),
  }));
  pinsPlace.replaceChildren(...(made.length ? ["pins:", ...made] : []));
}

// Linear between known points, held at the ends.
function at(known, values, wanted) {
  let high = known.findIndex((value) => value >= wanted);
  if (high === -1) return values[values.length - 1];
  if (high === 0) return values[0];
  const share = (wanted - known[high - 1]) / (known[high] - known[high - 1] || 1);
  return values[high - 1] + share * (values[high] - values[high - 1]);
}

function jump(time_s) {
  lead.time_s = time_s;
}

function follow() {
  const now_s = lead.time_s, playing = !lead.screen.paused && !lead.screen.ended;
  play.textContent = playing ? "Pause" : "Play";
  for (const one of followers) {
    const { ref_time_s: known, query_time_s: values } = one.map ?? { ref_time_s: [0], query_time_s: [0] };
    const inside = known[0] <= now_s + one.video.step_s && now_s <= known[known.length - 1] + one.video.step_s;
    one.classList.toggle("unmatched", !inside);
    const target = at(known, values, now_s), off = target - one.time_s;
    const slope = (at(known, values, now_s + 0.15) - at(known, values, now_s - 0.15)) / 0.3;
    const rate = Number(speed.value) * slope + 2 * off;
    const moving = playing && inside && rate > 0.1;
    if (Math.abs(off) > (moving ? JUMP_S : 0.02) && !one.screen.seeking) one.time_s = target;
    if (moving) one.screen.playbackRate = Math.min(rate, 4);
    if (moving && one.screen.paused) one.screen.play().catch(() => {});
    if (!moving && !one.screen.paused) one.screen.pause();
    one.show();
  }
  lead.show();
  const one = followers[looking];
  if (one?.map) drawMatrix.now(now_s, one.time_s);
  frame = requestAnimationFrame(follow);
}

for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", careful(() => save(button.dataset.save)));
}
play.addEventListener("click", careful(async () => {
  if (!lead) return;
  if (!lead.screen.paused) return lead.screen.pause();
  if (lead.screen.ended || lead.time_s > lead.video.end_s - 0.05) jump(lead.video.start_s);
  lead.screen.playbackRate = Number(speed.value);
  await lead.screen.play();
}));
speed.addEventListener("change", () => { if (lead) lead.screen.playbackRate = Number(speed.value); });
which.addEventListener("change", careful(async () => { looking = Number(which.value); await align(followers[looking]); }));
drawMatrix.onclick = careful(async (ref_s, query_s) => {
  if (mode.value === "jump") {
    jump(ref_s);
    return;
  }
  const one = followers[looking], before = one.pins;
  one.pins = [...before, [ref_s, query_s]].sort((a, b) => a[0] - b[0]);
  try {
    await align(one);
    say("");
  } catch (error) {
    one.pins = before;
    throw error;
  }
});
