// The camera: while it runs, whatever it shows is answered.
import { byId, element } from "../../../../reports/explain/script/dom.js";
import { say } from "../words/language.js";
import { decoded, fitted, innerSize } from "./pixels.js";
/** @import { Word } from "../words/language.js" */
/** @import { Image8 } from "./pixels.js" */

/** Milliseconds between two pictures. */
const BETWEEN = 100;

/** @type {{ stream: MediaStream | null }} */
const camera = { stream: null };

/** Let the button start and stop the camera, where the browser has access to one. @param {(image: Image8) => void} seen */
export function startCamera(seen) {
  const button = byId("camera");
  // Browsers offer it to pages from disk, from this machine and over HTTPS.
  button.hidden = !navigator.mediaDevices;
  button.onclick = () => (camera.stream ? stop() : void run(seen));
}

/** @param {(image: Image8) => void} seen */
async function run(seen) {
  sayOf("camera-state", "cameraAsking");
  const video = Object.assign(element("video"), { muted: true, playsInline: true });
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    camera.stream = stream;
    video.srcObject = stream;
    await video.play();
  } catch {
    stop();
    sayOf("camera-state", "noCamera");
    return;
  }
  sayOf("camera", "cameraOff");
  byId("camera-state").hidden = true;
  const mine = camera.stream;
  while (camera.stream === mine && mine.active) {
    const image = await decoded(video);
    if (camera.stream === mine) seen(fitted(image, innerSize(image)));
    await new Promise((resolve) => setTimeout(resolve, BETWEEN));
  }
  if (camera.stream === mine) stop(); // somebody pulled it out
}

function stop() {
  for (const track of camera.stream?.getTracks() ?? []) track.stop();
  camera.stream = null;
  sayOf("camera", "camera");
}

/** Show a string in a place, in whatever language it is read later. @param {string} id @param {Word} key */
function sayOf(id, key) {
  const place = byId(id);
  place.hidden = false;
  place.dataset.say = key;
  place.textContent = say(key);
}
